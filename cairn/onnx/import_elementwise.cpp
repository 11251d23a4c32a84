// Arithmetic, comparisons, logic, activations and casts.
#include <cmath>

#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

using Unary = Tensor (*)(In);
template <Unary f>
void unary(NodeCall& c) {
  c.give(f(c.in(0)));
}
// Functions of numbers, in the type of their input.
template <Unary f>
void unary_in_type(NodeCall& c) {
  c.give(cast(f(c.in(0)), c.in(0).dtype()));
}
// The second of two inputs. Before opset 7 its sizes are those of the first one from `axis` on; at
// the end where there is none, which is how sizes are matched since.
Tensor second(const NodeCall& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  if (c.opset() >= 7 || !c.gives_attribute("axis") || c.integer("broadcast", 0) == 0) return b;
  const int64_t axis = c.axis(c.integer("axis", 0), std::max(1, a.rank()));
  if (b.numel() == 1) return reshape(b, {});
  check(axis + b.rank() <= a.rank(), "{} from axis {} of {} on", to_string(b.shape()), axis,
        to_string(a.shape()));
  Shape shape = b.shape();
  while (axis + shape.ssize() < a.rank()) shape.push_back(1);
  return reshape(b, shape);
}
using Binary = Tensor (*)(In, In);
template <Binary f>
void binary(NodeCall& c) {
  c.give(f(c.in(0), second(c)));
}

// Integers as C divides them: toward zero. On the host, where they are known; else through f64, and
// what that rounds of a large quotient is divided again.
Tensor divide_integers(const Tensor& x, const Tensor& y) {
  const DType dtype = promote(x.dtype(), y.dtype());
  if (is_known(x) && is_known(y)) {
    const RecorderScope eager(nullptr);
    const Shape shape = broadcast_shapes("Div", x.shape(), y.shape());
    auto quotients = integers_of(expand(x, shape));
    const auto divisors = integers_of(expand(y, shape));
    for (size_t i = 0; i < quotients.size(); ++i) {
      check(divisors[i] != 0, "divides by 0");
      const bool turns = divisors[i] == -1;  // the least number has no opposite
      quotients[i] = turns ? static_cast<int64_t>(0 - static_cast<uint64_t>(quotients[i]))
                           : quotients[i] / divisors[i];
    }
    return integers(quotients, shape, dtype);
  }
  const Tensor a = cast(x, DType::i64), b = cast(y, DType::i64);
  const Tensor divisor = cast(b, DType::f64);
  const auto divided = [&](const Tensor& t) {
    return cast(trunc(cast(t, DType::f64) / divisor), DType::i64);
  };
  if (dtype != DType::i64) return cast(divided(a), dtype);
  const Tensor whole = a - fmod(a, b), about = divided(whole);
  return about + cast(round(cast(whole - about * b, DType::f64) / divisor), DType::i64);
}
void read_div(NodeCall& c) {
  const Tensor &a = c.in(0), b = second(c);
  c.give(is_float(a.dtype()) || is_float(b.dtype()) ? a / b : divide_integers(a, b));
}
void read_mod(NodeCall& c) {
  const bool as_c = c.integer("fmod", 0) != 0;
  c.give(as_c ? fmod(c.in(0), c.in(1)) : remainder(c.in(0), c.in(1)));
}
void read_pow(NodeCall& c) {
  const Tensor &a = c.in(0), b = second(c);
  if (is_float(a.dtype()) && is_known(b) && b.numel() == 1 && b.rank() <= a.rank())
    return c.give(pow(a, c.host_number(1)));
  const bool through_f64 = is_float(b.dtype()) && !is_float(a.dtype());
  c.give(cast(through_f64 ? pow(cast(a, DType::f64), cast(b, DType::f64)) : pow(a, b), a.dtype()));
}

template <Binary f>
void variadic(NodeCall& c) {
  Tensor all = c.in(0);
  for (size_t i = 1; i < c.inputs(); ++i) all = f(all, c.in(i));
  c.give(all);
}
void read_mean(NodeCall& c) {
  variadic<add>(c);
  c.give(c.take()[0].tensor / static_cast<double>(c.inputs()));
}

void read_where(NodeCall& c) { c.give(where(c.in(0), c.in(1), c.in(2))); }
void read_identity(NodeCall& c) { c.give(c.in(0)); }

