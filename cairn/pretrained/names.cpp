#include "cairn/pretrained/names.h"

#include <algorithm>
#include <optional>

#include "cairn/ops/functions.h"

namespace cairn::pretrained {
namespace {

// What '*' stands for where `text` is like the pattern; "" without one.
std::optional<std::string> matched(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text ? std::optional(std::string()) : std::nullopt;
  const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  if (text.size() <= head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail))
    return std::nullopt;
  const std::string_view middle = text.substr(head.size(), text.size() - head.size() - tail.size());
  if (middle.find_first_not_of("0123456789") != middle.npos) return std::nullopt;
  return std::string(middle);
}

std::string filled(std::string pattern, const std::string& number) {
  const size_t star = pattern.find('*');
  return star == pattern.npos ? pattern : pattern.replace(star, 1, number);
}

void add_places(std::span<const Name> rows, const std::string& own, bool below_prefix,
                std::vector<Place>& places) {
  const size_t dot = own.rfind('.');
  const std::string module = own.substr(0, dot), leaf = dot == own.npos ? "" : own.substr(dot);
  for (const Name& row : rows) {
    if (const auto number = matched(row.ours, own))
      places.push_back({filled(row.theirs, *number), below_prefix, row.part, row.lie});
    else if (const auto number = matched(row.ours, module))
      places.push_back({filled(row.theirs, *number) + leaf, below_prefix, row.part, row.lie});
  }
}

// [3 * heads * d, ...], by head and then by kind, or by kind and then by head.
Tensor swapped(const Tensor& x, const Shape& outer) {
  Shape parts = outer;
  for (int i = 1; i < x.rank(); ++i) parts.push_back(x.size(i));
  return reshape(transpose(reshape(x, parts), 0, 1), x.shape());
}

Tensor laid(const Tensor& x, Lie lie, const Spec& s, bool back) {
  switch (lie) {
    case Lie::plain: return x;
    case Lie::transposed: return x.rank() == 2 ? contiguous(transpose(x, 0, 1)) : x;
    case Lie::by_head:
      if (x.rank() < 1 || x.size(0) != 3 * s.heads * s.head_width) return x;
      return swapped(x, back ? Shape{3, s.heads, s.head_width} : Shape{s.heads, 3, s.head_width});
    case Lie::row:
      if (back) return unsqueeze(x, 0);
      return x.rank() == 2 && x.size(0) == 1 ? reshape(x, {x.size(1)}) : x;
  }
  return x;
}

}  // namespace

std::vector<Place> places_of(const Family& family, const std::string& own) {
  std::vector<Place> places;
  add_places(family.names, own, true, places);
  add_places(family.head_names, own, false, places);
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.part < b.part; });
  return places;
}

Tensor laid_out(const Tensor& theirs, Lie lie, const Spec& spec) {
  return laid(theirs, lie, spec, false);
}
Tensor laid_back(const Tensor& own, Lie lie, const Spec& spec) {
  return laid(own, lie, spec, true);
}

}  // namespace cairn::pretrained
