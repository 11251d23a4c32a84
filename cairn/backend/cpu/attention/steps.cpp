#include "cairn/backend/cpu/attention/steps.h"

#include <algorithm>
#include <cmath>

#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/attention/steps.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/attention/vector-inl.h"
#include "cairn/backend/cpu/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {
namespace {

// Steps whose keys, or values, are read side by side.
constexpr int64_t kTogether = 4;

// Scores to weights that sum to what is returned; those up to a whole vector become 0.
HWY_INLINE float weights_of(float* scores, int64_t count, float scale) {
  const F32 d;
  std::fill(scores + count, scores + round_up(count, kLanes), -INFINITY);
  VF top = hn::Set(d, -INFINITY);
  for (int64_t j = 0; j < count; j += kLanes) top = hn::Max(hn::LoadU(d, scores + j), top);
  const VF most = hn::MaxOfLanes(d, top), factor = hn::Set(d, scale * kLog2E);
  VF sum = hn::Zero(d);
  for (int64_t j = 0; j < count; j += kLanes) {
    const VF w = exp2_vec(hn::Mul(hn::Sub(hn::LoadU(d, scores + j), most), factor));
    hn::StoreU(w, d, scores + j);
    sum = hn::Add(sum, w);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// out[0 .. columns) = factor * sum of weights[j] * values[j], `columns` at most kVectors vectors.
template <int kVectors>
HWY_INLINE void weigh(const float* HWY_RESTRICT weights, const float* const* values, int64_t from,
                      int64_t count, float factor, int64_t columns, float* HWY_RESTRICT out) {
  const F32 d;
  const auto mask = hn::FirstN(d, static_cast<size_t>(columns - (kVectors - 1) * kLanes));
  VF sum[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) sum[i] = hn::Zero(d);
  for (int64_t j = 0; j < count; ++j) {
    const VF w = hn::Set(d, weights[j]);
    const float* row = values[j] + from;
#pragma GCC unroll 8
    for (int i = 0; i + 1 < kVectors; ++i)
      sum[i] = hn::MulAdd(w, hn::LoadU(d, row + i * kLanes), sum[i]);
    sum[kVectors - 1] =
        hn::MulAdd(w, hn::MaskedLoad(mask, d, row + (kVectors - 1) * kLanes), sum[kVectors - 1]);
  }
  const VF scale = hn::Set(d, factor);
#pragma GCC unroll 8
  for (int i = 0; i + 1 < kVectors; ++i)
    hn::StoreU(hn::Mul(sum[i], scale), d, out + from + i * kLanes);
  stores::HWY_NAMESPACE::store_first(hn::Mul(sum[kVectors - 1], scale), mask, d,
                                     out + from + (kVectors - 1) * kLanes);
}

// All heads of a text. places: [2][steps]; scores: [steps] up to a whole vector.
void attend_text(const StepShape& s, const StepInputs& in, int64_t text, float* out,
                 const float** places, float* scores) {
  const int64_t* rows = in.rows + text * s.steps;
  const float **keys = places, **values = places + s.steps;
  const float scale = 1 / std::sqrt(static_cast<float>(s.dim));
  for (int64_t h = 0; h < s.heads; ++h) {
    for (int64_t j = 0; j < s.steps; ++j) {
      const Step& step = in.steps[j];
      keys[j] = step.keys + rows[j] * step.key_strides.batch + h * step.key_strides.head;
      values[j] = step.values + rows[j] * step.value_strides.batch + h * step.value_strides.head;
    }
    const float* q = in.q + text * in.q_strides.batch + h * in.q_strides.head;
    int64_t j = 0;
    for (; j + kTogether <= s.steps; j += kTogether)
      dots<kTogether>(q, keys + j, s.dim, scores + j, 1);
    for (; j < s.steps; ++j) dots<1>(q, keys + j, s.dim, scores + j, 1);
    const float factor = 1 / weights_of(scores, s.steps, scale);
    float* to = out + (text * s.heads + h) * s.dim;
    int64_t i = 0;
    for (; i + 4 * kLanes <= s.dim; i += 4 * kLanes)
      weigh<4>(scores, values, i, s.steps, factor, 4 * kLanes, to);
    if (i + 2 * kLanes <= s.dim) {
      weigh<2>(scores, values, i, s.steps, factor, 2 * kLanes, to);
      i += 2 * kLanes;
    }
    for (; i < s.dim; i += kLanes)
      weigh<1>(scores, values, i, s.steps, factor, std::min<int64_t>(kLanes, s.dim - i), to);
  }
}

int64_t lanes() { return kLanes; }

}  // namespace
}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::attention {

HWY_EXPORT(attend_text);
HWY_EXPORT(lanes);

namespace {

// What a thread works with: places of keys and of values, scores.
struct StepScratch {
  size_t places, scores;  // bytes
  explicit StepScratch(const StepShape& s)
      : places(round_up_bytes(2 * static_cast<size_t>(s.steps) * sizeof(float*), 64)),
        scores(round_up_bytes(
            static_cast<size_t>(round_up(s.steps, HWY_DYNAMIC_DISPATCH(lanes)())) * sizeof(float),
            64)) {}
  size_t all() const { return places + scores; }
};

}  // namespace

size_t step_workspace(const StepShape& shape, int threads) {
  return StepScratch(shape).all() * static_cast<size_t>(threads);
}

void attend_to_steps(const StepShape& s, const StepInputs& in, int threads, float* out,
                     void* workspace) {
  const StepScratch scratch(s);
  const auto entry = HWY_DYNAMIC_DISPATCH(attend_text);
  threads = static_cast<int>(std::clamp<int64_t>(s.texts, 1, threads));
  parallel_region(
      [&](int thread, int started) {
        char* own = static_cast<char*>(workspace) + scratch.all() * static_cast<size_t>(thread);
        auto** places = reinterpret_cast<const float**>(own);
        auto* scores = reinterpret_cast<float*>(own + scratch.places);
        for (int64_t text = s.texts * thread / started; text < s.texts * (thread + 1) / started;
             ++text)
          entry(s, in, text, out, places, scores);
      },
      threads);
}

}  // namespace cairn::cpu::attention
#endif
