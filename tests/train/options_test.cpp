// Options: what they accept, how they are written and read, what a resumed run keeps.
#include <gtest/gtest.h>

#include "cairn/train/run_options.h"
#include "tests/io/temporary_folder.h"

namespace cairn::train {
namespace {

struct Small : RunOptions {
  Option<int64_t> width{this, "width", 32, whole(1, 64), "Width"};
  Option<double> lr{this, "lr", Open{"by width"}, positive(), "Rate", Use::changeable};
  Option<std::string> kind{this, "kind", "plain", one_of({"plain", "odd"}), "Kind"};
  Option<bool> deep{this, "deep", false, {}, "Deep"};
  Option<std::vector<double>> betas{this, "betas", {0.9, 0.99}, between(0, 1), "Betas"};
  Option<std::vector<std::string>> names{this, "names"};  // a fact
};

std::string refused(const std::function<void()>& action) {
  try {
    action();
  } catch (const InvalidOption& e) { return e.option() + "|" + e.reason(); }
  return "accepted";
}

TEST(Options, AreNumbersAndTexts) {
  Small o;
  EXPECT_EQ(o.width * 2, 64);
  EXPECT_TRUE(o.lr.is_open());
  o.lr.fill(0.5);
  o.lr.fill(0.25);  // no longer open
  EXPECT_EQ(o.lr, 0.5);
  EXPECT_FALSE(o.lr.given());
  o.kind = "odd";
  EXPECT_TRUE(o.kind == "odd" && o.kind.given());
  Small copy = o;  // knows its own members
  copy.find("width")->parse("7");
  EXPECT_EQ(copy.width, 7);
  EXPECT_EQ(o.width, 32);
}

TEST(Options, OfAnotherModelAreRefusedWhereTheyAreTyped) {
  struct Networks : RunOptions {
    Networks() { heads.only_with({"attention", "both"}); }
    Option<std::string> model{this, "model", "plain", one_of({"plain", "attention", "both"}),
                              "Network"};
    Option<int64_t> heads{this, "heads", 4, whole(1, 64), "Heads"};
  };
  Networks o;
  EXPECT_EQ(o.heads.explained(), "Heads (attention and both only)");
  o.expect_all_to_count();
  o.find("heads")->parse("8");
  EXPECT_EQ(refused([&] { o.expect_all_to_count(); }),
            "heads|means nothing with model plain, only with attention or both");
  o.model = "both";
  o.expect_all_to_count();
  Networks of_file;  // a configuration says all options, also those of other models
  of_file.read_file(Networks().to_json(), "config.json");
  of_file.expect_all_to_count();
}

TEST(Options, SayWhatIsWrong) {
  Small o;
  const auto parse = [&](const char* name, const char* text) {
    return refused([&] { o.find(name)->parse(text); });
  };
  EXPECT_EQ(parse("width", "x"), "width|'x' is no whole number");
  EXPECT_EQ(parse("width", "65"), "width|65 is out of range; give a whole number from 1 to 64");
  EXPECT_EQ(parse("width", "99999999999999999999"),
            "width|99999999999999999999 is out of range; give a whole number from 1 to 64");
  EXPECT_EQ(parse("lr", "fast"), "lr|'fast' is no number");
  EXPECT_EQ(parse("lr", "0"), "lr|0 is out of range; give a finite number above 0");
  EXPECT_EQ(parse("lr", "nan"), "lr|nan is out of range; give a finite number above 0");
  EXPECT_EQ(parse("kind", "od"),
            "kind|there is no 'od' (did you mean odd?); there are plain and odd");
  EXPECT_EQ(parse("seed", "-1"), "seed|-1 is out of range; give a whole number of at least 0");
  EXPECT_EQ(parse("betas", "2"), "betas|2 is out of range; give a finite number from 0 to 1");
  o = Small();
  o.width = -1;  // from a program: found before anything is done
  EXPECT_EQ(refused([&] { o.validate(); }),
            "width|-1 is out of range; give a whole number from 1 to 64");
  EXPECT_EQ(o.find("deep")->flag(), "--deep");
  EXPECT_EQ(o.find("save_every")->flag(), "--save-every");
}

struct ByKind : RunOptions {
  ByKind() { lr.usual({{"gpt", 3e-3}, {"", 2e-3}}), deep.says("as wide ones are"); }
  Option<std::string> model{this, "model", "lstm", one_of({"gpt", "lstm"}), "Network"};
  Option<double> lr{this, "lr", ByModel<double>(1e-3), positive(), "Rate"};
  Option<int64_t> width{this, "width", ByModel<int64_t>{{"gpt", 192}}, whole(1, 512), "Width"};
  Option<bool> deep{this, "deep", ByModel<bool>(true), {}, "Deep"};
  Option<std::vector<double>> betas{this, "betas", ByModel<std::vector<double>>({0.9, 0.99}),
                                    two_between(0, 1), "Betas"};
};

TEST(Options, UsualValuesAreTheHelpAndWhatIsFilled) {
  ByKind o;
  EXPECT_EQ(o.lr.standard(), "gpt 0.003, others 0.002");
  EXPECT_EQ(o.width.standard(), "gpt 192");
  EXPECT_EQ(o.deep.standard(), "as wide ones are");
  EXPECT_EQ(o.betas.standard(), "0.9 0.99");
  ByKind gpt = o;
  gpt.model = "gpt", gpt.betas = std::vector<double>{0.5, 0.6};
  o.fill_usual(), gpt.fill_usual();
  EXPECT_EQ(o.lr, 2e-3);
  EXPECT_EQ(gpt.lr, 3e-3);
  EXPECT_FALSE(gpt.lr.given());
  EXPECT_TRUE(o.width.is_open() && o.deep.is_open());  // nothing is said for an lstm; the data say
  EXPECT_EQ(gpt.width, 192);
  EXPECT_EQ(*gpt.betas, (std::vector<double>{0.5, 0.6}));
  EXPECT_EQ(gpt.width.usual_of("gpt"), 192);
  EXPECT_TRUE(gpt.width.usual_of("lstm").is_null());
}

TEST(Options, ListsMayHaveALength) {
  ByKind o;
  o.betas = std::vector<double>{0.5};
  EXPECT_EQ(refused([&] { o.validate(); }), "betas|1 numbers; give 2");
}

TEST(Options, OwnOnesComeBeforeThoseOfAllTrainings) {
  Small o;
  const auto all = o.all();
  EXPECT_STREQ(all.front().option->name(), "width");
  EXPECT_STREQ(all.back().group, "Run");
}

TEST(Options, FilesFillWhatWasNotGiven) {
  Small o;
  o.width = 8;
  o.read_file(Json::parse(R"({"width": 9, "lr": 1, "names": ["x"], "deep": true})"), "f.json");
  EXPECT_EQ(o.width, 8);
  EXPECT_EQ(o.lr, 1.0);
  EXPECT_TRUE(*o.deep);
  EXPECT_TRUE(o.names.is_open());  // a fact is of the data
  const auto read = [](const char* json) { Small().read_file(Json::parse(json), "f.json"); };
  EXPECT_ERROR(read(R"({"wdth": 1})"), "'f.json': wdth: no such option; did you mean width?");
  EXPECT_ERROR(read(R"({"out": "x"})"), "'f.json': out: no such option");
  EXPECT_ERROR(read(R"({"width": 1.5})"), "'f.json': width: 1.5 is no whole number");
  EXPECT_ERROR(read(R"({"width": 65})"), "'f.json': width: 65 is out of range");
  EXPECT_ERROR(read(R"({"deep": 1})"), "'f.json': deep: 1 is neither true nor false");
  EXPECT_ERROR(read(R"({"betas": [1, "a"]})"), "'f.json': betas: \"a\" is no number");
  EXPECT_ERROR(read(R"({"format": 3})"), "'f.json': format: is 3, written by a newer Cairn");
  EXPECT_ERROR(read("[]"), "'f.json' is no JSON object");
}

TEST(Options, WhatIsWrittenIsReadAgain) {
  Small o;
  o.width = 5, o.names.fill({"a", "b"}), o.betas = std::vector{0.5, 0.25}, o.out = "elsewhere";
  const Json config = o.to_json();
  EXPECT_FALSE(config.contains("out"));
  EXPECT_FALSE(config.contains("lr"));  // open
  Small again;
  again.read_run(config, "c");
  EXPECT_EQ(again.to_json(), config);
}

TEST(Options, AResumedRunKeepsWhatItWasStartedWith) {
  const Json config = Json::parse(R"({"width": 16, "lr": 0.5, "kind": "odd", "steps": 10})");
  Small o;
  o.lr = 0.25;
  EXPECT_EQ(o.continue_from(config, "c"), std::vector<std::string>{"lr"});
  EXPECT_EQ(o.width, 16);
  EXPECT_EQ(o.lr, 0.25);
  Small same;
  same.width = 16;
  EXPECT_TRUE(same.continue_from(config, "c").empty());
  Small other;
  other.width = 8;
  EXPECT_NE(
      refused([&] { other.continue_from(config, "c"); }).find("width|the run was started with 16"),
      std::string::npos);
  Small unknown;
  unknown.deep = true;
  EXPECT_NE(
      refused([&] { unknown.continue_from(config, "c"); }).find("deep|the run was started without"),
      std::string::npos);
}

TEST(Options, LengthIsStepsOrPasses) {
  const auto length = [](auto choose) {
    Small o;
    choose(o);
    fill_length(o, 5, 3);
    return *o.steps;
  };
  EXPECT_EQ(length([](Small&) {}), 15);
  EXPECT_EQ(length([](Small& o) { o.epochs = 2; }), 10);
  EXPECT_EQ(length([](Small& o) { o.steps = 7; }), 7);
  EXPECT_EQ(refused([&] { length([](Small& o) { o.steps = 7, o.epochs = 2; }); }),
            "steps|and epochs: give one of them");
  // Resumed with the other of both.
  EXPECT_EQ(length([](Small& o) {
              o.resume = true, o.epochs = 4;
              o.changed = o.continue_from(Json::parse(R"({"steps": 15, "epochs": 3})"), "c");
            }),
            20);
  EXPECT_EQ(length([](Small& o) {
              o.resume = true, o.steps = 17;
              o.changed = o.continue_from(Json::parse(R"({"steps": 15, "epochs": 3})"), "c");
            }),
            17);
}

}  // namespace
}  // namespace cairn::train
