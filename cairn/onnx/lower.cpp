// How each op is written in ONNX: one row an op. Ops that ONNX has under the name of their row in
// the op table (OpDef::onnx) and that carry no attributes need none here: find_lowering().
#include <cmath>
#include <cstring>

#include "cairn/onnx/lower_recurrent.h"
#include "cairn/onnx/writer.h"
#include "cairn/ops/functions.h"

namespace cairn::onnx {
namespace {

std::string in(Writer& w, const Node& n, int i = 0) { return w.name_of(n.inputs[i]); }
DType dtype_of(Writer& w, const Node& n, int i = 0) { return w.desc(n.inputs[i]).dtype; }
// Input i in the type of the result.
std::string in_type_of_result(Writer& w, const Node& n, int i) {
  return w.cast_to(in(w, n, i), dtype_of(w, n, i), w.desc(n.outputs[0]).dtype);
}
void give(Writer& w, const Node& n, const char* op, const Names& inputs,
          const Attributes& attributes = {}) {
  w.node_for(n.outputs[0], op, inputs, attributes);
}

// ---- elementwise

// An op of the same name, all inputs in the result's type.
void as_named(Writer& w, const Node& n) {
  Names inputs;
  for (int i = 0; i < n.inputs.ssize(); ++i) inputs.push_back(in_type_of_result(w, n, i));
  give(w, n, n.op->onnx, inputs);
}
// One that compares, or tests: inputs in a type they share.
Names comparable(Writer& w, const Node& n) {
  DType wide = dtype_of(w, n, 0);
  for (int i = 1; i < n.inputs.ssize(); ++i)
    if (dtype_of(w, n, i) != wide && is_float(dtype_of(w, n, i))) wide = dtype_of(w, n, i);
  Names inputs;
  for (int i = 0; i < n.inputs.ssize(); ++i)
    inputs.push_back(w.cast_to(in(w, n, i), dtype_of(w, n, i), wide));
  return inputs;
}
void test(Writer& w, const Node& n) { give(w, n, n.op->onnx, comparable(w, n)); }
void logical(Writer& w, const Node& n) {
  Names inputs;
  for (int i = 0; i < n.inputs.ssize(); ++i)
    inputs.push_back(w.cast_to(in(w, n, i), dtype_of(w, n, i), DType::boolean));
  give(w, n, n.op->onnx, inputs);
}
void not_equal(Writer& w, const Node& n) { give(w, n, "Not", {w.node("Equal", comparable(w, n))}); }
void is_finite(Writer& w, const Node& n) {
  const std::string x = in(w, n);
  give(w, n, "Not", {w.node("Or", {w.node("IsNaN", {x}), w.node("IsInf", {x})})});
}

std::string number(Writer& w, const Node& n, double value) {
  return w.scalar(value, w.desc(n.outputs[0]).dtype);
}
template <const char* op>
void with_value(Writer& w, const Node& n) {
  give(w, n, op, {in_type_of_result(w, n, 0), number(w, n, n.attrs.number("value"))});
}
constexpr char kAdd[] = "Add", kMul[] = "Mul", kPow[] = "Pow";

void square(Writer& w, const Node& n) { give(w, n, "Mul", {in(w, n), in(w, n)}); }
void rsqrt(Writer& w, const Node& n) { give(w, n, "Reciprocal", {w.node("Sqrt", {in(w, n)})}); }
void exp2(Writer& w, const Node& n) { give(w, n, "Pow", {number(w, n, 2), in(w, n)}); }
void expm1(Writer& w, const Node& n) {
  give(w, n, "Sub", {w.node("Exp", {in(w, n)}), number(w, n, 1)});
}
void log1p(Writer& w, const Node& n) {
  give(w, n, "Log", {w.node("Add", {in(w, n), number(w, n, 1)})});
}
void log2(Writer& w, const Node& n) {
  give(w, n, "Mul", {w.node("Log", {in(w, n)}), number(w, n, 1 / std::log(2.0))});
}
void log10(Writer& w, const Node& n) {
  give(w, n, "Mul", {w.node("Log", {in(w, n)}), number(w, n, 1 / std::log(10.0))});
}
void erfc(Writer& w, const Node& n) {
  give(w, n, "Sub", {number(w, n, 1), w.node("Erf", {in(w, n)})});
}
void trunc(Writer& w, const Node& n) {
  const std::string size = w.node("Floor", {w.node("Abs", {in(w, n)})});
  give(w, n, "Mul", {w.node("Sign", {in(w, n)}), size});
}
void clamp(Writer& w, const Node& n) {
  Names inputs = {in(w, n), "", ""};
  if (n.attrs.has("low")) inputs[1] = number(w, n, n.attrs.number("low"));
  if (n.attrs.has("high")) inputs[2] = number(w, n, n.attrs.number("high"));
  if (inputs[2].empty()) inputs.pop_back();
  give(w, n, "Clip", inputs);
}
void leaky_relu(Writer& w, const Node& n) {
  give(w, n, "LeakyRelu", {in(w, n)},
       {{"alpha", static_cast<float>(n.attrs.number("negative_slope"))}});
}
void elu(Writer& w, const Node& n) {
  give(w, n, "Elu", {in(w, n)}, {{"alpha", static_cast<float>(n.attrs.number("alpha"))}});
}
void softplus(Writer& w, const Node& n) {  // x itself above the threshold
  const double beta = n.attrs.number("beta");
  const std::string scaled = w.node("Mul", {in(w, n), number(w, n, beta)});
  const std::string soft = w.node("Div", {w.node("Softplus", {scaled}), number(w, n, beta)});
  const std::string above = w.node("Greater", {scaled, number(w, n, n.attrs.number("threshold"))});
  give(w, n, "Where", {above, in(w, n), soft});
}
void log_sigmoid(Writer& w, const Node& n) {
  give(w, n, "Neg", {w.node("Softplus", {w.node("Neg", {in(w, n)})})});
}
void silu(Writer& w, const Node& n) {
  give(w, n, "Mul", {in(w, n), w.node("Sigmoid", {in(w, n)})});
}
void mish(Writer& w, const Node& n) {
  give(w, n, "Mul", {in(w, n), w.node("Tanh", {w.node("Softplus", {in(w, n)})})});
}
void gelu(Writer& w, const Node& n) { give(w, n, "Gelu", {in(w, n)}, {{"approximate", "none"}}); }
void gelu_tanh(Writer& w, const Node& n) {
  give(w, n, "Gelu", {in(w, n)}, {{"approximate", "tanh"}});
}
void hardsigmoid(Writer& w, const Node& n) {
  give(w, n, "HardSigmoid", {in(w, n)}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}});
}
void hardswish(Writer& w, const Node& n) { give(w, n, "HardSwish", {in(w, n)}); }
void fmod(Writer& w, const Node& n) {
  give(w, n, "Mod", {in_type_of_result(w, n, 0), in_type_of_result(w, n, 1)},
       {{"fmod", int64_t{1}}});
}
void remainder(Writer& w, const Node& n) {  // of the divisor's sign
  const std::string a = in_type_of_result(w, n, 0), b = in_type_of_result(w, n, 1);
  if (!is_float(w.desc(n.outputs[0]).dtype))
    return give(w, n, "Mod", {a, b}, {{"fmod", int64_t{0}}});
  give(w, n, "Sub", {a, w.node("Mul", {b, w.node("Floor", {w.node("Div", {a, b})})})});
}
void where_(Writer& w, const Node& n) {
  give(w, n, "Where",
       {w.cast_to(in(w, n), dtype_of(w, n), DType::boolean), in_type_of_result(w, n, 1),
        in_type_of_result(w, n, 2)});
}
void cast_(Writer& w, const Node& n) {
  give(w, n, "Cast", {in(w, n)}, {{"to", int64_t{element_type(w.desc(n.outputs[0]).dtype)}}});
}
void identity(Writer& w, const Node& n) { give(w, n, "Identity", {in(w, n)}); }

