#include "cairn/onnx/interpreter.h"

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>

#include "cairn/onnx/import.h"
#include "cairn/ops/context.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

using onnx_proto::AttributeProto;
using onnx_proto::GraphProto;
using onnx_proto::NodeProto;

// An Error that says already which node it is of.
class OfNode : public Error {
 public:
  using Error::Error;
};
class ValuesOfNode : public DependsOnValues {
 public:
  using DependsOnValues::DependsOnValues;
};

bool all_known(const Values& values) {
  return std::all_of(values.begin(), values.end(),
                     [](const Value& v) { return !v.tensor.defined() || is_known(v.tensor); });
}

bool has_graphs(const NodeProto& node) {
  for (const AttributeProto& a : node.attribute())
    if (a.has_g()) return true;
  return false;
}

bool is_standard(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

// Ops whose result has the element type of their first input.
constexpr const char* kOfOneElement[] = {
    "Add", "BitShift", "BitwiseAnd", "BitwiseNot",     "BitwiseOr", "BitwiseXor", "Concat",
    "Div", "Expand",   "Flatten",    "Gather",         "GatherND",  "Identity",   "Max",
    "Min", "Mul",      "Pad",        "Reshape",        "Slice",     "Split",      "Squeeze",
    "Sub", "Tile",     "Transpose",  "GatherElements", "Unsqueeze"};
bool keeps_element(const std::string& op) {
  return std::find(std::begin(kOfOneElement), std::end(kOfOneElement), op) !=
         std::end(kOfOneElement);
}

constexpr const char* kAtLeastValues[] = {"NonZero", "Unique", "Compress", "NonMaxSuppression"};

}  // namespace

void add_outer_names(const NodeProto& node, std::vector<std::string>& names) {
  for (const AttributeProto& a : node.attribute()) {
    if (!a.has_g()) continue;
    for (const NodeProto& inner : a.g().node()) {
      names.insert(names.end(), inner.input().begin(), inner.input().end());
      add_outer_names(inner, names);
    }
    for (const auto& out : a.g().output()) names.push_back(out.name());
  }
}

bool is_product_of_rows(const NodeProto& n) {
  if (n.op_type() == "MatMul") return n.input_size() == 2;
  if (n.op_type() != "Gemm" || n.input_size() < 2) return false;
  for (const AttributeProto& a : n.attribute())
    if (a.name() == "transB") return a.i() == 0;
  return true;
}

// ---- NodeCall

NodeCall::NodeCall(const NodeProto& node, Values inputs, int64_t opset, Interpreter& inside)
    : node_(node), in_(std::move(inputs)), opset_(opset), inside_(inside) {}

const std::string& NodeCall::op() const { return node_.op_type(); }

const Tensor& NodeCall::in(size_t i) const {
  check(has(i), "input {} is not given", i);
  return in_[i].tensor;
}

Tensor NodeCall::right_operand(size_t i) const {
  const Tensor& plain = in(i);  // throws where it is not given
  return in_[i].by_columns.defined() ? transpose(in_[i].by_columns, 0, 1) : plain;
}

int32_t NodeCall::element(size_t i) const {
  const DType dtype = in(i).dtype();
  if (in_[i].element) return in_[i].element;
  if (dtype == DType::f8e4m3) return onnx_proto::TensorProto::FLOAT8E4M3FN;
  if (dtype == DType::f8e5m2) return onnx_proto::TensorProto::FLOAT8E5M2;
  return element_type(dtype);
}

