// Elementwise functions. Two tensors broadcast by NumPy's rule and promote to the wider dtype.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// Arithmetic.
Tensor add(In a, In b);
Tensor sub(In a, In b);
Tensor mul(In a, In b);
Tensor div(In a, In b);
Tensor pow(
    In a,
    In b);  // integers stay integers and wrap; a negative power of one is 0 (of 1 and -1: itself)
Tensor maximum(In a, In b);
Tensor minimum(In a, In b);
Tensor fmod(In a, In b);       // sign of the dividend
Tensor remainder(In a, In b);  // sign of the divisor
Tensor atan2(In y, In x);
Tensor add(In a, double b);
Tensor mul(In a, double b);
Tensor pow(In a, double exponent);

inline Tensor operator+(In a, In b) { return add(a, b); }
inline Tensor operator-(In a, In b) { return sub(a, b); }
inline Tensor operator*(In a, In b) { return mul(a, b); }
inline Tensor operator/(In a, In b) { return div(a, b); }
inline Tensor operator+(In a, double b) { return add(a, b); }
inline Tensor operator+(double a, In b) { return add(b, a); }
inline Tensor operator-(In a, double b) { return add(a, -b); }
inline Tensor operator*(In a, double b) { return mul(a, b); }
inline Tensor operator*(double a, In b) { return mul(b, a); }
inline Tensor operator/(In a, double b) { return mul(a, 1.0 / b); }
Tensor operator-(In a);
Tensor operator-(double a, In b);
Tensor operator/(double a, In b);
inline Tensor& operator+=(Tensor& a, const Tensor& b) { return a = add(a, b); }
inline Tensor& operator-=(Tensor& a, const Tensor& b) { return a = sub(a, b); }
inline Tensor& operator*=(Tensor& a, const Tensor& b) { return a = mul(a, b); }

// Functions of one tensor; integers compute in f32. neg and sub have no bool.
Tensor neg(In x);
Tensor abs(In x);
Tensor sign(In x);
Tensor square(In x);
Tensor sqrt(In x);
Tensor rsqrt(In x);
Tensor reciprocal(In x);
Tensor exp(In x);
Tensor exp2(In x);
Tensor expm1(In x);
Tensor log(In x);
Tensor log1p(In x);
Tensor log2(In x);
Tensor log10(In x);
Tensor sin(In x);
Tensor cos(In x);
Tensor tan(In x);
Tensor asin(In x);
Tensor acos(In x);
Tensor atan(In x);
Tensor sinh(In x);
Tensor cosh(In x);
Tensor tanh(In x);
Tensor asinh(In x);
Tensor acosh(In x);
Tensor atanh(In x);
Tensor erf(In x);
Tensor erfc(In x);  // 1 - erf(x)
Tensor erfinv(In x);
Tensor floor(In x);  // of integers: they themselves, as ceil, round and trunc
Tensor ceil(In x);
Tensor round(In x);  // half to even
Tensor trunc(In x);
Tensor logaddexp(In a, In b);                       // log(e^a + e^b)
Tensor lerp(In a, const Tensor& b, double weight);  // a + weight (b - a), exact at 0 and 1
Tensor masked_fill(In x, const Tensor& mask, double value);
Tensor clamp(In x, double low, double high);
Tensor clamp_min(In x, double low);
Tensor clamp_max(In x, double high);

// Activations (PyTorch's definitions and defaults).
Tensor relu(In x);
Tensor leaky_relu(In x, double negative_slope = 0.01);
Tensor elu(In x, double alpha = 1.0);
Tensor selu(In x);
Tensor celu(In x, double alpha = 1.0);
Tensor softplus(In x, double beta = 1.0, double threshold = 20.0);
Tensor softsign(In x);
Tensor sigmoid(In x);
Tensor log_sigmoid(In x);
Tensor silu(In x);
Tensor mish(In x);
enum class Gelu { exact, tanh };
Tensor gelu(In x, Gelu approximate = Gelu::exact);
Tensor hardtanh(In x, double low = -1.0, double high = 1.0);
Tensor relu6(In x);
Tensor hardsigmoid(In x);
Tensor hardswish(In x);

// Comparisons and logic: bool results, no gradient.
Tensor eq(In a, In b);
Tensor ne(In a, In b);
Tensor lt(In a, In b);
Tensor le(In a, In b);
Tensor gt(In a, In b);
Tensor ge(In a, In b);
Tensor eq(In a, double b);
Tensor ne(In a, double b);
Tensor lt(In a, double b);
Tensor le(In a, double b);
Tensor gt(In a, double b);
Tensor ge(In a, double b);
Tensor logical_and(In a, In b);
Tensor logical_or(In a, In b);
Tensor logical_xor(In a, In b);
Tensor logical_not(In x);
Tensor isnan(In x);
Tensor isinf(In x);
Tensor isfinite(In x);
Tensor where(In condition, In a, In b);  // condition ? a : b

// Floats become integers by cutting off, limited to what the type holds, NaN 0; integers keep their
// low bits. Numbers beyond f8e4m3 (and infinity) become +-448, as in PyTorch since 2.12, or NaN, as
// in ml_dtypes.
enum class F8Overflow { saturate, nan };
Tensor cast(In x, DType dtype, F8Overflow overflow = F8Overflow::saturate);
DType promote(DType a, DType b);  // the dtype of a + b

}  // namespace cairn