// ---- reductions

void reduce_with(Writer& w, const Node& n, const char* op, const std::string& x, ValueId out) {
  const Ints& axes = n.attrs.ints("axes");
  if (axes.empty()) return w.node_for(out, "Identity", {x});
  w.node_for(out, op, {x, w.ints(axes)}, {{"keepdims", n.attrs.integer("keepdim")}});
}
void reduce(Writer& w, const Node& n) {
  reduce_with(w, n, n.op->onnx, in_type_of_result(w, n, 0), n.outputs[0]);
}
void any_or_all(Writer& w, const Node& n) {
  const std::string x = w.cast_to(in(w, n), dtype_of(w, n), DType::i32);
  const char* op = std::strcmp(n.op->name, "any") == 0 ? "ReduceMax" : "ReduceMin";
  const Ints& axes = n.attrs.ints("axes");
  const std::string seen =
      axes.empty() ? x : w.node(op, {x, w.ints(axes)}, {{"keepdims", n.attrs.integer("keepdim")}});
  give(w, n, "Cast", {seen}, {{"to", int64_t{element_type(DType::boolean)}}});
}
void arg(Writer& w, const Node& n) {
  give(w, n, n.op->onnx, {in(w, n)},
       {{"axis", n.attrs.ints("axes")[0]},
        {"keepdims", n.attrs.integer("keepdim")},
        {"select_last_index", int64_t{0}}});
}
void cumsum(Writer& w, const Node& n) {
  give(w, n, "CumSum",
       {in(w, n), w.scalar(static_cast<double>(n.attrs.integer("axis")), DType::i64)},
       {{"exclusive", int64_t{0}}, {"reverse", int64_t{0}}});
}

