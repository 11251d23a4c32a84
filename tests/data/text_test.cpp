#include "cairn/data/text.h"

#include <gtest/gtest.h>

#include "cairn/io/gzip.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

TEST(Text, FromFileFolderAndProgram) {
  TemporaryFolder folder;
  EXPECT_TRUE(read_text("").starts_with("First Citizen"));
  EXPECT_ERROR(read_text(folder / "none.txt"), "no such file");
  EXPECT_ERROR(read_text(folder.path()), "has no .txt files");
  io::write_file_atomically(folder / "b.txt.gz", io::Bytes(io::gzip(io::bytes_of("second"))));
  io::write_file_atomically(folder / "a.txt", std::string_view("first"));
  io::write_file_atomically(folder / "c.md", std::string_view("no text"));
  EXPECT_EQ(read_text(folder.path()), "first\nsecond\n");
  EXPECT_EQ(read_text(folder / "b.txt.gz"), "second");
  io::write_file_atomically(folder / "e.txt", std::string_view(""));
  EXPECT_ERROR(read_text(folder / "e.txt"), "is empty");
}

// What Macs and editors leave is no text.
TEST(Text, MarksAndHiddenFilesAreNoLetters) {
  TemporaryFolder folder;
  const auto put = [&](const std::string& name, std::string_view text) {
    io::write_file_atomically(folder / name, text);
  };
  put("a.TXT",
      "\xef\xbb\xbf"
      "first\n"),
      put("._a.txt", std::string_view("\0\5\26\7", 4));
  put(".b.txt", "hidden"), put("notes.md", "no");
  std::filesystem::create_directory(folder / "__MACOSX");
  EXPECT_EQ(read_text(folder.path()), "first\n");
  EXPECT_EQ(read_text(folder / "a.TXT"), "first\n");
  EXPECT_EQ(left_out_of_text(folder.path()),
            "left out: 1 no .txt files (" + (folder / "notes.md") + ")");
  put("wide.txt", std::string_view("\xff\xfe"
                                   "a\0",
                                   4));
  EXPECT_ERROR(read_text(folder / "wide.txt"), "is UTF-16");
  EXPECT_ERROR(read_text(folder / "none.txt"), "say where with the option data");
}

TEST(Text, TokensAreSplitInOrder) {
  const TextTokens text = tokenize_text("abcabcabcd", "t", "char");
  EXPECT_EQ(text.tokenizer->size(), 4);
  EXPECT_EQ(text.train, (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(text.validation, std::vector<int64_t>{3});
  // One line is cut between words, one word between characters.
  const TextTokens one = tokenize_text("aa bb cc dd ee ff gg hh ii jj kk\n", "t", "word", 0.3);
  EXPECT_EQ(one.train_size.words + one.validation_size.words, 11);
  EXPECT_GE(one.validation_size.words, 2);
  const TextTokens umlauts =
      tokenize_text("\u00e4\u00e4\u00e4\u00e4\u00e4", "t", "bpe", 0.3, nullptr, 300);
  EXPECT_EQ(umlauts.train_size.characters + umlauts.validation_size.characters, 5);
  EXPECT_GE(umlauts.validation_size.characters, 1);
  EXPECT_EQ(tokenize_text("ab", "t", "byte", 0).train, (std::vector<int64_t>{97, 98}));
  EXPECT_ERROR(tokenize_text("abz", "new.txt", "char", 0.1, text.tokenizer),
               "'new.txt', character 2: 'z'");
  EXPECT_ERROR(tokenize_text("ab", "t", "words"), "tokens: there is no 'words'");
  EXPECT_ERROR(tokenize_text("a\xff", "t", "char"), "'t', byte 1: not UTF-8");
}

}  // namespace
}  // namespace cairn::data
