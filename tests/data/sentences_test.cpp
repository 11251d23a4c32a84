// Sentences, one a line: which files of a folder are which part, and how lines are cut into words.
#include "cairn/data/sentences.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cairn/base/error.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

using Lines = std::vector<std::string>;

TEST(Sentences, MarksAreWordsOfTheirOwnAndComeBack) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/lines.txt") << "A dog runs, a cat  sits.\r\n\n\twhat?!\n3.5 .txt";
  const auto s = open_sentences(folder.path() + "/lines.txt");
  EXPECT_EQ(s.train, (Lines{"A dog runs , a cat sits .", "what ? !", "3.5 .txt"}));
  EXPECT_TRUE(s.test.empty());
  EXPECT_EQ(as_written(s.train[0]), "A dog runs, a cat sits.");
  EXPECT_EQ(as_written("3.5 .txt"), "3.5 .txt");
  EXPECT_EQ(words_of(" a  b "), (Lines{"a", "b"}));
}

TEST(Sentences, NamesOfFilesSayWhichPart) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/captions.txt") << "one\n";
  std::ofstream(folder.path() + "/test_captions.txt") << "two\n";
  std::ofstream(folder.path() + "/notes.md") << "three\n";
  const auto s = open_sentences(folder.path());
  EXPECT_EQ(s.train, Lines{"one"});
  EXPECT_EQ(s.test, Lines{"two"});
  EXPECT_NE(s.left_out.find("notes.md"), std::string::npos);
}

TEST(Sentences, WithoutAnyIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THROW(open_sentences(folder.path()), Error);
  EXPECT_THROW(open_sentences(folder.path() + "/none.txt"), Error);
  std::ofstream(folder.path() + "/blank.txt") << " \n\n";
  EXPECT_THROW(open_sentences(folder.path() + "/blank.txt"), Error);
  EXPECT_THROW(open_sentences(""), Error);
  std::ofstream(folder.path() + "/bytes.txt") << "a dog\n\xff\xfe\n";
  EXPECT_THROW(open_sentences(folder.path() + "/bytes.txt"), Error);
}

}  // namespace
}  // namespace cairn::data
