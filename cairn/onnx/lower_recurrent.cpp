#include "cairn/onnx/lower_recurrent.h"

#include <cstring>

#include "cairn/ops/functions.h"

namespace cairn::onnx {
namespace {

// Where PyTorch's gates are in ONNX's order: LSTM i, f, g, o -> i, o, f, g; GRU r, z, n -> z, r, n.
Ints gates_of(const std::string& op) {
  if (op == "lstm") return {0, 3, 1, 2};
  if (op == "gru") return {1, 0, 2};
  return {0};
}

// Rows [G * H, ...] by gate, with a dimension for the direction.
Tensor in_order(const Tensor& rows, const Ints& gates) {
  const int64_t hidden = rows.size(0) / gates.ssize();
  Tensors parts;
  for (int64_t gate : gates) parts.push_back(slice(rows, 0, gate * hidden, hidden));
  return unsqueeze(cat(parts, 0), 0);
}

}  // namespace

void write_recurrent(Writer& w, const Node& n) {
  const std::string op = n.op->name;
  const Ints gates = gates_of(op);
  const int states = op == "lstm" ? 2 : 1;
  const auto directions = n.attrs.integer("directions");
  const bool bias = n.attrs.integer("bias"), lengths = n.attrs.integer("lengths"),
             batch_first = n.attrs.integer("batch_first");
  const int per_direction = bias ? 4 : 2;
  Tensors weights, recurrences, biases;
  for (int64_t d = 0; d < directions; ++d) {
    const auto weight = [&](int i) {
      const ValueId v = n.inputs[1 + states + static_cast<int>(d) * per_direction + i];
      if (!w.is_constant(v)) w.refuse("with weights that are computed has no form in ONNX here");
      return in_order(w.constant_value(v), gates);
    };
    weights.push_back(weight(0)), recurrences.push_back(weight(1));
    if (bias) biases.push_back(cat({weight(2), weight(3)}, 1));
  }
  const int64_t hidden = recurrences[0].size(2);
  const std::string stem = n.path.empty() ? op : n.path + "." + op;
  std::string x = w.name_of(n.inputs[0]);
  if (batch_first) x = w.node("Transpose", {x}, {{"perm", Ints{1, 0, 2}}});
  Names inputs = {x, w.tensor(cat(weights, 0), stem + ".W"),
                  w.tensor(cat(recurrences, 0), stem + ".R"),
                  bias ? w.tensor(cat(biases, 0), stem + ".B") : "",
                  lengths ? w.name_of(n.inputs[n.inputs.ssize() - 1]) : ""};
  for (int s = 0; s < states; ++s) inputs.push_back(w.name_of(n.inputs[1 + s]));
  Attributes attributes = {{"hidden_size", hidden},
                           {"direction", directions == 2 ? "bidirectional" : "forward"},
                           {"layout", int64_t{0}}};
  if (op == "gru") attributes.push_back({"linear_before_reset", int64_t{1}});
  if (op.starts_with("rnn_"))
    attributes.push_back({"activations", Names(static_cast<size_t>(directions),
                                               op == "rnn_tanh" ? "Tanh" : "Relu")});
  const std::string y = w.fresh(stem + ".Y");  // [T, directions, N, H]
  Names outputs = {y};
  for (int s = 0; s < states; ++s) outputs.push_back(w.output_name(n.outputs[1 + s]));
  w.node_of(n.op->onnx, inputs, outputs, attributes);
  const Ints order = batch_first ? Ints{2, 0, 1, 3} : Ints{0, 2, 1, 3};
  const std::string turned = w.node("Transpose", {y}, {{"perm", order}});
  w.node_for(n.outputs[0], "Reshape", {turned, w.ints({0, 0, directions * hidden})},
             {{"allowzero", int64_t{0}}});
}

}  // namespace cairn::onnx
