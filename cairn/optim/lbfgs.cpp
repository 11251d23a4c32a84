#include "cairn/optim/lbfgs.h"

#include <algorithm>
#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/ops/functions.h"

namespace cairn::optim {
namespace {

using Vector = std::vector<float>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}
double largest(const Vector& a) {
  double top = 0;
  for (float v : a) top = std::max(top, std::fabs(static_cast<double>(v)));
  return top;
}
double sum_of_sizes(const Vector& a) {
  double sum = 0;
  for (float v : a) sum += std::fabs(static_cast<double>(v));
  return sum;
}
void add(Vector& to, const Vector& v, double times) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += static_cast<float>(times * v[i]);
}

// Where the cubic through two points with these slopes is smallest, within [low, high].
struct End {
  double t, loss, slope;
};
double cubic_minimum(const End& a, const End& b, double low, double high) {
  const double mixed = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t),
               square = mixed * mixed - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double root = std::sqrt(square);
  const End &first = a.t <= b.t ? a : b, &last = a.t <= b.t ? b : a;
  const double t = last.t - (last.t - first.t) * ((last.slope + root - mixed) /
                                                  (last.slope - first.slope + 2 * root));
  return std::min(std::max(t, low), high);
}

}  // namespace

LBFGS::LBFGS(const Tensors& parameters, const LbfgsOptions& options)
    : options_(options), parameters_(parameters) {
  check(!parameters.empty(), "LBFGS: no parameters");
  for (const Tensor& p : parameters)
    check(p.defined() && p.is_state(),
          "LBFGS: a parameter is not a State; pass module.parameters()");
  check(options.lr > 0 && options.max_iter > 0 && options.history_size > 0 && options.max_eval >= 0,
        "LBFGS: lr {}, max_iter {} and history_size {} must be positive", options.lr,
        options.max_iter, options.history_size);
  if (options_.max_eval == 0) options_.max_eval = options_.max_iter * 5 / 4;
}

