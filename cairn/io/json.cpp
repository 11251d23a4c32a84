#include "cairn/io/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cairn/base/json.h"
#include "cairn/base/error.h"
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

Json parse_json(std::string_view text, const std::string& where, int depth) {
  const auto shallow = [&](int at, Json::parse_event_t, const Json&) {
    check(at < depth, "{} is no JSON that is read here: nested too deeply", where);
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::parse_error& e) {
    fail("{} is no JSON: {}", where, place_of(text, e.byte > 0 ? e.byte - 1 : 0));
  } catch (const Json::exception&) { fail("{} is no JSON: a number is out of range", where); }
}

std::string dump_json(const Json& value, int indent) {
  try {
    return value.dump(indent);
  } catch (const Json::type_error&) { return with_utf8(value).dump(indent); }
}

}  // namespace cairn::io