// ---- shapes

void reshape_(Writer& w, const Node& n) {
  Dims wanted = w.traces().dims_of(n.outputs[0]);
  const Dims given = w.traces().dims_of(n.inputs[0]);
  int open = 0;
  for (size_t d = 0; d < wanted.size(); ++d) {
    if (wanted[d].fixed()) continue;
    const bool same = d < given.size() && given[d] == wanted[d];
    wanted[d] = {same ? 0 : -1, false, false};  // 0: as it was; -1: what is left
    open += !same;
  }
  give(w, n, "Reshape", {in(w, n), w.sizes(open <= 1 ? wanted : w.traces().dims_of(n.outputs[0]))},
       {{"allowzero", int64_t{0}}});
}
void permute_(Writer& w, const Node& n) {
  give(w, n, "Transpose", {in(w, n)}, {{"perm", n.attrs.ints("order")}});
}
void expand_(Writer& w, const Node& n) {
  give(w, n, "Expand", {in(w, n), w.sizes(w.traces().dims_of(n.outputs[0]))});
}
void slice_(Writer& w, const Node& n) {
  const Traces& t = w.traces();
  const int64_t axis = n.attrs.integer("axis"), step = n.attrs.integer("step");
  const Dim start = t.number(w.current(), [](const Node& s) { return s.attrs.integer("start"); });
  const Dim end = t.number(w.current(), [](const Node& s) {
    return s.attrs.integer("start") + (s.attrs.integer("length") - 1) * s.attrs.integer("step") + 1;
  });
  give(w, n, "Slice", {in(w, n), w.sizes({start}), w.sizes({end}), w.ints({axis}), w.ints({step})});
}
void embed_slice(Writer& w, const Node& n) {
  const int64_t axis = n.attrs.integer("axis"), start = n.attrs.integer("start");
  if (n.attrs.integer("step") != 1) w.refuse("with steps has no form in ONNX here");
  const Dim after = w.traces().number(w.current(), [](const Node& s) {
    return s.attrs.integer("size") - s.attrs.integer("start") - s.attrs.integer("length");
  });
  give(w, n, "Pad",
       {in(w, n), w.sizes({{start, false, false}, after}), number(w, n, 0), w.ints({axis})},
       {{"mode", "constant"}});
}
void cat_(Writer& w, const Node& n) {
  Names parts;
  for (int i = 0; i < n.inputs.ssize(); ++i) parts.push_back(in(w, n, i));
  give(w, n, "Concat", parts, {{"axis", n.attrs.integer("axis")}});
}
void flip_(Writer& w, const Node& n) {
  const Ints& axes = n.attrs.ints("axes");
  const Ints last(axes.size(), -1), before_first(axes.size(), INT64_MIN), back(axes.size(), -1);
  give(w, n, "Slice", {in(w, n), w.ints(last), w.ints(before_first), w.ints(axes), w.ints(back)});
}
void full_(Writer& w, const Node& n) {
  give(w, n, "Expand",
       {number(w, n, n.attrs.number("value")), w.sizes(w.traces().dims_of(n.outputs[0]))});
}
void arange_(Writer& w, const Node& n) {  // as many as a size says
  const DType dtype = w.desc(n.outputs[0]).dtype;
  const int64_t start = n.attrs.integer("start"), step = n.attrs.integer("step");
  const DType counted = dtype == DType::i32 ? DType::i32 : DType::i64;
  const std::string count =
      w.node("Reshape", {w.sizes(w.traces().dims_of(n.outputs[0])), w.ints({})});
  const std::string numbers = w.node(
      "Range", {w.scalar(0, counted), w.cast_to(count, DType::i64, counted), w.scalar(1, counted)});
  std::string x = w.cast_to(numbers, counted, dtype);
  if (step != 1) x = w.node("Mul", {x, w.scalar(static_cast<double>(step), dtype)});
  give(w, n, "Add", {x, w.scalar(static_cast<double>(start), dtype)});
}