void read_clip(NodeCall& c) {
  Tensor x = c.in(0);
  const DType dtype = x.dtype();
  const auto limit = [&](size_t i, const char* attribute) -> Tensor {
    if (c.has(i)) return c.in(i);
    return c.gives_attribute(attribute) ? scalar(c.number(attribute, 0), dtype) : Tensor();
  };
  const Tensor low = limit(1, "min"), high = limit(2, "max");
  const bool fixed =
      is_float(dtype) && (!low.defined() || is_known(low)) && (!high.defined() || is_known(high));
  if (fixed) {
    const auto number = [&](size_t i, const Tensor& t) {
      return c.has(i) ? c.host_number(i) : numbers_of(t)[0];
    };
    if (low.defined()) x = clamp_min(x, number(1, low));
    if (high.defined()) x = clamp_max(x, number(2, high));
    return c.give(x);
  }
  if (low.defined()) x = maximum(x, reshape(low, {}));
  if (high.defined()) x = minimum(x, reshape(high, {}));
  c.give(x);
}

// ---- activations

void read_leaky_relu(NodeCall& c) { c.give(leaky_relu(c.in(0), c.number("alpha", 0.01))); }
void read_prelu(NodeCall& c) {
  const Tensor& x = c.in(0);
  Tensor slope = c.in(1);
  if (c.opset() < 7 && slope.numel() == 1) slope = reshape(slope, {});
  else if (c.opset() < 7 && slope.rank() == 1 && x.rank() > 2) {  // one a channel
    Shape channels(static_cast<size_t>(x.rank() - 1), 1);
    channels[0] = slope.numel();
    slope = reshape(slope, channels);
  }
  c.give(where(lt(x, 0.0), x * slope, x));
}
void read_elu(NodeCall& c) { c.give(elu(c.in(0), c.number("alpha", 1))); }
void read_celu(NodeCall& c) { c.give(celu(c.in(0), c.number("alpha", 1))); }
void read_selu(NodeCall& c) {
  const double alpha = c.number("alpha", 1.67326319217681884765625),
               gamma = c.number("gamma", 1.05070102214813232421875);
  c.give(elu(c.in(0), alpha) * gamma);
}
void read_thresholded_relu(NodeCall& c) { c.give(threshold(c.in(0), c.number("alpha", 1), 0)); }
void read_hard_sigmoid(NodeCall& c) {
  c.give(clamp(c.in(0) * c.number("alpha", 0.2) + c.number("beta", 0.5), 0, 1));
}
void read_hard_swish(NodeCall& c) { c.give(c.in(0) * clamp(c.in(0) / 6.0 + 0.5, 0, 1)); }
void read_shrink(NodeCall& c) {
  const double lambda = c.number("lambd", 0.5), bias = c.number("bias", 0);
  const Tensor x = c.in(0), zero = x * 0.0;
  const Tensor y = where(lt(x, -lambda), x + bias, where(gt(x, lambda), x - bias, zero));
  c.give(cast(y, x.dtype()));
}
void read_gelu(NodeCall& c) {
  c.give(gelu(c.in(0), c.text("approximate", "none") == "tanh" ? Gelu::tanh : Gelu::exact));
}
void read_swish(NodeCall& c) {
  const double alpha = c.number("alpha", 1);
  c.give(alpha == 1 ? silu(c.in(0)) : c.in(0) * sigmoid(c.in(0) * alpha));
}
Tensor exact_softplus(In x) { return maximum(x, scalar(0, x->dtype())) + log1p(exp(-abs(x))); }
Tensor mish_of(In x) { return x * tanh(exact_softplus(x)); }

void read_is_inf(NodeCall& c) {
  const bool positive = c.integer("detect_positive", 1) != 0,
             negative = c.integer("detect_negative", 1) != 0;
  const Tensor infinite = isinf(c.in(0));
  if (positive && negative) return c.give(infinite);
  const Tensor zero = scalar(0, c.in(0).dtype());
  c.give(logical_and(infinite, positive   ? gt(c.in(0), zero)
                               : negative ? lt(c.in(0), zero)
                                          : ne(c.in(0), c.in(0))));
}

// ---- bits: of numbers that are known, as masks and flags are

