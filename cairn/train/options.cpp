#include "cairn/train/options.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <type_traits>

#include "cairn/base/close_name.h"
#include "cairn/io/json.h"

namespace cairn::train {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
inline constexpr bool kIsNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
template <class T>
struct ListOf {
  using Entry = void;
};
template <class T>
struct ListOf<std::vector<T>> {
  using Entry = T;
};

// "from 1 to 9", "above 0 and at most 1", "above 0", "of at least 0"; "" when anything goes.
std::string described(const Range& r) {
  const auto shown = [](double v) { return fmt::format("{}", v); };
  if (std::isfinite(r.least) && std::isfinite(r.most))
    return fmt::format("{} {} {} {}", r.above ? "above" : "from", shown(r.least),
                       r.above ? "and at most" : "to", shown(r.most));
  if (std::isfinite(r.least)) return (r.above ? "above " : "of at least ") + shown(r.least);
  return std::isfinite(r.most) ? "of at most " + shown(r.most) : "";
}

template <class T>
std::string out_of_range(const T& value, const Range& r) {
  return fmt::format("{} is out of range; give a {} {}", value,
                     std::is_floating_point_v<T> ? "finite number" : "whole number", described(r));
}

bool holds(const Range& r, double v) {
  return std::isfinite(v) && v <= r.most && (r.above ? v > r.least : v >= r.least);
}

template <class T>
T number_from(const std::string& text, const Range& r) {
  char* end = nullptr;
  errno = 0;
  if constexpr (std::is_floating_point_v<T>) {
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end) throw std::invalid_argument(fmt::format("'{}' is no number", text));
    return value;
  } else {
    const long long value = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end)
      throw std::invalid_argument(fmt::format("'{}' is no whole number", text));
    if (errno == ERANGE || (std::is_unsigned_v<T> && value < 0))
      throw std::invalid_argument(
          fmt::format("{} is out of range; give a whole number {}", text, described(r)));
    return static_cast<T>(value);
  }
}

template <class T>
T text_to(const std::string& text, const Range& r) {
  if constexpr (kIsNumber<T>) {
    return number_from<T>(text, r);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (text != "true" && text != "false")
      throw std::invalid_argument(fmt::format("'{}' is neither true nor false", text));
    return text == "true";
  } else if constexpr (std::is_same_v<T, Json>) {
    return io::parse_json(text, "it");
  } else {
    return T(text);
  }
}

// `value` when it is of the type; throws what it is instead.
template <class T>
T json_to(const Json& value) {
  const auto expect = [&](bool right, const char* wanted) {
    if (!right) throw std::invalid_argument(fmt::format("{} is {}", io::dump_json(value), wanted));
  };
  using Entry = typename ListOf<T>::Entry;
  if constexpr (std::is_same_v<T, bool>) expect(value.is_boolean(), "neither true nor false");
  else if constexpr (std::is_floating_point_v<T>) expect(value.is_number(), "no number");
  else if constexpr (std::is_unsigned_v<T>)
    expect(value.is_number_unsigned(), "no whole number of at least 0");
  else if constexpr (std::is_integral_v<T>) expect(value.is_number_integer(), "no whole number");
  else if constexpr (std::is_same_v<T, std::string>) expect(value.is_string(), "no text");
  else if constexpr (!std::is_void_v<Entry>) {
    expect(value.is_array(), "no list");
    T list;
    for (const Json& entry : value) list.push_back(json_to<Entry>(entry));
    return list;
  }
  if constexpr (std::is_void_v<Entry>) return value.get<T>();
}

[[noreturn]] void fail_at(const std::string& file, const std::string& key,
                          const std::string& reason) {
  fail("'{}': {}: {}", file, key, reason);
}

// What a configuration holds beside options. "characters": runs of before counted tokens there.
bool is_of_the_file(const std::string& key) {
  return key == "task" || key == "format" || key == "threads" || key == "quantization" ||
         key == "folder" || key == "characters";
}

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Bytes of a path that are no UTF-8 stand as \xHH in JSON.
std::string with_bytes(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string digits = text.substr(at, 2) == "\\x" ? text.substr(at + 2, 2) : "";
    const bool is_byte = digits.size() == 2 &&
                         std::isxdigit(static_cast<unsigned char>(digits[0])) &&
                         std::isxdigit(static_cast<unsigned char>(digits[1]));
    out += is_byte ? static_cast<char>(std::stoi(digits, nullptr, 16)) : text[at];
    at += is_byte ? 3 : 0;
  }
  return out;
}

