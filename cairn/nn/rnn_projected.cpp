#include "cairn/nn/rnn_projected.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

struct State {
  Tensor h, c;  // [N, P], [N, H]
};

// One direction, step by step in basic ops: the fused sequence op has no projection.
struct Walk {
  const RecurrentWeights& w;
  const Tensor& projection;
  const Tensor& lengths;

  State advance(const Tensor& input, const State& last) const {
    const Tensors gate = chunk(input + linear(last.h, w.weight_hh, w.bias_hh), 4, -1);
    const Tensor c = sigmoid(gate[1]) * last.c + sigmoid(gate[0]) * tanh(gate[2]);
    return {linear(sigmoid(gate[3]) * tanh(c), projection), c};
  }

  // x [T, N, I] -> output [T, N, P] and the last state. Beyond its length a sequence keeps its
  // state and gives zeros; so the reverse direction begins at its last valid step.
  LstmResult over(const Tensor& x, State state, bool reverse) const {
    const int64_t steps = x.size(0);
    const Tensor inputs = linear(x, w.weight_ih, w.bias_ih);
    Tensors outputs(static_cast<size_t>(steps));
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t t = reverse ? steps - 1 - i : i;
      State next = advance(select(inputs, 0, t), state);
      Tensor output = next.h;
      if (lengths.defined()) {
        const Tensor valid = unsqueeze(gt(lengths, static_cast<double>(t)), 1);  // [N, 1]
        output = where(valid, next.h, zeros(next.h.shape(), next.h.dtype()));
        next = {where(valid, next.h, state.h), where(valid, next.c, state.c)};
      }
      outputs[static_cast<size_t>(t)] = output;
      state = next;
    }
    return {stack(outputs, 0), state.h, state.c};
  }
};

}  // namespace

LstmResult projected_lstm(const Tensor& x, const std::vector<RecurrentWeights>& weights,
                          const Tensors& projections, const Tensor& h, const Tensor& c,
                          const cairn::RecurrentOptions& options) {
  const Tensor steps = options.batch_first ? transpose(x, 0, 1) : x;
  check(!options.lengths.defined() || options.lengths.shape() == Shape{steps.size(1)},
        "lstm: lengths must be [{}]{}", steps.size(1), where(context().loc));
  const auto initial = [&](const Tensor& state, size_t direction, int64_t size) {
    return state.defined() ? select(state, 0, static_cast<int64_t>(direction))
                           : zeros({steps.size(1), size}, x.dtype());
  };
  Tensors outputs, last_h, last_c;
  for (size_t d = 0; d < weights.size(); ++d) {
    const Tensor& projection = projections[d];
    const State start{initial(h, d, projection.size(0)), initial(c, d, projection.size(1))};
    const Walk walk{weights[d], projection, options.lengths};
    const LstmResult r = walk.over(steps, start, d == 1);
    outputs.push_back(r.output), last_h.push_back(r.h), last_c.push_back(r.c);
  }
  const Tensor output = outputs.size() == 1 ? outputs[0] : cat(outputs, -1);
  return {options.batch_first ? transpose(output, 0, 1) : output, stack(last_h, 0),
          stack(last_c, 0)};
}

}  // namespace cairn::nn