const AttributeProto* NodeCall::find(const char* name) const {
  for (const AttributeProto& a : node_.attribute())
    if (a.name() == name) return &a;
  return nullptr;
}
int64_t NodeCall::integer(const char* name, int64_t otherwise) const {
  const AttributeProto* a = find(name);
  return a ? a->i() : otherwise;
}
int32_t NodeCall::element_named(const char* name, int32_t otherwise) const {
  const int64_t type = integer(name, otherwise);
  check(type >= 0 && type <= INT32_MAX, "'{}' is {}, which is no element type", name, type);
  return static_cast<int32_t>(type);
}
double NodeCall::number(const char* name, double otherwise) const {
  const AttributeProto* a = find(name);
  return a ? static_cast<double>(a->f()) : otherwise;
}
std::string NodeCall::text(const char* name, const std::string& otherwise) const {
  const AttributeProto* a = find(name);
  return a ? a->s() : otherwise;
}
Ints NodeCall::ints(const char* name, const Ints& otherwise) const {
  const AttributeProto* a = find(name);
  return a ? Ints(a->ints().begin(), a->ints().end()) : otherwise;
}
std::vector<double> NodeCall::numbers(const char* name) const {
  const AttributeProto* a = find(name);
  return a ? std::vector<double>(a->floats().begin(), a->floats().end()) : std::vector<double>();
}
std::vector<std::string> NodeCall::texts(const char* name) const {
  const AttributeProto* a = find(name);
  return a ? std::vector<std::string>(a->strings().begin(), a->strings().end())
           : std::vector<std::string>();
}
Tensor NodeCall::tensor(const char* name, int32_t* element) const {
  const AttributeProto* a = find(name);
  check(a && a->has_t(), "attribute '{}' is no tensor", name);
  if (element) *element = a->t().data_type();
  const TensorData data = inside_.file().data_of(a->t());
  return from_host(data.bytes.data(), data.shape, data.dtype);
}
const GraphProto& NodeCall::graph(const char* name) const {
  const AttributeProto* a = find(name);
  check(a && a->has_g(), "attribute '{}' is no graph", name);
  return a->g();
}

Ints NodeCall::host(size_t i) const { return ints_of(integers_of(in(i))); }
int64_t NodeCall::host_integer(size_t i) const {
  const auto values = integers_of(in(i));
  check(values.size() == 1, "input {} is of {} numbers, not one", i, values.size());
  return values[0];
}
double NodeCall::host_number(size_t i) const {
  const auto values = numbers_of(in(i));
  check(values.size() == 1, "input {} is of {} numbers, not one", i, values.size());
  return values[0];
}
Ints NodeCall::host_or(size_t i, const char* attribute, const Ints& otherwise) const {
  return has(i) ? host(i) : ints(attribute, otherwise);
}
int64_t NodeCall::axis(int64_t given, int rank) const {
  check(given >= -rank && given < rank, "axis {} of a tensor of {} dimensions", given, rank);
  return given < 0 ? given + rank : given;
}

size_t NodeCall::outputs() const { return static_cast<size_t>(node_.output_size()); }
bool NodeCall::wants(size_t i) const {
  return i < outputs() && !node_.output(static_cast<int>(i)).empty();
}
void NodeCall::give(Tensor value, size_t i, int32_t element) {
  if (out_.size() <= i) out_.resize(i + 1);
  out_[i] = {std::move(value), element};
}

// ---- values of the host

std::vector<int64_t> integers_of(const Tensor& t) {
  if (!is_known(t))
    throw DependsOnValues("needs values that are known only when it runs, not its inputs' shapes");
  const RecorderScope eager(nullptr);
  return cast(t, DType::i64).to_vector<int64_t>();
}
std::vector<double> numbers_of(const Tensor& t) {
  if (!is_known(t))
    throw DependsOnValues("needs values that are known only when it runs, not its inputs' shapes");
  const RecorderScope eager(nullptr);
  return cast(t, DType::f64).to_vector<double>();
}
Tensor integers(const std::vector<int64_t>& values, const Shape& shape, DType dtype) {
  check(static_cast<int64_t>(values.size()) == numel(shape), "{} numbers for a tensor of {}",
        values.size(), to_string(shape));
  const RecorderScope eager(nullptr);
  return cast(from_host(values.data(), shape, DType::i64), dtype);
}

// ---- the table

