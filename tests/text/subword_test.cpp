// Tokenizers of every kind against what the Python package made of the same lines
// (tools/compare_tokenizers.py dump), and what is wrong with files.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"
#include "cairn/text/train_tokenizer.h"
#include "cairn/text/unicode.h"
#include "tests/io/temporary_folder.h"

namespace cairn::text {
namespace {

using Json = nlohmann::json;

const Json& dumped() {
  static const Json all = [] {
    const auto bytes =
        io::read_maybe_gzip(CAIRN_SOURCE_DIR "/tests/text/data/tokenizers.json.gz", 64 << 20);
    return Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }();
  return all;
}

std::vector<int64_t> flat(const std::vector<Span>& spans) {
  std::vector<int64_t> numbers;
  for (const Span& s : spans) numbers.insert(numbers.end(), {s.begin, s.end});
  return numbers;
}

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}
std::string error_of_file(const std::string& json) {
  return error_of([&] { SubwordTokenizer(json, "t.json"); });
}

std::function<bool(std::string&)> all_of(const std::vector<std::string>& lines) {
  return [lines, at = size_t{0}](std::string& line) mutable {
    if (at == lines.size()) return false;
    line = lines[at++];
    return true;
  };
}

constexpr const char* kSmall =
    R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}})";

}  // namespace

TEST(Subword, NumbersAndOffsetsAreThePythonPackages) {
  const auto lines = dumped()["lines"].get<std::vector<std::string>>();
  ASSERT_GE(dumped()["cases"].size(), 13u);
  for (const Json& c : dumped()["cases"]) {
    const auto name = c["name"].get<std::string>();
    const SubwordTokenizer t(c["tokenizer"].dump(), name);
    // What is written reads as the same tokenizer.
    const SubwordTokenizer again(t.to_json(), name + ", written");
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto ids = c["encoded"][i][0].get<std::vector<int64_t>>();
      for (const SubwordTokenizer* which : {&t, &again}) {
        const Encoding e = which->encode(lines[i], name, {.parse_special = true});
        ASSERT_EQ(e.ids, ids) << name << " of " << lines[i];
        ASSERT_EQ(flat(e.offsets), c["encoded"][i][1].get<std::vector<int64_t>>())
            << name << " of " << lines[i];
      }
      EXPECT_EQ(t.decode(ids), c["decoded"][i].get<std::string>()) << name;
      if (i < c["decoded_all"].size()) {
        EXPECT_EQ(t.decode(ids, false), c["decoded_all"][i].get<std::string>()) << name;
      }
    }
    const Encoding pair = t.encode_pair(lines[0], lines[3], name, {.parse_special = true});
    EXPECT_EQ(pair.ids, c["pair"]["ids"].get<std::vector<int64_t>>()) << name;
    EXPECT_EQ(flat(pair.offsets), c["pair"]["offsets"].get<std::vector<int64_t>>()) << name;
    EXPECT_EQ(pair.type_ids, c["pair"]["type_ids"].get<std::vector<int64_t>>()) << name;
    const EncodeOptions bare{.parse_special = true, .add_special = false};
    EXPECT_EQ(t.encode(lines[20], name, bare).ids, c["bare"].get<std::vector<int64_t>>()) << name;
  }
}

TEST(Subword, LearnsTheVocabularyOfThePythonPackage) {
  for (const Json& c : dumped()["cases"]) {
    if (c["name"] != "byte-bpe") continue;
    const SubwordTokenizer theirs(c["tokenizer"].dump(), "theirs");
    const auto ours = train_tokenizer(
        all_of(dumped()["learned_from"].get<std::vector<std::string>>()),
        {.vocab = theirs.size(),
         .min_frequency = 0,
         .special = {"[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<mask>"}});
    ASSERT_EQ(ours.size(), theirs.size());
    for (int64_t id = 0; id < ours.size(); ++id)
      ASSERT_EQ(*ours.token(id), *theirs.token(id)) << id;
    return;
  }
  FAIL() << "no byte-level case";
}

