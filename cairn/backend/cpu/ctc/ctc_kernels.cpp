#include "cairn/backend/cpu/ctc/ctc_kernels.h"

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/ctc/ctc_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::ctc::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);

HWY_INLINE V log_sum(V a, V b) {
  const D d;
  const V most = hn::Max(a, b);
  const V sum = hn::Add(hn::Exp(d, hn::Sub(a, most)), hn::Exp(d, hn::Sub(b, most)));
  return hn::Add(most, hn::Log(d, sum));
}

HWY_INLINE V log_sum(V a, V b, V c) {
  const D d;
  const V most = hn::Max(hn::Max(a, b), c);
  const V sum = hn::Add(hn::Add(hn::Exp(d, hn::Sub(a, most)), hn::Exp(d, hn::Sub(b, most))),
                        hn::Exp(d, hn::Sub(c, most)));
  return hn::Add(most, hn::Log(d, sum));
}

float* alpha_row(const Item& item, int64_t t, int part) {
  return item.alpha + (2 * t + part) * item.pitch + kMargin;
}
float* beta_row(const Item& item, int64_t t, int part) {
  return item.beta + (t % 2 * 2 + part) * item.pitch + kMargin;
}

void clear(const Item& item, float* row) { std::fill_n(row - kMargin, item.pitch, kImpossible); }

// Fills `emission` for step t; returns the blank's. Minus infinity becomes kImpossible, NaN stays.
float gather_emissions(const Item& item, int64_t t) {
  const float* row = item.log_probs + t * item.step_stride;
  const auto bounded = [&](int32_t c) { return row[c] < kImpossible ? kImpossible : row[c]; };
  float* emission = item.emission + kMargin;
  for (int64_t i = 0; i < item.labels; ++i) emission[i] = bounded(item.target[i]);
  return bounded(item.blank);
}

void mark_skips(const Item& item) {
  clear(item, item.skip + kMargin);
  for (int64_t i = 1; i < item.labels; ++i)
    if (item.target[i] != item.target[i - 1]) item.skip[kMargin + i] = 0;
}

// NaN or infinity (minus infinity is kImpossible by now): from then on nothing is a number, and the
// vectors' logarithm and maximum would make one of it.
bool no_numbers(const Item& item, float blank) {
  const float* emission = item.emission + kMargin;
  bool found = !std::isfinite(blank);
  for (int64_t i = 0; i < item.labels; ++i) found |= !std::isfinite(emission[i]);
  return found;
}

// alpha of step t from that of step t - 1, less `shift`; returns the largest.
float step_alpha(const Item& item, int64_t t, float blank_emission, float shift) {
  const D d;
  const float *blanks = alpha_row(item, t - 1, 0), *labels = alpha_row(item, t - 1, 1);
  float *next_blanks = alpha_row(item, t, 0), *next_labels = alpha_row(item, t, 1);
  const V blank = hn::Set(d, blank_emission - shift), offset = hn::Set(d, shift);
  V most = hn::Set(d, kImpossible);
  for (int64_t i = 0; i <= item.labels; i += kLanes) {
    const V b = hn::LoadU(d, blanks + i), l = hn::LoadU(d, labels + i);
    const V before = hn::LoadU(d, labels + i - 1);
    const V skipped = hn::Add(before, hn::LoadU(d, item.skip + kMargin + i));
    const V e = hn::Sub(hn::LoadU(d, item.emission + kMargin + i), offset);
    const V next_b = hn::Add(blank, log_sum(b, before));
    const V next_l = hn::Add(e, log_sum(l, b, skipped));
    hn::StoreU(next_b, d, next_blanks + i);
    hn::StoreU(next_l, d, next_labels + i);
    most = hn::Max(most, hn::Max(next_b, next_l));
  }
  return hn::GetLane(hn::MaxOfLanes(d, most));
}

// What lies past the states must stay impossible: there the labels have emission kImpossible, and
// blank S + 1 would follow label S.
void fence(const Item& item, float* blanks, float* labels) {
  const int64_t end = item.pitch - kMargin;
  std::fill(blanks + item.labels + 1, blanks + end, kImpossible);
  std::fill(labels + item.labels, labels + end, kImpossible);
}

float log_add(float a, float b) {
  const float most = std::max(a, b);
  return most + std::log(std::exp(a - most) + std::exp(b - most));
}

float forward(const Item& item) {
  if (item.steps == 0) return item.labels == 0 ? 0.0f : std::numeric_limits<float>::infinity();
  mark_skips(item);
  clear(item, item.emission + kMargin);
  double shifts = 0;
  float shift = 0;
  for (int64_t t = 0; t < item.steps; ++t) {
    const float blank = gather_emissions(item, t);
    if (no_numbers(item, blank)) return std::numeric_limits<float>::quiet_NaN();
    float *blanks = alpha_row(item, t, 0), *labels = alpha_row(item, t, 1);
    clear(item, blanks);
    clear(item, labels);
    if (t == 0) {
      blanks[0] = blank;
      if (item.labels > 0) labels[0] = item.emission[kMargin];
      shift = std::max(blanks[0], labels[0]);
    } else {
      shifts += shift;
      shift = step_alpha(item, t, blank, shift);
      fence(item, blanks, labels);
    }
    if (shift < kImpossible / 2) return std::numeric_limits<float>::infinity();
  }
  const float* blanks = alpha_row(item, item.steps - 1, 0);
  const float* labels = alpha_row(item, item.steps - 1, 1);
  const float last = log_add(blanks[item.labels], labels[item.labels - 1]);
  if (last < kImpossible / 2) return std::numeric_limits<float>::infinity();
  return static_cast<float>(-(shifts + last));
}