double LBFGS::evaluate(const std::function<Tensor()>& loss, Vector& gradient) const {
  const Tensor value = loss();
  check(value.defined() && value.numel() == 1, "LBFGS: the loss must be one number");
  Tensors found(parameters_.size());
  if (value.requires_grad()) {
    found = grad({value}, parameters_, {.allow_unused = true});
  } else {
    for (size_t i = 0; i < found.size(); ++i) found[i] = parameters_[i].grad();
  }
  check(std::any_of(found.begin(), found.end(), [](const Tensor& g) { return g.defined(); }),
        "LBFGS: the loss depends on none of the {} parameters", parameters_.size());
  gradient.clear();
  for (size_t i = 0; i < found.size(); ++i) {
    const size_t count = static_cast<size_t>(parameters_[i].numel());
    const Vector part = found[i].defined() ? found[i].to_vector<float>() : Vector(count, 0.0f);
    gradient.insert(gradient.end(), part.begin(), part.end());
  }
  if (!options_.maximize) return value.item();
  for (float& g : gradient) g = -g;
  return -value.item();
}
LBFGS::Vector LBFGS::values() const {
  Vector all;
  for (const Tensor& p : parameters_) {
    const Vector part = p.to_vector<float>();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}
void LBFGS::assign_values(const Vector& from, double t, const Vector& direction) const {
  Vector now = from;
  add(now, direction, t);
  const float* at = now.data();
  for (const Tensor& p : parameters_) {
    assign(p, cast(from_host(at, p.shape(), DType::f32), p.dtype()));
    at += p.numel();
  }
}

// The last iteration's change of the gradient, for the estimate of the curvature.
void LBFGS::learn(const Vector& gradient) {
  Vector turn = gradient, change(direction_.size(), 0.0f);
  add(turn, before_, -1), add(change, direction_, t_);
  const double curvature = dot(turn, change);
  if (curvature <= 1e-10) return;
  if (static_cast<int64_t>(history_.size()) == options_.history_size) history_.pop_front();
  scale_ = curvature / dot(turn, turn);
  history_.push_back({std::move(change), std::move(turn), 1 / curvature});
}
// The two loops: -(inverse curvature) gradient.
LBFGS::Vector LBFGS::direction_for(const Vector& gradient) const {
  Vector d(gradient.size(), 0.0f);
  add(d, gradient, -1);
  std::vector<double> shares(history_.size());
  for (size_t i = history_.size(); i-- > 0;) {
    shares[i] = dot(history_[i].change, d) * history_[i].inverse;
    add(d, history_[i].turn, -shares[i]);
  }
  for (float& v : d) v = static_cast<float>(v * scale_);
  for (size_t i = 0; i < history_.size(); ++i)
    add(d, history_[i].change, shares[i] - dot(history_[i].turn, d) * history_[i].inverse);
  return d;
}

// A point on the line where the loss has fallen enough and its slope is flat enough.
LBFGS::Point LBFGS::search(const std::function<Tensor()>& loss, const Vector& from,
                           const Point& start, const Vector& direction, double t,
                           int64_t& evaluations) const {
  constexpr double kEnough = 1e-4, kFlat = 0.9;
  const int64_t most_tries = options_.max_eval - evaluations;
  const auto at = [&](double where) {
    Point p{where, 0, 0, {}};
    assign_values(from, where, direction);
    p.loss = evaluate(loss, p.gradient);
    p.slope = dot(p.gradient, direction);
    ++evaluations;
    return p;
  };
  const auto too_high = [&](const Point& p) {
    return p.loss > start.loss + kEnough * p.t * start.slope;
  };
  const auto flat = [&](const Point& p) { return std::fabs(p.slope) <= -kFlat * start.slope; };
  const auto end = [](const Point& p) { return End{p.t, p.loss, p.slope}; };

  Point before = start, now = at(t);
  int64_t tries = 0;
  for (;; ++tries) {
    if (tries == most_tries) {
      before = start;
      break;
    }
    if (too_high(now) || (tries > 1 && now.loss >= before.loss)) break;
    if (flat(now)) return now;
    if (now.slope >= 0) break;
    const double next =
        cubic_minimum(end(before), end(now), now.t + 0.01 * (now.t - before.t), now.t * 10);
    before = std::move(now), now = at(next);
  }
  // Between two points, of which `low` has the smaller loss.
  Point low = before.loss <= now.loss ? before : now, high = before.loss <= now.loss ? now : before;
  const double length = largest(direction);
  for (bool slow = false; tries < most_tries; ++tries) {
    const double least = std::min(low.t, high.t), most = std::max(low.t, high.t);
    if ((most - least) * length < options_.tolerance_change) break;
    double next = cubic_minimum(end(low), end(high), least, most);
    const double margin = 0.1 * (most - least);
    if (std::min(most - next, next - least) < margin) {
      const bool move = slow || next >= most || next <= least;
      if (move)
        next = std::fabs(next - most) < std::fabs(next - least) ? most - margin : least + margin;
      slow = !move;
    } else {
      slow = false;
    }
    Point p = at(next);
    if (too_high(p) || p.loss >= low.loss) {
      high = std::move(p);
      if (high.loss < low.loss) std::swap(low, high);
      continue;
    }
    const bool done = flat(p);
    if (!done && p.slope * (high.t - low.t) >= 0) high = low;
    low = std::move(p);
    if (done) break;
  }
  return low;
}

double LBFGS::step(const std::function<Tensor()>& loss) {
  Point now{0, 0, 0, {}};
  now.loss = evaluate(loss, now.gradient);
  const double first = now.loss;
  int64_t evaluations = 1;
  for (int64_t i = 1; i <= options_.max_iter && largest(now.gradient) > options_.tolerance_grad;
       ++i) {
    if (++iterations_ > 1) learn(now.gradient);
    direction_ = direction_for(now.gradient);
    before_ = now.gradient;
    const double loss_before = now.loss;
    now.slope = dot(now.gradient, direction_), now.t = 0;
    t_ = iterations_ == 1 ? std::min(1.0, 1 / sum_of_sizes(now.gradient)) * options_.lr
                          : options_.lr;
    if (!(now.slope <= -options_.tolerance_change)) break;  // NaN too
    const Vector from = values();
    if (options_.strong_wolfe) {
      now = search(loss, from, now, direction_, t_, evaluations);
      t_ = now.t;
      assign_values(from, t_, direction_);
    } else {
      assign_values(from, t_, direction_);
      if (i == options_.max_iter) break;
      now.loss = evaluate(loss, now.gradient), ++evaluations;
    }
    if (evaluations >= options_.max_eval) break;
    if (largest(direction_) * std::fabs(t_) <= options_.tolerance_change) break;
    if (std::fabs(now.loss - loss_before) < options_.tolerance_change) break;
  }
  return options_.maximize ? -first : first;
}

}  // namespace cairn::optim
