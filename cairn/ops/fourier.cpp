#include "cairn/ops/fourier.h"

#include <cmath>
#include <numbers>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// One op: the unscaled complex transform along an axis. It is linear, and its transpose is the
// transform of the other direction, so gradients of any order are the op itself.
namespace cairn {
namespace {

void infer_fft(OpCall& c) {
  if (c.dtype() != DType::f32 && c.dtype() != DType::f64)
    c.error("wants f32 or f64: cast() narrower numbers first");
  if (c.rank() < 2 || c.shape().back() != 2)
    c.error("wants complex numbers, a last dimension of 2: complex(x, zeros) makes them of real x");
  if (c.shape()[c.attrs->integer("axis")] < 1) c.error("an empty axis");
  c.set(0, c.dtype(), c.shape());
}

Tensor transformed(const Tensor& z, int axis, bool inverse, Loc loc) {
  return apply(op_named("fft"), {z}, {{"axis", int64_t{axis}}, {"inverse", int64_t{inverse}}}, loc);
}

const OpDef kOps[] = {OpDef{
    "fft", "the complex discrete Fourier transform along an axis, forward or inverse, unscaled", 1,
    1, infer_fft, 0, [](VjpCall& c) {
      c.results[0] = transformed(c.grad(), static_cast<int>(c.attrs.integer("axis")),
                                 c.attrs.integer("inverse") == 0, context().loc);
    }}.with_autocast(Autocast::f32)};

// The axis of complex z (dimensions but the pair), or of real x.
int axis_of(const char* name, const In& x, int64_t axis, bool pairs) {
  check(x.t.defined(), "{}: an undefined tensor{}", name, where(x.loc));
  check(!pairs || (x.t.rank() >= 1 && x.t.shape().back() == 2),
        "{}: wants complex numbers, a last dimension of 2, not {}{}", name, to_string(x.t.shape()),
        where(x.loc));
  return normalize_axis(name, axis, x.t.rank() - int{pairs}, x.loc);
}
Tensor resized(const char* name, const In& x, int axis, int64_t n) {
  check(n >= 0, "{}: length {}{}", name, n, where(x.loc));
  const int64_t size = x.t.shape()[axis];
  if (n == 0 || n == size) return x;
  if (n < size) return slice(x, axis, 0, n);
  Shape rest = x.t.shape();
  rest[axis] = n - size;
  return cat({x.t, full(rest, 0, x.t.dtype())}, axis);
}
double scale_of(FftNorm norm, int64_t n, bool inverse) {
  if (norm == FftNorm::ortho) return 1 / std::sqrt(static_cast<double>(n));
  return (norm == FftNorm::backward) == inverse ? 1 / static_cast<double>(n) : 1;
}
Tensor along(const char* name, const In& z, int64_t n, int64_t axis, FftNorm norm, bool inverse) {
  const int d = axis_of(name, z, axis, true);
  const Tensor given = resized(name, z, d, n);
  const double scale = scale_of(norm, given.shape()[d], inverse);
  const Tensor y = transformed(given, d, inverse, z.loc);
  return scale == 1 ? y : y * scale;
}
Tensor from_real(const Tensor& x) {
  return unsqueeze(is_float(x.dtype()) ? x : cast(x, DType::f32), -1);
}
FftNorm opposite(FftNorm norm) {
  return norm == FftNorm::ortho      ? norm
         : norm == FftNorm::backward ? FftNorm::forward
                                     : FftNorm::backward;
}

// Lengths and axes of several dimensions, both of one length.
struct Several {
  Ints sizes, axes;
};
Several several(const char* name, const In& x, const FftOptions& o, bool pairs, bool last_two) {
  check(x.t.defined(), "{}: an undefined tensor{}", name, where(x.loc));
  const int rank = x.t.rank() - int{pairs};
  Several s{o.size, o.axes};
  if (s.axes.empty()) {
    const int64_t count = last_two ? 2 : s.sizes.empty() ? rank : s.sizes.ssize();
    for (int64_t d = -count; d < 0; ++d) s.axes.push_back(d);
  }
  if (s.sizes.empty()) s.sizes = Ints(s.axes.size(), 0);
  check(s.sizes.size() == s.axes.size(), "{}: {} sizes for {} axes{}", name, s.sizes.size(),
        s.axes.size(), where(x.loc));
  check(!s.axes.empty(), "{}: wants one dimension or more{}", name, where(x.loc));
  for (size_t i = 0; i < s.axes.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      check(normalize_axis(name, s.axes[i], rank, x.loc) !=
                normalize_axis(name, s.axes[j], rank, x.loc),
            "{}: an axis is given twice{}", name, where(x.loc));
  return s;
}
Tensor complex_several(const char* name, const In& z, const FftOptions& o, bool inverse,
                       bool last_two) {
  const Several s = several(name, z, o, true, last_two);
  Tensor y = z;
  for (size_t i = s.axes.size(); i-- > 0;)
    y = along(name, In(y, z.loc), s.sizes[i], s.axes[i], o.norm, inverse);
  return y;
}
Tensor real_several(const char* name, const In& x, const FftOptions& o, bool last_two) {
  const Several s = several(name, x, o, false, last_two);
  Tensor y = rfft(x, s.sizes.back(), s.axes.back(), o.norm);
  for (size_t i = s.axes.size() - 1; i-- > 0;)
    y = along(name, In(y, x.loc), s.sizes[i], s.axes[i], o.norm, false);
  return y;
}
Tensor inverse_real_several(const char* name, const In& z, const FftOptions& o, bool last_two) {
  const Several s = several(name, z, o, true, last_two);
  Tensor y = z;
  for (size_t i = 0; i + 1 < s.axes.size(); ++i)
    y = along(name, In(y, z.loc), s.sizes[i], s.axes[i], o.norm, true);
  return irfft(In(y, z.loc), s.sizes.back(), s.axes.back(), o.norm);
}

// sum of the factors times cos(2 pi k i / n), as a window of n places.
Tensor cosine_window(const char* name, int64_t n, bool periodic, std::vector<double> factors) {
  check(n >= 0, "{}: {} places", name, n);
  if (n == 1) return ones({1});
  const double turn = 2 * std::numbers::pi / static_cast<double>(periodic ? n : n - 1);
  const Tensor i = arange(0, n, 1, DType::f64);
  Tensor w = full({n}, factors[0], DType::f64);
  for (size_t k = 1; k < factors.size(); ++k)
    w = w + cos(i * (turn * static_cast<double>(k))) * factors[k];
  return cast(w, DType::f32);
}

Tensor shifted(const char* name, const In& x, const Ints& axes, bool back) {
  Tensor y = x;
  Ints all = axes;
  if (axes.empty())
    for (int d = 0; d < x.t.rank(); ++d) all.push_back(d);
  for (const int64_t axis : all) {
    const int d = normalize_axis(name, axis, x.t.rank(), x.loc);
    const int64_t n = x.t.shape()[d];
    y = roll(y, back ? (n + 1) / 2 : n / 2, d);
  }
  return y;
}

}  // namespace

std::span<const OpDef> fourier_ops() { return kOps; }

Tensor complex(In re, const Tensor& im) {
  const Shape shape = broadcast_shapes("complex", re.t.shape(), im.shape());
  return stack({expand(re, shape), expand(im, shape)}, -1, re.loc);
}
Tensor real(In z) {
  axis_of("real", z, -1, z.t.rank() > 1);
  return select(z, -1, 0);
}
Tensor imag(In z) {
  axis_of("imag", z, -1, z.t.rank() > 1);
  return select(z, -1, 1);
}
Tensor conj(In z) { return complex(In(real(z), z.loc), -imag(z)); }
Tensor complex_abs(In z) { return norm(z, {-1}); }
Tensor complex_mul(In a, const Tensor& b) {
  const Tensor x = real(a), y = imag(a), u = real(b), v = imag(b);
  return complex(In(x * u - y * v, a.loc), x * v + y * u);
}

Tensor fft(In z, int64_t n, int64_t axis, FftNorm norm) {
  return along("fft", z, n, axis, norm, false);
}
Tensor ifft(In z, int64_t n, int64_t axis, FftNorm norm) {
  return along("ifft", z, n, axis, norm, true);
}
Tensor rfft(In x, int64_t n, int64_t axis, FftNorm norm) {
  const int d = axis_of("rfft", x, axis, false);
  const Tensor given = from_real(resized("rfft", x, d, n));
  const Tensor z = cat({given, full(given.shape(), 0, given.dtype())}, -1);
  return slice(along("rfft", In(z, x.loc), 0, d, norm, false), d, 0, given.shape()[d] / 2 + 1);
}
Tensor irfft(In z, int64_t n, int64_t axis, FftNorm norm) {
  const int d = axis_of("irfft", z, axis, true);
  const int64_t length = n == 0 ? 2 * (z.t.shape()[d] - 1) : n, half = length / 2 + 1;
  check(length >= 1, "irfft: a length of {}{}", length, where(z.loc));
  const Tensor first = resized("irfft", z, d, half);
  const Tensor rest = flip(slice(first, d, 1, length - half), {d});
  return real(along("irfft", In(cat({first, conj(rest)}, d), z.loc), 0, d, norm, true));
}
Tensor hfft(In z, int64_t n, int64_t axis, FftNorm norm) {
  axis_of("hfft", z, axis, true);
  return irfft(In(conj(z), z.loc), n, axis, opposite(norm));
}
Tensor ihfft(In x, int64_t n, int64_t axis, FftNorm norm) {
  return conj(rfft(x, n, axis, opposite(norm)));
}

Tensor fftn(In z, const FftOptions& o) { return complex_several("fftn", z, o, false, false); }
Tensor ifftn(In z, const FftOptions& o) { return complex_several("ifftn", z, o, true, false); }
Tensor rfftn(In x, const FftOptions& o) { return real_several("rfftn", x, o, false); }
Tensor irfftn(In z, const FftOptions& o) { return inverse_real_several("irfftn", z, o, false); }
Tensor fft2(In z, const FftOptions& o) { return complex_several("fft2", z, o, false, true); }
Tensor ifft2(In z, const FftOptions& o) { return complex_several("ifft2", z, o, true, true); }
Tensor rfft2(In x, const FftOptions& o) { return real_several("rfft2", x, o, true); }
Tensor irfft2(In z, const FftOptions& o) { return inverse_real_several("irfft2", z, o, true); }

Tensor fftfreq(int64_t n, double spacing) {
  check(n >= 0 && spacing != 0, "fftfreq: {} places, {} apart", n, spacing);
  const Tensor i = cat({arange(0, (n + 1) / 2), arange(-(n / 2), 0)}, 0);
  return cast(cast(i, DType::f64) / (static_cast<double>(n) * spacing), DType::f32);
}
Tensor rfftfreq(int64_t n, double spacing) {
  check(n >= 0 && spacing != 0, "rfftfreq: {} places, {} apart", n, spacing);
  return cast(arange(0, n / 2 + 1, 1, DType::f64) / (static_cast<double>(n) * spacing), DType::f32);
}
Tensor fftshift(In x, const Ints& axes) { return shifted("fftshift", x, axes, false); }
Tensor ifftshift(In x, const Ints& axes) { return shifted("ifftshift", x, axes, true); }

Tensor hann_window(int64_t n, bool periodic) {
  return cosine_window("hann_window", n, periodic, {0.5, -0.5});
}
Tensor hamming_window(int64_t n, bool periodic) {
  return cosine_window("hamming_window", n, periodic, {0.54, -0.46});
}
Tensor blackman_window(int64_t n, bool periodic) {
  return cosine_window("blackman_window", n, periodic, {0.42, -0.5, 0.08});
}
Tensor bartlett_window(int64_t n, bool periodic) {
  check(n >= 0, "bartlett_window: {} places", n);
  if (n == 1) return ones({1});
  const Tensor i = arange(0, n, 1, DType::f64) * (2.0 / static_cast<double>(periodic ? n : n - 1));
  return cast(1.0 - abs(i - 1.0), DType::f32);
}

}  // namespace cairn
