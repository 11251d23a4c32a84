// cairn ngram: what it says of a text, and with the words of a language model.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "cairn/text/ngram.h"
#include "tests/cli/program.h"
#include "tests/io/temporary_folder.h"

namespace cairn::cli_test {
namespace {

TEST(Ngram, PerplexityIsOfWordsAndLineEnds) {
  const TemporaryFolder folder;
  const std::string train = folder / "train.txt", test = folder / "test.txt";
  std::string text;
  for (int i = 0; i < 60; ++i) text += i % 3 ? "the cat sat\n" : "a dog ran far\n";
  write(train, text), write(test, "the dog sat\n\na bird\n");
  const std::string arpa = folder / "m.arpa";
  const Outcome plain = cairn({"ngram", train, "--order", "2", "--out", arpa, "--test", test});
  ASSERT_EQ(plain.status, 0) << plain.err;
  const text::NgramModel model = text::read_arpa(arpa);
  const double sum = model.log_probability("the dog sat") + model.log_probability("") +
                     model.log_probability("a bird");
  const std::string wanted =
      fmt::format("8 words and line ends, perplexity {:.2f}, 12.5 % of them", std::exp(-sum / 8));
  EXPECT_NE(plain.out.find(wanted), std::string::npos) << plain.out << wanted;
}

// Words of a run: <unk>, the end of a line, "cat" and "sat", which are the first of the frequent.
TEST(Ngram, TakesTheWordsOfALanguageModel) {
  const TemporaryFolder folder;
  const std::string train = folder / "train.txt", test = folder / "test.txt", run = folder / "run";
  std::string text;
  for (int i = 0; i < 60; ++i) text += i % 3 ? "the cat sat\n" : "a dog ran far\n";
  write(train, text), write(test, "the dog sat\n\na bird\n");
  const Outcome trained = cairn({"train",
                                 "language-model",
                                 "--model",
                                 "gru",
                                 "--width",
                                 "8",
                                 "--layers",
                                 "1",
                                 "--context",
                                 "8",
                                 "--steps",
                                 "1",
                                 "--tokens",
                                 "word",
                                 "--vocab-size",
                                 "4",
                                 "--quiet",
                                 "--data",
                                 train,
                                 "--out",
                                 run});
  ASSERT_EQ(trained.status, 0) << trained.err;
  const Outcome same = cairn({"ngram", train, "--order", "2", "--words", run, "--test", test});
  EXPECT_NE(same.out.find("8 words and line ends"), std::string::npos) << same.out << same.err;
  EXPECT_NE(same.out.find("50.0 % of them"), std::string::npos) << same.out;
  expect_failure(cairn({"ngram", train}), 2, {"--out", "--test"});
  const std::string arpa = folder / "m.arpa";
  expect_failure(cairn({"ngram", train, "--out", arpa, "--test", "nowhere.txt"}), 1,
                 {"nowhere.txt"});
  const std::string latin = folder / "latin.txt";
  write(latin, "a b\n\xff\n");
  const auto from_latin = [&] { dup2(open(latin.c_str(), O_RDONLY), STDIN_FILENO); };
  expect_failure(cairn({"ngram", "--out", arpa}, {from_latin, ""}), 1,
                 {"standard input, line 2", "UTF-8"});
  EXPECT_FALSE(std::filesystem::exists(arpa));
  expect_failure(cairn({"ngram", train, "--test", test, "--words", Trained::get().run()}), 1,
                 {"has no words of its own"});
}

}  // namespace
}  // namespace cairn::cli_test
