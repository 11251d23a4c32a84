// cairn tokenizer train|encode|decode|info.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

class TokenizerCommand : public testing::Test {
 protected:
  void SetUp() override {
    write(folder_ / "text", "ein Hund läuft\nzwei Hunde laufen\n");
    const Outcome o = cairn({"tokenizer", "train", folder_ / "text", "--vocab", "300", "--special",
                             "<s>", "--out", file()});
    ASSERT_EQ(o.status, 0) << o.err;
  }
  std::string file() const { return folder_ / "tokenizer.json"; }
  TemporaryFolder folder_;
};

TEST_F(TokenizerCommand, NumbersOfEachLineAndBack) {
  const Outcome numbers = cairn({"tokenizer", "encode", file(), folder_ / "text"});
  ASSERT_EQ(numbers.status, 0) << numbers.err;
  write(folder_ / "numbers", numbers.out);
  EXPECT_EQ(cairn({"tokenizer", "decode", file(), folder_ / "numbers"}).out,
            "ein Hund läuft\nzwei Hunde laufen\n");
  const Json last = cairn({"tokenizer", "encode", file(), folder_ / "text", "--json"}).json();
  EXPECT_EQ(last["ids"].size(), last["offsets"].size());
  EXPECT_EQ(last["offsets"].back()[1], 17);  // characters
}

TEST_F(TokenizerCommand, TheSameTextGivesTheSameFile) {
  const std::string again = folder_ / "again.json";
  cairn({"tokenizer", "train", folder_ / "text", "--vocab", "300", "--special", "<s>", "--out",
         again});
  EXPECT_EQ(content_of(again), content_of(file()));
}

TEST_F(TokenizerCommand, SaysWhatItIs) {
  const Json about = cairn({"tokenizer", "info", file(), "--json"}).json();
  EXPECT_EQ(about["model"], "BPE");
  EXPECT_EQ(about["special"], Json::array({"<s>"}));
  EXPECT_GT(about["tokens"], 257);
}

TEST_F(TokenizerCommand, ControlTokensInATextAreTextUnlessAskedFor) {
  write(folder_ / "control", "<s>\n");
  EXPECT_NE(cairn({"tokenizer", "encode", file(), folder_ / "control"}).out, "0\n");
  EXPECT_EQ(cairn({"tokenizer", "encode", file(), folder_ / "control", "--parse-special"}).out,
            "0\n");
}

TEST_F(TokenizerCommand, WhatIsNoTextIsReplacedAndCountedOrRefused) {
  write(folder_ / "bad", "a\xff\nb\n");
  const Outcome replaced = cairn({"tokenizer", "encode", file(), folder_ / "bad"});
  EXPECT_EQ(replaced.status, 0);
  EXPECT_TRUE(replaced.says("1 places")) << replaced.err;
  expect_failure(cairn({"tokenizer", "encode", file(), folder_ / "bad", "--strict"}), 1,
                 {"line 1", "not UTF-8"});
}

// What cannot be read is no end.
TEST_F(TokenizerCommand, AFolderAsStandardInputIsAnError) {
  const auto of_folder = [&] { dup2(open(folder_.path().c_str(), O_RDONLY), STDIN_FILENO); };
  expect_failure(cairn({"tokenizer", "encode", file()}, {.in_child = of_folder}), 1,
                 {"standard input", "directory"});
  expect_failure(cairn({"ngram", "--out", folder_ / "a.arpa"}, {.in_child = of_folder}), 1,
                 {"standard input", "directory"});
}

TEST_F(TokenizerCommand, AByteOrderMarkIsNoLetter) {
  write(folder_ / "marked",
        "\xef\xbb\xbf"
        "ein Hund\n");
  write(folder_ / "plain", "ein Hund\n");
  const std::string plain = cairn({"tokenizer", "encode", file(), folder_ / "plain"}).out;
  EXPECT_EQ(cairn({"tokenizer", "encode", file(), folder_ / "marked"}).out, plain);
  const Setting marked{
      .in_child = [&] { dup2(open((folder_ / "marked").c_str(), O_RDONLY), STDIN_FILENO); }};
  EXPECT_EQ(cairn({"tokenizer", "encode", file()}, marked).out, plain);
}

TEST_F(TokenizerCommand, WrongUseIsNamed) {
  expect_failure(cairn({"tokenizer", "encode", folder_ / "text"}), 1, {"no tokenizer.json"});
  write(folder_ / "cut.json", "{\"model\":");
  const Outcome cut = cairn({"tokenizer", "info", folder_ / "cut.json"});
  EXPECT_TRUE(cut.says("cut.json' is no tokenizer.json: it ends in the middle")) << cut.err;
  EXPECT_FALSE(cut.says("json.exception")) << "the words of a library";
  expect_failure(
      cairn({"tokenizer", "train", folder_ / "text", "--vocab", "10", "--out", folder_ / "x"}), 2,
      {"vocab", "too small"});
  expect_failure(cairn({"tokenizer", "train", folder_ / "text", "--kind", "char", "--vocab", "3",
                        "--out", folder_ / "x"}),
                 2, {"vocab", "too small"});
  expect_failure(cairn({"tokenizer", "train", folder_ / "text", "--out", folder_ / "x.model"}), 2,
                 {"--out", "x.model", ".json"});
  write(folder_ / "words", "1 two\n");
  expect_failure(cairn({"tokenizer", "decode", file(), folder_ / "words"}), 1,
                 {"'two' is no token number"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
}

}  // namespace
}  // namespace cairn::cli_test
