#include "cairn/ops/attrs.h"

#include <bit>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/base/hash.h"

namespace cairn {
namespace {

bool same(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* text = std::get_if<const char*>(&a))
    return std::strcmp(*text, std::get<const char*>(b)) == 0;
  return a == b;
}

struct HashVisitor {
  uint64_t seed;
  uint64_t operator()(int64_t v) const { return hash_mix(seed, static_cast<uint64_t>(v)); }
  uint64_t operator()(double v) const { return hash_mix(seed, std::bit_cast<uint64_t>(v)); }
  uint64_t operator()(const Ints& v) const {
    uint64_t h = hash_mix(seed, v.size());
    for (int64_t i : v) h = hash_mix(h, static_cast<uint64_t>(i));
    return h;
  }
  uint64_t operator()(const char* v) const {
    uint64_t h = seed;
    for (; *v; ++v) h = hash_mix(h, static_cast<uint64_t>(*v));
    return h;
  }
};

template <class T>
const T& get(const AttrValue& value, const char* name) {
  if (const T* v = std::get_if<T>(&value)) return *v;
  fail("attribute '{}' has another type than asked for", name);
}

}  // namespace

const AttrValue* Attrs::find(const char* name) const {
  for (const Entry& e : entries_)
    if (e.name == name || std::strcmp(e.name, name) == 0) return &e.value;
  return nullptr;
}

const AttrValue& Attrs::at(const char* name) const {
  if (const AttrValue* v = find(name)) return *v;
  fail("no attribute '{}' among: {}", name, to_string(*this));
}

int64_t Attrs::integer(const char* name) const { return get<int64_t>(at(name), name); }
double Attrs::number(const char* name) const { return get<double>(at(name), name); }
const Ints& Attrs::ints(const char* name) const { return get<Ints>(at(name), name); }
const char* Attrs::text(const char* name) const { return get<const char*>(at(name), name); }
int64_t Attrs::integer_or(const char* name, int64_t otherwise) const {
  return has(name) ? integer(name) : otherwise;
}
double Attrs::number_or(const char* name, double otherwise) const {
  return has(name) ? number(name) : otherwise;
}

void Attrs::set(const char* name, AttrValue value) {
  for (Entry& e : entries_)
    if (std::strcmp(e.name, name) == 0) return void(e.value = std::move(value));
  entries_.push_back({name, std::move(value)});
}

uint64_t Attrs::hash(uint64_t seed) const {
  for (const Entry& e : entries_) seed = std::visit(HashVisitor{seed}, e.value);
  return seed;
}

bool operator==(const Attrs& a, const Attrs& b) {
  if (a.entries_.size() != b.entries_.size()) return false;
  for (size_t i = 0; i < a.entries_.size(); ++i)
    if (std::strcmp(a.entries_[i].name, b.entries_[i].name) != 0 ||
        !same(a.entries_[i].value, b.entries_[i].value))
      return false;
  return true;
}

std::string to_string(const Attrs& attrs) {
  std::string text;
  for (const auto& [name, value] : attrs.entries()) {
    if (!text.empty()) text += " ";
    text += std::string(name) + "=";
    if (const auto* i = std::get_if<int64_t>(&value)) text += std::to_string(*i);
    if (const auto* d = std::get_if<double>(&value)) text += fmt::format("{:g}", *d);
    if (const auto* v = std::get_if<Ints>(&value)) text += to_string(*v);
    if (const auto* s = std::get_if<const char*>(&value)) text += *s;
  }
  return text;
}

}  // namespace cairn
