// attention, parallel-or-recurrent: looking anything up at once, and what that costs.
#include <chrono>
#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/attention.h"
#include "cairn/nn/rnn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/explain/topics.h"

namespace cairn::tasks::explain {
namespace {

using namespace train::report;

constexpr int64_t kNames = 16, kPairs = 12, kWidth = 64, kRows = 64;

// Pairs of a name and a value in random order, then the question which value a name had.
// Names and values [N, pairs], the name asked for [N, 1], the answer [N].
Tensors lookup_batch() {
  const Tensor names = slice(argsort(rand({kRows, kNames}), 1), 1, 0, kPairs);
  const Tensor values = randint(kNames, {kRows, kPairs});
  const Tensor place = randint(kPairs, {kRows, 1});
  return {names, values, gather(names, 1, place), reshape(gather(values, 1, place), {kRows})};
}

struct Lookup : nn::Module {
  nn::Embedding name = child("name", nn::Embedding(kNames, kWidth));
  nn::Embedding value = child("value", nn::Embedding(kNames, kWidth));
  nn::Linear out = child("out", nn::Linear(kWidth, kNames));
  Tensor pairs(const Tensor& names, const Tensor& values) { return name(names) + value(values); }
};
struct ByAttention : Lookup {
  nn::MultiheadAttention look =
      child("look", nn::MultiheadAttention(kWidth, 1, {.batch_first = true}));
  Tensor answer(std::span<const Tensor> in) {
    const Tensor all = pairs(in[0], in[1]);
    return out(reshape(look(name(in[2]), all, all), {in[0].size(0), kWidth}));
  }
  Tensor weights(std::span<const Tensor> in) {
    const Tensor all = pairs(in[0], in[1]);
    return look.with_weights(name(in[2]), all, all).weights;
  }
};
struct ByRecurrence : Lookup {
  nn::LSTM read = child("read", nn::LSTM(kWidth, kWidth, {.batch_first = true}));
  Tensor answer(std::span<const Tensor> in) {
    const Tensor all = cat({pairs(in[0], in[1]), name(in[2])}, 1);
    return out(reshape(slice(read(all).output, 1, kPairs, 1), {in[0].size(0), kWidth}));
  }
};

template <class Network>
Series learn_lookup(const char* what, Network& network, int64_t steps) {
  Series s{what, {}, {}};
  manual_seed(2);
  train(
      {.network = network,
       .lr = 3e-3,
       .steps = steps,
       .batch = lookup_batch,
       .loss = [&](std::span<const Tensor> in) { return cross_entropy(network.answer(in), in[3]); },
       .each = std::max<int64_t>(1, steps / 20),
       .watch =
           [&](int64_t step) {
             const NoGrad no_grad;
             const Tensors test = lookup_batch();
             s.x.push_back(static_cast<double>(step));
             s.y.push_back(accuracy(network.answer(test), test[3]));
           }});
  return s;
}

// One text, and each of its names asked for in turn.
HeatMap looks(ByAttention& network) {
  const Tensors one = lookup_batch();
  const Tensor names = expand(slice(one[0], 0, 0, 1), {kPairs, kPairs});
  const Tensor values = expand(slice(one[1], 0, 0, 1), {kPairs, kPairs});
  const Tensor asked = reshape(slice(one[0], 0, 0, 1), {kPairs, 1});
  const auto weights = network.weights(Tensors{names, values, asked}).to_vector<float>();
  const auto of_name = names.to_vector<int64_t>(), of_value = values.to_vector<int64_t>();
  HeatMap map{
      "Where it looks", "asked for", "pair", {}, {}, {weights.begin(), weights.end()}, {}, 30};
  for (size_t k = 0; k < static_cast<size_t>(kPairs); ++k) {
    const std::string name(1, static_cast<char>('A' + of_name[k]));
    map.rows.push_back(name);
    map.columns.push_back(name + std::to_string(of_value[k]));
  }
  return map;
}

// Milliseconds of forward and backward over one sequence of a length, the quickest of some.
template <class Step>
double milliseconds(Step&& step, const Tensor& x, int64_t times) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int64_t k = 0; k <= times; ++k) {
    const auto begin = Clock::now();
    step(x);
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    if (k > 0) best = std::min(best, took * 1e3);  // the first one compiles
  }
  return best;
}

}  // namespace