using Family = OpRows (*)();
constexpr Family kFamilies[] = {elementwise_rows, shape_rows,     index_rows,  reduce_rows,
                                product_rows,     window_rows,    norm_rows,   recurrent_rows,
                                attention_rows,   quantized_rows, resize_rows, control_rows,
                                detection_rows};

const OpRow* find_op(const std::string& op) {
  for (const Family family : kFamilies)
    for (const OpRow& row : family())
      if (op == row.op) return &row;
  return nullptr;
}

std::vector<std::string> ops_read() {
  std::vector<std::string> names;
  for (const Family family : kFamilies)
    for (const OpRow& row : family()) names.emplace_back(row.op);
  return names;
}

// ---- Interpreter

const Value* Scope::find(const std::string& name) const {
  const auto it = values_.find(name);
  if (it != values_.end()) return &it->second;
  return outer_ ? outer_->find(name) : nullptr;
}

void Interpreter::run_node(const NodeProto& node, Scope& scope) {
  Values inputs;
  for (const std::string& name : node.input()) {
    const Value* value = name.empty() ? nullptr : scope.find(name);
    inputs.push_back(value ? *value : Value());
  }
  Scope* const around = std::exchange(current_, &scope);
  const auto where = [&] {
    return fmt::format("'{}': node '{}' ({})", file_.name(), node.name(), node.op_type());
  };
  try {
    const OpRow* row = is_standard(node.domain()) ? find_op(node.op_type()) : nullptr;
    check(row != nullptr, "this op is not read");
    NodeCall call(node, inputs, opset_, *this);
    if (all_known(inputs) && !has_graphs(node)) {  // on the host, also while tracing
      const RecorderScope eager(nullptr);
      row->run(call);
    } else {
      row->run(call);
    }
    Values out = call.take();
    const bool one_element = !inputs.empty() && keeps_element(node.op_type());
    for (int i = 0; i < node.output_size(); ++i) {
      if (node.output(i).empty()) continue;
      const auto at = static_cast<size_t>(i);
      check(at < out.size() && out[at].tensor.defined(), "its output {} is not computed here", i);
      if (one_element && out[at].element == 0) out[at].element = inputs[0].element;
      scope.set(node.output(i), std::move(out[at]));
    }
  } catch (const OfNode&) { throw; } catch (const ValuesOfNode&) {
    throw;
  } catch (const DependsOnValues& e) {
    throw ValuesOfNode(where() + ": " + e.what());
  } catch (const Error& e) {
    throw OfNode(where() + ": " + e.what());
  } catch (const std::bad_alloc&) {
    throw OfNode(where() + ": needs more memory than there is");
  } catch (
      const std::exception& e) {  // of a container: the file asks for a place that is not there
    throw OfNode(where() + ": is no node of this op that can be read (" + e.what() + ")");
  }
  current_ = around;
}

Tensors Interpreter::run(const GraphProto& graph, Scope& scope) {
  // What the outputs need.
  std::unordered_set<std::string> wanted;
  for (const auto& out : graph.output()) wanted.insert(out.name());
  std::vector<char> needed(static_cast<size_t>(graph.node_size()), 0);
  for (int i = graph.node_size(); i-- > 0;) {
    const NodeProto& n = graph.node(i);
    bool any = false;
    for (const std::string& out : n.output()) any |= wanted.count(out) != 0;
    if (!any) continue;
    needed[static_cast<size_t>(i)] = 1;
    wanted.insert(n.input().begin(), n.input().end());
    std::vector<std::string> outer;
    add_outer_names(n, outer);
    wanted.insert(outer.begin(), outer.end());
  }
  for (int i = 0; i < graph.node_size(); ++i) {
    if (!needed[static_cast<size_t>(i)]) continue;
    const NodeProto& n = graph.node(i);
    bool done = true;  // folded when the file was opened
    for (const std::string& out : n.output()) done &= out.empty() || scope.has_own(out);
    if (!done) run_node(n, scope);
  }
  Tensors results;
  for (const auto& out : graph.output()) {
    const Value* value = scope.find(out.name());
    check(value && value->tensor.defined(), "'{}': the output '{}' has no value", file_.name(),
          out.name());
    results.push_back(value->tensor);
  }
  return results;
}