// A configuration's paths hold in the folder where it was made, which need not be the current one.
Json seen_from_here(const std::string& key, const Json& value, const Json& config) {
  if ((key != "data" && key != "init") || !value.is_string()) return value;
  const auto path = value.get<std::string>();
  const auto folder = config.contains("folder") ? config["folder"].get<std::string>() : "";
  std::error_code ignored;
  const bool is_here = folder.empty() || folder == std::filesystem::current_path(ignored).string();
  for (const std::string& at : {path, with_bytes(path)}) {
    if (at.empty() || at.starts_with('/') || is_here) {
      if (is_there(at)) return at;
    } else if (is_there(folder + "/" + at)) {
      return folder + "/" + at;
    }
  }
  return value;
}

bool is_same_place(const Json& a, const Json& b) {
  std::error_code ignored;
  return a.is_string() && b.is_string() &&
         std::filesystem::equivalent(a.get<std::string>(), b.get<std::string>(), ignored);
}

void check_format(const Json& config, const std::string& file) {
  check(config.is_object(), "'{}' is no JSON object of options", file);
  if (const auto folder = config.find("folder"); folder != config.end() && !folder->is_string())
    fail_at(file, "folder", "is no text");
  const auto format = config.find("format");
  if (format == config.end()) return;
  if (!format->is_number_integer()) fail_at(file, "format", "is no whole number");
  if (format->get<int64_t>() > kConfigFormat)
    fail_at(file, "format",
            fmt::format("is {}, written by a newer Cairn; this one reads up to {}",
                        format->get<int64_t>(), kConfigFormat));
}

std::string unknown_key(const std::string& key, const std::vector<const AnyOption*>& options) {
  std::vector<std::string> names;
  for (const AnyOption* o : options) names.emplace_back(o->name());
  const std::string near = close_name(key, names);
  return "no such option" + (near.empty() ? "" : fmt::format("; did you mean {}?", near));
}

// Versions before "format" wrote 0 where nothing was chosen.
bool was_not_chosen(const Json& config, const std::string& key, const Json& value) {
  if (value.is_null()) return true;
  return !config.contains("format") && value == 0 && (key == "save_every" || key == "image_size");
}

void read_key(AnyOption& option, const Json& value, const std::string& file) {
  try {
    option.read(value);
  } catch (const InvalidOption& e) { fail_at(file, option.name(), e.reason()); }
}

}  // namespace

// For the help.
template <class T>
std::string shown(const T& value) {
  if constexpr (std::is_void_v<typename ListOf<T>::Entry>) {
    if constexpr (std::is_same_v<T, Json>) return value.dump();
    else return fmt::format("{}", value);
  } else {
    std::string text;
    for (const auto& entry : value) text += (text.empty() ? "" : " ") + shown(entry);
    return text;
  }
}

template <class T>
const T* ByModel<T>::of(const std::string& model) const {
  for (const auto& [name, value] : entries)
    if (name.empty() || name == model) return &value;
  return nullptr;
}

template <class T>
std::string ByModel<T>::words() const {
  std::string text;
  for (const auto& [name, value] : entries) {
    const std::string of = !name.empty() ? name + " " : entries.size() > 1 ? "others " : "";
    text += (text.empty() ? "" : ", ") + of + shown(value);
  }
  return text;
}

Range whole(int64_t least, int64_t most) {
  return {static_cast<double>(least), most == INT64_MAX ? kInfinity : static_cast<double>(most)};
}
Range positive() { return {.least = 0, .above = true}; }
Range between(double least, double most) { return {least, most}; }
Range two_between(double least, double most) { return {least, most, false, {}, 2}; }
Range one_of(std::vector<std::string> names) { return {.names = std::move(names)}; }

AnyOption::AnyOption(OptionSet* set, const char* name, std::string open, Range range,
                     const char* help, Use use)
    : name_(name),
      help_(help),
      open_(std::move(open)),
      range_(std::move(range)),
      use_(use),
      state_(open_.empty() ? State::standard : State::open) {
  set->places_.push_back(
      {reinterpret_cast<const char*>(this) - reinterpret_cast<const char*>(set), ""});
}

std::string AnyOption::flag() const {
  std::string flag = name_;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return use_ == Use::positional ? flag : "--" + flag;
}

