// JSON of files and of results: what a person is told of damaged JSON, and texts that are no UTF-8.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cairn::io {

// Throws Error that begins with `where` ("'config.json'") and says line and column. Values nested
// deeper than `depth` are refused before they can exhaust the stack.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& where, int depth = 512);

// In words where the text is no JSON, for those who parse it into another type: `byte` counts from
// 0.
std::string place_of(std::string_view text, size_t byte);

// As text; `indent` -1: in one line. JSON is UTF-8: bytes of a string that are not (names of files)
// are written as \xHH.
std::string dump_json(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace cairn::io
