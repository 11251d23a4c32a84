#include "cairn/io/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/io/utf8.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

using Json = nlohmann::ordered_json;

TEST(Json, DamageIsSaidInWordsOfItsPlace) {
  EXPECT_ERROR(parse_json("{\"a\": 1,\n \"b\": x}", "'f.json'"),
               "'f.json' is no JSON: line 2, column 7: 'x' is not expected here");
  EXPECT_ERROR(parse_json("{\"a\": ", "'f.json'"), "'f.json' is no JSON: it ends in the middle");
  EXPECT_ERROR(parse_json("", "'f.json'"), "it ends in the middle");
  EXPECT_ERROR(parse_json(std::string("{\"a\":\x1b}"), "'f.json'"), "'\\x1b' is not expected");
  EXPECT_ERROR(parse_json("[1e999]", "'f.json'"), "a number is out of range");
  EXPECT_ERROR(parse_json(std::string(100000, '['), "'f.json'"), "nested too deeply");
  for (const char* text : {"{", "[1,]", "{\"a\" 1}", "\xff", "nul", "[1e999]"})
    EXPECT_EQ(error_of([&] { parse_json(text, "'f'"); }).find("json.exception"), std::string::npos)
        << text;
}

TEST(Json, AKeyThatStandsTwiceIsRefused) {
  EXPECT_ERROR(parse_json(R"({"lr": 1, "a": {"b": 1}, "lr": 2})", "'f.json'"),
               "'f.json' has the key 'lr' twice in one object");
  EXPECT_ERROR(parse_json(R"([{"a": {"b": 1, "b": 1}}])", "'f.json'"), "the key 'b' twice");
  EXPECT_ERROR(parse_json("{\"a\\u001b\": 1, \"a\\u001b\": 2}", "'f.json'"), "'a\\x1b' twice");
  EXPECT_EQ(parse_json(R"({"a": {"a": 1}, "b": [{"a": 2}, {"a": 3}]})", "'f'")["b"][1]["a"], 3)
      << "in different objects";
}

TEST(Json, EntriesOfListsAreGivenOneByOneAndNotKept) {
  std::vector<std::string> seen;
  const auto take = [&](const std::string& list, size_t place, const Json& entry) {
    seen.push_back(list + std::to_string(place) + entry.dump());
  };
  const Json rest = parse_json_lists(
      R"({"a": [{"x": [{"deep": 1}]}, {"x": 2}], "n": 5, "b": [{}, 7], "o": {"k": {"y": 1}}})",
      "'f'", take);
  EXPECT_EQ(seen, (std::vector<std::string>{R"(a0{"x":[{"deep":1}]})", R"(a1{"x":2})", "b0{}"}));
  EXPECT_EQ(rest.dump(), R"({"a":[],"n":5,"b":[7],"o":{"k":{"y":1}}})");
  EXPECT_ERROR(parse_json_lists("{\"a\": [{\"x\": 1,}]}", "'f'", take),
               "'f' is no JSON: column 16");
}

TEST(Json, TextsThatAreNoUtf8AreWrittenAsEscapes) {
  EXPECT_EQ(dump_json({{"file", "caf\xe9.png"}}), "{\"file\":\"caf\\\\xe9.png\"}");
  EXPECT_EQ(dump_json({{"k\xff", Json::array({"a", "\x80", 1})}}),
            "{\"k\\\\xff\":[\"a\",\"\\\\x80\",1]}");
  EXPECT_EQ(dump_json({{"file", "café"}}), "{\"file\":\"café\"}");
}

TEST(Utf8, WhatATerminalMayGet) {
  EXPECT_EQ(printable("a\nb\t\x1b[31m\x7f"), "a\\nb\\t\\x1b[31m\\x7f");
  EXPECT_EQ(printable("caf\xe9 café"), "caf\\xe9 café");
  EXPECT_EQ(printable(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"), "\\x9b") << "C1 controls steer terminals, too";
  EXPECT_EQ(with_control_pictures(std::string("a\0b\x1b\n\tc", 7)), "a␀b␛\n\tc");
  EXPECT_EQ(valid_utf8("\xe2\x82"), "\\xe2\\x82");
}

}  // namespace
}  // namespace cairn::io
