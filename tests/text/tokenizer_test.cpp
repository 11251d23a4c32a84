#include "cairn/text/tokenizer.h"

#include <gtest/gtest.h>

#include "cairn/io/file.h"
#include "cairn/io/utf8.h"
#include "tests/io/temporary_folder.h"

namespace cairn::text {
using namespace io;
namespace {

TEST(Utf8, RoundTripsEveryCodePoint) {
  std::u32string all;
  for (char32_t point = 0; point <= 0x10FFFF; point += point < 0x3000 ? 1 : 37)
    if (point < 0xD800 || point > 0xDFFF) all += point;
  all += 0x10FFFF;
  EXPECT_EQ(decode_utf8(encode_utf8(all), "t"), all);
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
  const std::vector<std::string> bad{"\x80",
                                     "\xc0\xaf",
                                     "\xc1\xbf",
                                     "\xe0\x9f\xbf",
                                     "\xed\xa0\x80",
                                     "\xf0\x8f\xbf\xbf",
                                     "\xf4\x90\x80\x80",
                                     "\xf5\x80\x80\x80",
                                     "\xff",
                                     "\xc3",
                                     "\xe2\x82",
                                     "\xf0\x9f\x98",
                                     "\xc3("};
  for (const std::string& bytes : bad) {
    EXPECT_EQ(find_invalid_utf8("ok" + bytes), 2u);
    EXPECT_ERROR(decode_utf8("ok" + bytes, "a.txt"), "'a.txt', byte 2: not UTF-8");
  }
  EXPECT_EQ(find_invalid_utf8("gr\xc3\xbc\xc3\x9f"), std::string::npos);
}

TEST(Utf8, CompletePrefixForStreams) {
  EXPECT_EQ(complete_utf8_prefix("ab"), 2u);
  EXPECT_EQ(complete_utf8_prefix("ab\xe2\x82"), 2u);
  EXPECT_EQ(complete_utf8_prefix("ab\xe2\x82\xac"), 5u);
  EXPECT_EQ(complete_utf8_prefix("\xf0\x9f\x98"), 0u);
  EXPECT_EQ(complete_utf8_prefix(""), 0u);
}

TEST(Tokenizer, CharactersInOrder) {
  const auto tokenizer = CharTokenizer::from_text(
      "b\xc3\xa9"
      "a\nb",
      "t");
  EXPECT_EQ(tokenizer.size(), 4);
  EXPECT_EQ(tokenizer.encode("ab\n\xc3\xa9", "t"), (std::vector<int64_t>{1, 2, 0, 3}));
  EXPECT_EQ(tokenizer.decode({1, 2, 0, 3}), "ab\n\xc3\xa9");
}

TEST(Tokenizer, SaveAndLoad) {
  TemporaryFolder folder;
  const auto tokenizer = CharTokenizer::from_text("h\"\\\n\xe2\x82\xac", "t");
  tokenizer.save(folder / "t.json");
  const auto back = load_tokenizer(folder / "t.json");
  EXPECT_EQ(back->kind(), "char");
  EXPECT_EQ(back->encode("\xe2\x82\xach", "t"), tokenizer.encode("\xe2\x82\xach", "t"));
  ByteTokenizer().save(folder / "b.json");
  EXPECT_EQ(load_tokenizer(folder / "b.json")->kind(), "byte");
}

TEST(Tokenizer, BytesTakeAnything) {
  const ByteTokenizer tokenizer;
  const std::string text("\xff\0a", 3);
  EXPECT_EQ(tokenizer.encode(text, "t"), (std::vector<int64_t>{255, 0, 97}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, "t")), text);
  EXPECT_ERROR(tokenizer.decode({256}), "token 256");
}

TEST(Tokenizer, ErrorsSayWhatAndWhere) {
  EXPECT_ERROR(CharTokenizer::from_text("", "a.txt"), "'a.txt' is empty");
  EXPECT_ERROR(CharTokenizer::from_text("ok\xff", "a.txt"), "byte 2: not UTF-8");
  const auto tokenizer = CharTokenizer::from_text("abc", "t");
  EXPECT_ERROR(tokenizer.encode("ab\xc3\xa9", "the prompt"),
               "'the prompt', character 2: '\xc3\xa9' (U+00E9) is not among the 3");
  EXPECT_ERROR(tokenizer.decode({3}), "token 3");
  EXPECT_ERROR(tokenizer.decode({-1}), "token -1");
}

TEST(Tokenizer, WordsAreTheMostFrequentOnes) {
  const auto tokenizer = WordTokenizer::from_text("b a b\n\"model\" b  a\nc <unk>", "t", 5);
  EXPECT_EQ(tokenizer.size(), 5);
  EXPECT_EQ(tokenizer.encode("b a\tc\r\n  <unk> \"model\" b", "t"),
            (std::vector<int64_t>{2, 3, 0, 1, 0, 4, 2}));
  EXPECT_EQ(tokenizer.decode({2, 3, 1, 0}), "b a \n<unk> ");
  EXPECT_TRUE(tokenizer.encode(" \t", "t").empty());
  const auto again = parse_tokenizer(tokenizer.to_json(), "t");
  EXPECT_EQ(again->kind(), "word");
  EXPECT_EQ(again->to_json(), tokenizer.to_json());
  EXPECT_ERROR(WordTokenizer::from_text("a \xff", "t", 9), "'t', byte 2: not UTF-8");
  const auto refused = [](const char* words, const char* part) {
    EXPECT_ERROR(parse_tokenizer(std::string(R"({"type":"word","vocabulary":)") + words + "}", "t"),
                 part);
  };
  refused("7", "no \"vocabulary\" list of words"), refused(R"(["<unk>",7])", "list of words");
  refused(R"(["a","\n"])", "do not begin"), refused(R"(["<unk>","\n",""])", "word 2");
  refused(R"(["<unk>","\n","a b"])", "word 2"), refused(R"(["<unk>","\n","a","a"])", "twice");
}

TEST(Tokenizer, MalformedFiles) {
  for (const char* json : {"", "[]", "{", "{}", "{\"type\":3}", "{\"type\":\"bpe\"}"})
    EXPECT_ERROR(parse_tokenizer(json, "t.json"), "'t.json'");
  EXPECT_ERROR(parse_tokenizer("{\"type\":\"char\"}", "t"), "no \"vocabulary\"");
  EXPECT_ERROR(parse_tokenizer(R"({"type":"char","type":"byte"})", "t"), "the key 'type' twice");
  EXPECT_ERROR(parse_tokenizer("{\"type\":\"char\",\"vocabulary\":[]}", "t"),
               "'t': tokenizer: the vocabulary is empty");
  EXPECT_ERROR(parse_tokenizer("{\"type\":\"char\",\"vocabulary\":[\"a\",\"a\"]}", "t"),
               "occurs twice");
  EXPECT_ERROR(parse_tokenizer("{\"type\":\"char\",\"vocabulary\":[\"a\",\"bc\"]}", "t"),
               "entry 1");
  EXPECT_ERROR(parse_tokenizer("{\"type\":\"char\",\"vocabulary\":[7]}", "t"), "entry 0");
  EXPECT_ERROR(parse_tokenizer(std::string(100000, '['), "t"), "nested deeper");
}

}  // namespace
}  // namespace cairn::text
