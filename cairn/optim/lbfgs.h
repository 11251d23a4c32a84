// L-BFGS (Liu & Nocedal 1989): a quasi-Newton method for smooth losses over the whole data.
#pragma once
#include <deque>
#include <functional>
#include <vector>

#include "cairn/tensor/tensor.h"

namespace cairn::optim {

struct LbfgsOptions {
  double lr = 1;
  int64_t max_iter = 20;           // of a step()
  int64_t max_eval = 0;            // evaluations of the loss in a step(); 0: 5/4 max_iter
  double tolerance_grad = 1e-7;    // stops at such a largest gradient,
  double tolerance_change = 1e-9;  // or at such a change of the loss or of the parameters
  int64_t history_size = 100;
  bool strong_wolfe = false;  // searches the line (Nocedal & Wright, algorithms 3.5 and 3.6)
  bool maximize = false;
};

// As torch.optim.LBFGS. One step() is up to max_iter iterations, each with evaluations of the loss
// as it needs them, so it takes the function and not its value. Values are read on the host: not
// inside a compiled step (the loss itself may be one).
//
//   optim::LBFGS opt(net.parameters(), {.strong_wolfe = true});
//   for (int i = 0; i < 10; ++i) opt.step([&] { return mse_loss(net(x), y); });
class LBFGS {
 public:
  explicit LBFGS(const Tensors& parameters, const LbfgsOptions& options = {});

  // `loss` gives the loss as a tensor [] that wants gradients; or, where it is a compiled function,
  // without, after it has zeroed and filled the parameters' .grad. Returns the first loss of the
  // step. Throws Error for a loss that reaches no parameter.
  double step(const std::function<Tensor()>& loss);

 private:
  using Vector = std::vector<float>;  // all parameters, flat
  struct Point {                      // on a line
    double t, loss, slope;
    Vector gradient;
  };
  struct Pair {           // of an iteration before
    Vector change, turn;  // of the parameters, of the gradient
    double inverse;       // 1 / (change . turn)
  };

  double evaluate(const std::function<Tensor()>& loss, Vector& gradient) const;
  Vector values() const;
  void assign_values(const Vector& from, double t, const Vector& direction) const;
  void learn(const Vector& gradient);
  Vector direction_for(const Vector& gradient) const;
  Point search(const std::function<Tensor()>& loss, const Vector& from, const Point& start,
               const Vector& direction, double t, int64_t& evaluations) const;

  LbfgsOptions options_;
  Tensors parameters_;
  int64_t iterations_ = 0;
  Vector direction_, before_;  // of the last iteration: its direction and its gradient
  double t_ = 0, scale_ = 1;
  std::deque<Pair> history_;
};

}  // namespace cairn::optim
