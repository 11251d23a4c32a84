// argsort of floats, and the first of an order (topk): each element becomes one number that holds
// its rank and its place, so that equals keep their order and no comparison looks an element up.
#include <algorithm>
#include <bit>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

// Rises with the value; NaN is the largest, the two zeros are equal.
uint32_t rank_of(float value) {
  if (value != value) return UINT32_MAX;
  const uint32_t bits = std::bit_cast<uint32_t>(value + 0.0f);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
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
    workspace_bytes = sizeof(uint64_t) * static_cast<size_t>(size_ * parts_);
  }
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<int64_t*>(args.outputs[0]);
    auto* keys = static_cast<uint64_t*>(args.workspace);
    const int64_t lines = outer_ * inner_;
    parallel_region(
        [&](int part, int parts) {
          for (int64_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i) {
            const int64_t o = i / inner_, n = i % inner_;
            line(x + o * size_ * inner_ + n, keys + part * size_, y + o * count_ * inner_ + n);
          }
        },
        parts_);
  }

 private:
  uint64_t key(const float* x, int64_t k) const {
    const uint32_t rank = rank_of(x[k * inner_]);
    return uint64_t{descending_ ? ~rank : rank} << 32 | static_cast<uint64_t>(k);
  }
  void line(const float* x, uint64_t* keys, int64_t* y) const {
    uint64_t* end = 4 * count_ < size_ ? smallest(x, keys) : all(x, keys);
    if (keys + count_ < end) std::nth_element(keys, keys + count_, end);
    std::sort(keys, keys + count_);
    for (int64_t k = 0; k < count_; ++k) y[k * inner_] = static_cast<int64_t>(keys[k] & UINT32_MAX);
  }
  uint64_t* all(const float* x, uint64_t* keys) const {
    for (int64_t k = 0; k < size_; ++k) keys[k] = key(x, k);
    return keys + size_;
  }
  // Few of many: those below a bound, which sinks whenever twice as many as are wanted have
  // gathered.
  uint64_t* smallest(const float* x, uint64_t* keys) const {
    if (count_ == 0) return keys;
    uint64_t bound = UINT64_MAX;
    uint64_t *end = keys, *full = keys + 2 * count_;
    for (int64_t k = 0; k < size_; ++k) {
      const uint64_t candidate = key(x, k);
      if (candidate > bound) continue;
      *end++ = candidate;
      if (end < full) continue;
      end = keys + count_;
      std::nth_element(keys, end - 1, full);
      bound = end[-1];
    }
    return end;
  }

  int64_t outer_ = 1, size_, inner_ = 1, count_;
  bool descending_;
  int parts_;
};

bool supports(const OpCall& call) {
  return is_op(call, "argsort") && call.rank() > 0 && is_f32_or_narrow(call.dtype()) &&
         call.shape()[call.attrs->integer("axis")] <= int64_t{UINT32_MAX};
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || !call.in(0).contiguous() || !call.out().contiguous()) return nullptr;
  if (is_narrow(call.dtype())) return widened(call, prepare);
  return std::make_unique<ArgsortPlan>(call);
}

}  // namespace

Family argsort_family() { return {"argsort", supports, prepare}; }

}  // namespace cairn::cpu
