// Why architectures work, each by an experiment that is run on the spot, within two minutes on two
// processors, and written down as a page: what was done, what is seen, the formula and the source
// that computes it.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cairn/nn/module.h"
#include "cairn/tasks/model.h"
#include "cairn/train/report/curves.h"

namespace cairn::tasks::explain {

struct Topic {
  const char *name, *title;
  void (*write)(train::report::Page& page, double part);
  const char* formula;
  const char *file, *function;  // where it is computed
};
const std::vector<Topic>& topics();
const Topic& topic_named(const std::string& name);  // throws UsageError, naming the nearest

// One page of a topic. `part` of the usual number of steps: for a quick look, and for tests.
void write_topic(const Topic& topic, const std::string& path, double part);
// What in a file moved the decision of a trained run: the columns of a table and the tokens of a
// text by leaving each out, the rows of a series, the frames of sounds and videos and the parts of
// pictures by the gradient times the input. Throws Error for runs that decide nothing of the kind.
void write_decision(Model& model, const std::string& input, const std::string& path);

// The experiments (one file a family).
void convolution(train::report::Page& page, double part);
void pooling(train::report::Page& page, double part);
void vanishing_gradient(train::report::Page& page, double part);
void gates(train::report::Page& page, double part);
void gan(train::report::Page& page, double part);
void attention(train::report::Page& page, double part);
void parallel_or_recurrent(train::report::Page& page, double part);

// What they share. Steps of a training: at least 2.
int64_t steps_of(int64_t usual, double part);
// Trains with Adam by one compiled step; `batch` gives its inputs, `loss` is traced once. `watch`
// is called before the steps that it asks for (every `each`) and after the last one.
struct Training {
  const nn::Module& network;
  double lr;
  int64_t steps;
  std::function<Tensors()> batch;
  std::function<Tensor(std::span<const Tensor>)> loss;
  int64_t each = 0;
  std::function<void(int64_t step)> watch = {};
};
void train(const Training& training);
// The part of rows whose highest output has the number of the label.
double accuracy(const Tensor& outputs, const Tensor& labels);

}  // namespace cairn::tasks::explain
