#include "cairn/ops/elementwise.h"

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// Shape and dtype.
Shape broadcast_all(OpCall& c) {
  Shape shape = c.shape(0);
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    const Shape& other = c.shape(i);
    if (shape == other) continue;
    const int rank = std::max(shape.ssize(), other.ssize());
    Shape out(rank, 1);
    for (int d = 0; d < rank; ++d) {
      const int ia = shape.ssize() - rank + d, ib = other.ssize() - rank + d;
      const int64_t a = ia < 0 ? 1 : shape[ia], b = ib < 0 ? 1 : other[ib];
      if (a != b && a != 1 && b != 1)
        c.error("shapes {} and {} do not broadcast (dimension {} is {} and {})", to_string(shape),
                to_string(other), d, a, b);
      out[d] = a == 1 ? b : a;
    }
    shape = out;
  }
  return shape;
}
void same_dtype(OpCall& c, int first) {
  for (int i = first + 1; i < static_cast<int>(c.inputs.size()); ++i)
    if (c.dtype(i) != c.dtype(first)) c.error("inputs differ in dtype");
}
void infer_map(OpCall& c) {  // out = f(inputs), all of one dtype
  same_dtype(c, 0);
  c.set(0, c.dtype(0), broadcast_all(c));
}
void infer_float(OpCall& c) {
  if (!is_float(c.dtype(0))) c.error("wants floats");
  infer_map(c);
}
void infer_pow(OpCall& c) {
  if (c.dtype(0) == DType::boolean) c.error("wants numbers");
  infer_map(c);
}
void infer_number(OpCall& c) {  // what truth values have none of
  if (c.dtype(0) == DType::boolean)
    c.error("wants numbers, not bool: logical_xor, logical_not and cast say what is meant");
  infer_map(c);
}
void infer_test(OpCall& c) {  // bool result
  same_dtype(c, 0);
  c.set(0, DType::boolean, broadcast_all(c));
}
void infer_where(OpCall& c) {
  if (c.dtype(0) != DType::boolean) c.error("the condition must be bool");
  same_dtype(c, 1);
  c.set(0, c.dtype(1), broadcast_all(c));
}
void infer_cast(OpCall& c) { c.set(0, static_cast<DType>(c.attrs->integer("dtype")), c.shape(0)); }
void infer_copy(OpCall& c) { c.set(0, c.dtype(0), c.shape(0)); }

// A gradient summed back to the shape of a broadcast input.
void give(VjpCall& c, int i, const Tensor& gradient) {
  c.results[i] = sum_to(gradient, c.input_shapes[i]);
}
Tensor x(VjpCall& c, int i = 0) { return c.inputs[i]; }
Tensor y(VjpCall& c) { return c.outputs[0]; }
Tensor as(const Tensor& mask, const Tensor& like) { return cast(mask, like.dtype()); }
// The gradient, or exactly 0 where the mask is true, whatever the gradient is there.
Tensor zero_where(const Tensor& mask, const Tensor& g) {
  return where(mask, full({}, 0, g.dtype()), g);
}
Tensor map(const char* op, const Tensor& x) { return apply(op_named(op), {x}); }
Tensor map(const char* op, const Tensor& x, const Tensor& y) { return apply(op_named(op), {x, y}); }

Tensor normal_density(const Tensor& x) {
  return mul(exp(mul(square(x), -0.5)), 1 / std::sqrt(2 * M_PI));
}
// 2 k (1 + m 0.044715 x^2): with m = 3 the derivative of the exponent in gelu_tanh's factor.
Tensor gelu_tanh_inner(const Tensor& x, double m) {
  return mul(add(mul(square(x), m * 0.044715), 1), 2 * std::sqrt(2 / M_PI));
}

constexpr unsigned kMap = kElementwise, kIn = kElementwise | kSaveInputs,
                   kOut = kElementwise | kSaveOutputs;
constexpr const char* kStep = "a step function: zero almost everywhere";
constexpr const char* kTest = "a truth value";

