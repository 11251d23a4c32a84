// Attributes of an op: plain data under names, comparable, hashable and printable.
#pragma once
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "cairn/tensor/shape.h"

namespace cairn {

// Strings are names from the code ("bilinear"), never user text; they are compared by content.
using AttrValue = std::variant<int64_t, double, Ints, const char*>;

class Attrs {
 public:
  struct Entry {
    const char* name;  // a string literal
    AttrValue value;
  };
  Attrs() = default;
  Attrs(std::initializer_list<Entry> entries) : entries_(entries) {}

  bool has(const char* name) const { return find(name) != nullptr; }
  int64_t integer(const char* name) const;  // these throw Error when the name or its type is wrong
  double number(const char* name) const;
  const Ints& ints(const char* name) const;
  const char* text(const char* name) const;
  int64_t integer_or(const char* name, int64_t otherwise) const;
  double number_or(const char* name, double otherwise) const;
  void set(const char* name, AttrValue value);

  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  uint64_t hash(uint64_t seed) const;
  friend bool operator==(const Attrs& a, const Attrs& b);

 private:
  const AttrValue* find(const char* name) const;
  const AttrValue& at(const char* name) const;
  std::vector<Entry> entries_;
};

std::string to_string(const Attrs& attrs);  // "stride=[2, 2] groups=1"

}  // namespace cairn