template <class F>
void of_bits(NodeCall& c, F&& f) {
  const Tensor a = c.in(0), b = c.inputs() > 1 ? c.in(1) : a;
  const Shape shape = broadcast_shapes(c.op().c_str(), a.shape(), b.shape());
  auto x = integers_of(expand(a, shape));
  const auto y = integers_of(expand(b, shape));
  for (size_t i = 0; i < x.size(); ++i) x[i] = f(x[i], y[i]);
  c.give(integers(x, shape, a.dtype()));
}
void read_bitwise_and(NodeCall& c) {
  of_bits(c, [](int64_t a, int64_t b) { return a & b; });
}
void read_bitwise_or(NodeCall& c) {
  of_bits(c, [](int64_t a, int64_t b) { return a | b; });
}
void read_bitwise_xor(NodeCall& c) {
  of_bits(c, [](int64_t a, int64_t b) { return a ^ b; });
}
// The bits of a number without a sign that is held in a wider one.
int64_t mask_of(int32_t element) {
  using Proto = onnx_proto::TensorProto;
  return element == Proto::UINT8    ? 0xff
         : element == Proto::UINT16 ? 0xffff
         : element == Proto::UINT32 ? 0xffffffff
                                    : -1;
}
void read_bitwise_not(NodeCall& c) {
  const int64_t bits = mask_of(c.element(0));
  of_bits(c, [bits](int64_t a, int64_t) { return ~a & bits; });
}
void read_bit_shift(NodeCall& c) {
  const bool left = c.text("direction", "") == "LEFT";
  const int64_t bits = mask_of(c.element(0));
  of_bits(c, [&](int64_t a, int64_t b) -> int64_t {
    const bool beyond = b < 0 || b > 63;  // of what is negative the sign is left
    if (left) return beyond ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b) & bits;
    return a >> (beyond ? 63 : b);
  });
}

// ---- types

// How many bits of a whole number are kept, of types that are held in wider ones; 0: those of the
// wider one.
int kept_bits(int32_t element) {
  using Proto = onnx_proto::TensorProto;
  switch (element) {
    case Proto::INT2:
    case Proto::UINT2: return 2;
    case Proto::INT4:
    case Proto::UINT4: return 4;
    case Proto::INT16:
    case Proto::UINT16: return 16;
    case Proto::UINT32: return 32;
    default: return 0;
  }
}
bool has_sign(int32_t element) {
  using Proto = onnx_proto::TensorProto;
  return element == Proto::INT2 || element == Proto::INT4 || element == Proto::INT16;
}

// Bits beyond the type are cut off, as C does it.
Tensor to_element(const Tensor& x, int32_t element, bool saturates) {
  const DType to = dtype_of_element(element, "its result");
  constexpr double kLargestE5m2 = 57344;
  if (to == DType::f8e5m2 && saturates && x.dtype() != to)
    return cast(clamp(cast(x, DType::f32), -kLargestE5m2, kLargestE5m2), to);
  const int bits = kept_bits(element);
  if (bits == 0) return cast(x, to, saturates ? F8Overflow::saturate : F8Overflow::nan);
  const auto number = [](double v) { return scalar(v, DType::i64); };
  const double count = std::ldexp(1, bits);
  const Tensor kept = remainder(cast(x, DType::i64), number(count));
  if (!has_sign(element)) return cast(kept, to);
  return cast(where(ge(kept, number(count / 2)), kept - count, kept), to);
}
void read_cast(NodeCall& c) {
  const int32_t to = c.element_named("to", 0);
  c.give(to_element(c.in(0), to, c.integer("saturate", 1) != 0), 0, to);
}
void read_cast_like(NodeCall& c) {
  const int32_t to = c.element(1);
  c.give(to_element(c.in(0), to, c.integer("saturate", 1) != 0), 0, to);
}

void read_constant(NodeCall& c) {
  int32_t element = 0;
  if (c.gives_attribute("value")) {
    const Tensor value = c.tensor("value", &element);
    return c.give(value, 0, element);
  }
  if (c.gives_attribute("value_float"))
    return c.give(scalar(c.number("value_float", 0), DType::f32));
  if (c.gives_attribute("value_int")) return c.give(integers({c.integer("value_int", 0)}, {}));
  if (c.gives_attribute("value_ints")) {
    const Ints v = c.ints("value_ints");
    return c.give(integers({v.begin(), v.end()}, {v.ssize()}));
  }
  if (c.gives_attribute("value_floats")) {
    const auto v = c.numbers("value_floats");
    const std::vector<float> f(v.begin(), v.end());
    return c.give(from_host(f.data(), {static_cast<int64_t>(f.size())}, DType::f32));
  }
  c.refuse("holds text or a sparse tensor, which are not read");
}

