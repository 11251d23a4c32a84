#include "cairn/text/shown.h"

#include <gtest/gtest.h>

#include "cairn/text/train_tokenizer.h"

namespace cairn::text {
namespace {

std::string shown(const Tokenizer& tokenizer, const std::vector<int64_t>& tokens) {
  std::string all;
  const Shown::Show show = [&](std::string_view piece) { all += piece; };
  Shown text(tokenizer, show);
  for (const int64_t token : tokens) text.write(token);
  text.finish();
  return all;
}

SubwordTokenizer trained(const std::string& kind, const std::string& text) {
  bool first = true;
  const auto next = [&](std::string& line) {
    line = text;
    return std::exchange(first, false);
  };
  return train_tokenizer(next, {.kind = kind, .vocab = 300});
}

// Token by token the same as at once, also where one is a part of a character.
TEST(Shown, ShowsWhatDecodingGives) {
  const std::string text = "the cat, the café: 日本 😀 don't";
  for (const char* kind : {"byte-bpe", "bpe", "wordpiece", "unigram"}) {
    const SubwordTokenizer tokenizer = trained(kind, "the cat the cat");
    const auto tokens =
        tokenizer.encode(kind == std::string("byte-bpe") ? text : "the cat the cat", "a text");
    EXPECT_EQ(shown(tokenizer, tokens), tokenizer.decode(tokens)) << kind;
  }
  const ByteTokenizer bytes;
  EXPECT_EQ(shown(bytes, bytes.encode(text, "t")), text);
  const auto words = WordTokenizer::from_text("a b", "t", 9);
  EXPECT_EQ(shown(words, words.encode("a b\na", "t")), "a b \na ");
}

}  // namespace
}  // namespace cairn::text