TEST(Subword, TrainingIsRepeatableInAnyOrder) {
  auto lines = dumped()["learned_from"].get<std::vector<std::string>>();
  for (const char* kind : {"byte-bpe", "bpe", "wordpiece", "unigram", "char", "byte"}) {
    const TokenizerTraining how{.kind = kind, .vocab = 2500, .special = {"<s>"}};
    const std::string once = train_tokenizer(all_of(lines), how).to_json();
    std::reverse(lines.begin(), lines.end());
    const auto again = train_tokenizer(all_of(lines), how);
    EXPECT_EQ(once, again.to_json()) << kind;
    EXPECT_EQ(again.find("<s>").value_or(-1) < 2, true) << kind;
  }
}

TEST(Subword, LikelyPiecesAreFound) {
  std::vector<std::string> lines;
  for (int i = 0; i < 60; ++i)
    lines.emplace_back(i % 2 ? "walking talking walked" : "talked walks talks working");
  const auto t = train_tokenizer(all_of(lines), {.kind = "unigram", .vocab = 40});
  EXPECT_LE(t.size(), 40);
  const auto ids = t.encode("walking talks", "text");
  EXPECT_LE(ids.size(), 4u);  // of 14 characters
  EXPECT_EQ(t.decode(ids), "walking talks");
  EXPECT_EQ(t.encode("q", "text").back(), *t.find("<unk>"));
}

TEST(Subword, BytesGiveBackAnyText) {
  const auto lines = dumped()["lines"].get<std::vector<std::string>>();
  for (const char* kind : {"byte-bpe", "byte"}) {
    const auto t = train_tokenizer(all_of({lines.begin(), lines.begin() + 9}),
                                   {.kind = kind, .vocab = 300, .special = {"<s>"}});
    for (const std::string& line : lines) EXPECT_EQ(t.decode(t.encode(line, "line")), line) << kind;
  }
}

TEST(Subword, SpecialTokensOfAUsersTextAreTextUnlessAskedFor) {
  const auto t = train_tokenizer(all_of({"<s> a"}), {.vocab = 300, .special = {"<s>"}});
  EXPECT_EQ(t.encode("<s>", "text", {.parse_special = true}).ids, (std::vector<int64_t>{0}));
  EXPECT_EQ(t.encode("<s>", "text").size(), 3u);
  EXPECT_EQ(t.decode(t.encode("<s>", "text")), "<s>");
}

// As the Python package has it: one leading space counts as added, several as written.
TEST(Subword, OffsetsLeaveOutSpacesThatWereWritten) {
  const SubwordTokenizer t(
      R"({"model":{"type":"BPE","vocab":{"\u0120":0,"a":1,"\u0120\u0120":2,"\u0120a":3},)"
      R"("merges":[["\u0120","\u0120"],["\u0120","a"]]},"pre_tokenizer":{"type":"ByteLevel",)"
      R"("add_prefix_space":false},"post_processor":{"type":"ByteLevel"}})",
      "t");
  EXPECT_EQ(flat(t.encode("   a", "t", {}).offsets), (std::vector<int64_t>{2, 2, 3, 4}));
  EXPECT_EQ(flat(t.encode(" a", "t", {}).offsets), (std::vector<int64_t>{0, 2}));
}

