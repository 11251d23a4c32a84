// Random numbers, bit for bit those of the reference back end, eight Philox counters at a time.
#include <algorithm>

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/loops/random.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<uint32_t, 8>;

#if HWY_TARGET == HWY_SCALAR
void philox_words(uint64_t seed, uint64_t offset, uint64_t first, size_t count, uint32_t* words) {
  for (size_t i = 0; i < count; ++i) {
    const PhiloxBlock block = philox(seed, offset, first + i);
    std::copy(block.begin(), block.end(), words + 4 * i);
  }
}
#else
using V = hn::Vec<D>;

// High and low halves of 32 x 32 bit products, a lane each.
HWY_INLINE void multiply(V a, V m, V& high, V& low) {
  const D d;
  const hn::RepartitionToWide<D> wide;
  const auto even = hn::MulEven(a, m);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), m);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// The words of `count` counters from `first` on; count is a multiple of 8 and the counters' high
// word does not change within them.
void philox_words(uint64_t seed, uint64_t offset, uint64_t first, size_t count, uint32_t* words) {
  const D d;
  const size_t step = hn::Lanes(d);
  const V m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  for (size_t i = 0; i < count; i += step) {
    V c0 = hn::Set(d, static_cast<uint32_t>(offset)),
      c1 = hn::Set(d, static_cast<uint32_t>(offset >> 32));
    V c2 = hn::Iota(d, static_cast<uint32_t>(first + i)),
      c3 = hn::Set(d, static_cast<uint32_t>((first + i) >> 32));
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      V high0, low0, high1, low1;
      multiply(c0, m0, high0, low0);
      multiply(c2, m1, high1, low1);
      c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, key0));
      c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, key1));
      c1 = low1, c3 = low0;
      key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    hn::StoreInterleaved4(c0, c1, c2, c3, d, words + 4 * i);
  }
}
#endif

// The 24 high bits of each word as a float in [0, 1).
void to_uniform(const uint32_t* words, size_t count, float* out) {
  const D d;
  const hn::RebindToSigned<D> di;
  const hn::RebindToFloat<D> df;
  const size_t step = hn::Lanes(d);
  const auto scale = hn::Set(df, 0x1p-24f);
  for (size_t i = 0; i < count; i += step) {
    const auto bits = hn::BitCast(di, hn::ShiftRight<8>(hn::LoadU(d, words + i)));
    hn::StoreU(hn::Mul(hn::ConvertTo(df, bits), scale), df, out + i);
  }
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace {

HWY_EXPORT(philox_words);
HWY_EXPORT(to_uniform);

constexpr int64_t kBatch = 64;  // counters at a time

void to_normal(const uint32_t* words, float* out) {
  for (int64_t i = 0; i < 4 * kBatch; i += 2) {
    const auto pair = normals_from(words[i], words[i + 1]);
    out[i] = pair[0], out[i + 1] = pair[1];
  }
}

class RandomPlan : public Plan {
 public:
  explicit RandomPlan(const OpCall& call)
      : normal_(is_op(call, "random_normal")),
        number_(call.attrs->integer("number")),
        count_(numel(call.out().shape)),
        scale_(static_cast<float>(call.attrs->number_or("scale", 1))),
        shift_(static_cast<float>(call.attrs->number_or("shift", 0))) {}
  void launch(const Launch& args) const override {
    const auto* generator = static_cast<const int64_t*>(args.inputs[0]);
    const auto seed = static_cast<uint64_t>(generator[0]),
               offset = static_cast<uint64_t>(generator[1] + number_);
    float* y = static_cast<float*>(args.outputs[0]);
    const int64_t batches = (count_ + 4 * kBatch - 1) / (4 * kBatch);
    parallel_for(batches, normal_ ? 8 : 64, [&](int64_t begin, int64_t end) {
      alignas(64) uint32_t words[4 * kBatch];
      alignas(64) float values[4 * kBatch];
      for (int64_t b = begin; b < end; ++b) {
        HWY_DYNAMIC_DISPATCH(philox_words)
        (seed, offset, static_cast<uint64_t>(b * kBatch), kBatch, words);
        if (normal_) to_normal(words, values);
        else HWY_DYNAMIC_DISPATCH(to_uniform)(words, 4 * kBatch, values);
        if (scale_ != 1 || shift_ != 0)
          for (float& v : values) v = scaled_and_shifted(v, scale_, shift_);
        std::copy_n(values, std::min(4 * kBatch, count_ - b * 4 * kBatch), y + b * 4 * kBatch);
      }
    });
  }

 private:
  bool normal_;
  int64_t number_, count_;
  float scale_, shift_;
};

bool supports(const OpCall& call) {
  return (is_op(call, "random_uniform") || is_op(call, "random_normal")) &&
         static_cast<DType>(call.attrs->integer("dtype")) == DType::f32;
}
std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || !call.in(0).contiguous() || !call.out().contiguous()) return nullptr;
  return std::make_unique<RandomPlan>(call);
}

}  // namespace

Family random_family() { return {"random", supports, prepare}; }

}  // namespace cairn::cpu
#endif