// In evaluation it does nothing; the mask that it may give keeps all.
void read_dropout(NodeCall& c) {
  const bool training = c.opset() >= 12 ? c.has(2) && c.host_number(2) != 0
                                        : c.integer("is_test", 1) == 0 && c.opset() < 7;
  const double ratio = c.has(1) ? c.host_number(1) : c.number("ratio", 0.5);
  if (training && ratio > 0) c.refuse("drops at random, as in training; export it for inference");
  c.give(c.in(0));
  if (c.wants(1)) {
    const DType mask = c.opset() >= 10 ? DType::boolean : c.in(0).dtype();
    c.give(full(c.in(0).shape(), 1, mask), 1);
  }
}

constexpr OpRow kElementwiseRows[] = {
    {"Abs", unary<abs>},
    {"Acos", unary<acos>},
    {"Acosh", unary<acosh>},
    {"Add", binary<add>},
    {"And", binary<logical_and>},
    {"Asin", unary<asin>},
    {"Asinh", unary<asinh>},
    {"Atan", unary<atan>},
    {"Atanh", unary<atanh>},
    {"BitShift", read_bit_shift},
    {"BitwiseAnd", read_bitwise_and},
    {"BitwiseNot", read_bitwise_not},
    {"BitwiseOr", read_bitwise_or},
    {"BitwiseXor", read_bitwise_xor},
    {"Cast", read_cast},
    {"CastLike", read_cast_like},
    {"Ceil", unary<ceil>},
    {"Celu", read_celu},
    {"Clip", read_clip},
    {"Constant", read_constant},
    {"Cos", unary<cos>},
    {"Cosh", unary<cosh>},
    {"Div", read_div},
    {"Dropout", read_dropout},
    {"Elu", read_elu},
    {"Equal", binary<eq>},
    {"Erf", unary_in_type<erf>},
    {"Exp", unary<exp>},
    {"Floor", unary<floor>},
    {"Gelu", read_gelu},
    {"Greater", binary<gt>},
    {"GreaterOrEqual", binary<ge>},
    {"HardSigmoid", read_hard_sigmoid},
    {"HardSwish", read_hard_swish},
    {"Identity", read_identity},
    {"IsInf", read_is_inf},
    {"IsNaN", unary<isnan>},
    {"LeakyRelu", read_leaky_relu},
    {"Less", binary<lt>},
    {"LessOrEqual", binary<le>},
    {"Log", unary<log>},
    {"Max", variadic<maximum>},
    {"Mean", read_mean},
    {"Min", variadic<minimum>},
    {"Mish", unary<mish_of>},
    {"Mod", read_mod},
    {"Mul", binary<mul>},
    {"Neg", unary<neg>},
    {"Not", unary<logical_not>},
    {"Or", binary<logical_or>},
    {"PRelu", read_prelu},
    {"Pow", read_pow},
    {"Reciprocal", unary<reciprocal>},
    {"Relu", unary_in_type<relu>},
    {"Round", unary<round>},
    {"Selu", read_selu},
    {"Shrink", read_shrink},
    {"Sigmoid", unary<sigmoid>},
    {"Sign", unary<sign>},
    {"Sin", unary<sin>},
    {"Sinh", unary<sinh>},
    {"Softplus", unary<exact_softplus>},
    {"Softsign", unary<softsign>},
    {"Sqrt", unary<sqrt>},
    {"Sub", binary<sub>},
    {"Sum", variadic<add>},
    {"Swish", read_swish},
    {"Tan", unary<tan>},
    {"Tanh", unary<tanh>},
    {"ThresholdedRelu", read_thresholded_relu},
    {"Where", read_where},
    {"Xor", binary<logical_xor>},
};

}  // namespace

OpRows elementwise_rows() { return kElementwiseRows; }

}  // namespace cairn::onnx
