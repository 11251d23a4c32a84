#include "cairn/backend/cpu/xent/xent.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/backend/cpu/gemm/gemm.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/xent/xent.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/attention/vector-inl.h"
#include "cairn/backend/cpu/rows/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::xent::HWY_NAMESPACE {
namespace {

using namespace cairn::cpu::attention::HWY_NAMESPACE;
using rows::HWY_NAMESPACE::for_each_vector, rows::HWY_NAMESPACE::map_vectors;

// log(sum(exp(logits))) of a row, and the sum of the logits.
void logsumexp_row(const float* logits, int64_t count, float* lse, float* sum) {
  const F32 d;
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  VF top = hn::Set(d, kLowest), total = hn::Zero(d);
  for_each_vector(logits, count, kLowest, [&](VF x) HWY_ATTR { top = hn::Max(x, top); });
  for_each_vector(logits, count, 0, [&](VF x) HWY_ATTR { total = hn::Add(total, x); });
  const float highest = hn::GetLane(hn::MaxOfLanes(d, top));
  const VF base = hn::Set(d, highest);
  VF exponentials = hn::Zero(d);
  for_each_vector(logits, count, kLowest, [&](VF x) HWY_ATTR {
    exponentials = hn::Add(exponentials, exp2_vec(hn::Mul(hn::Sub(x, base), hn::Set(d, kLog2E))));
  });
  *lse = highest + std::log(hn::GetLane(hn::SumOfLanes(d, exponentials)));
  *sum = hn::GetLane(hn::SumOfLanes(d, total));
}

// logits := dloss * (softmax(logits) - smoothing / count); what belongs to the target is subtracted
// by the caller.
void gradient_row(float* logits, int64_t count, float lse, float dloss, float smoothing) {
  const F32 d;
  const VF scale = hn::Set(d, dloss), even = hn::Set(d, smoothing / static_cast<float>(count)),
           base = hn::Set(d, lse);
  map_vectors(logits, count, logits, [&](VF x) HWY_ATTR {
    return hn::Mul(scale, hn::Sub(exp2_vec(hn::Mul(hn::Sub(x, base), hn::Set(d, kLog2E))), even));
  });
}

}  // namespace
}  // namespace cairn::cpu::xent::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace xent {

HWY_EXPORT(logsumexp_row);
HWY_EXPORT(gradient_row);

namespace {

// The weight is packed once for the logits of all blocks and once for the gradients of what they
// come from.
struct Memory {
  explicit Memory(const LinearXentPlan& plan)
      : v(plan.vocabulary),
        dim(plan.dim),
        logits(bytes(plan.row_block * v)),
        for_logits(gemm_packed_bytes(v, dim)),
        for_hidden(gemm_packed_bytes(dim, v)),
        scratch(std::max({gemm_packed_workspace(v), gemm_packed_workspace(dim),
                          gemm_workspace({v, dim, plan.row_block})})) {}
  static size_t bytes(int64_t floats) {
    return sizeof(float) * static_cast<size_t>(round_up(floats, 16));
  }
  size_t total() const { return logits + for_logits + for_hidden + scratch; }

  int64_t v, dim;
  size_t logits, for_logits, for_hidden, scratch;
};

struct Call {
  Call(const LinearXentPlan& plan, const LinearXentInputs& in, const LinearXentGradients& grad,
       void* workspace)
      : plan(plan), in(in), grad(grad) {
    const Memory memory(plan);
    auto* place =
        reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(workspace) + 63) & ~uintptr_t{63});
    const auto take = [&](size_t bytes) {
      return reinterpret_cast<float*>(std::exchange(place, place + bytes));
    };
    logits = take(memory.logits), for_logits = take(memory.for_logits),
    for_hidden = take(memory.for_hidden);
    scratch = take(memory.scratch);
  }

  const LinearXentPlan& plan;
  const LinearXentInputs& in;
  const LinearXentGradients grad;
  float* logits;  // [row_block, vocabulary]
  float *for_logits, *for_hidden, *scratch;
};

void pack_weight(const Call& call, bool gradients) {
  const int64_t dim = call.plan.dim, v = call.plan.vocabulary;
  gemm_pack(v, dim, {call.in.weight, 1, dim}, call.for_logits);
  if (gradients && call.grad.dhidden) gemm_pack(dim, v, {call.in.weight, dim, 1}, call.for_hidden);
}

// Logits of `count` rows from `row` on.
void block_logits(const Call& call, int64_t row, int64_t count) {
  const int64_t dim = call.plan.dim, v = call.plan.vocabulary;
  gemm_packed({count, v, dim}, {call.in.hidden + row * dim, dim, 1}, call.for_logits,
              {nullptr, 0, call.in.bias}, call.logits, v, call.scratch);
}

// Column sums of the block; each thread owns columns, rows are added in order.
void add_bias_gradient(const Call& call, int64_t count, bool first) {
  const int64_t v = call.plan.vocabulary;
  parallel_for(v, 1024, [&](int64_t begin, int64_t end) {
    float* sum = call.grad.dbias;
    if (first) std::fill(sum + begin, sum + end, 0.0f);
    for (int64_t m = 0; m < count; ++m)
      for (int64_t i = begin; i < end; ++i) sum[i] += call.logits[m * v + i];
  });
}

