// argsort of floats, and the first of an order (topk): each element becomes one number that holds
// its rank and its place, so that equals keep their order and no comparison looks an element up.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/rows/rows.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

using Key = uint64_t;  // rank in the upper half, place in the lower

// Rises with the value; NaN is the largest, the two zeros are equal.
uint32_t rank_of(float value) {
  if (value != value) return UINT32_MAX;
  const uint32_t bits = std::bit_cast<uint32_t>(value + 0.0f);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// By rank, a digit of 8 bits after the other, the lowest first (LSD radix sort). Keys of one rank
// stay as they come: in the order of their places.
void sort_by_digits(Key* keys, Key* other, int64_t count) {
  constexpr int kDigits = 4, kValues = 256;
  std::array<std::array<uint32_t, kValues>, kDigits> places{};
  for (int64_t i = 0; i < count; ++i)
    for (int d = 0; d < kDigits; ++d) ++places[d][keys[i] >> (32 + 8 * d) & 0xFF];
  Key *from = keys, *to = other;
  for (int d = 0; d < kDigits; ++d) {
    auto& place = places[d];
    if (place[from[0] >> (32 + 8 * d) & 0xFF] == count) continue;  // all have this digit
    uint32_t before = 0;
    for (uint32_t& p : place) before += std::exchange(p, before);
    for (int64_t i = 0; i < count; ++i) to[place[from[i] >> (32 + 8 * d) & 0xFF]++] = from[i];
    std::swap(from, to);
  }
  if (from != keys) std::copy_n(from, count, keys);
}

// `keys` come in the order of their places.
void sort_keys(Key* keys, Key* other, int64_t count) {
  constexpr int64_t kFew = 160;  // from there on digits are quicker (measured)
  if (count < kFew) std::sort(keys, keys + count);
  else sort_by_digits(keys, other, count);
}

// Keeps the `count` smallest of `size` keys, in the order in which they come. How many there are of
// each beginning of a rank says among which few the last of them is.
void keep_smallest(Key* keys, Key* other, int64_t size, int64_t count) {
  constexpr int kShift = 53, kBeginnings = 1 << (64 - kShift);
  std::array<uint32_t, kBeginnings> counts{};
  for (int64_t i = 0; i < size; ++i) ++counts[keys[i] >> kShift];
  int64_t below = 0;
  Key beginning = 0;
  while (below + counts[beginning] < count) below += counts[beginning++];
  Key* end = other;
  for (int64_t i = 0; i < size; ++i)
    if (keys[i] >> kShift == beginning) *end++ = keys[i];
  Key* last = other + (count - below - 1);
  std::nth_element(other, last, end);
  const Key bound = *last;
  Key* kept = keys;
  for (int64_t i = 0; i < size; ++i) {
    *kept = keys[i];
    kept += keys[i] <= bound;
  }
}

class ArgsortPlan : public Plan {
 public:
  explicit ArgsortPlan(const OpCall& call) {
    const int64_t axis = call.attrs->integer("axis");
    size_ = call.shape()[axis], count_ = call.attrs->integer("count");
    descending_ = call.attrs->integer("descending") != 0;
    for (int d = 0; d < call.rank(); ++d)
      (d < axis ? outer_ : inner_) *= d == axis ? 1 : call.shape()[d];
    constexpr int64_t kWorthAThread = 4 << 10;  // elements: some 10 us
    parts_ = static_cast<int>(
        std::min<int64_t>(threads_for(outer_ * inner_ * size_, kWorthAThread), outer_ * inner_));
    parts_ = std::max(1, parts_);
    workspace_bytes = 2 * sizeof(Key) * static_cast<size_t>(size_ * parts_);
  }
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<int64_t*>(args.outputs[0]);
    auto* keys = static_cast<Key*>(args.workspace);
    const int64_t lines = outer_ * inner_;
    parallel_region(
        [&](int part, int parts) {
          for (int64_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i) {
            const int64_t o = i / inner_, n = i % inner_;
            line(x + o * size_ * inner_ + n, keys + 2 * part * size_, y + o * count_ * inner_ + n);
          }
        },
        parts_);
  }

 private:
  Key key(const float* x, int64_t k) const {
    const uint32_t rank = rank_of(x[k * inner_]);
    return Key{descending_ ? ~rank : rank} << 32 | static_cast<Key>(k);
  }
  void line(const float* x, Key* keys, int64_t* y) const {
    if (count_ == 0) return;
    if (64 * count_ < size_) find_few(x, keys);
    else {
      for (int64_t k = 0; k < size_; ++k) keys[k] = key(x, k);
      if (count_ < size_) keep_smallest(keys, keys + size_, size_, count_);
      sort_keys(keys, keys + size_, count_);
    }
    for (int64_t k = 0; k < count_; ++k) y[k * inner_] = static_cast<int64_t>(keys[k] & UINT32_MAX);
  }

  // Few of many: those better than a bound, which tightens whenever twice as many as are wanted
  // have gathered.
  void find_few(const float* x, Key* keys) const {
    Key *end = keys, *full = keys + 2 * count_;
    float bound = NAN;
    bool bounded = false;
    const auto take = [&](int64_t k) {
      *end++ = key(x, k);
      if (end < full) return;
      end = keys + count_;
      std::nth_element(keys, end - 1, full);
      bound = x[static_cast<int64_t>(end[-1] & UINT32_MAX) * inner_], bounded = true;
    };
    int64_t k = 0;
    if (const float early = early_bound(x); std::isfinite(early)) bound = early, bounded = true;
    while (k < size_ && !bounded) take(k++);
    // Of equals the earlier is the better, and has been.
    for (k = next_better(x, k, bound); k < size_; k = next_better(x, k + 1, bound)) take(k);
    std::nth_element(keys, keys + count_ - 1, end);
    std::sort(keys, keys + count_);
  }
  // So many of as many groups have a number above it: a bound that hardly more than are wanted
  // pass. Not finite: it is not known.
  float early_bound(const float* x) const {
    if (!descending_ || inner_ != 1 || count_ > rows::kGroups / 2) return NAN;
    std::array<float, rows::kGroups> largest;
    rows::largest_of_groups(x, size_, largest.data());
    for (const float v : largest)
      if (v != v) return NAN;
    std::nth_element(largest.begin(), largest.begin() + (count_ - 1), largest.end(),
                     std::greater<>());
    return std::nextafter(largest[static_cast<size_t>(count_ - 1)], -INFINITY);
  }
  // NaN is the largest.
  bool is_better(float value, float bound) const {
    if (descending_) return value > bound || (value != value && bound == bound);
    return value < bound || (bound != bound && value == value);
  }
  int64_t next_better(const float* x, int64_t from, float bound) const {
    if (inner_ == 1 && bound == bound)
      return descending_ ? rows::first_above(x, from, size_, bound)
                         : rows::first_below(x, from, size_, bound);
    while (from < size_ && !is_better(x[from * inner_], bound)) ++from;
    return from;
  }

  int64_t outer_ = 1, size_, inner_ = 1, count_;
  bool descending_;
  int parts_;
};

bool supports(const OpCall& call) {
  return is_op(call, "argsort") && call.rank() > 0 && is_f32_or_narrow(call.dtype()) &&
         call.shape()[call.attrs->integer("axis")] < int64_t{UINT32_MAX};
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || !call.in(0).contiguous() || !call.out().contiguous()) return nullptr;
  if (is_narrow(call.dtype())) return widened(call, prepare);
  return std::make_unique<ArgsortPlan>(call);
}

}  // namespace

Family argsort_family() { return {"argsort", supports, prepare}; }

}  // namespace cairn::cpu
