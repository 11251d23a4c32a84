// JSON of files and of results: what a person is told of damaged JSON, and texts that are no UTF-8.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cairn::io {

// Throws Error that begins with `where` ("'config.json'") and says line and column; also for a key
// that stands twice in an object. Values nested deeper than `depth` are refused before they can
// exhaust the stack.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& where, int depth = 512);

// The same for an object of long lists: `take` gets every object that is an entry of one of its
// lists, with the list's key and the entry's number, and it is not kept. Returns what remains: the
// lists, empty, and all else.
using TakeEntry =
    std::function<void(const std::string& list, size_t place, nlohmann::ordered_json& entry)>;
nlohmann::ordered_json parse_json_lists(std::string_view text, const std::string& where,
                                        const TakeEntry& take);

// In words where the text is no JSON, for those who parse it into another type: `byte` counts from
// 0.
std::string place_of(std::string_view text, size_t byte);

// As text; `indent` -1: in one line. JSON is UTF-8: bytes of a string that are not (names of files)
// are written as \xHH.
std::string dump_json(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace cairn::io