Tensors Interpreter::run_inner(const GraphProto& graph, const Tensors& inputs) {
  check(graph.input_size() == static_cast<int>(inputs.size()),
        "its graph takes {} inputs, {} are given", graph.input_size(), inputs.size());
  Scope scope(current_);
  for (const auto& t : graph.initializer()) {
    const TensorData data = file_.data_of(t);
    scope.set(t.name(), {from_host(data.bytes.data(), data.shape, data.dtype), t.data_type()});
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& input = graph.input(static_cast<int>(i));
    scope.set(input.name(), {inputs[i], input.type().tensor_type().elem_type()});
  }
  Scope* const around = current_;
  Tensors results = run(graph, scope);
  current_ = around;
  return results;
}

// ---- Imported

Imported::Imported(ModelFile file) : file_(std::move(file)) {
  constexpr int64_t kNewest = 28;
  for (const auto& o : file_.model().opset_import())
    if (is_standard(o.domain())) opset_ = o.version();
  check(opset_ <= kNewest,
        "'{}': is of opset {}; up to {} are read: export it with an older one (opset_version=20)",
        name(), opset_, kNewest);
  check_ops();
  read_weights();
  read_inputs();
  for (const auto& out : file_.model().graph().output()) outputs_.push_back(out.name());
  check(!outputs_.empty(), "'{}': its graph has no output", name());
  fold();
  turn_right_operands();
}

int64_t Imported::ir() const { return file_.model().ir_version(); }
std::string Imported::producer() const {
  const auto& m = file_.model();
  return m.producer_name() + (m.producer_version().empty() ? "" : " " + m.producer_version());
}
std::string Imported::metadata(const std::string& key) const {
  for (const auto& entry : file_.model().metadata_props())
    if (entry.key() == key) return entry.value();
  return "";
}
std::map<std::string, int64_t> Imported::op_counts() const {
  std::map<std::string, int64_t> counts;
  for (const NodeProto& n : file_.model().graph().node()) ++counts[n.op_type()];
  return counts;
}

// All of them at once, so that the message says the whole way that is missing.
void Imported::check_ops() const {
  std::map<std::string, std::string> missing;  // op: a node
  const std::function<void(const GraphProto&)> look = [&](const GraphProto& g) {
    for (const NodeProto& n : g.node()) {
      if (!is_standard(n.domain()) || !find_op(n.op_type()))
        missing.emplace(is_standard(n.domain()) ? n.op_type() : n.domain() + "." + n.op_type(),
                        n.name());
      for (const AttributeProto& a : n.attribute())
        if (a.has_g()) look(a.g());
    }
  };
  look(file_.model().graph());
  std::string text;
  for (const auto& [op, node] : missing)
    text += fmt::format("{}{} (node '{}')", text.empty() ? "" : ", ", op, node);
  check(missing.empty(),
        "'{}': uses ops that are not read: {}; docs/onnx.md lists those that are; export the "
        "network without them",
        name(), text);
}

void Imported::read_weights() {
  for (auto& t : *file_.model().mutable_graph()->mutable_initializer()) {
    const TensorData data = file_.data_of(t);
    Tensor value = from_host(data.bytes.data(), data.shape, data.dtype);
    constants_[t.name()] = {value, t.data_type()};
    weights_.emplace_back(t.name(), std::move(value));
    t.clear_raw_data();  // the tensor has it
  }
}

void Imported::read_inputs() {
  for (const auto& in : file_.model().graph().input()) {
    if (constants_.count(in.name())) continue;  // what it is unless given: a weight
    const std::string where = fmt::format("'{}': input '{}'", name(), in.name());
    check(in.type().has_tensor_type(), "{}: is no tensor (a sequence, a map), which is not read",
          where);
    const auto& type = in.type().tensor_type();
    ImportedInput input{in.name(),
                        dtype_of_element(type.elem_type(), where),
                        type.elem_type(),
                        type.has_shape(),
                        {}};
    for (const auto& d : type.shape().dim())
      input.dims.push_back({d.dim_value() > 0 ? d.dim_value() : -1, d.dim_param()});
    inputs_.push_back(std::move(input));
  }
}

