#include "cairn/onnx/writer.h"

#include <cstring>

#include "cairn/ops/functions.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

using onnx_proto::AttributeProto;
using onnx_proto::TensorProto;

void set_attribute(AttributeProto& to, const char* name, const Attribute& value) {
  to.set_name(name);
  if (const auto* i = std::get_if<int64_t>(&value)) {
    to.set_type(AttributeProto::INT), to.set_i(*i);
  } else if (const auto* f = std::get_if<float>(&value)) {
    to.set_type(AttributeProto::FLOAT), to.set_f(*f);
  } else if (const auto* s = std::get_if<const char*>(&value)) {
    to.set_type(AttributeProto::STRING), to.set_s(*s);
  } else if (const auto* ints = std::get_if<Ints>(&value)) {
    to.set_type(AttributeProto::INTS);
    for (int64_t i : *ints) to.add_ints(i);
  } else {
    to.set_type(AttributeProto::STRINGS);
    for (const std::string& s : std::get<Names>(value)) to.add_strings(s);
  }
}

void describe(onnx_proto::ValueInfoProto& info, const std::string& name, DType dtype,
              const std::vector<std::string>& free, const Shape& shape) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(element_type(dtype));
  type.mutable_shape();
  for (size_t d = 0; d < shape.size(); ++d) {
    auto& dim = *type.mutable_shape()->add_dim();
    if (free[d].empty()) dim.set_dim_value(shape[d]);
    else dim.set_dim_param(free[d]);
  }
}

// "batch", "length", or what a size is made of.
std::string words_for(const Dim& d) {
  if (d.fixed()) return "";
  const std::string free = d.batch && d.length ? "batch*length" : d.batch ? "batch" : "length";
  return d.count == 1 ? free : std::to_string(d.count) + "*" + free;
}

}  // namespace

Writer::Writer(const Function& function, onnx_proto::GraphProto& graph)
    : function_(function),
      out_(graph),
      traces_(function.takes, function.run,
              [](const OpCall& call) { return call.op->decompose && !lowers(call); }),
      constants_(traces_.graph()),
      constant_(traces_.graph().values.size(), 0),
      used_(constant_.size(), 0),
      names_(constant_.size()) {}

void Writer::refuse(const std::string& reason) const {
  const Node& n = graph().nodes[current_];
  fail("export: op '{}'{}{} {}", n.op->name, n.path.empty() ? "" : " at ", n.path, reason);
}

// What depends on no argument and is the same at all sizes is computed here, once.
void Writer::find_constants() {
  for (const GraphInput& in : graph().inputs) {
    constant_[in.value] = in.lasting();
    if (!in.lasting()) continue;
    for (const Dim& d : traces_.dims_of(in.value))
      check(d.fixed(),
            "export: the model makes a tensor on the host whose size follows the batch or the "
            "length; make it of ops");
  }
  for (size_t i = 0; i < graph().nodes.size(); ++i) {
    const Node& n = graph().nodes[i];
    bool fixed = traces_.same(static_cast<int>(i));
    for (ValueId v : n.inputs) fixed &= constant_[v] != 0;
    for (ValueId v : n.outputs) constant_[v] = fixed;
    if (!fixed)
      for (ValueId v : n.inputs) used_[v] = 1;
  }
  for (ValueId v : graph().outputs) used_[v] = 1;
}

void Writer::write_inputs() {
  for (const GraphInput& in : graph().inputs) {
    if (in.kind != InputKind::argument) continue;
    const Port& port = function_.takes[in.argument];
    names_[in.value] = port.name;
    taken_.insert(port.name);
  }
  for (const Port& port : function_.takes) {
    std::vector<std::string> free;
    for (int64_t size : port.shape)
      free.emplace_back(size == kAnyBatch ? "batch" : size == kAnyLength ? "length" : "");
    describe(*out_.add_input(), port.name, port.dtype, free, port.shape);
  }
}

void Writer::write_outputs() {
  for (size_t i = 0; i < function_.gives.size(); ++i) {
    const ValueId v = graph().outputs[i];
    node_of("Identity", {name_of(v)}, {function_.gives[i]}, {});
    std::vector<std::string> free;
    for (const Dim& d : traces_.dims_of(v)) free.push_back(words_for(d));
    describe(*out_.add_output(), function_.gives[i], desc(v).dtype, free, desc(v).shape);
  }
}

void Writer::write() {
  find_constants();
  for (const std::string& name : function_.gives) taken_.insert(name);
  write_inputs();
  const auto& nodes = graph().nodes;
  for (current_ = 0; current_ < static_cast<int>(nodes.size()); ++current_) {
    const Node& n = nodes[current_];
    if (constant_[n.outputs[0]]) continue;
    const Lowering* row = find_lowering(n.op->name);
    if (!row) refuse("has no form in ONNX here");
    row->write(*this, n);
  }
  write_outputs();
}