void attention(Page& page, double part) {
  const int64_t steps = steps_of(1000, part);
  ByAttention looking;
  ByRecurrence reading;
  const std::vector<Series> learned = {learn_lookup("attention", looking, steps),
                                       learn_lookup("LSTM", reading, steps)};
  const NoGrad no_grad;
  page.headline(fmt::format(
      "Asked for one of {} things it has read, attention is right in {:.0f} %, an LSTM in {:.0f} %",
      kPairs, 100 * learned[0].y.back(), 100 * learned[1].y.back()));
  page.paragraph(
      fmt::format("{} pairs of a name and a value in random order, new ones in each example, then "
                  "a name: which "
                  "value had it? Both networks have {} features and train for {} steps.",
                  kPairs, kWidth, steps));
  page.figures(charts({{{"What is found again", "training step", "part answered right", learned,
                         1.0 / static_cast<double>(kNames), "chance"},
                        ""}}));
  page.paragraph(
      "The question is compared with every pair at once (a product of two vectors each), the "
      "similarities become weights that sum to 1, and the answer is the mean of the values by "
      "these "
      "weights. Nothing has to be kept in a state of fixed size on the way, whatever the "
      "distance.");
  page.figures({figure(looks(looking),
                       "One text of twelve pairs, each name asked for in turn: the "
                       "darker, the more it takes from that pair")});
}

void parallel_or_recurrent(Page& page, double part) {
  const nn::LSTM lstm(kWidth, kWidth, {.batch_first = true});
  const nn::MultiheadAttention look(kWidth, 4, {.batch_first = true});
  Series one_by_one{"LSTM", {}, {}}, at_once{"attention", {}, {}};
  const int64_t times = steps_of(12, part);
  for (const int64_t length : {16, 32, 64, 128, 256, 512, 1024, 2048}) {
    const auto timed = [&](const nn::Module& network, auto&& run) {
      auto step =
          compile([&](Tensor x) { return grad({mean(square(run(x)))}, network.parameters()); });
      return milliseconds(step, randn({4, length, kWidth}), times);
    };
    const auto x = std::log2(static_cast<double>(length));
    one_by_one.x.push_back(x), at_once.x.push_back(x);
    one_by_one.y.push_back(
        std::log10(timed(lstm, [&](const Tensor& t) { return lstm(t).output; })));
    at_once.y.push_back(std::log10(timed(look, [&](const Tensor& t) { return look(t, t, t); })));
  }
  size_t crossing = 0;
  while (crossing < at_once.y.size() && at_once.y[crossing] < one_by_one.y[crossing]) ++crossing;
  const auto ms = [](double power) { return std::pow(10.0, power); };
  page.headline(crossing == at_once.y.size()
                    ? std::string("Here attention was quicker at every length that was tried")
                    : fmt::format("Here attention is quicker up to {:.0f} steps; at 2,048 it takes "
                                  "{:.1f} times an LSTM's time",
                                  std::exp2(crossing == 0 ? 0 : at_once.x[crossing - 1]),
                                  ms(at_once.y.back() - one_by_one.y.back())));
  page.paragraph(
      "Four sequences of 64 features, forward and backward, on this machine: an LSTM of 64 cells "
      "and "
      "attention with 4 heads. Both scales are powers, so that a straight line is a power of the "
      "length: an LSTM's time grows with the length, attention's with its square in the end.");
  page.figures(charts({{{"Time of a step of training",
                         "length, power of 2",
                         "milliseconds, power of 10",
                         {one_by_one, at_once},
                         0,
                         ""},
                        ""}}));
  page.paragraph(
      "A recurrent network needs the state of one step before the next can begin: many small "
      "products, one after the other. Attention computes all steps in a few large products, which "
      "keep every arithmetic unit busy and can be shared among threads; it pays with a table of "
      "length times length. A recurrent network that writes text keeps a state of fixed size, a "
      "Transformer all keys and values so far.");
}

}  // namespace cairn::tasks::explain
