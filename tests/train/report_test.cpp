#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/report/page.h"

using namespace cairn;
using namespace cairn::train::report;

namespace {

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

io::Bytes bytes(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

}  // namespace

TEST(Report, Base64OfRfc4648) {
  EXPECT_EQ(base64(bytes("")), "");
  EXPECT_EQ(base64(bytes("f")), "Zg==");
  EXPECT_EQ(base64(bytes("fo")), "Zm8=");
  EXPECT_EQ(base64(bytes("foo")), "Zm9v");
  EXPECT_EQ(base64(bytes("foobar")), "Zm9vYmFy");
}

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
  page.heading(evil), page.paragraph(evil), page.facts({{evil, evil}}), page.command(evil);
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

TEST(Report, AChartOfOnePointIsLeftOut) {
  const LineChart one{"t", "x", "y", {{"a", {1}, {1}}}, 0, ""};
  const LineChart two{"t", "x", "y", {{"a", {1, 2}, {1, 2}}}, 0, ""};
  EXPECT_FALSE(has_curve(one));
  EXPECT_EQ(charts({{one, ""}, {two, ""}}).size(), 1u);
  const Lines lines = {nlohmann::ordered_json::parse(R"({"step": 1, "loss": 2.0})")};
  EXPECT_TRUE(loss_charts(lines, "nats", "test").empty());
}