// ---- products, convolution, pooling

void matmul_(Writer& w, const Node& n) { give(w, n, "MatMul", {in(w, n, 0), in(w, n, 1)}); }

// {begin, end} of each dimension -> all begins, then all ends.
Ints begins_and_ends(const Ints& pairs) {
  Ints all;
  for (size_t side : {size_t{0}, size_t{1}})
    for (size_t d = side; d < pairs.size(); d += 2) all.push_back(pairs[d]);
  return all;
}
Attributes convolution(const Node& n, const Shape& weight) {
  return {{"kernel_shape", Ints(weight.begin() + 2, weight.end())},
          {"strides", n.attrs.ints("stride")},
          {"pads", begins_and_ends(n.attrs.ints("pads"))},
          {"dilations", n.attrs.ints("dilation")},
          {"group", n.attrs.integer("groups")}};
}
void conv_(Writer& w, const Node& n) {
  give(w, n, "Conv", {in(w, n, 0), in(w, n, 1)}, convolution(n, w.desc(n.inputs[1]).shape));
}
void conv_transpose_(Writer& w, const Node& n) {
  const Shape &x = w.desc(n.inputs[0]).shape, &weight = w.desc(n.inputs[1]).shape;
  const Ints &stride = n.attrs.ints("stride"), &pads = n.attrs.ints("pads"),
             &dilation = n.attrs.ints("dilation"), &spatial = n.attrs.ints("spatial");
  Ints extra;
  for (size_t d = 0; d < spatial.size(); ++d)
    extra.push_back(spatial[d] - ((x[d + 2] - 1) * stride[d] + (weight[d + 2] - 1) * dilation[d] +
                                  1 - pads[2 * d] - pads[2 * d + 1]));
  Attributes attributes = convolution(n, weight);
  attributes.push_back({"output_padding", extra});
  give(w, n, "ConvTranspose", {in(w, n, 0), in(w, n, 1)}, attributes);
}
Attributes window(const Node& n) {
  const Ints& pads = n.attrs.ints("pads");
  Ints both = pads;
  for (int64_t p : pads) both.push_back(p);
  return {{"kernel_shape", n.attrs.ints("kernel")},
          {"strides", n.attrs.ints("stride")},
          {"pads", both},
          {"ceil_mode", int64_t{0}}};
}
void max_pool_(Writer& w, const Node& n) {
  if (w.is_used(n.outputs[1])) w.refuse("with its places has no form in ONNX here");
  give(w, n, "MaxPool", {in(w, n)}, window(n));
}
void avg_pool_(Writer& w, const Node& n) {
  Attributes attributes = window(n);
  attributes.push_back({"count_include_pad", n.attrs.integer("count_padding")});
  give(w, n, "AveragePool", {in(w, n)}, attributes);
}

