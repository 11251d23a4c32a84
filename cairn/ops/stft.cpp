// Short-time spectra: frames are elements gathered by their places, and put back by adding them
// there.
#include <algorithm>

#include "cairn/ops/context.h"
#include "cairn/ops/fourier.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

struct Frames {
  int64_t n_fft, hop, window;
};
Frames frames_of(const char* name, const StftOptions& o, Loc loc) {
  const Frames f{o.n_fft, o.hop ? o.hop : o.n_fft / 4, o.win_length ? o.win_length : o.n_fft};
  check(f.n_fft >= 1 && f.hop >= 1 && f.window >= 1 && f.window <= f.n_fft,
        "{}: wants n_fft and hop of 1 or more and a win_length up to n_fft, not {}, {} and {}{}",
        name, f.n_fft, f.hop, f.window, where(loc));
  check(!o.window.defined() || o.window.shape() == Shape{f.window},
        "{}: the window is {}, not [{}]{}", name,
        o.window.defined() ? to_string(o.window.shape()) : "", f.window, where(loc));
  return f;
}
// The window in the middle of a frame, zeros around it.
Tensor framed_window(const StftOptions& o, const Frames& f, DType dtype) {
  const Tensor w = o.window.defined() ? cast(o.window, dtype) : full({f.window}, 1, dtype);
  const int64_t left = (f.n_fft - f.window) / 2;
  return f.window == f.n_fft ? w : pad(w, {left, f.n_fft - f.window - left});
}
// The places [count, n_fft] of the frames' samples.
Tensor places(const Frames& f, int64_t count) {
  return unsqueeze(arange(0, count * f.hop, f.hop), 1) + arange(0, f.n_fft);
}
// Frames [B, count, n_fft] added where they lie: [B, length].
Tensor overlap_added(const Tensor& frames, const Frames& f, int64_t length) {
  const int64_t batch = frames.shape()[0], count = frames.shape()[1];
  const Tensor index = expand(reshape(places(f, count), {1, -1}), {batch, count * f.n_fft});
  return scatter_add(full({batch, length}, 0, frames.dtype()), 1, index,
                     reshape(frames, {batch, count * f.n_fft}));
}

}  // namespace

Tensor stft(In x, const StftOptions& o) {
  check(x.t.defined() && (x.t.rank() == 1 || x.t.rank() == 2) && is_float(x.t.dtype()),
        "stft: wants floats [T] or [B, T]{}", where(x.loc));
  const Frames f = frames_of("stft", o, x.loc);
  Tensor samples = x.t.rank() == 1 ? unsqueeze(x, 0) : x.t;
  if (o.center) samples = pad(In(samples, x.loc), {f.n_fft / 2, f.n_fft / 2}, o.pad_mode);
  const int64_t batch = samples.shape()[0], length = samples.shape()[1];
  check(length >= f.n_fft, "stft: {} samples are less than a frame of {}{}", length, f.n_fft,
        where(x.loc));
  const int64_t count = 1 + (length - f.n_fft) / f.hop;
  const Tensor index = expand(reshape(places(f, count), {1, -1}), {batch, count * f.n_fft});
  const Tensor frames = reshape(gather(samples, 1, index), {batch, count, f.n_fft}) *
                        framed_window(o, f, samples.dtype());
  const FftNorm norm = o.normalized ? FftNorm::ortho : FftNorm::backward;
  const Tensor spectrum =
      o.onesided
          ? rfft(In(frames, x.loc), 0, -1, norm)
          : fft(In(complex(frames, full(frames.shape(), 0, frames.dtype())), x.loc), 0, -1, norm);
  const Tensor y = transpose(spectrum, 1, 2);
  return x.t.rank() == 1 ? squeeze(y, {0}) : y;
}

Tensor istft(In z, const StftOptions& o, int64_t length) {
  check(z.t.defined() && (z.t.rank() == 3 || z.t.rank() == 4) && z.t.shape().back() == 2,
        "istft: wants [frequencies, frames, 2] or [B, frequencies, frames, 2]{}", where(z.loc));
  const Frames f = frames_of("istft", o, z.loc);
  const Tensor spectrum = transpose(z.t.rank() == 3 ? unsqueeze(z, 0) : z.t, 1, 2);
  const int64_t count = spectrum.shape()[1], wanted = o.onesided ? f.n_fft / 2 + 1 : f.n_fft;
  check(spectrum.shape()[2] == wanted && count >= 1,
        "istft: wants {} frequencies and one frame or more, not {}{}", wanted,
        to_string(z.t.shape()), where(z.loc));
  const FftNorm norm = o.normalized ? FftNorm::ortho : FftNorm::backward;
  const Tensor frames =
      o.onesided ? irfft(In(spectrum, z.loc), f.n_fft, -1, norm)
                 : irfft(slice(In(spectrum, z.loc), 2, 0, f.n_fft / 2 + 1), f.n_fft, -1, norm);
  const Tensor window = framed_window(o, f, frames.dtype());
  const int64_t whole = f.n_fft + (count - 1) * f.hop, start = o.center ? f.n_fft / 2 : 0;
  const int64_t end = length > 0 ? std::min(whole, start + length)
                      : o.center ? whole - f.n_fft / 2
                                 : whole;
  check(length >= 0 && end > start, "istft: nothing is left of {} samples{}", whole, where(z.loc));
  const auto cut = [&](const Tensor& t) { return slice(t, 1, start, end - start); };
  const Tensor sum = cut(overlap_added(frames * window, f, whole));
  const Tensor weight = cut(overlap_added(expand(square(window), {1, count, f.n_fft}), f, whole));
  if (!context().recorder)
    check(amin(weight.detach()).item() > 1e-11,
          "istft: the windows leave samples without weight: a smaller hop, or center{}",
          where(z.loc));
  Tensor y = sum / weight;
  if (end - start < length) y = pad(y, {0, length - (end - start)});
  return z.t.rank() == 3 ? squeeze(y, {0}) : y;
}

}  // namespace cairn
