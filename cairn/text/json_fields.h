// Reads the fields of a JSON file that nobody vouches for: errors name the file and the place.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "cairn/base/error.h"

namespace cairn::text {

class Fields {
 public:
  using Json = nlohmann::json;
  // `where`: the file and the place in it, for errors.
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    check(object_.is_object(), "{}: an object {{...}} is wanted, not {}", where_,
          object_.type_name());
  }
  const std::string& where() const { return where_; }
  const Json& json() const { return object_; }
  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }

  const Json& at(const char* key) const {
    check(has(key), "{}: \"{}\" is missing", where_, key);
    return object_[key];
  }
  Fields object(const char* key) const { return {at(key), path(key)}; }
  const Json& list(const char* key) const {
    const Json& value = at(key);
    check(value.is_array(), "{}: a list is wanted, not {}", path(key), value.type_name());
    return value;
  }
  std::string text(const char* key) const {
    const Json& value = at(key);
    check(value.is_string(), "{}: a text is wanted, not {}", path(key), value.type_name());
    return value.get<std::string>();
  }
  std::string text(const char* key, std::string standard) const {
    return has(key) ? text(key) : standard;
  }
  bool flag(const char* key, bool standard) const {
    if (!has(key)) return standard;
    check(object_[key].is_boolean(), "{}: true or false is wanted", path(key));
    return object_[key].get<bool>();
  }
  int64_t whole(const char* key, int64_t least, int64_t most) const {
    const Json& value = at(key);
    check(value.is_number_integer() && value.get<double>() >= static_cast<double>(least) &&
              value.get<double>() <= static_cast<double>(most),
          "{}: a whole number between {} and {} is wanted, not {}", path(key), least, most,
          value.dump());
    return value.get<int64_t>();
  }
  std::string path(const char* key) const { return where_ + ", \"" + key + "\""; }

 private:
  const Json& object_;
  std::string where_;
};

}  // namespace cairn::text