// beta(t, s): log weight of all ways from state s at step t to the end, without t's own emission,
// less a shift common to the step. Before the call the rows of step t + 1 hold beta + emission.
void step_beta(const Item& item, int64_t t, float shift) {
  const D d;
  const float *blanks = beta_row(item, t + 1, 0), *labels = beta_row(item, t + 1, 1);
  float *to_blanks = beta_row(item, t, 0), *to_labels = beta_row(item, t, 1);
  const V offset = hn::Set(d, shift);
  for (int64_t i = 0; i <= item.labels; i += kLanes) {
    const V b = hn::LoadU(d, blanks + i), l = hn::LoadU(d, labels + i);
    const V after = hn::LoadU(d, blanks + i + 1);
    const V skipped =
        hn::Add(hn::LoadU(d, labels + i + 1), hn::LoadU(d, item.skip + kMargin + i + 1));
    hn::StoreU(hn::Sub(log_sum(b, l), offset), d, to_blanks + i);
    hn::StoreU(hn::Sub(log_sum(l, after, skipped), offset), d, to_labels + i);
  }
}

// Adds the emissions of step t to its beta; returns the largest.
float add_emissions(const Item& item, int64_t t, float blank_emission) {
  const D d;
  float *blanks = beta_row(item, t, 0), *labels = beta_row(item, t, 1);
  V most = hn::Set(d, kImpossible);
  for (int64_t i = 0; i <= item.labels; i += kLanes) {
    const V b = hn::Add(hn::LoadU(d, blanks + i), hn::Set(d, blank_emission));
    const V l = hn::Add(hn::LoadU(d, labels + i), hn::LoadU(d, item.emission + kMargin + i));
    hn::StoreU(b, d, blanks + i);
    hn::StoreU(l, d, labels + i);
    most = hn::Max(most, hn::Max(b, l));
  }
  return hn::GetLane(hn::MaxOfLanes(d, most));
}

// e^x; NaN stays (Highway's Exp makes 0 of it), infinity does not occur.
HWY_INLINE V exponential(V x) { return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(D(), x)); }

// The row of dx that the gradient of a step is taken from: zeros, or the probabilities.
void start_gradient(const Item& item, const ItemGradient& g, int64_t t) {
  float* dx = g.dx + t * g.step_stride;
  if (!g.through_softmax) {
    std::fill_n(dx, item.classes, 0.0f);
    return;
  }
  const D d;
  const float* log_probs = item.log_probs + t * item.step_stride;
  const V scale = hn::Set(d, g.scale);
  int64_t c = 0;
  for (; c + kLanes <= item.classes; c += kLanes)
    hn::StoreU(hn::Mul(scale, exponential(hn::LoadU(d, log_probs + c))), d, dx + c);
  for (; c < item.classes; ++c) dx[c] = g.scale * std::exp(log_probs[c]);
}

// Turns alpha + beta of step t into posteriors of the states (they sum to 1 at every step) and
// takes them from dx. `weights` is a spare row.
void subtract_posteriors(const Item& item, const ItemGradient& g, int64_t t, float* weights) {
  const D d;
  const float *blanks = beta_row(item, t, 0), *labels = beta_row(item, t, 1);
  const float *alpha_blanks = alpha_row(item, t, 0), *alpha_labels = alpha_row(item, t, 1);
  const auto both = [&](const float* a, const float* b, int64_t i)
                        HWY_ATTR { return hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)); };
  V most = hn::Set(d, kImpossible);
  for (int64_t i = 0; i <= item.labels; i += kLanes)
    most = hn::Max(most, hn::Max(both(alpha_blanks, blanks, i), both(alpha_labels, labels, i)));
  most = hn::MaxOfLanes(d, most);
  V blank_sum = hn::Zero(d), label_sum = hn::Zero(d);
  for (int64_t i = 0; i <= item.labels; i += kLanes) {
    const V label = hn::Exp(d, hn::Sub(both(alpha_labels, labels, i), most));
    blank_sum = hn::Add(blank_sum, hn::Exp(d, hn::Sub(both(alpha_blanks, blanks, i), most)));
    label_sum = hn::Add(label_sum, label);
    hn::StoreU(label, d, weights + i);
  }
  const float blank_weight = hn::GetLane(hn::SumOfLanes(d, blank_sum));
  const float factor = g.scale / (blank_weight + hn::GetLane(hn::SumOfLanes(d, label_sum)));
  float* dx = g.dx + t * g.step_stride;
  dx[item.blank] -= factor * blank_weight;
  for (int64_t i = 0; i < item.labels; ++i) dx[item.target[i]] -= factor * weights[i];
}

void backward(const Item& item, const ItemGradient& g) {
  if (item.steps == 0) return;
  mark_skips(item);
  clear(item, item.emission + kMargin);
  for (int row = 0; row < 4; ++row) clear(item, item.beta + row * item.pitch + kMargin);
  const int64_t last = item.steps - 1;
  beta_row(item, last, 0)[item.labels] = 0;
  if (item.labels > 0) beta_row(item, last, 1)[item.labels - 1] = 0;
  for (int64_t t = last; t >= 0; --t) {
    if (t < last) {
      const float blank = gather_emissions(item, t + 1);
      step_beta(item, t, add_emissions(item, t + 1, blank));
      fence(item, beta_row(item, t, 0), beta_row(item, t, 1));
    }
    start_gradient(item, g, t);
    subtract_posteriors(item, g, t, beta_row(item, t + 1, 1));
  }
}

const Kernels* table() {
  static const Kernels kTable = {forward, backward};
  return &kTable;
}

}  // namespace cairn::cpu::ctc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::ctc {
HWY_EXPORT(table);

const Kernels& kernels() { return *HWY_DYNAMIC_DISPATCH(table)(); }

}  // namespace cairn::cpu::ctc
#endif