// PyTorch's coordinates (ops/interpolate.cpp), one axis.
void resample_(Writer& w, const Node& n) {
  const std::string mode = n.attrs.text("mode");
  const bool corners = n.attrs.integer("align_corners") && (mode == "linear" || mode == "cubic");
  if (mode == "area") w.refuse("by area has no form in ONNX here");
  const double scale = n.attrs.number("scale");
  const std::string scales = scale > 0 ? w.tensor(full({1}, scale, DType::f32)) : std::string();
  const std::string to = scale > 0 ? "" : w.ints({n.attrs.integer("to")});
  Attributes attributes = {{"axes", Ints{n.attrs.integer("axis")}},
                           {"mode", mode.starts_with("nearest") ? "nearest" : n.attrs.text("mode")},
                           {"coordinate_transformation_mode", corners             ? "align_corners"
                                                              : mode == "nearest" ? "asymmetric"
                                                                                  : "half_pixel"}};
  if (mode == "nearest") attributes.push_back({"nearest_mode", "floor"});
  if (mode == "nearest_exact") attributes.push_back({"nearest_mode", "round_prefer_ceil"});
  if (mode == "cubic") attributes.push_back({"cubic_coeff_a", -0.75f});
  Names inputs = {in(w, n), "", scales};
  if (!to.empty()) inputs.push_back(to);
  give(w, n, "Resize", inputs, attributes);
}

// ---- indices

void embedding_(Writer& w, const Node& n) {
  give(w, n, "Gather", {in(w, n, 0), in(w, n, 1)}, {{"axis", int64_t{0}}});
}
void gather_(Writer& w, const Node& n) {
  give(w, n, "GatherElements", {in(w, n, 0), in(w, n, 1)}, {{"axis", n.attrs.integer("axis")}});
}
void scatter_(Writer& w, const Node& n) {
  const bool adds = std::strcmp(n.op->name, "scatter_add") == 0;
  give(w, n, "ScatterElements", {in(w, n, 0), in(w, n, 1), in(w, n, 2)},
       {{"axis", n.attrs.integer("axis")}, {"reduction", adds ? "add" : "none"}});
}
void argsort_(Writer& w, const Node& n) {
  const std::string count = w.sizes(
      {w.traces().number(w.current(), [](const Node& s) { return s.attrs.integer("count"); })});
  w.node_of("TopK", {in(w, n), count}, {w.fresh("sorted"), w.output_name(n.outputs[0])},
            {{"axis", n.attrs.integer("axis")},
             {"largest", n.attrs.integer("descending")},
             {"sorted", int64_t{1}}});
}

// ---- softmax, normalisation

