#include "cairn/optim/matrix.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/corrections.h"

namespace cairn::optim {
namespace {

Shape without_last(const Shape& s) {
  Shape shape = s;
  shape.back() = 1;
  return shape;
}
Shape without_second_last(const Shape& s) {
  Shape shape = s;
  shape[s.size() - 2] = 1;
  return shape;
}
double root_of_count(const Tensor& t) { return std::sqrt(static_cast<double>(t.numel())); }

// The nearest matrix with equal singular values, roughly: five steps of a polynomial that lifts
// small ones fast.
Tensor orthogonalized(const Tensor& matrix, int steps, double eps) {
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  const bool tall = matrix.shape()[0] > matrix.shape()[1];
  Tensor x = tall ? transpose(matrix, 0, 1) : matrix;
  x = x / clamp_min(norm(x), eps);
  for (int i = 0; i < steps; ++i) {
    const Tensor gram = matmul(x, transpose(x, 0, 1));
    x = x * kA + matmul(gram * kB + matmul(gram, gram) * kC, x);
  }
  return tall ? transpose(x, 0, 1) : x;
}

}  // namespace

// ---- Adafactor

Adafactor::Adafactor(const std::vector<Group<AdafactorOptions>>& groups)
    : OptimizerOf("Adafactor", groups) {
  for (const AdafactorOptions& o : options_)
    check(o.beta2_decay <= 0, "Adafactor: beta2_decay {} must not be positive", o.beta2_decay);
  add_counts();
  add_slot("row_var", without_last, [](const Tensor& p) { return p.rank() > 1; });
  add_slot("col_var", without_second_last, [](const Tensor& p) { return p.rank() > 1; });
  add_slot(
      "variance", [](const Shape& s) { return s; }, [](const Tensor& p) { return p.rank() <= 1; });
}

void Adafactor::update(const Update& u) {
  const AdafactorOptions& o = options_[u.group];
  const Tensor fresh =
      exp(log(u.counts) * o.beta2_decay);  // count^beta2_decay: what is new in the averages
  const Tensor rates = minimum(u.lr, rsqrt(u.counts));
  for (const auto& [i, g] : u.gradients) {
    const Tensor& p = at(i);
    const Tensor part = of(fresh, i);
    const Tensor alpha = clamp_min(norm(p) * (1 / root_of_count(p)), o.eps2) * of(rates, i);
    const Tensor before = o.weight_decay != 0 ? p * (1.0 - u.lr * o.weight_decay) : p;
    Tensor variance;
    if (p.rank() > 1) {
      const Tensor &rows = slot("row_var", i), &columns = slot("col_var", i);
      const Tensor rows1 = rows + (mean(square(g), {-1}, true) - rows) * part;
      const Tensor columns1 = columns + (mean(square(g), {-2}, true) - columns) * part;
      assign(rows, rows1);
      assign(columns, columns1);
      variance = rows1 * columns1 / clamp_min(mean(rows1, {-2}, true), o.eps1);
    } else {
      const Tensor& squares = slot("variance", i);
      variance = squares + (square(g) - squares) * part;
      assign(squares, variance);
    }
    const Tensor direction = rsqrt(clamp_min(variance, o.eps1 * o.eps1)) * g;
    const Tensor size = clamp_min(norm(direction) * (1 / (root_of_count(p) * o.d)), 1);
    assign(p, before - alpha / size * direction);
  }
}

// ---- Muon

Muon::Muon(const std::vector<Group<MuonOptions>>& groups) : OptimizerOf("Muon", groups) {
  for (const Tensor& p : parameters())
    check(p.rank() == 2, "Muon: wants matrices, not a parameter of shape {}; give that to AdamW",
          to_string(p.shape()));
  add_slot("momentum_buffer");
}

void Muon::update(const Update& u) {
  const MuonOptions& o = options_[u.group];
  for (const auto& [i, g] : u.gradients) {
    const Tensor &p = at(i), &buffer = slot("momentum_buffer", i);
    const Tensor moved = buffer + (g - buffer) * (1 - o.momentum);
    assign(buffer, moved);
    const Tensor direction =
        orthogonalized(o.nesterov ? g + (moved - g) * o.momentum : moved, o.ns_steps, o.eps);
    const double ratio = static_cast<double>(p.shape()[0]) / static_cast<double>(p.shape()[1]);
    const Tensor rate = u.lr * std::sqrt(std::max(1.0, ratio));
    assign(p, p * (1.0 - u.lr * o.weight_decay) - direction * rate);
  }
}

}  // namespace cairn::optim
