// Elementwise functions, reductions and order.
#include <cmath>

#include "tools/op_db/op_calls.h"

namespace cairn::op_db {
namespace {

using C = const Call&;
Ints axes_of(C c) { return c.ints("axes"); }
bool kept(C c) { return c.flag("keepdim"); }
Tensors both(const Sorted& s) { return {s.values, s.indices}; }

template <class... Inputs>
struct Named {
  const char* name;
  Tensor (*run)(Inputs...);
};
const Named<In> kOnes[] = {{"abs", abs},
                           {"acos", acos},
                           {"acosh", acosh},
                           {"asin", asin},
                           {"asinh", asinh},
                           {"atan", atan},
                           {"atanh", atanh},
                           {"ceil", ceil},
                           {"cos", cos},
                           {"cosh", cosh},
                           {"erf", erf},
                           {"erfc", erfc},
                           {"erfinv", erfinv},
                           {"exp", exp},
                           {"exp2", exp2},
                           {"expm1", expm1},
                           {"floor", floor},
                           {"isfinite", isfinite},
                           {"isinf", isinf},
                           {"isnan", isnan},
                           {"log", log},
                           {"log10", log10},
                           {"log1p", log1p},
                           {"log2", log2},
                           {"logical_not", logical_not},
                           {"neg", neg},
                           {"reciprocal", reciprocal},
                           {"round", round},
                           {"rsqrt", rsqrt},
                           {"sigmoid", sigmoid},
                           {"sign", sign},
                           {"sin", sin},
                           {"sinc", sinc},
                           {"sinh", sinh},
                           {"sqrt", sqrt},
                           {"square", square},
                           {"tan", tan},
                           {"tanh", tanh},
                           {"trunc", trunc},
                           {"relu", relu},
                           {"relu6", relu6},
                           {"selu", selu},
                           {"silu", silu},
                           {"mish", mish},
                           {"softsign", softsign},
                           {"log_sigmoid", log_sigmoid},
                           {"hardsigmoid", hardsigmoid},
                           {"hardswish", hardswish},
                           {"tanhshrink", tanhshrink},
                           {"contiguous", contiguous}};
const Named<In, const Ints&, bool> kReductions[] = {{"sum", sum},         {"mean", mean},
                                                    {"amax", amax},       {"amin", amin},
                                                    {"prod", prod},       {"any", any},
                                                    {"all", all},         {"nansum", nansum},
                                                    {"nanmean", nanmean}, {"logsumexp", logsumexp}};
const Named<In, int64_t> kAlong[] = {
    {"cumsum", cumsum},   {"cumprod", cumprod},         {"logcumsumexp", logcumsumexp},
    {"softmax", softmax}, {"log_softmax", log_softmax}, {"softmin", softmin}};
const Named<In, In> kTwos[] = {{"add", add},
                               {"sub", sub},
                               {"mul", mul},
                               {"div", div},
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
                               {"xlogy", xlogy},
                               {"hypot", hypot},
                               {"copysign", copysign},
                               {"pow", pow},
                               {"outer", outer}};

}  // namespace

void add_elementwise(Functions& f) {
  for (const auto& one : kOnes) f[one.name] = [&one](C c) { return Tensors{one.run(c[0])}; };
  for (const auto& two : kTwos) f[two.name] = [&two](C c) { return Tensors{two.run(c[0], c[1])}; };
  f["add_number"] = [](C c) { return Tensors{c[0] + c.num("value")}; };
  f["mul_number"] = [](C c) { return Tensors{c[0] * c.num("value")}; };
  f["pow_number"] = [](C c) { return Tensors{pow(c[0], c.num("value"))}; };
  f["number_pow"] = [](C c) { return Tensors{pow(full({}, c.num("value"), c[0].dtype()), c[0])}; };
  f["add_scaled"] = [](C c) { return Tensors{c[0] + c[1] * c.num("alpha", 1)}; };
  f["clamp"] = [](C c) {
    if (!c.has("low")) return Tensors{clamp_max(c[0], c.num("high"))};
    if (!c.has("high")) return Tensors{clamp_min(c[0], c.num("low"))};
    return Tensors{clamp(c[0], c.num("low"), c.num("high"))};
  };
  f["clamp_tensors"] = [](C c) { return Tensors{clamp(c[0], c[1], c[2])}; };
  f["lerp"] = [](C c) {
    return Tensors{c.has("weight") ? lerp(c[0], c[1], c.num("weight")) : lerp(c[0], c[1], c[2])};
  };
  f["where"] = [](C c) { return Tensors{where(c[0], c[1], c[2])}; };
  f["masked_fill"] = [](C c) { return Tensors{masked_fill(c[0], c[1], c.num("value"))}; };
  f["cast"] = [](C c) {
    const std::string to = c.text("dtype");
    for (const DType d : {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i32, DType::i64,
                          DType::u8, DType::i8, DType::boolean})
      if (to == name_of(d)) return Tensors{cast(c[0], d)};
    fail("dtype {}", to);
  };
  f["nan_to_num"] = [](C c) {
    return Tensors{
        nan_to_num(c[0], c.num("nan"), c.num("posinf", INFINITY), c.num("neginf", -INFINITY))};
  };
  f["isclose"] = [](C c) {
    return Tensors{isclose(c[0], c[1], c.num("rtol", 1e-5), c.num("atol", 1e-8), c.flag("nan"))};
  };
  f["equal"] = [](C c) { return Tensors{scalar(equal(c[0], c[1]), DType::boolean)}; };
  f["allclose"] = [](C c) {
    return Tensors{
        scalar(allclose(c[0], c[1], c.num("rtol", 1e-5), c.num("atol", 1e-8), c.flag("nan")),
               DType::boolean)};
  };

  f["leaky_relu"] = [](C c) { return Tensors{leaky_relu(c[0], c.num("slope", 0.01))}; };
  f["elu"] = [](C c) { return Tensors{elu(c[0], c.num("alpha", 1))}; };
  f["celu"] = [](C c) { return Tensors{celu(c[0], c.num("alpha", 1))}; };
  f["softplus"] = [](C c) {
    return Tensors{softplus(c[0], c.num("beta", 1), c.num("threshold", 20))};
  };
  f["gelu"] = [](C c) {
    return Tensors{gelu(c[0], c.text("approximate") == "tanh" ? Gelu::tanh : Gelu::exact)};
  };
  f["hardtanh"] = [](C c) { return Tensors{hardtanh(c[0], c.num("low", -1), c.num("high", 1))}; };
  f["hardshrink"] = [](C c) { return Tensors{hardshrink(c[0], c.num("lambd", 0.5))}; };
  f["softshrink"] = [](C c) { return Tensors{softshrink(c[0], c.num("lambd", 0.5))}; };
  f["threshold"] = [](C c) { return Tensors{threshold(c[0], c.num("limit"), c.num("value"))}; };
  f["prelu"] = [](C c) { return Tensors{prelu(c[0], c[1])}; };
  f["glu"] = [](C c) { return Tensors{glu(c[0], c.whole("axis", -1))}; };

  // Reductions.
  for (const auto& t : kReductions)
    f[t.name] = [&t](C c) { return Tensors{t.run(c[0], axes_of(c), kept(c))}; };
  f["var"] = [](C c) { return Tensors{var(c[0], axes_of(c), c.num("correction", 1), kept(c))}; };
  f["std"] = [](C c) { return Tensors{stddev(c[0], axes_of(c), c.num("correction", 1), kept(c))}; };
  f["var_mean"] = [](C c) {
    const Moments m = var_mean(c[0], axes_of(c), c.num("correction", 1), kept(c));
    return Tensors{m.spread, m.mean};
  };
  f["std_mean"] = [](C c) {
    const Moments m = std_mean(c[0], axes_of(c), c.num("correction", 1), kept(c));
    return Tensors{m.spread, m.mean};
  };
  f["vector_norm"] = [](C c) {
    return Tensors{vector_norm(c[0], c.num("p", 2), axes_of(c), kept(c))};
  };
  f["norm"] = [](C c) { return Tensors{norm(c[0], axes_of(c), kept(c))}; };
  for (const auto& t : kAlong)
    f[t.name] = [&t](C c) { return Tensors{t.run(c[0], c.whole("axis"))}; };
  f["argmax"] = [](C c) { return Tensors{argmax(c[0], c.whole("axis"), kept(c))}; };
  f["argmin"] = [](C c) { return Tensors{argmin(c[0], c.whole("axis"), kept(c))}; };
  f["max"] = [](C c) { return both(max(c[0], c.whole("axis"), kept(c))); };
  f["min"] = [](C c) { return both(min(c[0], c.whole("axis"), kept(c))); };
  f["median"] = [](C c) { return both(median(c[0], c.whole("axis"), kept(c))); };
  f["cummax"] = [](C c) { return both(cummax(c[0], c.whole("axis"))); };
  f["cummin"] = [](C c) { return both(cummin(c[0], c.whole("axis"))); };
  f["sort"] = [](C c) { return both(sort(c[0], c.whole("axis", -1), c.flag("descending"))); };
  f["argsort"] = [](C c) {  // what stands at its places: equal elements may have any order
    const int64_t axis = c.whole("axis", -1);
    return Tensors{gather(c[0], axis, argsort(c[0], axis, c.flag("descending")))};
  };
  f["topk"] = [](C c) {
    return both(topk(c[0], c.whole("k"), c.whole("axis", -1), c.whole("largest", 1) != 0));
  };
  f["searchsorted"] = [](C c) { return Tensors{searchsorted(c[0], c[1], c.flag("right"))}; };
  f["bucketize"] = [](C c) { return Tensors{bucketize(c[0], c[1], c.flag("right"))}; };
  f["bincount"] = [](C c) { return Tensors{bincount(c[0], c.whole("classes"), c[1])}; };
  f["unique"] = [](C c) {
    const Unique u = unique_with_counts(c[0]);
    return Tensors{u.values, u.inverse, u.counts};
  };
  f["nonzero"] = [](C c) { return Tensors{nonzero(c[0])}; };
  f["masked_select"] = [](C c) { return Tensors{masked_select(c[0], c[1])}; };
}

}  // namespace cairn::op_db