// From the gradient of the logits, which has taken their place.
void block_gradients(const Call& call, int64_t row, int64_t count) {
  const int64_t dim = call.plan.dim, v = call.plan.vocabulary;
  const LinearXentGradients& g = call.grad;
  if (g.dhidden)
    gemm_packed({count, dim, v}, {call.logits, v, 1}, call.for_hidden, {}, g.dhidden + row * dim,
                dim, call.scratch);
  if (g.dweight)
    gemm({v, dim, count}, {call.logits, 1, v}, {call.in.hidden + row * dim, dim, 1},
         {row ? g.dweight : nullptr, dim}, g.dweight, dim, call.scratch);
  if (g.dbias) add_bias_gradient(call, count, row == 0);
}

void clear_gradients(const LinearXentPlan& plan, const LinearXentGradients& g) {
  if (g.dweight) std::fill_n(g.dweight, plan.vocabulary * plan.dim, 0.0f);
  if (g.dbias) std::fill_n(g.dbias, plan.vocabulary, 0.0f);
}

// Turns a row of logits into its gradient.
void row_gradient(const Call& call, float* logits, int64_t row, float lse, float dloss) {
  const int64_t target = call.in.targets[row], v = call.plan.vocabulary;
  if (target == call.plan.ignore_index) return std::fill_n(logits, v, 0.0f), void();
  HWY_DYNAMIC_DISPATCH(gradient_row)(logits, v, lse, dloss, call.plan.label_smoothing);
  logits[target] -= dloss * (1 - call.plan.label_smoothing);
}

// Loss (and lse) of a row.
float row_loss(const Call& call, const float* logits, int64_t row, float* loss) {
  const LinearXentPlan& plan = call.plan;
  float lse, sum;
  HWY_DYNAMIC_DISPATCH(logsumexp_row)(logits, plan.vocabulary, &lse, &sum);
  const int64_t target = call.in.targets[row];
  const float s = plan.label_smoothing, mean = sum / static_cast<float>(plan.vocabulary);
  *loss = target == plan.ignore_index
              ? 0
              : (1 - s) * (lse - logits[target]) + (s > 0 ? s * (lse - mean) : 0);
  return lse;
}

// Work on the rows of every block between the product that makes logits and those that use their
// gradient.
template <class RowWork>
int64_t for_blocks(const Call& call, bool gradients, RowWork work) {
  const LinearXentPlan& plan = call.plan;
  const int64_t bad = first_bad_target(plan, call.in.targets);
  if (bad >= 0) return bad;
  if (gradients && plan.rows == 0) clear_gradients(plan, call.grad);
  if (plan.rows > 0) pack_weight(call, gradients);
  for (int64_t row = 0; row < plan.rows; row += plan.row_block) {
    const int64_t count = std::min(plan.row_block, plan.rows - row);
    block_logits(call, row, count);
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) work(call.logits + m * plan.vocabulary, row + m);
    });
    if (gradients) block_gradients(call, row, count);
  }
  return -1;
}

}  // namespace
}  // namespace xent

LinearXentPlan plan_linear_xent(int64_t rows, int64_t dim, int64_t vocabulary,
                                float label_smoothing, int64_t ignore_index) {
  check(rows >= 0 && dim > 0 && vocabulary > 0,
        "linear_xent: bad sizes (rows {}, width {}, vocabulary {})", rows, dim, vocabulary);
  check(label_smoothing >= 0 && label_smoothing <= 1,
        "linear_xent: label smoothing {} is not in [0, 1]", label_smoothing);
  // Blocks of some 8 MB; at least 128 rows, so that the weight's gradient is not read and written
  // too often.
  constexpr int64_t kLogits = 2 << 20, kLeast = 128;
  LinearXentPlan plan{rows, dim, vocabulary, label_smoothing, ignore_index};
  plan.row_block =
      std::clamp<int64_t>(kLogits / vocabulary / 16 * 16,
                          std::min(kLeast, std::max<int64_t>(1, rows)), std::max<int64_t>(1, rows));
  plan.workspace = xent::Memory(plan).total() + 64;
  return plan;
}

int64_t count_targets(const LinearXentPlan& plan, const int64_t* targets) {
  return plan.rows - std::count(targets, targets + plan.rows, plan.ignore_index);
}

int64_t first_bad_target(const LinearXentPlan& plan, const int64_t* targets) {
  for (int64_t m = 0; m < plan.rows; ++m)
    if (targets[m] != plan.ignore_index && (targets[m] < 0 || targets[m] >= plan.vocabulary))
      return m;
  return -1;
}

int64_t linear_xent_forward(const LinearXentPlan& plan, const LinearXentInputs& in, float* loss,
                            float* lse, void* workspace) {
  const xent::Call call(plan, in, {}, workspace);
  return xent::for_blocks(call, false, [&](float* logits, int64_t row) {
    const float value = xent::row_loss(call, logits, row, loss + row);
    if (lse) lse[row] = value;
  });
}

int64_t linear_xent_forward_backward(const LinearXentPlan& plan, const LinearXentInputs& in,
                                     float dloss, float* loss, float* lse,
                                     const LinearXentGradients& grad, void* workspace) {
  const xent::Call call(plan, in, grad, workspace);
  return xent::for_blocks(call, true, [&](float* logits, int64_t row) {
    const float value = xent::row_loss(call, logits, row, loss + row);
    if (lse) lse[row] = value;
    xent::row_gradient(call, logits, row, value, dloss);
  });
}

int64_t linear_xent_backward(const LinearXentPlan& plan, const LinearXentInputs& in,
                             const float* lse, const float* dloss, const LinearXentGradients& grad,
                             void* workspace) {
  const xent::Call call(plan, in, grad, workspace);
  return xent::for_blocks(call, true, [&](float* logits, int64_t row) {
    xent::row_gradient(call, logits, row, lse[row], dloss[row]);
  });
}

}  // namespace cairn::cpu
#endif
