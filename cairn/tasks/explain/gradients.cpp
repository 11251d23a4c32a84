// vanishing-gradient, gates: what reaches the beginning of a deep network or of a long sequence.
#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/nn/init.h"
#include "cairn/nn/linear.h"
#include "cairn/nn/rnn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/explain/topics.h"

namespace cairn::tasks::explain {
namespace {

using namespace train::report;

constexpr int64_t kDeep = 24, kWide = 64;

double log10_of(double norm) { return std::log10(std::max(norm, 1e-30)); }

// Norms of a loss's gradient by what each layer gets, as powers of ten: layer 1 first.
using Layer = std::function<Tensor(const Tensor& x, const Tensor& weight)>;
Series by_layer(const char* name, double gain, const Layer& layer) {
  Tensors inputs;
  std::vector<Tensor> weights;
  Tensor x = parameter(randn({256, kWide}));
  for (int64_t k = 0; k < kDeep; ++k) {
    weights.push_back(nn::init::normal({kWide, kWide}, 0, gain / std::sqrt(double{kWide})));
    inputs.push_back(x);
    x = layer(x, weights.back());
  }
  const Tensors slopes = grad({mean(square(x))}, inputs);
  Series s{name, {}, {}};
  for (int64_t k = 0; k < kDeep; ++k) {
    s.x.push_back(static_cast<double>(k + 1));
    s.y.push_back(log10_of(norm(slopes[static_cast<size_t>(k)]).item()));
  }
  return s;
}

// The same by the distance in time: what the last output tells each input of a sequence.
template <class Network>
Series by_distance(const char* name, const Network& network, int64_t length) {
  const Tensor x = parameter(randn({length, 32, 8}));
  const Tensor last = slice(network(x).output, 0, length - 1, 1);
  const Tensor slope = grad({mean(square(last))}, {x})[0];
  Series s{name, {}, {}};
  for (int64_t t = length - 1; t >= 0; --t) {
    s.x.push_back(static_cast<double>(length - 1 - t));
    s.y.push_back(log10_of(norm(slice(slope, 0, t, 1)).item()));
  }
  return s;
}

constexpr int64_t kSymbols = 4, kHidden = 32, kLength = 40, kExamples = 64;

// A symbol, then noise; at the end the symbol is asked for. [T, N, symbols + 1] and [N].
Tensors recall_batch() {
  const Tensor symbol = randint(kSymbols, {kExamples});
  const Tensor first = reshape(one_hot(symbol, kSymbols + 1), {1, kExamples, kSymbols + 1});
  const Tensor noise = randn({kLength - 1, kExamples, kSymbols + 1}) * 0.3;
  return {cat({first, noise}, 0), symbol};
}

template <class Network>
struct Recall : nn::Module {
  Network memory = child("memory", Network(kSymbols + 1, kHidden));
  nn::Linear out = child("out", nn::Linear(kHidden, kSymbols));
  Tensor forward(Tensor x) override {
    const Tensor all = memory(x).output;
    return out(reshape(slice(all, 0, x.size(0) - 1, 1), {x.size(1), kHidden}));
  }
};

template <class Network>
Series learn_recall(const char* name, Recall<Network>& network, int64_t steps) {
  Series s{name, {}, {}};
  manual_seed(1);
  train({.network = network,
         .lr = 5e-3,
         .steps = steps,
         .batch = recall_batch,
         .loss = [&](std::span<const Tensor> in) { return cross_entropy(network(in[0]), in[1]); },
         .each = std::max<int64_t>(1, steps / 20),
         .watch =
             [&](int64_t step) {
               const NoGrad no_grad;
               const Tensors test = recall_batch();
               s.x.push_back(static_cast<double>(step));
               s.y.push_back(accuracy(network(test[0]), test[1]));
             }});
  return s;
}

// A gate that keeps at the beginning lets the network find out what keeping is good for
// (Jozefowicz, Zaremba and Sutskever 2015): the second of an LSTM's four, and of a GRU's three.
template <class Network>
void begin_by_keeping(const Recall<Network>& network) {
  const NoGrad no_grad;
  for (const auto& [name, value] : network.state_dict())
    if (name == "memory.bias_ih_l0")
      assign(value, cat({slice(value, 0, 0, kHidden), full({kHidden}, 2),
                         slice(value, 0, 2 * kHidden, value.numel() - 2 * kHidden)},
                        0));
}

// How open the forget gates are at each step of one sequence: [hidden][T].
HeatMap forget_gates(const Recall<nn::LSTM>& network) {
  const Tensors batch = recall_batch();
  const Tensor x = slice(batch[0], 1, 0, 1);
  const NamedTensors weights = network.state_dict();
  const auto weight = [&](const std::string& name) {
    for (const auto& [key, value] : weights)
      if (key == "memory." + name) return value;
    fail("an LSTM without {}", name);
  };
  const Tensor input = weight("weight_ih_l0"), state = weight("weight_hh_l0"),
               bias = weight("bias_ih_l0") + weight("bias_hh_l0");
  const Tensor h =
      cat({zeros({1, kHidden}),
           slice(reshape(network.memory(x).output, {kLength, kHidden}), 0, 0, kLength - 1)},
          0);
  // Of [i, f, g, o] the second.
  const Tensor all = linear(reshape(x, {kLength, kSymbols + 1}), input, bias) + linear(h, state);
  const auto open = sigmoid(slice(all, 1, kHidden, kHidden)).to_vector<float>();
  constexpr int64_t kShown = 16;
  HeatMap map{"How open the forget gates are", "cell", "step", {}, {}, {}, {}, 14};
  map.columns.resize(kLength);
  for (int64_t c = 0; c < kShown; ++c) {
    map.rows.push_back(std::to_string(c + 1));
    for (int64_t t = 0; t < kLength; ++t)
      map.values.push_back(open[static_cast<size_t>(t * kHidden + c)]);
  }
  return map;
}

}  // namespace

void vanishing_gradient(Page& page, double) {
  const auto plain = [](auto activation) {
    return [=](const Tensor& x, const Tensor& w) { return activation(linear(x, w)); };
  };
  const std::vector<Series> layers = {
      by_layer("sigmoid", 1, plain([](const Tensor& t) { return sigmoid(t); })),
      by_layer("tanh", 1, plain([](const Tensor& t) { return tanh(t); })),
      by_layer("ReLU", 1, plain([](const Tensor& t) { return relu(t); })),
      by_layer("ReLU, He", std::sqrt(2.0), plain([](const Tensor& t) { return relu(t); })),
      by_layer("skipped", 1,
               [](const Tensor& x, const Tensor& w) { return x + relu(linear(x, w)) * 0.2; })};
  constexpr int64_t kTime = 100;
  const std::vector<Series> times = {by_distance("RNN", nn::RNN(8, 64), kTime),
                                     by_distance("GRU", nn::GRU(8, 64), kTime),
                                     by_distance("LSTM", nn::LSTM(8, 64), kTime)};
  page.headline(
      fmt::format("Through {} layers of sigmoids the gradient shrinks to 10^{:.0f} of what it was; "
                  "beside paths that skip them it stays",
                  kDeep, layers[0].y.front() - layers[0].y.back()));
  page.paragraph(
      fmt::format("Networks of {} layers of {} features with weights as they are drawn, and one "
                  "loss: how large "
                  "its gradient is at the input of each layer. Nothing is trained.",
                  kDeep, kWide));
  page.figures(charts({{{"What reaches each layer", "layer (1: the first)",
                         "gradient's norm, power of ten", layers, 0, ""},
                        ""}}));
  page.paragraph(
      "Each layer multiplies by its weights and by the slope of its activation. A sigmoid's slope "
      "is 1/4 at most: twenty of them leave less than 10^-12, and the first layers learn nothing. "
      "Tanh has slope 1 only near 0. ReLU passes half of its inputs unchanged, so that weights "
      "twice "
      "as varied (He et al. 2015) keep the size; a path around each layer (He et al. 2016) passes "
      "the gradient on whatever the layer does.");
  page.figures(charts({{{"What reaches each step of a sequence", "steps back from the end",
                         "gradient's norm, power of ten", times, 0, ""},
                        ""}}));
  page.paragraph(
      "A recurrent network is as deep as its sequence is long, with the same weights in each "
      "layer. "
      "Here, before any training, all forget: how an LSTM learns to keep its gradient, with gates "
      "that training opens, is shown by `cairn explain gates`.");
}

void gates(Page& page, double part) {
  const int64_t steps = steps_of(1500, part);
  Recall<nn::RNN> rnn;
  Recall<nn::GRU> gru;
  Recall<nn::LSTM> lstm;
  begin_by_keeping(gru), begin_by_keeping(lstm);
  const std::vector<Series> learned = {learn_recall("RNN", rnn, steps),
                                       learn_recall("GRU", gru, steps),
                                       learn_recall("LSTM", lstm, steps)};
  const NoGrad no_grad;
  page.headline(
      fmt::format("After {} steps of noise a GRU still knows the first symbol in {:.0f} %, an LSTM "
                  "in {:.0f} %, a plain RNN in {:.0f} %",
                  kLength - 1, 100 * learned[1].y.back(), 100 * learned[2].y.back(),
                  100 * learned[0].y.back()));
  page.paragraph(fmt::format(
      "One of {} symbols, then {} steps of noise, then the question which it was; by chance one "
      "answers {:.0f} % right. Each network has {} cells and trains for {} steps; the gates that "
      "keep are open at the start.",
      kSymbols, kLength - 1, 100.0 / kSymbols, kHidden, steps));
  page.figures(charts({{{"What is remembered", "training step", "part answered right", learned,
                         1.0 / kSymbols, "chance"},
                        ""}}));
  page.paragraph(
      "A plain RNN writes its whole state anew at each step, so that noise washes the symbol out, "
      "and the gradient that would teach it to keep the symbol vanishes on the way back. An LSTM's "
      "cell is a sum: while a forget gate is open (near 1) and its input gate closed, what is in "
      "the "
      "cell stays, and so does the gradient. The gates learn when to do so.");
  page.figures({figure(forget_gates(lstm), "the darker, the more is kept of the step before")});
}

}  // namespace cairn::tasks::explain
