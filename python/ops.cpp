// The functions on tensors under the library's names: tables of functions of one signature, so that
// Python's glue is compiled once for each.
#include "cairn/ops/context.h"
#include "cairn/ops/numeric.h"
#include "cairn/ops/pick.h"
#include "python/binding.h"

namespace cairn::python {
namespace {

template <class F>
struct Row {
  const char* name;
  F* function;
};
// As functions of the module and as methods of the first argument.
template <class F, class... Extra>
void add_all(py::class_<Tensor>& c, py::module_& m, std::initializer_list<Row<F>> rows,
             const Extra&... extra) {
  for (const Row<F>& row : rows) {
    m.def(row.name, row.function, py::arg("x"), extra..., Unlocked());
    c.def(row.name, row.function, extra..., Unlocked());
  }
}

using Unary = Tensor(In);
constexpr Row<Unary> kUnary[] = {{"neg", neg},
                                 {"abs", abs},
                                 {"sign", sign},
                                 {"square", square},
                                 {"sqrt", sqrt},
                                 {"rsqrt", rsqrt},
                                 {"reciprocal", reciprocal},
                                 {"exp", exp},
                                 {"exp2", exp2},
                                 {"expm1", expm1},
                                 {"log", log},
                                 {"log1p", log1p},
                                 {"log2", log2},
                                 {"log10", log10},
                                 {"sin", sin},
                                 {"cos", cos},
                                 {"tan", tan},
                                 {"asin", asin},
                                 {"acos", acos},
                                 {"atan", atan},
                                 {"sinh", sinh},
                                 {"cosh", cosh},
                                 {"tanh", tanh},
                                 {"asinh", asinh},
                                 {"acosh", acosh},
                                 {"atanh", atanh},
                                 {"erf", erf},
                                 {"erfc", erfc},
                                 {"erfinv", erfinv},
                                 {"floor", floor},
                                 {"ceil", ceil},
                                 {"round", round},
                                 {"trunc", trunc},
                                 {"relu", relu},
                                 {"relu6", relu6},
                                 {"selu", selu},
                                 {"softsign", softsign},
                                 {"sigmoid", sigmoid},
                                 {"log_sigmoid", log_sigmoid},
                                 {"silu", silu},
                                 {"mish", mish},
                                 {"hardsigmoid", hardsigmoid},
                                 {"hardswish", hardswish},
                                 {"tanhshrink", tanhshrink},
                                 {"logical_not", logical_not},
                                 {"isnan", isnan},
                                 {"isinf", isinf},
                                 {"isfinite", isfinite},
                                 {"check_finite", check_finite},
                                 {"contiguous", contiguous},
                                 {"bernoulli", bernoulli},
                                 {"sinc", sinc},
                                 {"diag", diag},
                                 {"trace", trace},
                                 {"nonzero", nonzero},
                                 {"unique", unique}};

using Binary = Tensor(In, In);
constexpr Row<Binary> kBinary[] = {{"add", add},
                                   {"sub", sub},
                                   {"mul", mul},
                                   {"div", div},
                                   {"pow", pow},
                                   {"maximum", maximum},
                                   {"minimum", minimum},
                                   {"fmod", fmod},
                                   {"remainder", remainder},
                                   {"atan2", atan2},
                                   {"logaddexp", logaddexp},
                                   {"eq", eq},
                                   {"ne", ne},
                                   {"lt", lt},
                                   {"le", le},
                                   {"gt", gt},
                                   {"ge", ge},
                                   {"logical_and", logical_and},
                                   {"logical_or", logical_or},
                                   {"logical_xor", logical_xor},
                                   {"matmul", matmul},
                                   {"xlogy", xlogy},
                                   {"hypot", hypot},
                                   {"copysign", copysign},
                                   {"outer", outer}};

Tensor rsub(In a, double b) { return b - a; }
Tensor rdiv(In a, double b) { return b / a; }
template <Binary* f>
Tensor reflected(In a, In b) {
  return f(b, a);
}
Tensor rpow(In a, double b) {
  return pow(full({}, b, is_float(a.t.dtype()) ? a.t.dtype() : DType::f32, Loc()), a);
}
Tensor minus(In a, double b) { return a - b; }
// Division by a number is by its reciprocal only where that is exact enough for the library, too.
Tensor over(In a, double b) { return a / b; }

void add_operators(py::class_<Tensor>& c) {
  const auto two = [&](const char* name, Binary* f) {
    c.def(name, f, py::is_operator(), Unlocked());
  };
  const auto number = [&](const char* name, Tensor (*f)(In, double)) {
    c.def(name, f, py::is_operator(), Unlocked());
  };
  two("__add__", add), two("__sub__", sub), two("__mul__", mul), two("__truediv__", div);
  two("__pow__", pow), two("__matmul__", matmul), two("__mod__", remainder);
  two("__eq__", eq), two("__ne__", ne), two("__lt__", lt), two("__le__", le), two("__gt__", gt);
  two("__ge__", ge), two("__and__", logical_and), two("__or__", logical_or);
  two("__xor__", logical_xor);
  // Of arrays, which leave the operator to the tensor on their right.
  two("__radd__", reflected<add>), two("__rsub__", reflected<sub>);
  two("__rmul__", reflected<mul>), two("__rtruediv__", reflected<div>);
  two("__rpow__", reflected<pow>), two("__rmatmul__", reflected<matmul>);
  two("__rmod__", reflected<remainder>), two("__rand__", reflected<logical_and>);
  two("__ror__", reflected<logical_or>), two("__rxor__", reflected<logical_xor>);
  number("__rpow__", rpow);
  number("__add__", add), number("__radd__", add), number("__mul__", mul), number("__rmul__", mul);
  number("__sub__", minus), number("__rsub__", rsub), number("__truediv__", over);
  number("__rtruediv__", rdiv), number("__pow__", pow), number("__eq__", eq);
  number("__ne__", ne), number("__lt__", lt), number("__le__", le), number("__gt__", gt);
  number("__ge__", ge);
  c.def("__neg__", static_cast<Unary*>(neg), Unlocked());
  c.def("__abs__", static_cast<Unary*>(abs), Unlocked());
  c.def("__invert__", static_cast<Unary*>(logical_not), Unlocked());
  c.attr("__hash__") = py::module_::import("builtins").attr("object").attr("__hash__");
}

using py::arg;

void add_shapes(py::class_<Tensor>& c, py::module_& m) {
  add_all<Tensor(In, const Ints&)>(
      c, m, {{"expand", expand}, {"repeat", repeat}, {"sum_to", sum_to}}, arg("sizes"));
  add_all<Tensor(In, const Ints&)>(c, m, {{"reshape", reshape}}, arg("shape"));
  add_all<Tensor(In, const Ints&)>(c, m, {{"permute", permute}}, arg("order"));
  add_all<Tensor(In, const Ints&)>(c, m, {{"squeeze", squeeze}, {"flip", flip}}, arg("axes"));
  add_all<Tensor(In, const Ints&)>(
      c, m, {{"adaptive_avg_pool", adaptive_avg_pool}, {"adaptive_max_pool", adaptive_max_pool}},
      arg("output_size"));
  add_all<Tensor(In, int64_t)>(c, m,
                               {{"unsqueeze", unsqueeze},
                                {"cumsum", cumsum},
                                {"cumprod", cumprod},
                                {"logcumsumexp", logcumsumexp}},
                               arg("axis"));
  add_all<Tensor(In, int64_t)>(c, m,
                               {{"softmax", softmax},
                                {"log_softmax", log_softmax},
                                {"softmin", softmin},
                                {"glu", glu},
                                {"swiglu", swiglu}},
                               arg("axis") = -1);
  add_all<Tensor(In, int64_t)>(c, m, {{"tril", tril}, {"triu", triu}}, arg("diagonal") = 0);
  add_all<Tensor(In, int64_t)>(c, m, {{"diagonal", diagonal}}, arg("offset") = 0);
  add_all<Tensor(In, int64_t, int64_t)>(c, m, {{"flatten", flatten}}, arg("start_axis") = 0,
                                        arg("end_axis") = -1);
  add_all<Tensor(In, int64_t, int64_t)>(c, m, {{"transpose", transpose}}, arg("a"), arg("b"));
  add_all<Tensor(In, int64_t, int64_t)>(c, m, {{"select", select}}, arg("axis"), arg("index"));
  add_all<Tensor(In, int64_t, int64_t)>(c, m, {{"roll", roll}}, arg("shift"), arg("axis"));
  add_all<Tensor(In, int64_t, int64_t)>(c, m, {{"diff", diff}}, arg("n") = 1, arg("axis") = -1);
  add_all<Tensor(In, int64_t, int64_t)>(c, m, {{"repeat_interleave", repeat_interleave}},
                                        arg("times"), arg("axis"));
  add_all<Tensors(In, const Ints&, int64_t)>(c, m, {{"split", split}}, arg("sizes"), arg("axis"));
  add_all<Tensors(In, int64_t, int64_t)>(c, m, {{"chunk", chunk}}, arg("count"), arg("axis"));
  m.def(
      "cat", [](const Tensors& parts, int64_t axis) { return cat(parts, axis, Loc()); },
      arg("parts"), arg("axis") = 0, Unlocked());
  m.def(
      "stack", [](const Tensors& parts, int64_t axis) { return stack(parts, axis, Loc()); },
      arg("parts"), arg("axis") = 0, Unlocked());
  m.def(
      "einsum",
      [](const std::string& equation, const Tensors& operands) {
        return einsum(equation, operands, Loc());
      },
      arg("equation"), arg("operands"), Unlocked());
  m.def(
      "pad",
      [](In x, const Ints& pads, py::object mode, double value) {
        const int chosen = named_value("mode", mode,
                                       {{"constant", int(PadMode::constant)},
                                        {"reflect", int(PadMode::reflect)},
                                        {"replicate", int(PadMode::replicate)},
                                        {"circular", int(PadMode::circular)}});
        return pad(x, pads, static_cast<PadMode>(chosen), value);
      },
      arg("x"), arg("pads"), arg("mode") = "constant", arg("value") = 0.0);
}

Tensor flat(In x) { return reshape(x, {-1}); }

void add_reductions(py::class_<Tensor>& c, py::module_& m) {
  const auto axes = arg("axes") = Ints{};
  const auto keepdim = arg("keepdim") = false;
  add_all<Tensor(In, const Ints&, bool)>(c, m,
                                         {{"sum", sum},
                                          {"mean", mean},
                                          {"amax", amax},
                                          {"amin", amin},
                                          {"prod", prod},
                                          {"any", any},
                                          {"all", all},
                                          {"logsumexp", logsumexp},
                                          {"norm", norm},
                                          {"nansum", nansum},
                                          {"nanmean", nanmean}},
                                         axes, keepdim);
  add_all<Tensor(In, const Ints&, double, bool)>(c, m, {{"var", var}, {"std", stddev}}, axes,
                                                 arg("correction") = 1.0, keepdim);
  for (const auto& row : {Row<Tensor(In)>{"argmax", [](In x) { return argmax(flat(x), 0); }},
                          Row<Tensor(In)>{"argmin", [](In x) { return argmin(flat(x), 0); }}})
    add_all<Tensor(In)>(c, m, {row});
  add_all<Tensor(In, int64_t, bool)>(c, m, {{"argmax", argmax}, {"argmin", argmin}}, arg("axis"),
                                     keepdim);
  add_all<Tensor(In, int64_t, bool)>(c, m, {{"argsort", argsort}}, arg("axis") = -1,
                                     arg("descending") = false);
  using Pair = std::pair<Tensor, Tensor>;
  static constexpr auto pair_of = [](Sorted s) { return Pair(s.values, s.indices); };
  const Row<Pair(In, int64_t, bool)> rows[] = {
      {"max", +[](In x, int64_t axis, bool keepdim) { return pair_of(max(x, axis, keepdim)); }},
      {"min", +[](In x, int64_t axis, bool keepdim) { return pair_of(min(x, axis, keepdim)); }},
      {"median",
       +[](In x, int64_t axis, bool keepdim) { return pair_of(median(x, axis, keepdim)); }}};
  add_all<Tensor(In)>(c, m,
                      {{"max", [](In x) { return amax(x); }},
                       {"min", [](In x) { return amin(x); }},
                       {"median", [](In x) { return median(flat(x), 0).values; }}});
  for (const auto& row : rows) add_all<Pair(In, int64_t, bool)>(c, m, {row}, arg("axis"), keepdim);
  // As np.max(x) and np.min(x) ask.
  using Axes = std::optional<Ints>;
  using NumpyRow = std::pair<const char*, Tensor (*)(In, const Ints&, bool)>;
  for (const auto& [name, f] : {NumpyRow("max", amax), NumpyRow("min", amin)})
    c.def(
        name,
        [f = f](In x, const Axes& axis, const py::none&) {
          return f(x, axis.value_or(Ints{}), false);
        },
        arg("axis"), arg("out"));
  add_all<Pair(In, int64_t, bool)>(
      c, m, {{"sort", [](In x, int64_t axis, bool down) { return pair_of(sort(x, axis, down)); }}},
      arg("axis") = -1, arg("descending") = false);
  add_all<Pair(In, int64_t, int64_t, bool)>(
      c, m,
      {{"topk", [](In x, int64_t k, int64_t axis,
                   bool largest) { return pair_of(topk(x, k, axis, largest)); }}},
      arg("k"), arg("axis") = -1, arg("largest") = true);
}

void add_numbers(py::class_<Tensor>& c, py::module_& m) {
  for (const auto& row : kUnary) add_all<Unary>(c, m, {row});
  for (const auto& row : kBinary) add_all<Binary>(c, m, {row}, arg("y"));
  add_all<Tensor(In, double)>(c, m,
                              {{"add", add},
                               {"mul", mul},
                               {"pow", pow},
                               {"eq", eq},
                               {"ne", ne},
                               {"lt", lt},
                               {"le", le},
                               {"gt", gt},
                               {"ge", ge},
                               {"sub", minus},
                               {"div", over}},
                              arg("y"));
  add_all<Tensor(In, double)>(c, m, {{"clamp_min", clamp_min}}, arg("low"));
  add_all<Tensor(In, double)>(c, m, {{"clamp_max", clamp_max}}, arg("high"));
  add_all<Tensor(In, double)>(c, m, {{"leaky_relu", leaky_relu}}, arg("negative_slope") = 0.01);
  add_all<Tensor(In, double)>(c, m, {{"elu", elu}, {"celu", celu}}, arg("alpha") = 1.0);
  add_all<Tensor(In, double)>(c, m, {{"hardshrink", hardshrink}, {"softshrink", softshrink}},
                              arg("lambd") = 0.5);
  add_all<Tensor(In, double, double)>(c, m, {{"clamp", clamp}}, arg("low"), arg("high"));
  add_all<Tensor(In, double, double)>(c, m, {{"hardtanh", hardtanh}}, arg("low") = -1.0,
                                      arg("high") = 1.0);
  add_all<Tensor(In, double, double)>(c, m, {{"softplus", softplus}}, arg("beta") = 1.0,
                                      arg("threshold") = 20.0);
  add_all<Tensor(In, double, double)>(c, m, {{"threshold", threshold}}, arg("limit"),
                                      arg("otherwise"));
  add_all<Tensor(In, double, bool)>(c, m,
                                    {{"dropout", dropout}, {"feature_dropout", feature_dropout}},
                                    arg("p"), arg("training") = true);
  add_all<Tensor(In, const Tensor&)>(c, m, {{"prelu", prelu}, {"masked_select", masked_select}},
                                     arg("y"));
}

}  // namespace

void add_ops(py::class_<Tensor>& c, py::module_& m) {
  add_operators(c);
  add_numbers(c, m);
  add_shapes(c, m);
  add_reductions(c, m);
}

}  // namespace cairn::python
