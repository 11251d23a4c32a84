// sentencepiece's models, and its table of characters as the normalizer Precompiled, against what
// the Python package sentencepiece makes of the same lines (tools/compare_tokenizers.py
// dump-sentencepiece).
#include "cairn/text/sentencepiece.h"

#include <gtest/gtest.h>

#include "cairn/io/base64.h"
#include "cairn/io/file.h"
#include "cairn/io/gzip.h"
#include "cairn/text/charsmap.h"
#include "cairn/text/subword_tokenizer.h"
#include "tests/io/temporary_folder.h"

namespace cairn::text {
namespace {

using Json = nlohmann::json;

const Json& dumped() {
  static const Json all = [] {
    const auto bytes =
        io::read_maybe_gzip(CAIRN_SOURCE_DIR "/tests/text/data/sentencepiece.json.gz", 16 << 20);
    return Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }();
  return all;
}
std::string model_of(const Json& c) {
  return io::from_base64(c["model"].get<std::string>()).value();
}

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}

// The sanitizers know no library whose symbols come before the program's (base/library.h).
class Sentencepiece : public testing::Test {
 protected:
  void SetUp() override {
#ifdef CAIRN_SANITIZED
    GTEST_SKIP() << "a sanitizer refuses to open the library";
#endif
  }
};

std::string precompiled(const std::string& table) {
  return R"({"type":"Precompiled","precompiled_charsmap":")" + table + "\"}";
}
std::string normalized(const std::string& table, std::string_view text) {
  const Json part = Json::parse(precompiled(table));
  Normalized n(text);
  make_normalizer({part, "'t.json'"})(n);
  return n.text();
}

// A table of one rule, "a" becomes "bc", put together by hand.
std::string one_rule() {
  std::vector<uint32_t> units(256, 0);
  units[0] = 1u << 10;                        // children at 0 ^ 1
  units[1 ^ 'a'] = 'a' | 1u << 8 | 2u << 10;  // a key ends; its value is at (1 ^ 'a') ^ 2
  units[1 ^ 'a' ^ 2] = 1u << 31 | 0;          // at the beginning of the texts
  const auto size = static_cast<uint32_t>(units.size() * sizeof(uint32_t));
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes.append(reinterpret_cast<const char*>(units.data()), size);
  return bytes.append("bc\0", 3);
}

}  // namespace

TEST_F(Sentencepiece, NumbersOffsetsAndTextsAreThePythonPackages) {
  const auto lines = dumped()["lines"].get<std::vector<std::string>>();
  const TemporaryFolder folder;
  ASSERT_EQ(dumped()["cases"].size(), 3u);
  for (const Json& c : dumped()["cases"]) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const std::string path = folder.path() + "/tokenizer.model";
    io::write_file_atomically(path, model_of(c));
    const auto opened = SubwordTokenizer::open(path);
    EXPECT_EQ(opened->kind(), "SentencePiece");
    EXPECT_TRUE(opened->is_special(opened->find("</s>").value()));
    const SubwordTokenizer again(opened->to_json(), "again");  // as a run keeps it
    for (size_t i = 0; i < lines.size(); ++i) {
      const Encoding e = again.encode(lines[i], "line", {});
      EXPECT_EQ(Json(e.ids), c["encoded"][i][0]) << lines[i];
      Json offsets = Json::array();
      for (const Span& s : e.offsets) offsets.push_back(s.begin), offsets.push_back(s.end);
      EXPECT_EQ(offsets, c["encoded"][i][1]) << lines[i];
      EXPECT_EQ(again.decode(e.ids), c["decoded"][i].get<std::string>());
    }
  }
}

TEST_F(Sentencepiece, WhatIsNoModelIsToldByItsName) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/cut.model";
  const std::string whole = model_of(dumped()["cases"][0]);
  for (const size_t size : {size_t{1}, size_t{7}, whole.size() / 2}) {
    io::write_file_atomically(path, whole.substr(0, size));
    const std::string error = error_of([&] { SubwordTokenizer::open(path); });
    EXPECT_NE(error.find("cut.model"), error.npos) << error;
    EXPECT_NE(error.find("sentencepiece"), error.npos) << error;
  }
  EXPECT_NE(error_of([] {
              SubwordTokenizer(R"({"model":{"type":"SentencePiece","model":"?"}})", "t.json");
            }).find("is no base64"),
            std::string::npos);
}

TEST(Precompiled, DoesWhatSentencepieceDoes) {
  const std::string table = dumped()["charsmap"];
  const auto lines = dumped()["lines"].get<std::vector<std::string>>();
  for (size_t i = 0; i < lines.size(); ++i)
    EXPECT_EQ(normalized(table, lines[i]), dumped()["normalized"][i].get<std::string>())
        << lines[i];
}

// Marks that no rule names stay (tokenizers 0.23 loses them in clusters of fewer than six bytes).
TEST(Precompiled, TakesTheLongestRuleAndKeepsWhatNoneNames) {
  const std::string table = dumped()["charsmap"];
  EXPECT_EQ(normalized(table, "e\u0301\u0302"), "\u1ebf");
  EXPECT_EQ(normalized(table, "e\u0301\u0300"), "\u00e9\u0300");
  EXPECT_EQ(normalized(table, "e\u0300"), "e\u0300");
  EXPECT_EQ(normalized(table, "\u2167"), "VIII");
  EXPECT_EQ(normalized(table, "\u00ad"), "");
}

TEST(Precompiled, OffsetsLeadToWhatARuleReplaced) {
  const Json part = Json::parse(precompiled(io::to_base64(one_rule())));
  Normalized n("xay");
  make_normalizer({part, "'t.json'"})(n);
  ASSERT_EQ(n.text(), "xbcy");
  EXPECT_EQ(n.original(1, 3), (Span{1, 2}));
  EXPECT_EQ(n.original(3, 4), (Span{2, 3}));
}

TEST(Precompiled, RefusesWhatIsNoTable) {
  const std::string table = one_rule();
  const auto error = [](const std::string& bytes) {
    return error_of([&] { normalized(io::to_base64(bytes), "a"); });
  };
  for (const std::string& bytes :
       {table.substr(0, 3), table.substr(0, 400), table.substr(0, table.size() - 1),
        std::string(8, '\xff'), std::string(8, '\0')})
    EXPECT_NE(error(bytes).find("t.json"), std::string::npos) << bytes.size();
  EXPECT_NE(error_of([] { normalized("!", "a"); }).find("is no base64"), std::string::npos);
  // Indices that lead out of the table find nothing.
  std::string wild = table;
  for (size_t i = 4; i < 4 + 1024; ++i) wild[i] = static_cast<char>(0xff - i % 7);
  EXPECT_EQ(normalized(io::to_base64(wild), "abc\u00e9"), "abc\u00e9");
}

}  // namespace cairn::text
