#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/report/measured.h"
#include "cairn/train/report/page.h"
#include "tests/train/svg_texts.h"

using namespace cairn;
using namespace cairn::train::report;

namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST(Report, TicksAreRoundAndInside) {
  EXPECT_EQ(ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  for (double t : ticks(-0.013, 0.029, 5)) {
    EXPECT_GE(t, -0.0131);
    EXPECT_LE(t, 0.0291);
  }
  EXPECT_TRUE(ticks(1, 1, 5).empty());
  EXPECT_TRUE(ticks(0, INFINITY, 5).empty());
}

TEST(Report, AChartDrawsOnlyFinitePoints) {
  const std::string s =
      svg(LineChart{"t", "x", "y", {{"a", {1, 2, 3}, {1, NAN, 3}}, {"b", {1}, {INFINITY}}}, 0, ""});
  EXPECT_EQ(count(s, "<circle"), 2u);
  EXPECT_EQ(count(s, "class=\"hit few\""), 2u);
  EXPECT_EQ(s.find("nan"), s.npos);
  EXPECT_EQ(s.find("inf"), s.npos);
  EXPECT_EQ(count(s, "<svg"), count(s, "</svg>"));
  EXPECT_EQ(count(s, "<g"), count(s, "</g>") + count(s, "<grid"));
}

TEST(Report, StepsAreWholeNumbers) {
  const std::string s = svg(LineChart{"t", "step", "y", {{"a", {2, 4}, {1, 3}}}, 0, ""});
  const size_t below = s.find("<line class=\"axis\"");
  EXPECT_EQ(count(s.substr(0, below), "text-anchor=\"middle\" class=\"tick\""), 5u);  // 0 .. 4
}

TEST(Report, AnEmptyChartIsStillAChart) {
  EXPECT_NE(svg(LineChart{"nothing yet", "x", "y", {}, 0, ""}).find("nothing yet"),
            std::string::npos);
}

TEST(Report, SeriesOfUnequalLengthsAreRefused) {
  EXPECT_THROW(svg(LineChart{"t", "x", "y", {{"a", {1, 2}, {1}}}, 0, ""}), Error);
  EXPECT_THROW(svg(HeatMap{"t", "r", "c", {"1"}, {"1", "2"}, {0.5}, {}, 20}), Error);
}

TEST(Report, TextFromOutsideIsEscapedEverywhere) {
  const std::string evil = "<script>alert(\"x\")</script>&";
  Page page(evil, evil);
  page.section(evil, evil);
  page.heading(evil), page.paragraph(evil), page.facts({{evil, evil}}), page.headline(evil),
      page.origin({{"data", evil}}, evil);
  page.thumbnails({figure(io::Image(2, 2, 1), evil)}), page.folded(evil, {});
  page.writing(evil, evil, evil), page.shaded(evil, {{evil, 0.5}, {evil, 0}, {evil, NAN}});
  page.figures(
      {figure(LineChart{evil, evil, evil, {{evil, {1}, {1}}, {evil, {1}, {1}}}, 0, evil}, evil),
       figure(HeatMap{evil, evil, evil, {evil}, {evil}, {1}, {evil}, 20}, evil),
       figure(io::Image(2, 2, 1), evil),
       {bars({{evil, 0.5, evil}}), evil}});
  EXPECT_EQ(page.html().find("<script"), std::string::npos);
}

TEST(Report, APageFetchesNothing) {
  Page page("t", "l");
  page.section("one"), page.section("two");
  page.figures({figure(io::Image(3, 2, 3), "p", 2)});
  const std::string html = page.html();
  EXPECT_EQ(html.find("http"), html.npos);
  EXPECT_EQ(html.find("url("), html.npos);
  EXPECT_NE(html.find("data:image/png;base64,iVBOR"), html.npos);
  EXPECT_EQ(count(html, "<section"), count(html, "</section>"));
  EXPECT_EQ(count(html, "<a href=\"#s"), 2u);
}

TEST(Report, CurvesSkipLinesWithoutTheKey) {
  const Lines lines = {{{"step", 1}, {"loss", 2.5}},
                       {{"step", 2}},
                       {{"step", 3}, {"loss", nullptr}},
                       {{"step", 4}, {"loss", 2}, {"seconds", 61.0}}};
  const Series s = curve_of(lines, "loss", "l");
  EXPECT_EQ(s.x, (std::vector<double>{1, 4}));
  EXPECT_EQ(s.y, (std::vector<double>{2.5, 2}));
  EXPECT_FALSE(seconds_of(lines).empty());
  EXPECT_TRUE(seconds_of({}).empty());
}

TEST(Report, ThousandsAreSetApart) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(421642), "421 642");
  EXPECT_EQ(with_thousands(-1234567), "-1 234 567");
  EXPECT_EQ(counted(1, "step"), "1 step");
  EXPECT_EQ(counted(5000, "step"), "5 000 steps");
}

// Names that are wider than a cell stand aslant; nothing is cut off at the edges.
TEST(Report, LongNamesOfAHeatMapDoNotOverlap) {
  const std::vector<std::string> names = {"automobile", "aeroplane", "frog"};
  HeatMap map{"Which class is taken for which", "true class", "guess", names, names, {}, {}, 34};
  map.values.assign(9, 0.5);
  const std::string aslant = svg(map);
  EXPECT_EQ(count(aslant, "rotate(-60)"), 3u);
  const size_t at = aslant.find("viewBox=\"0 0 ") + 13;
  EXPECT_GT(std::stod(aslant.substr(at)), 7.0 * static_cast<double>(map.title.size()));
  map.rows = map.columns = {"0", "1", "2"};
  EXPECT_EQ(count(svg(map), "rotate(-60)"), 0u);
}