// Lists as they are given: "64 64".
std::string AnyOption::standard() const {
  if (is_open() || !open_.empty()) return open_;
  const Json v = value();
  if (!v.is_array()) return v.is_string() ? v.get<std::string>() : v.dump();
  std::string text;
  for (const Json& entry : v)
    text +=
        (text.empty() ? "" : " ") + (entry.is_string() ? entry.get<std::string>() : entry.dump());
  return text;
}

namespace {
std::string listed(const std::vector<std::string>& names, const char* last) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 < names.size() ? ", " : last) + names[i];
  return text;
}
}  // namespace

std::string AnyOption::explained() const {
  std::string text = help_;
  if (range_.names.size() > 1) text += ": " + listed(range_.names, " or ");
  if (!models_.empty()) text += fmt::format(" ({} only)", listed(models_, " and "));
  return text;
}

void AnyOption::only_with(std::initializer_list<const char*> models) {
  models_.assign(models.begin(), models.end());
}

void AnyOption::expect_to_count(const std::string& model) const {
  const bool counts = models_.empty() || model.empty() ||
                      std::find(models_.begin(), models_.end(), model) != models_.end();
  require(counts || state_ != State::typed, "means nothing with model {}, only with {}", model,
          listed(models_, " or "));
}

void AnyOption::refuse(const std::string& reason) const { throw InvalidOption(name_, reason); }

void AnyOption::check() const {
  if (is_open()) return;
  check_range();
  const size_t wanted = range_.count, given = wanted > 0 ? value().size() : 0;
  require(given == wanted, "{} numbers; give {}", given, wanted);
}

template <class T>
void Option<T>::check_range() const {
  if constexpr (kIsNumber<T>) {
    if (!holds(range_, static_cast<double>(value_))) refuse(out_of_range(value_, range_));
  } else if constexpr (std::is_same_v<T, std::string>) {
    const auto& names = range_.names;
    if (!names.empty() && std::find(names.begin(), names.end(), value_) == names.end())
      refuse(no_such_name(value_, names));
  } else if constexpr (kIsNumber<typename ListOf<T>::Entry>) {
    for (const auto& v : value_)
      if (!holds(range_, static_cast<double>(v))) refuse(out_of_range(v, range_));
  }
}

template <class T>
void Option<T>::parse(const std::string& text) {
  try {
    if constexpr (std::is_void_v<typename ListOf<T>::Entry>) {
      value_ = text_to<T>(text, range_);
    } else {
      if (state_ != State::typed) value_.clear();
      value_.push_back(text_to<typename ListOf<T>::Entry>(text, range_));
    }
  } catch (const std::invalid_argument& e) { refuse(e.what()); }
  state_ = State::typed;
  check_range();
}

template <class T>
void Option<T>::read(const Json& value) {
  try {
    value_ = json_to<T>(value);
  } catch (const std::invalid_argument& e) { refuse(e.what()); }
  state_ = State::given;
  check_range();
}

template <class T>
bool Option<T>::is_switch() const {
  return std::is_same_v<T, bool>;
}
template <class T>
bool Option<T>::is_list() const {
  return !std::is_void_v<typename ListOf<T>::Entry>;
}

template <class T>
void Option<T>::fill_usual(const std::string& model) {
  const ByModel<T> by_model(usual_);
  if (const T* usual = by_model.of(model)) fill(*usual);
}
template <class T>
Json Option<T>::usual_of(const std::string& model) const {
  const ByModel<T> by_model(usual_);
  const T* usual = by_model.of(model);
  return usual ? Json(*usual) : Json();
}

template struct ByModel<bool>;
template struct ByModel<int64_t>;
template struct ByModel<double>;
template struct ByModel<std::string>;
template struct ByModel<std::vector<std::string>>;
template struct ByModel<std::vector<int64_t>>;
template struct ByModel<std::vector<double>>;

template class Option<bool>;
template class Option<int64_t>;
template class Option<uint64_t>;
template class Option<double>;
template class Option<std::string>;
template class Option<std::vector<std::string>>;
template class Option<std::vector<int64_t>>;
template class Option<std::vector<double>>;
template class Option<std::vector<float>>;
template class Option<Json>;