void along_axis(Writer& w, const Node& n) {
  give(w, n, n.op->onnx, {in(w, n)}, {{"axis", n.attrs.integer("axis")}});
}
// Over the last axes: ONNX's layer normalisation, whose scale must be there.
bool normalizes_last(const Attrs& attrs, int rank) {
  const Ints& axes = attrs.ints("axes");
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != rank - axes.ssize() + static_cast<int64_t>(i)) return false;
  return !axes.empty();
}
void normalize_(Writer& w, const Node& n) {
  const Ints& axes = n.attrs.ints("axes");
  const Shape& x = w.desc(n.inputs[0]).shape;
  const Shape last(x.begin() + axes[0], x.end());
  const std::string scale = w.tensor(full(last, 1, dtype_of(w, n)), "one");
  Names outputs;
  for (ValueId v : n.outputs) outputs.push_back(w.output_name(v));
  w.node_of("LayerNormalization", {in(w, n), scale}, outputs,
            {{"axis", axes[0]},
             {"epsilon", static_cast<float>(n.attrs.number("eps"))},
             {"stash_type", int64_t{1}}});
}

constexpr Lowering kRows[] = {
    {"eq", test},
    {"ne", not_equal},
    {"lt", test},
    {"le", test},
    {"gt", test},
    {"ge", test},
    {"logical_and", logical},
    {"logical_or", logical},
    {"logical_xor", logical},
    {"logical_not", logical},
    {"isnan", test},
    {"isinf", test},
    {"isfinite", is_finite},
    {"fmod", fmod},
    {"remainder", remainder},
    {"add_scalar", with_value<kAdd>},
    {"mul_scalar", with_value<kMul>},
    {"pow_scalar", with_value<kPow>},
    {"square", square},
    {"rsqrt", rsqrt},
    {"exp2", exp2},
    {"expm1", expm1},
    {"log1p", log1p},
    {"log2", log2},
    {"log10", log10},
    {"erfc", erfc},
    {"trunc", trunc},
    {"clamp", clamp},
    {"clamp_min", clamp},
    {"clamp_max", clamp},
    {"leaky_relu", leaky_relu},
    {"elu", elu},
    {"softplus", softplus},
    {"log_sigmoid", log_sigmoid},
    {"silu", silu},
    {"mish", mish},
    {"gelu", gelu},
    {"gelu_tanh", gelu_tanh},
    {"hardsigmoid", hardsigmoid},
    {"hardswish", hardswish},
    {"where", where_},
    {"cast", cast_},
    {"copy", identity},
    {"check_finite", identity},
    {"check_index", identity},
    {"sum", reduce},
    {"amax", reduce},
    {"amin", reduce},
    {"prod", reduce},
    {"any", any_or_all},
    {"all", any_or_all},
    {"argmax", arg},
    {"argmin", arg},
    {"cumsum", cumsum},
    {"reshape", reshape_},
    {"permute", permute_},
    {"expand", expand_},
    {"slice", slice_},
    {"embed_slice", embed_slice},
    {"cat", cat_},
    {"flip", flip_},
    {"full", full_},
    {"arange", arange_},
    {"matmul", matmul_},
    {"conv", conv_},
    {"conv_grad_input", conv_transpose_},
    {"max_pool", max_pool_},
    {"avg_pool", avg_pool_},
    {"resample", resample_},
    {"embedding", embedding_},
    {"gather", gather_},
    {"scatter", scatter_},
    {"scatter_add", scatter_},
    {"argsort", argsort_},
    {"softmax", along_axis},
    {"log_softmax", along_axis},
    {"normalize", normalize_},
    {"lstm", write_recurrent},
    {"gru", write_recurrent},
    {"rnn_tanh", write_recurrent},
    {"rnn_relu", write_recurrent},
};
constexpr Lowering kAsNamed = {"", as_named};

}  // namespace

const Lowering* find_lowering(const std::string& op) {
  for (const Lowering& row : kRows)
    if (op == row.op) return &row;
  const OpDef& def = op_named(op.c_str());
  return def.onnx && def.is(kElementwise) ? &kAsNamed : nullptr;
}

bool lowers(const OpCall& call) {
  if (std::strcmp(call.op->name, "normalize") == 0)
    return normalizes_last(*call.attrs, call.rank());
  return find_lowering(call.op->name) != nullptr;
}

}  // namespace cairn::onnx