std::string Writer::fresh(const std::string& stem) {
  std::string name = stem;
  for (int i = 1; !taken_.insert(name).second; ++i) name = stem + "_" + std::to_string(i);
  return name;
}

std::string Writer::output_name(ValueId v) {
  const Node& n = graph().nodes[current_];
  return names_[v] = fresh((n.path.empty() ? "" : n.path + ".") + n.op->name);
}

std::string Writer::name_of(ValueId v) {
  if (!names_[v].empty()) return names_[v];
  check(constant_[v], "export: value {} is read before it is written", v);
  // A weight's own name, also where it was turned or scaled first.
  ValueId origin = v;
  while (graph().values[origin].producer >= 0) {
    const Node& made_by = graph().nodes[graph().values[origin].producer];
    if (made_by.inputs.empty()) break;
    origin = made_by.inputs[0];
  }
  std::string name = "constant";
  for (const GraphInput& in : graph().inputs)
    if (in.value == origin && in.kind != InputKind::argument)
      for (const auto& [weight, state] : function_.weights)
        if (in.tensor.get() == state.impl()) name = weight;
  return names_[v] = tensor(constants_.of(v), name);
}

std::string Writer::node(const char* op, const Names& inputs, const Attributes& attributes) {
  const Node& n = graph().nodes[current_];
  const std::string name = fresh((n.path.empty() ? "" : n.path + ".") + op);
  node_of(op, inputs, {name}, attributes);
  return name;
}

void Writer::node_for(ValueId out, const char* op, const Names& inputs,
                      const Attributes& attributes) {
  node_of(op, inputs, {output_name(out)}, attributes);
}

void Writer::node_of(const char* op, const Names& inputs, const Names& outputs,
                     const Attributes& attributes) {
  auto& n = *out_.add_node();
  n.set_op_type(op);
  n.set_name("/" + outputs[0]);
  for (const std::string& in : inputs) n.add_input(in);
  for (const std::string& out : outputs) n.add_output(out);
  for (const auto& [name, value] : attributes) set_attribute(*n.add_attribute(), name, value);
}

std::string Writer::tensor(const Tensor& value, const std::string& name) {
  auto& t = *out_.add_initializer();
  t.set_name(fresh(name.empty() ? "constant" : name));
  t.set_data_type(element_type(value.dtype()));
  for (int64_t d : value.shape()) t.add_dims(d);
  std::string& bytes = *t.mutable_raw_data();
  bytes.resize(static_cast<size_t>(value.numel()) * size_of(value.dtype()));
  copy_to_host(value, bytes.data());
  return t.name();
}

std::string Writer::ints(const Ints& values) {
  std::string& name = known_["ints " + to_string(values)];
  if (name.empty()) name = tensor(from_host(values.data(), {values.ssize()}, DType::i64), "ints");
  return name;
}

std::string Writer::scalar(double value, DType dtype) {
  std::string& name = known_[fmt::format("{} {}", cairn::name_of(dtype), value)];
  if (name.empty()) name = tensor(full({}, value, dtype), "number");
  return name;
}

std::string Writer::symbol(bool batch, bool length) {
  std::string& known = known_[fmt::format("symbol {} {}", batch, length)];
  if (!known.empty()) return known;
  if (batch && length) return known = node("Mul", {symbol(true, false), symbol(false, true)});
  for (const Port& port : function_.takes)
    for (int64_t d = 0; d < port.shape.ssize(); ++d)
      if (port.shape[d] == (batch ? kAnyBatch : kAnyLength))
        return known = node("Shape", {port.name}, {{"start", d}, {"end", d + 1}});
  refuse("has a size that no input has");
}

std::string Writer::sizes(const Dims& dims) {
  Names parts;
  Ints fixed;
  const auto flush = [&] {
    if (!fixed.empty()) parts.push_back(ints(fixed));
    fixed = {};
  };
  for (const Dim& d : dims) {
    if (d.fixed()) {
      fixed.push_back(d.count);
      continue;
    }
    flush();
    const std::string free = symbol(d.batch, d.length);
    parts.push_back(d.count == 1 ? free : node("Mul", {free, ints({d.count})}));
  }
  flush();
  if (parts.empty()) return ints({});
  return parts.size() == 1 ? parts[0] : node("Concat", parts, {{"axis", int64_t{0}}});
}

std::string Writer::cast_to(const std::string& name, DType from, DType to) {
  if (from == to) return name;
  return node("Cast", {name}, {{"to", int64_t{element_type(to)}}});
}

}  // namespace cairn::onnx