std::vector<OptionSet::Listed> OptionSet::all() {
  std::vector<Listed> listed;
  for (const Place& p : places_)
    listed.push_back(
        {reinterpret_cast<AnyOption*>(reinterpret_cast<char*>(this) + p.offset), p.group});
  // Base classes come first in memory: their groups go behind, the most general last.
  std::vector<Listed> ordered;
  for (auto end = listed.end(); end != listed.begin();) {
    auto begin = end - 1;
    while (begin != listed.begin() && std::string((begin - 1)->group) == begin->group) --begin;
    ordered.insert(ordered.end(), begin, end);
    end = begin;
  }
  return ordered;
}

std::vector<const AnyOption*> OptionSet::all() const {
  std::vector<const AnyOption*> options;
  for (const Listed& l : const_cast<OptionSet*>(this)->all()) options.push_back(l.option);
  return options;
}

AnyOption* OptionSet::find(const std::string& name) {
  for (const Listed& l : all())
    if (name == l.option->name()) return l.option;
  return nullptr;
}

void OptionSet::group(const char* name) {
  for (Place& p : places_)
    if (!*p.group) p.group = name;
}

void OptionSet::fill_usual(std::initializer_list<const AnyOption*> but) {
  const std::string model = chosen_model();
  for (const Listed& l : all())
    if (std::find(but.begin(), but.end(), l.option) == but.end()) l.option->fill_usual(model);
}

std::string OptionSet::chosen_model() const {
  for (const AnyOption* o : all())
    if (o->name() == std::string("model") && !o->is_open()) return o->value().get<std::string>();
  return "";
}

void OptionSet::validate() const {
  for (const AnyOption* o : all()) o->check();
}

void OptionSet::expect_all_to_count() const {
  const std::string model = chosen_model();
  for (const AnyOption* o : all()) o->expect_to_count(model);
}

Json OptionSet::to_json() const {
  Json config = Json::object();
  for (const AnyOption* o : all())
    if (o->stored() && !o->is_open()) config[o->name()] = o->value();
  return config;
}

void OptionSet::read_file(const Json& config, const std::string& file) {
  check_format(config, file);
  for (const auto& [key, value] : config.items()) {
    AnyOption* o = find(key);
    if (is_of_the_file(key)) continue;
    if (!o || !o->stored()) fail_at(file, key, unknown_key(key, std::as_const(*this).all()));
    if (o->use() == Use::fact || o->given() || was_not_chosen(config, key, value)) continue;
    read_key(*o, seen_from_here(key, value, config), file);
  }
}

std::vector<std::string> OptionSet::continue_from(const Json& config, const std::string& file) {
  check_format(config, file);
  std::vector<std::string> changed;
  for (const auto& [key, written] : config.items()) {
    const Json value = seen_from_here(key, written, config);
    AnyOption* o = find(key);
    if (is_of_the_file(key)) continue;
    if (!o || !o->stored()) fail_at(file, key, unknown_key(key, std::as_const(*this).all()));
    if (was_not_chosen(config, key, value)) continue;
    if (!o->given()) {
      read_key(*o, value, file);
    } else if (const Json wanted = o->value(); wanted != value && !is_same_place(wanted, value)) {
      if (o->use() != Use::changeable)
        throw InvalidOption(key, fmt::format("the run was started with {}, not {}; a resumed run "
                                             "keeps it: leave it out, or start a new run",
                                             io::dump_json(value), io::dump_json(wanted)));
      changed.push_back(key);
    }
  }
  for (const AnyOption* o : std::as_const(*this).all()) {
    if (!o->given() || config.contains(o->name())) continue;
    if (o->use() == Use::changeable) changed.emplace_back(o->name());
    if (o->use() == Use::choice)
      throw InvalidOption(o->name(),
                          "the run was started without it; a resumed run keeps that: "
                          "leave it out, or start a new run");
  }
  return changed;
}

void OptionSet::take_over(const Json& config, const std::string& file,
                          std::initializer_list<AnyOption*> which) {
  check_format(config, file);
  for (AnyOption* o : which) {
    const auto found = config.find(o->name());
    if (found == config.end() || found->is_null()) continue;
    if (!o->given()) read_key(*o, *found, file);
    else
      o->require(o->value() == *found,
                 "is {} in the run to begin with ('{}'), not {}: leave it out, or begin anew",
                 io::dump_json(*found), file, io::dump_json(o->value()));
  }
}

std::string data_of(const Json& config) {
  const auto it = config.find("data");
  if (it == config.end() || !it->is_string()) return "";
  return seen_from_here("data", *it, config).get<std::string>();
}

void OptionSet::read_run(const Json& config, const std::string& file) {
  continue_from(config, file);
}

}  // namespace cairn::train