const OpDef kOps[] = {
    OpDef{"add", "a + b", 2, 1, infer_map, kMap,
     [](VjpCall& c) {
       for (int i : {0, 1}) if (c.needs[i]) give(c, i, c.grad());
     }}.with_onnx("Add"),
    OpDef{"sub", "a - b", 2, 1, infer_number, kMap,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad());
       if (c.needs[1]) give(c, 1, neg(c.grad()));
     }}.with_onnx("Sub"),
    OpDef{"mul", "a b", 2, 1, infer_map, kIn,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad() * x(c, 1));
       if (c.needs[1]) give(c, 1, c.grad() * x(c, 0));
     }}.with_onnx("Mul"),
    OpDef{"div", "a / b", 2, 1, infer_map, kIn,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad() / x(c, 1));
       // its square overflows early
       if (c.needs[1]) give(c, 1, neg(c.grad() * (x(c, 0) / x(c, 1) / x(c, 1))));
     }}.with_onnx("Div"),
    OpDef{"pow", "a to the power b", 2, 1, infer_pow, kIn,
     [](VjpCall& c) {
       const Tensor a = x(c, 0), b = x(c, 1);
       if (c.needs[0]) give(c, 0, zero_where(eq(b, 0), c.grad() * (b * pow(a, b - 1.0))));
       if (c.needs[1]) {  // 0^b is 0 for all b around; 0 * log(0) would be NaN
         const Tensor flat = logical_and(eq(a, 0), ge(b, 0));
         const Tensor base = where(flat, full({}, 1, a.dtype()), a);
         give(c, 1, zero_where(flat, c.grad() * (pow(a, b) * log(base))));
       }
     }}.with_onnx("Pow"),
    OpDef{"maximum", "the larger of a and b; NaN wins", 2, 1, infer_map, kIn,
     [](VjpCall& c) {
       // ties share; NaN passes to both
       const Tensor part = 1.0 - as(eq(x(c, 0), x(c, 1)), c.grad()) * 0.5;
       if (c.needs[0]) give(c, 0, zero_where(lt(x(c, 0), x(c, 1)), c.grad() * part));
       if (c.needs[1]) give(c, 1, zero_where(gt(x(c, 0), x(c, 1)), c.grad() * part));
     }}.with_onnx("Max"),
    OpDef{"minimum", "the smaller of a and b; NaN wins", 2, 1, infer_map, kIn,
     [](VjpCall& c) {
       const Tensor part = 1.0 - as(eq(x(c, 0), x(c, 1)), c.grad()) * 0.5;
       if (c.needs[0]) give(c, 0, zero_where(gt(x(c, 0), x(c, 1)), c.grad() * part));
       if (c.needs[1]) give(c, 1, zero_where(lt(x(c, 0), x(c, 1)), c.grad() * part));
     }}.with_onnx("Min"),
    OpDef{"fmod", "a - b trunc(a / b)", 2, 1, infer_map, kIn,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad());
       if (c.needs[1]) give(c, 1, neg(c.grad() * trunc(x(c, 0) / x(c, 1))));
     }},
    OpDef{"remainder", "a - b floor(a / b)", 2, 1, infer_map, kIn,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad());
       if (c.needs[1]) give(c, 1, neg(c.grad() * floor(x(c, 0) / x(c, 1))));
     }}.with_onnx("Mod"),
    OpDef{"atan2", "the angle of (b, a)", 2, 1, infer_float, kIn,
     [](VjpCall& c) {
       const Tensor size = square(x(c, 0)) + square(x(c, 1)), origin = eq(size, 0);
       const Tensor scaled = zero_where(origin,
            c.grad() / where(origin, full({}, 1, size.dtype()), size));
       if (c.needs[0]) give(c, 0, scaled * x(c, 1));
       if (c.needs[1]) give(c, 1, neg(scaled * x(c, 0)));
     }},
    OpDef{"logaddexp", "log(e^a + e^b)", 2, 1, infer_float, kIn,
     [](VjpCall& c) {  // infinity less itself is no difference
       const Tensor zero = full({}, 0, x(c).dtype());
       const Tensor both = logical_and(eq(x(c, 0), x(c, 1)), isinf(x(c, 0)));
       const Tensor ahead = where(both, zero, x(c, 0) - x(c, 1));
       if (c.needs[0]) give(c, 0, c.grad() * sigmoid(ahead));
       if (c.needs[1]) give(c, 1, c.grad() * sigmoid(neg(ahead)));
     }},
    OpDef{"binary_cross_entropy",
     "-(t log p + (1 - t) log(1 - p)) of a probability p and a target t, logarithms from -100 on",
     2, 1, infer_float, kIn,
     [](VjpCall& c) {
       const Tensor p = x(c, 0), t = x(c, 1);
       if (c.needs[0]) give(c, 0, c.grad() * ((p - t) / clamp_min((1.0 - p) * p, 1e-12)));
       if (c.needs[1]) give(c, 1, c.grad() *
              (clamp_min(log1p(neg(p)), -100) - clamp_min(log(p), -100)));
     }},
    OpDef{"binary_cross_entropy_with_logits",
     "binary cross-entropy of sigmoid(x) and a target t, without computing sigmoid(x)",
     2, 1, infer_float, kIn,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad() * (sigmoid(x(c, 0)) - x(c, 1)));
       if (c.needs[1]) give(c, 1, neg(c.grad() * x(c, 0)));
     }},
    OpDef{"add_scalar", "x + value", 1, 1, infer_map, kMap,
     [](VjpCall& c) { c.results[0] = c.grad(); }},
    OpDef{"mul_scalar", "x value", 1, 1, infer_map, kMap,
     [](VjpCall& c) { c.results[0] = mul(c.grad(), c.attrs.number("value")); }},
    OpDef{"pow_scalar", "x to the power value", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const double p = c.attrs.number("value");
       c.results[0] = p == 0 ? mul(c.grad(), 0.0) : mul(c.grad() * pow(x(c), p - 1), p);
     }}.with_onnx("Pow"),
    OpDef{"neg", "-x", 1, 1, infer_number, kMap,
     [](VjpCall& c) { c.results[0] = neg(c.grad()); }}.with_onnx("Neg"),
    OpDef{"abs", "|x|", 1, 1, infer_map, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * sign(x(c)); }}.with_onnx("Abs"),
    OpDef{"sign", "-1, 0 or 1", 1, 1, infer_map, kMap, nullptr, kStep}.with_onnx("Sign"),
    OpDef{"square", "x x", 1, 1, infer_map, kIn,
     [](VjpCall& c) { c.results[0] = mul(c.grad() * x(c), 2); }},
    OpDef{"sqrt", "square root", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = mul(c.grad() / y(c), 0.5); }}.with_onnx("Sqrt"),
    OpDef{"rsqrt", "1 / sqrt(x)", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = mul(c.grad() * y(c) * square(y(c)), -0.5); }},
    OpDef{"reciprocal", "1 / x", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = neg(c.grad() * square(y(c))); }}.with_onnx("Reciprocal"),
    OpDef{"exp", "e^x", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = c.grad() * y(c); }}.with_onnx("Exp"),
    OpDef{"exp2", "2^x", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = mul(c.grad() * y(c), std::log(2.0)); }},
    OpDef{"expm1", "e^x - 1", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = c.grad() * (y(c) + 1.0); }},
    OpDef{"log", "natural logarithm", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() / x(c); }}.with_onnx("Log"),
    OpDef{"log1p", "log(1 + x)", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() / (x(c) + 1.0); }},
    OpDef{"log2", "logarithm to base 2", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = mul(c.grad() / x(c), 1 / std::log(2.0)); }},
    OpDef{"log10", "logarithm to base 10", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = mul(c.grad() / x(c), 1 / std::log(10.0)); }},
    OpDef{"sin", "sine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * cos(x(c)); }}.with_onnx("Sin"),
    OpDef{"cos", "cosine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = neg(c.grad() * sin(x(c))); }}.with_onnx("Cos"),
    OpDef{"tan", "tangent", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = c.grad() * (square(y(c)) + 1.0); }}.with_onnx("Tan"),
    OpDef{"asin", "arc sine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * rsqrt(1.0 - square(x(c))); }}.with_onnx("Asin"),
    OpDef{"acos", "arc cosine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = neg(c.grad() * rsqrt(1.0 - square(x(c)))); }}
         .with_onnx("Acos"),
    OpDef{"atan", "arc tangent", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() / (square(x(c)) + 1.0); }}.with_onnx("Atan"),
    OpDef{"sinh", "hyperbolic sine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * cosh(x(c)); }}.with_onnx("Sinh"),
    OpDef{"cosh", "hyperbolic cosine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * sinh(x(c)); }}.with_onnx("Cosh"),
    OpDef{"asinh", "inverse hyperbolic sine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * rsqrt(square(x(c)) + 1.0); }}.with_onnx("Asinh"),
    OpDef{"acosh", "inverse hyperbolic cosine", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * rsqrt(square(x(c)) - 1.0); }}.with_onnx("Acosh"),
    OpDef{"atanh", "inverse hyperbolic tangent", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() / (1.0 - square(x(c))); }}.with_onnx("Atanh"),
    OpDef{"tanh", "hyperbolic tangent", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = c.grad() * (1.0 - square(y(c))); }}.with_onnx("Tanh"),
    OpDef{"erf", "error function", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       c.results[0] = mul(c.grad() * exp(neg(square(x(c)))), 2 / std::sqrt(M_PI));
     }}.with_onnx("Erf"),
    OpDef{"erfc", "1 - erf(x)", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       c.results[0] = mul(c.grad() * exp(neg(square(x(c)))), -2 / std::sqrt(M_PI));
     }},
    OpDef{"erfinv", "the inverse of erf", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = mul(c.grad() * exp(square(y(c))), std::sqrt(M_PI) / 2); }},
    OpDef{"floor", "largest integer <= x", 1, 1, infer_float, kMap, nullptr, kStep}
         .with_onnx("Floor"),
    OpDef{"ceil", "smallest integer >= x", 1, 1, infer_float, kMap, nullptr, kStep}
         .with_onnx("Ceil"),
    OpDef{"round", "nearest integer, half to even", 1, 1, infer_float, kMap, nullptr, kStep}
         .with_onnx("Round"),
    OpDef{"trunc", "integer part", 1, 1, infer_float, kMap, nullptr, kStep},
    // At a bound the gradient is 0, as in PyTorch since 2.15.
    OpDef{"clamp", "x limited to [low, high]", 1, 1, infer_map, kIn,
     [](VjpCall& c) {
       const Tensor outside =
           logical_or(le(x(c), c.attrs.number("low")), ge(x(c), c.attrs.number("high")));
       c.results[0] = zero_where(outside, c.grad());
     }}.with_onnx("Clip"),
    OpDef{"clamp_min", "max(x, low)", 1, 1, infer_map, kIn,
     [](VjpCall& c) {
       c.results[0] = zero_where(le(x(c), c.attrs.number("low")), c.grad());
     }}.with_onnx("Clip"),
    OpDef{"clamp_max", "min(x, high)", 1, 1, infer_map, kIn,
     [](VjpCall& c) {
       c.results[0] = zero_where(ge(x(c), c.attrs.number("high")), c.grad());
     }}.with_onnx("Clip"),
    OpDef{"relu", "max(x, 0)", 1, 1, infer_map, kOut,
     [](VjpCall& c) {
       c.results[0] = zero_where(le(y(c).detach(), 0), c.grad());
     }}.with_onnx("Relu"),
    OpDef{"leaky_relu", "x, or slope x below 0", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const double slope = c.attrs.number("negative_slope");
       const Tensor positive = as(gt(x(c), 0), c.grad());
       c.results[0] = c.grad() * add(mul(positive, 1 - slope), slope);
     }}.with_onnx("LeakyRelu"),
    OpDef{"elu", "x, or alpha (e^x - 1) below 0", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const double alpha = c.attrs.number("alpha");
       const Tensor one = full({}, 1, x(c).dtype());
       c.results[0] = c.grad() * where(gt(x(c), 0), one, mul(exp(clamp_max(x(c), 0)), alpha));
     }}.with_onnx("Elu"),
    OpDef{"softplus", "log(1 + e^(beta x)) / beta, x above the threshold", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const double beta = c.attrs.number("beta"), threshold = c.attrs.number("threshold");
       const Tensor one = full({}, 1, x(c).dtype());
       c.results[0] = c.grad() *
             where(gt(mul(x(c), beta), threshold), one, sigmoid(mul(x(c), beta)));
     }}.with_onnx("Softplus"),
    OpDef{"softsign", "x / (1 + |x|)", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() / square(add(abs(x(c)), 1)); }}.with_onnx("Softsign"),
    OpDef{"sigmoid", "1 / (1 + e^-x)", 1, 1, infer_float, kOut,
     [](VjpCall& c) { c.results[0] = c.grad() * y(c) * (1.0 - y(c)); }}.with_onnx("Sigmoid"),
    OpDef{"log_sigmoid", "log(sigmoid(x))", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * sigmoid(neg(x(c))); }},
    OpDef{"silu", "x sigmoid(x)", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const Tensor s = sigmoid(x(c));
       c.results[0] = c.grad() * (s + x(c) * s * (1.0 - s));
     }},
    OpDef{"mish", "x tanh(softplus(x))", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const Tensor t = tanh(softplus(x(c)));
       c.results[0] = c.grad() * (t + x(c) * sigmoid(x(c)) * (1.0 - square(t)));
     }},
    OpDef{"gelu", "x Phi(x), Phi the normal distribution (Hendrycks 2016)", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * map("gelu_slope", x(c), map("gelu_gate", x(c))); }},
    OpDef{"gelu_gate", "Phi(x), the factor of gelu", 1, 1, infer_float, kIn,
     [](VjpCall& c) { c.results[0] = c.grad() * normal_density(x(c)); }},
    OpDef{"gelu_slope", "the derivative of gelu at x, given its factor there", 2, 1, infer_float,
     kIn,
     [](VjpCall& c) {
       if (c.needs[0]) give(c, 0, c.grad() * normal_density(x(c)) * (1.0 - square(x(c))));
       if (c.needs[1]) give(c, 1, c.grad());
     }},
    OpDef{"gelu_tanh", "gelu with its tanh approximation", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       c.results[0] = c.grad() * map("gelu_tanh_slope", x(c), map("gelu_tanh_gate", x(c)));
     }},
    OpDef{"gelu_tanh_gate",
     "(1 + tanh(k (x + 0.044715 x^3))) / 2, k = sqrt(2 / pi): the factor of gelu_tanh", 1, 1,
     infer_float, kIn | kSaveOutputs,
     [](VjpCall& c) { c.results[0] = c.grad() * y(c) * (1.0 - y(c)) * gelu_tanh_inner(x(c), 3); }},
    OpDef{"gelu_tanh_slope", "the derivative of gelu_tanh at x, given its factor there", 2, 1,
     infer_float, kIn,
     [](VjpCall& c) {
       const Tensor s = x(c, 1), inner = gelu_tanh_inner(x(c), 3);
       if (c.needs[0]) give(c, 0, c.grad() * s * (1.0 - s) * gelu_tanh_inner(x(c), 9));
       if (c.needs[1]) give(c, 1, c.grad() * (x(c) * inner * (1.0 - mul(s, 2)) + 1.0));
     }},
    OpDef{"hardsigmoid", "clamp(x / 6 + 1 / 2, 0, 1)", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const Tensor inside = logical_and(gt(x(c), -3), lt(x(c), 3));
       c.results[0] = mul(c.grad() * as(inside, c.grad()), 1.0 / 6);
     }}.with_onnx("HardSigmoid"),
    OpDef{"hardswish", "x hardsigmoid(x)", 1, 1, infer_float, kIn,
     [](VjpCall& c) {
       const Tensor slope = where(ge(x(c), 3), full({}, 1, x(c).dtype()), add(mul(x(c), 1.0 / 3),
           0.5));
       c.results[0] = zero_where(le(x(c), -3), c.grad() * slope);
     }}.with_onnx("HardSwish"),
    OpDef{"eq", "a == b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("Equal"),
    OpDef{"ne", "a != b", 2, 1, infer_test, kMap, nullptr, kTest},
    OpDef{"lt", "a < b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("Less"),
    OpDef{"le", "a <= b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("LessOrEqual"),
    OpDef{"gt", "a > b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("Greater"),
    OpDef{"ge", "a >= b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("GreaterOrEqual"),
    OpDef{"logical_and", "a and b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("And"),
    OpDef{"logical_or", "a or b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("Or"),
    OpDef{"logical_xor", "a xor b", 2, 1, infer_test, kMap, nullptr, kTest}.with_onnx("Xor"),
    OpDef{"logical_not", "not x", 1, 1, infer_test, kMap, nullptr, kTest}.with_onnx("Not"),
    OpDef{"isnan", "x is not a number", 1, 1, infer_test, kMap, nullptr, kTest}.with_onnx("IsNaN"),
    OpDef{"isinf", "x is infinite", 1, 1, infer_test, kMap, nullptr, kTest}.with_onnx("IsInf"),
    OpDef{"isfinite", "x is neither NaN nor infinite", 1, 1, infer_test, kMap, nullptr, kTest},
    OpDef{"where", "condition ? a : b", 3, 1, infer_where, kIn,
     [](VjpCall& c) {
       const Tensor zero = full({}, 0, c.grad().dtype());
       if (c.needs[1]) give(c, 1, where(x(c, 0), c.grad(), zero));
       if (c.needs[2]) give(c, 2, where(x(c, 0), zero, c.grad()));
     }}.with_onnx("Where"),
    OpDef{"cast", "x in another dtype", 1, 1, infer_cast, kIn,
     [](VjpCall& c) { c.results[0] = cast(c.grad(), x(c).dtype()); }}.with_onnx("Cast"),
    OpDef{"copy", "x in memory of its own, row-major", 1, 1, infer_copy, kMap,
     [](VjpCall& c) { c.results[0] = c.grad(); }}.with_onnx("Identity"),
};

Tensor as_float(const Tensor& t) { return is_float(t.dtype()) ? t : cast(t, DType::f32); }

Tensor unary(const OpDef& op, const In& x, const Attrs& attrs = {}) {
  return apply(op, {is_float(x.t.dtype()) ? x.t : as_float(x.t)}, attrs, x.loc);
}

Tensor binary(const OpDef& op, const In& a, const In& b) {
  if (!a.t.defined() || !b.t.defined())  // check() would write the message out in every call
    fail("{}: an input is an undefined tensor{}", op.name, where(a.loc));
  if (a.t.dtype() == b.t.dtype()) return apply(op, {a.t, b.t}, {}, a.loc);
  const DType dtype = promote(a.t.dtype(), b.t.dtype());
  return apply(op, {cast(a.t, dtype), cast(b.t, dtype)}, {}, a.loc);
}

// A scalar beside a tensor: integers stay integers.
// A number that the integer has no equal of, a fraction or one beyond its range, is compared in
// f64.
Tensor with_scalar(const OpDef& op, const In& a, double b) {
  DType dtype = a.t.dtype();
  if (dtype == DType::boolean) dtype = DType::f32;
  else if (is_integer(dtype) && as_held(dtype, b) != b) dtype = DType::f64;
  return binary(op, a, In(full({}, b, dtype), a.loc));
}

int rank_of(DType t) {
  switch (t) {
    case DType::boolean: return 0;
    case DType::u8: return 1;
    case DType::i8: return 2;
    case DType::i32: return 3;
    case DType::i64: return 4;
    case DType::f8e4m3:
    case DType::f8e5m2: return 5;
    case DType::f16:
    case DType::bf16: return 6;
    case DType::f32: return 7;
    case DType::f64: return 8;
  }
  return 0;
}

}  // namespace

std::span<const OpDef> elementwise_ops() { return kOps; }

DType promote(DType a, DType b) {
  if (a == b) return a;
  if ((a == DType::u8 && b == DType::i8) || (a == DType::i8 && b == DType::u8)) return DType::i32;
  if ((a == DType::f16 && b == DType::bf16) || (a == DType::bf16 && b == DType::f16))
    return DType::f32;
  return rank_of(a) > rank_of(b) ? a : b;
}

// Each function looks its row up once.
#define CAIRN_UNARY(fn)                     \
  Tensor fn(In x) {                         \
    static const OpDef& op = op_named(#fn); \
    return unary(op, x);                    \
  }
#define CAIRN_BINARY(fn)                    \
  Tensor fn(In a, In b) {                   \
    static const OpDef& op = op_named(#fn); \
    return binary(op, a, b);                \
  }
#define CAIRN_COMPARE(fn)                   \
  CAIRN_BINARY(fn)                          \
  Tensor fn(In a, double b) {               \
    static const OpDef& op = op_named(#fn); \
    return with_scalar(op, a, b);           \
  }
CAIRN_BINARY(add)
CAIRN_BINARY(sub)
CAIRN_BINARY(mul)
CAIRN_BINARY(maximum)
CAIRN_BINARY(minimum)
CAIRN_BINARY(fmod)
CAIRN_BINARY(remainder)
CAIRN_COMPARE(eq)
CAIRN_COMPARE(ne)
CAIRN_COMPARE(lt)
CAIRN_COMPARE(le)
CAIRN_COMPARE(gt)
CAIRN_COMPARE(ge)
CAIRN_UNARY(sqrt)
CAIRN_UNARY(rsqrt)
CAIRN_UNARY(reciprocal)
CAIRN_UNARY(exp)
CAIRN_UNARY(exp2)
CAIRN_UNARY(expm1)
CAIRN_UNARY(log)
CAIRN_UNARY(log1p)
CAIRN_UNARY(log2)
CAIRN_UNARY(sin)
CAIRN_UNARY(cos)
CAIRN_UNARY(tan)
CAIRN_UNARY(asin)
CAIRN_UNARY(acos)
CAIRN_UNARY(atan)
CAIRN_UNARY(sinh)
CAIRN_UNARY(cosh)
CAIRN_UNARY(tanh)
CAIRN_UNARY(erf)
CAIRN_UNARY(log10)
CAIRN_UNARY(asinh)
CAIRN_UNARY(acosh)
CAIRN_UNARY(atanh)
CAIRN_UNARY(erfc)
CAIRN_UNARY(erfinv)
CAIRN_UNARY(softsign)
CAIRN_UNARY(sigmoid)
CAIRN_UNARY(log_sigmoid)
CAIRN_UNARY(silu)
CAIRN_UNARY(mish)
CAIRN_UNARY(hardsigmoid)
CAIRN_UNARY(hardswish)
#undef CAIRN_UNARY
#undef CAIRN_BINARY
#undef CAIRN_COMPARE

namespace {
Tensor keep_dtype(const char* name, const In& x, const Attrs& attrs = {}) {
  return apply(op_named(name), {x.t}, attrs, x.loc);
}
In boolean(const In& x) { return x.t.dtype() == DType::boolean ? x : In(ne(x, 0.0), x.loc); }
}  // namespace

Tensor div(In a, In b) {
  static const OpDef& op = op_named("div");
  if (!is_float(promote(a.t.dtype(), b.t.dtype())))
    return binary(op, In(as_float(a.t), a.loc), In(as_float(b.t), b.loc));
  return binary(op, a, b);
}
Tensor pow(In a, In b) {
  static const OpDef& op = op_named("pow");
  return binary(op, a, b);
}
Tensor logaddexp(In a, In b) {
  static const OpDef& op = op_named("logaddexp");
  return binary(op, In(as_float(a.t), a.loc), b);
}
Tensor atan2(In y, In x) {
  static const OpDef& op = op_named("atan2");
  return binary(op, In(as_float(y.t), y.loc), x);
}
Tensor add(In a, double b) {
  static const OpDef& op = op_named("add_scalar");
  const bool exact = is_float(a.t.dtype()) || (a.t.dtype() != DType::boolean && b == std::floor(b));
  return apply(op, {exact ? a.t : as_float(a.t)}, {{"value", b}}, a.loc);
}
Tensor mul(In a, double b) {
  static const OpDef& op = op_named("mul_scalar");
  const bool exact = is_float(a.t.dtype()) || (a.t.dtype() != DType::boolean && b == std::floor(b));
  return apply(op, {exact ? a.t : as_float(a.t)}, {{"value", b}}, a.loc);
}
Tensor pow(In a, double exponent) {
  if (exponent == 2) return square(a);
  const bool whole = is_integer(a.t.dtype()) && exponent >= 0 && exponent == std::floor(exponent);
  if (whole) return pow(a, In(full({}, exponent, a.t.dtype()), a.loc));  // integers stay integers
  return unary(op_named("pow_scalar"), a, {{"value", exponent}});
}
Tensor operator-(In a) { return neg(a); }
Tensor operator-(double a, In b) { return add(In(neg(b), b.loc), a); }
Tensor operator/(double a, In b) {
  const Tensor inverse = reciprocal(b);
  return a == 1 ? inverse : mul(In(inverse, b.loc), a);
}

Tensor neg(In x) { return keep_dtype("neg", x); }
Tensor abs(In x) { return keep_dtype("abs", x); }
Tensor sign(In x) { return keep_dtype("sign", x); }
Tensor square(In x) { return keep_dtype("square", x); }
namespace {
// Integers are round already.
Tensor rounded(const char* name, const In& x) {
  return is_integer(x.t.dtype()) ? x.t : unary(op_named(name), x);
}
}  // namespace
Tensor floor(In x) { return rounded("floor", x); }
Tensor ceil(In x) { return rounded("ceil", x); }
Tensor round(In x) { return rounded("round", x); }
Tensor trunc(In x) { return rounded("trunc", x); }
// From the nearer end, so that the weights 0 and 1 give the ends themselves.
Tensor lerp(In a, const Tensor& b, double weight) {
  return weight < 0.5 ? add(a, mul(b - a, weight)) : sub(b, mul(b - a, 1 - weight));
}
Tensor masked_fill(In x, const Tensor& mask, double value) {
  return where(In(mask, x.loc), full({}, value, x.t.dtype()), x);
}
Tensor relu(In x) {
  static const OpDef& op = op_named("relu");
  return apply(op, {x.t}, {}, x.loc);
}
Tensor clamp(In x, double low, double high) {
  return keep_dtype("clamp", x, {{"low", low}, {"high", high}});
}
Tensor clamp_min(In x, double low) { return keep_dtype("clamp_min", x, {{"low", low}}); }
Tensor clamp_max(In x, double high) { return keep_dtype("clamp_max", x, {{"high", high}}); }
Tensor leaky_relu(In x, double negative_slope) {
  return unary(op_named("leaky_relu"), x, {{"negative_slope", negative_slope}});
}
Tensor elu(In x, double alpha) { return unary(op_named("elu"), x, {{"alpha", alpha}}); }
Tensor selu(In x) { return mul(elu(x, 1.6732632423543772), 1.0507009873554805); }
Tensor celu(In x, double alpha) { return elu(mul(x, 1 / alpha), 1.0) * alpha; }
Tensor softplus(In x, double beta, double threshold) {
  return unary(op_named("softplus"), x, {{"beta", beta}, {"threshold", threshold}});
}
Tensor gelu(In x, Gelu approximate) {
  return unary(op_named(approximate == Gelu::exact ? "gelu" : "gelu_tanh"), x);
}
Tensor hardtanh(In x, double low, double high) {
  check(low <= high, "hardtanh: low {} lies above high {}{}", low, high, where(x.loc));
  return clamp(x, low, high);
}
Tensor relu6(In x) { return clamp(x, 0, 6); }

Tensor logical_and(In a, In b) { return binary(op_named("logical_and"), boolean(a), boolean(b)); }
Tensor logical_or(In a, In b) { return binary(op_named("logical_or"), boolean(a), boolean(b)); }
Tensor logical_xor(In a, In b) { return binary(op_named("logical_xor"), boolean(a), boolean(b)); }
Tensor logical_not(In x) { return apply(op_named("logical_not"), {boolean(x).t}, {}, x.loc); }
Tensor isnan(In x) { return keep_dtype("isnan", x); }
Tensor isinf(In x) { return keep_dtype("isinf", x); }
Tensor isfinite(In x) { return keep_dtype("isfinite", x); }

Tensor where(In condition, In a, In b) {
  const DType dtype = promote(a.t.dtype(), b.t.dtype());
  return apply(op_named("where"), {boolean(condition).t, cast(a, dtype), cast(b, dtype)}, {},
               condition.loc);
}

Tensor cast(In x, DType dtype, F8Overflow overflow) {
  static const OpDef& op = op_named("cast");
  if (x.t.dtype() == dtype) return x.t;
  if (dtype == DType::f8e4m3 && overflow == F8Overflow::nan)
    return apply(op, {x.t}, {{"dtype", static_cast<int64_t>(dtype)}, {"overflow_nan", int64_t{1}}},
                 x.loc);
  return apply(op, {x.t}, {{"dtype", static_cast<int64_t>(dtype)}}, x.loc);
}

}  // namespace cairn
