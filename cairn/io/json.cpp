#include "cairn/io/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/base/json.h"
#include "cairn/io/repeated_keys.h"
#include "cairn/io/utf8.h"

namespace cairn::io {
namespace {

Json with_utf8(const Json& value) {
  if (value.is_string()) return valid_utf8(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value;
  Json copy = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, entry] : value.items()) {
    if (value.is_array()) copy.push_back(with_utf8(entry));
    else copy[valid_utf8(key)] = with_utf8(entry);
  }
  return copy;
}

}  // namespace

std::string place_of(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const size_t begin = before.rfind('\n') + 1;  // npos + 1: 0
  std::string place;
  if (text.find('\n') != text.npos)
    place = fmt::format("line {}, ", 1 + std::count(before.begin(), before.end(), '\n'));
  if (byte >= text.size()) return place + "it ends in the middle";
  return fmt::format("{}column {}: '{}' is not expected here", place, before.size() - begin + 1,
                     printable(text.substr(before.size(), 1)));
}

void RepeatedKeys::add(const std::string& key) {
  check(open_.back().insert(key).second,
        "{} has the key '{}' twice in one object: only one of the two would count; remove one",
        where_, printable(key));
}

namespace {

// `see` gets every event of the parser; false: the value is not kept.
template <class See>
Json parse(std::string_view text, const std::string& where, int deepest, const See& see) {
  RepeatedKeys keys(where);
  const auto guarded = [&](int depth, Json::parse_event_t event, Json& parsed) {
    check(depth < deepest, "{} is no JSON that is read here: nested too deeply", where);
    keys.see(event, parsed);
    return see(depth, event, parsed);
  };
  try {
    return Json::parse(text, guarded);
  } catch (const Json::parse_error& e) {
    fail("{} is no JSON: {}", where, place_of(text, e.byte > 0 ? e.byte - 1 : 0));
  } catch (const Json::exception&) { fail("{} is no JSON: a number is out of range", where); }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, int depth) {
  return parse(text, where, depth, [](int, Json::parse_event_t, Json&) { return true; });
}

Json parse_json_lists(std::string_view text, const std::string& where, const TakeEntry& take) {
  using Event = Json::parse_event_t;
  constexpr int kDeepest = 512;
  std::string key;
  bool in_list = false;
  size_t place = 0;
  return parse(text, where, kDeepest, [&](int depth, Event event, Json& parsed) {
    if (depth == 1 && event == Event::key) key = parsed.get<std::string>();
    if (depth == 1 && event == Event::array_start) in_list = true, place = 0;
    if (depth == 1 && event == Event::array_end) in_list = false;
    const bool is_entry = in_list && depth == 2 && event == Event::object_end;
    if (is_entry) take(key, place++, parsed);
    return !is_entry;
  });
}

std::string dump_json(const Json& value, int indent) {
  try {
    return value.dump(indent);
  } catch (const Json::type_error&) { return with_utf8(value).dump(indent); }
}

}  // namespace cairn::io