TEST(Subword, AVocabularyBeforeMergesWhereTheFileSaysSo) {
  const std::string vocab =
      R"("vocab":{"a":0,"b":1,"c":2,"ab":3,"bc":4,"abc":5},"merges":[["b","c"]])";
  const SubwordTokenizer merged(R"({"model":{"type":"BPE",)" + vocab + "}}", "t");
  const SubwordTokenizer whole(R"({"model":{"type":"BPE","ignore_merges":true,)" + vocab + "}}",
                               "t");
  EXPECT_EQ(merged.encode("abc", "t"), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(whole.encode("abc", "t"), (std::vector<int64_t>{5}));
}

TEST(Subword, AByteThatIsNoTextIsRefusedWithItsPlace) {
  const SubwordTokenizer t(kSmall, "t.json");
  EXPECT_NE(error_of([&] { t.encode("ab\xff", "the prompt"); }).find("'the prompt', byte 2"),
            std::string::npos);
  EXPECT_NE(error_of([&] { t.decode({7}); }).find("no token 7"), std::string::npos);
}

TEST(Subword, WrongFilesAreRefusedByNameAndPlace) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"{", "'t.json' is no tokenizer.json"},
      {"[]", "an object {...} is wanted"},
      {"{}", "no \"model\""},
      {R"({"model":{"type":"Neural"}})", "the model 'Neural' is unknown"},
      {R"({"model":{"type":"BPE","merges":[]}})", "\"vocab\" is missing"},
      {R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a","b"]]}})", "merge 0 ('a' 'b')"},
      {R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}})", "entry 0 is not two tokens"},
      {R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})", "have one number, 0"},
      {R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"a":2},"merges":[]}})",
       "'t.json' has the key 'a' twice"},
      {R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})", "number -1"},
      {R"({"model":{"type":"BPE","vocab":{"a":99999999},"merges":[]}})", "number 99999999"},
      {R"({"model":{"type":"BPE","dropout":0.5,"vocab":{},"merges":[]}})", "dropout"},
      {R"({"model":{"type":"Unigram","unk_id":3,"vocab":[["a",0.0]]}})", "unk_id"},
      {R"({"model":{"type":"Unigram","vocab":[["a"]]}})", "not a token and its score"},
      {R"({"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Magic"}})",
       "the normalizer 'Magic' is unknown"},
      {R"({"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Prepend"}})",
       "\"prepend\" is missing"},
      {R"({"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":)"
       R"({"type":"Split","pattern":)"
       R"({"Regex":"(("},"behavior":"Isolated"}})",
       "no regular expression"},
      {R"({"model":{"type":"BPE","vocab":{},"merges":[]},"decoder":{"type":"X"}})",
       "the decoder 'X' is unknown"},
      {R"({"model":{"type":"BPE","vocab":{},"merges":[]},"post_processor":{"type":"X"}})",
       "the post-processor 'X' is unknown"},
      {R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":)"
       R"([{"id":0,"content":"b"}]})",
       "number 0 is 'b' here and 'a' in the model"},
      {R"({"version":"2.0","model":{"type":"BPE","vocab":{},"merges":[]}})",
       "version '2.0', and 1.0 is read"},
      {R"({"model":{"type":"BPE","vocab":{},"merges":[]},"normaliser":null})",
       "\"normaliser\" is not known here"},
  };
  for (const auto& [json, wanted] : kWrong)
    EXPECT_NE(error_of_file(json).find(wanted), std::string::npos) << json << "\n"
                                                                   << error_of_file(json);
  std::string deep = "null";
  for (int i = 0; i < 200; ++i) deep = R"({"type":"Sequence","normalizers":[)" + deep + "]}";
  EXPECT_NE(error_of_file(R"({"model":{},"normalizer":)" + deep + "}").find("nested deeper"),
            std::string::npos);
}

TEST(Subword, AVocabularyTooSmallIsRefused) {
  EXPECT_THROW(train_tokenizer(all_of({"abc"}), {.vocab = 10}), InvalidOption);
  EXPECT_THROW(train_tokenizer(all_of({"abc"}), {.kind = "char", .vocab = 2}), InvalidOption);
  EXPECT_THROW(train_tokenizer(all_of({"abc"}), {.kind = "byte", .vocab = 255}), InvalidOption);
  EXPECT_EQ(train_tokenizer(all_of({"abc"}), {.kind = "byte", .vocab = 256}).size(), 256);
  EXPECT_THROW(train_tokenizer(all_of({"abc"}), {.kind = "magic"}), InvalidOption);
  EXPECT_NE(error_of([] { train_tokenizer(all_of({}), {.kind = "bpe"}); }).find("no text"),
            std::string::npos);
}

TEST(Unicode, ReplacesWhatIsNoText) {
  int64_t count = 0;
  EXPECT_EQ(with_replacements("a\xE7\x8C\xAB", &count), "a猫");
  EXPECT_EQ(count, 0);
  // As the standard recommends: one for each longest beginning.
  EXPECT_EQ(with_replacements("\xE7\x8C"
                              "a\xFF\xF0\x9F\x98",
                              &count),
            "\uFFFDa\uFFFD\uFFFD");
  EXPECT_EQ(count, 3);
  EXPECT_EQ(with_replacements("\xE0\x80\x80", &count), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(with_replacements("\xED\xA0\x80", &count), "\uFFFD\uFFFD\uFFFD");
}

}  // namespace cairn::text
