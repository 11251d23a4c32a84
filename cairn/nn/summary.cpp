#include "cairn/nn/summary.h"

#include <map>

#include "cairn/graph/cost.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

// Counts of 12,345,678 and 1.23 G are read more easily.
std::string grouped(int64_t n) {
  std::string text = std::to_string(n);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}
std::string scaled(double n) {
  if (n == 0) return "-";
  for (const auto& [unit, name] : {std::pair{1e9, "G"}, std::pair{1e6, "M"}, std::pair{1e3, "k"}})
    if (n >= unit) return fmt::format("{:.2f} {}", n / unit, name);
  return fmt::format("{:.0f}", n);
}

Tensor call(const Module& module, const Tensors& in) {
  switch (in.size()) {
    case 1: return module(in[0]);
    case 2: return module(in[0], in[1]);
    case 3: return module(in[0], in[1], in[2]);
  }
  fail("summary: {} inputs; a module takes 1 to 3", in.size());
}

// Watches what every module below gives, while alive.
class OutputRecorder {
 public:
  explicit OutputRecorder(const Module& module) : modules_(module.named_modules()) {
    for (const auto& [name, m] : modules_)
      ids_.push_back(m.on_forward([this, name = name](const Tensors&, const Tensor& y) {
        outputs_[name] = y.shape();
        return Tensor();
      }));
  }
  ~OutputRecorder() {
    for (size_t i = 0; i < ids_.size(); ++i) modules_[i].second.remove_hook(ids_[i]);
  }
  OutputRecorder(const OutputRecorder&) = delete;
  OutputRecorder& operator=(const OutputRecorder&) = delete;
  const std::map<std::string, Shape>& outputs() const { return outputs_; }

 private:
  std::vector<std::pair<std::string, Module>> modules_;
  std::vector<int> ids_;
  std::map<std::string, Shape> outputs_;
};

std::map<std::string, double> multiply_adds_by_path(Graph graph) {
  std::map<std::string, double> by_path;
  const std::vector<cairn::Node> nodes = graph.nodes;
  for (const cairn::Node& node : nodes) by_path[node.path] += multiply_adds(graph.call_of(node));
  return by_path;
}

}  // namespace

Summary summarize(const Module& module, const Tensors& inputs) {
  const OutputRecorder recorder(module);
  const auto costs = multiply_adds_by_path(trace_graph([&] { call(module, inputs); }));
  Summary result;
  for (const auto& [name, m] : module.named_modules()) {
    SummaryRow row{name, name.empty() ? module.type() : m.type(), {}, 0, 0};
    if (const auto it = recorder.outputs().find(name); it != recorder.outputs().end())
      row.output = it->second;
    if (const auto it = costs.find(name); it != costs.end()) row.multiply_adds = it->second;
    for (const auto& [p, t] : m.named_parameters(false)) row.parameters += t.numel();
    result.rows.push_back(std::move(row));
  }
  for (const auto& [path, cost] : costs) result.multiply_adds += cost;
  for (const Tensor& p : module.parameters()) {
    result.parameters += p.numel();
    if (p.requires_grad()) result.trainable += p.numel();
  }
  return result;
}

Summary summarize(const Module& module, const Shape& input, DType dtype) {
  return summarize(module, {zeros(input, dtype)});
}

std::string to_text(const Summary& s) {
  size_t name_width = 5, shape_width = 12;
  for (const SummaryRow& row : s.rows) {
    name_width = std::max(name_width, row.name.size());
    shape_width = std::max(shape_width, to_string(row.output).size());
  }
  std::string text = fmt::format("{:<{}}  {:<24} {:<{}} {:>12} {:>14}\n", "name", name_width,
                                 "layer", "output", shape_width, "parameters", "multiply-adds");
  for (const SummaryRow& row : s.rows)
    text += fmt::format("{:<{}}  {:<24} {:<{}} {:>12} {:>14}\n", row.name, name_width, row.type,
                        row.output.empty() ? "-" : to_string(row.output), shape_width,
                        row.parameters ? grouped(row.parameters) : "-", scaled(row.multiply_adds));
  return text + fmt::format("{} parameters, {} trained, {} multiply-adds\n", grouped(s.parameters),
                            grouped(s.trainable), scaled(s.multiply_adds));
}

std::string summary(const Module& module, const Shape& input, DType dtype) {
  return to_text(summarize(module, input, dtype));
}

}  // namespace cairn::nn