// 3 classes, CIFAR's, long ones, many, of a hundred thousand examples: all texts have room.
TEST(Report, TextsHaveRoomWhateverTheNames) {
  const std::vector<std::vector<std::string>> all = {
      {"0", "1"},
      {"cat", "dog", "frog"},
      {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
      {"T-shirt/top", "Ankle boot"},
      {"a name of a class that somebody wrote out in full", "\u96e8\u96ea\u98a8"},
      std::vector<std::string>(30, "Norwegian elkhound")};
  for (const auto& classes : all)
    for (int64_t examples : {1, 10'000'000}) {
      metrics::Confusion confusion(classes.size());
      auto counts = confusion.counts();
      for (size_t r = 0; r < classes.size(); ++r)
        for (size_t c = 0; c < classes.size(); ++c) counts[r][c] = examples;
      const auto figures = confusion_figure(metrics::Confusion(counts), classes);
      ASSERT_EQ(figures.size(), 1u);
      EXPECT_EQ(expect_texts_have_room(figures[0].html), 1);
      for (const std::string& name : classes)  // whole, once at its row and once at its column
        EXPECT_GE(count(figures[0].html, ">" + name + "</text>"), 2u) << name;
    }
}

TEST(Report, TextsOfLineChartsHaveRoom) {
  for (double scale : {1e-5, 1.0, 12345.0, 3e7})
    for (const char* name : {"a", "discriminator of the network"}) {
      const LineChart chart{"The two losses",
                            "step",
                            "nats a token",
                            {{name, {scale, 50 * scale}, {-scale, 7 * scale}},
                             {"validation", {scale, 90 * scale}, {scale, 2 * scale}}},
                            7 * scale,
                            "knowing only how often each character comes"};
      EXPECT_EQ(expect_texts_have_room(svg(chart)), 1);
    }
}

TEST(Report, ARegressionIsACloudBesideTheLineOfEquals) {
  const auto figures = regression_figure("price", {1, 2, 3}, {1.1, 2.2, 2.9});
  ASSERT_EQ(figures.size(), 1u);
  EXPECT_EQ(count(figures[0].html, "<circle"), 3u + 2u);
  EXPECT_EQ(count(figures[0].html, "<polyline"), 1u);
  expect_texts_have_room(figures[0].html);
  EXPECT_TRUE(regression_figure("price", {1, 1}, {1, 2}).empty());  // nothing to compare with
}

TEST(Report, StepsThatAreShownAreDifferentOnes) {
  EXPECT_TRUE(spread_over(0, 4, 2).empty());
  EXPECT_EQ(spread_over(1, 4, 2), (std::vector<size_t>{0}));
  EXPECT_EQ(spread_over(3, 4, 2), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(spread_over(101, 4, 2), (std::vector<size_t>{0, 11, 44, 100}));
  EXPECT_EQ(spread_over(9, 3, 1), (std::vector<size_t>{0, 4, 8}));
}

TEST(Report, HeadlinesSayTimeAndThreads) {
  const Lines lines = {{{"step", 4}, {"seconds", 16.2}}};
  EXPECT_EQ(took(lines, {{"threads", 1}}), ", 16\u00a0s on one\u00a0core");
  EXPECT_EQ(took(lines, {{"threads", 8}}), ", 16\u00a0s on 8\u00a0threads");
  EXPECT_EQ(took(lines, {{"seed", 8}}), ", 16 s");
  EXPECT_EQ(took({}, {{"threads", 1}}), "");
  EXPECT_EQ(short_name("data/mnist/"), "mnist");
  EXPECT_EQ(short_name("/x/houses.csv"), "houses.csv");
  EXPECT_EQ(short_name("digits"), "digits");
  EXPECT_EQ(short_name("/"), "/");
  EXPECT_EQ(short_name(""), "");
}

TEST(Report, APageOfOneSectionHasItsHeadlineAsTitle) {
  Page one("runs/d", "");
  one.section("Image classification");
  one.headline("99.2 % on MNIST");
  one.origin({{"data", "mnist/"}, {"seed", ""}}, "cairn train");
  EXPECT_NE(one.html().find("<h1>99.2 % on MNIST</h1>"), std::string::npos);
  EXPECT_NE(one.html().find("data <b>mnist/</b>"), std::string::npos);
  EXPECT_EQ(one.html().find("seed"), std::string::npos);
  one.section("another");
  EXPECT_NE(one.html().find("<h1>runs/d</h1>"), std::string::npos);
  EXPECT_THROW(Page("none", "").paragraph("nowhere"), Error);
}

TEST(Report, ACurveOfOnePointIsLeftOut) {
  const LineChart one{"t", "x", "y", {{"a", {1}, {1}}}, 0, ""};
  const LineChart two{"t", "x", "y", {{"a", {1, 2}, {1, 2}}, {"dot", {1}, {1}}}, 0, ""};
  const auto shown = charts({{one, ""}, {two, ""}});
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(count(shown[0].html, "<polyline"), 1u);
  const Lines lines = {nlohmann::ordered_json::parse(R"({"step": 1, "loss": 2.0})")};
  EXPECT_TRUE(loss_charts(lines, "nats", "test").empty());
}
