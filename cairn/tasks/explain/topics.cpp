#include "cairn/tasks/explain/topics.h"

#include <algorithm>
#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/io/file.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"

namespace cairn::tasks::explain {

const std::vector<Topic>& topics() {
  static const std::vector<Topic> all = {
      {"convolution", "Convolution", convolution,
       "y[o, i, j] = b[o] + sum over c, u, v of w[o, c, u, v] x[c, i + u, j + v]",
       "cairn/ops/conv.cpp", "conv2d"},
      {"pooling", "Pooling", pooling, "y[c, i, j] = max over u, v < k of x[c, k i + u, k j + v]",
       "cairn/ops/pool.cpp", "max_pool2d"},
      {"vanishing-gradient", "The vanishing gradient", vanishing_gradient,
       "dL/dx = W1' f'(z1) W2' f'(z2) ... Wn' f'(zn) dL/dy", "cairn/autograd/backward.cpp", "grad"},
      {"gates", "Gates", gates, "c[t] = s(f) c[t-1] + s(i) tanh(g);  h[t] = s(o) tanh(c[t])",
       "cairn/ops/rnn.cpp", "lstm"},
      {"gan", "Generator against discriminator", gan,
       "D: max E log D(x) + E log(1 - D(G(z)));  G: max E log D(G(z))", "cairn/nn/adversarial.cpp",
       "discriminator_loss"},
      {"attention", "Attention", attention, "softmax(Q K' / sqrt(d)) V", "cairn/ops/attention.cpp",
       "attention"},
      {"parallel-or-recurrent", "In parallel or one after the other", parallel_or_recurrent,
       "recurrent: T products, each waits for the last;  attention: one product of T x T",
       "cairn/ops/rnn.cpp", "lstm"},
  };
  return all;
}

const Topic& topic_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Topic& t : topics()) {
    if (name == t.name) return t;
    names.emplace_back(t.name);
  }
  throw UsageError("topic: " + no_such_name(name, names) + "; or a run folder, with --input");
}

void write_topic(const Topic& topic, const std::string& path, double part) {
  io::check_writable(path);
  manual_seed(0);
  train::report::Page page(std::string("cairn explain ") + topic.name, "");
  page.section(topic.title);
  topic.write(page, part);
  page.heading("The formula");
  page.writing(fmt::format("{}() in {}", topic.function, topic.file), "", topic.formula);
  page.write(path);
}

int64_t steps_of(int64_t usual, double part) {
  return std::max<int64_t>(2, std::llround(static_cast<double>(usual) * part));
}

void train(const Training& t) {
  optim::Adam optimizer(t.network.parameters(), {.lr = t.lr});
  CompiledFunction step([&](std::span<const Tensor> in) -> Tensors {
    const Tensor loss = t.loss(in);
    optimizer.step(loss);
    return {loss};
  });
  for (int64_t k = 0; k < t.steps; ++k) {
    if (t.watch && t.each > 0 && k % t.each == 0) t.watch(k);
    step.call(t.batch());
  }
  if (t.watch) t.watch(t.steps);
}

double accuracy(const Tensor& outputs, const Tensor& labels) {
  return sum(cast(eq(argmax(outputs, 1), labels), DType::f32)).item() /
         static_cast<double>(labels.numel());
}

}  // namespace cairn::tasks::explain
