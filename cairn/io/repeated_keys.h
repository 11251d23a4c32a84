// A key that stands twice in one object of JSON: parsers keep one of the two without a word, and a
// setting, a token or a text is lost. Every reader of files that people write or edit refuses it.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cairn/base/error.h"

namespace cairn::io {

// To be called from the callback of nlohmann's parser, for every event.
class RepeatedKeys {
 public:
  explicit RepeatedKeys(std::string where) : where_(std::move(where)) {}
  // Throws Error that begins with `where`.
  template <class AnyJson>
  void see(nlohmann::json::parse_event_t event, const AnyJson& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end) open_.pop_back();
    if (event == Event::key) add(parsed.template get_ref<const std::string&>());
  }

 private:
  void add(const std::string& key);

  std::string where_;
  std::vector<std::unordered_set<std::string>> open_;  // keys of the objects around
};

}  // namespace cairn::io