// What depends on weights alone.
void Imported::fold() {
  const NoGrad no_grad;
  Interpreter interpreter(file_, opset_);
  Scope scope;
  for (const auto& [name, value] : constants_) scope.set(name, value);
  for (const NodeProto& n : file_.model().graph().node()) {
    for (const char* op : kAtLeastValues) shapes_follow_values_ |= n.op_type() == op;
    bool fixed = !has_graphs(n);
    for (const std::string& in : n.input()) fixed &= in.empty() || scope.find(in) != nullptr;
    if (!fixed) continue;
    interpreter.run_node(n, scope);
    for (const std::string& out : n.output())
      if (!out.empty()) constants_[out] = *scope.find(out);
  }
}

// Fixed weights [k, n] of products from the right are laid down as [n, k], once, as Cairn's own
// layers have them: a product of few rows reads them in long runs, where rows of B would be a page
// apart.
void Imported::turn_right_operands() {
  constexpr int64_t kWorthIt = 1 << 12;  // numbers
  const NoGrad no_grad;
  std::set<std::string> read_otherwise(outputs_.begin(), outputs_.end());
  std::vector<std::string> multiplied;
  for (const NodeProto& n : file_.model().graph().node()) {
    for (int i = 0; i < n.input_size(); ++i)
      if (i == 1 && is_product_of_rows(n)) multiplied.push_back(n.input(1));
      else read_otherwise.insert(n.input(i));
    std::vector<std::string> inside;
    add_outer_names(n, inside);
    read_otherwise.insert(inside.begin(), inside.end());
  }
  for (const std::string& name : multiplied) {
    const auto found = constants_.find(name);
    if (found == constants_.end() || found->second.by_columns.defined()) continue;
    Value& v = found->second;
    if (v.tensor.rank() != 2 || !is_float(v.tensor.dtype()) || v.tensor.numel() < kWorthIt)
      continue;
    v.by_columns = contiguous(transpose(v.tensor, 0, 1));
    if (read_otherwise.count(name)) continue;
    v.tensor = transpose(v.by_columns, 0, 1);  // one copy is enough
    for (auto& [weight, tensor] : weights_)
      if (weight == name) tensor = v.tensor;
  }
}

Tensors Imported::run(std::span<const Tensor> in) const {
  const NoGrad no_grad;
  check(in.size() == inputs_.size(), "'{}': takes {} inputs, {} are given", name(), inputs_.size(),
        in.size());
  Interpreter interpreter(file_, opset_);
  Scope scope;
  for (const auto& [name, value] : constants_) scope.set(name, value);
  for (size_t i = 0; i < in.size(); ++i) {
    const ImportedInput& input = inputs_[i];
    const Shape& shape = in[i].shape();
    bool fits = in[i].dtype() == input.dtype;
    if (input.has_rank) fits &= shape.size() == input.dims.size();
    std::string wanted;
    for (size_t d = 0; d < input.dims.size(); ++d) {
      const ImportedDim& dim = input.dims[d];
      if (dim.size >= 0 && d < shape.size()) fits &= shape[d] == dim.size;
      wanted += (d ? ", " : "") + (dim.size >= 0      ? std::to_string(dim.size)
                                   : dim.name.empty() ? "?"
                                                      : dim.name);
    }
    check(fits, "'{}': input '{}' is {} {}, and takes {} [{}]", name(), input.name,
          name_of(in[i].dtype()), to_string(shape), name_of(input.dtype), wanted);
    scope.set(input.name, {in[i], input.element});
  }
  return interpreter.run(file_.model().graph(), scope);
}

}  // namespace cairn::onnx
