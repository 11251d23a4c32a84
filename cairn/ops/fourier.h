// Fourier transforms. Complex numbers are pairs: a last dimension of 2 (real, imaginary), as
// PyTorch's view_as_real() gives them; an axis counts the dimensions before it. Names, defaults and
// scaling are torch.fft's. Lengths of any factors; those with large prime factors take n times
// their largest one.
#pragma once
#include "cairn/ops/view.h"

namespace cairn {

Tensor complex(In re, const Tensor& im);    // [...], [...] (broadcast) -> [..., 2]
Tensor real(In z);                          // [..., 2] -> [...]
Tensor imag(In z);                          // likewise
Tensor conj(In z);                          // [..., 2] -> [..., 2]
Tensor complex_abs(In z);                   // [..., 2] -> [...]; gradient 0 at 0
Tensor complex_mul(In a, const Tensor& b);  // [..., 2], [..., 2] -> [..., 2]; they broadcast

// What is divided by n (by its root: ortho): the backward transform, the forward one.
enum class FftNorm { backward, ortho, forward };

// Along one axis of complex z; n: cut or filled with zeros to that length first (0: as it is).
Tensor fft(In z, int64_t n = 0, int64_t axis = -1, FftNorm norm = FftNorm::backward);
Tensor ifft(In z, int64_t n = 0, int64_t axis = -1, FftNorm norm = FftNorm::backward);
// Real x: the n / 2 + 1 first values of its transform, the others being their conjugates.
Tensor rfft(In x, int64_t n = 0, int64_t axis = -1, FftNorm norm = FftNorm::backward);
// The inverse of rfft: real, of length n (0: 2 (m - 1) for m values).
Tensor irfft(In z, int64_t n = 0, int64_t axis = -1, FftNorm norm = FftNorm::backward);
Tensor hfft(In z, int64_t n = 0, int64_t axis = -1, FftNorm norm = FftNorm::backward);
Tensor ihfft(In x, int64_t n = 0, int64_t axis = -1, FftNorm norm = FftNorm::backward);

struct FftOptions {
  Ints size = {};  // lengths along the axes, 0 or none: as they are
  Ints axes = {};  // none: the last ones, as many as there are lengths, or all
  FftNorm norm = FftNorm::backward;
};
// Along several axes; the real ones are real along the last of them.
Tensor fftn(In z, const FftOptions& options = {});
Tensor ifftn(In z, const FftOptions& options = {});
Tensor rfftn(In x, const FftOptions& options = {});
Tensor irfftn(In z, const FftOptions& options = {});
// Of the last two axes, unless others are given.
Tensor fft2(In z, const FftOptions& options = {});
Tensor ifft2(In z, const FftOptions& options = {});
Tensor rfft2(In x, const FftOptions& options = {});
Tensor irfft2(In z, const FftOptions& options = {});

Tensor fftfreq(int64_t n, double spacing = 1);   // the frequencies of fft's values, f32 [n]
Tensor rfftfreq(int64_t n, double spacing = 1);  // of rfft's, [n / 2 + 1]
// Of any tensor: the frequency 0 moved to the middle, and back; none given: all axes.
Tensor fftshift(In x, const Ints& axes = {});
Tensor ifftshift(In x, const Ints& axes = {});

// Windows [n], f32; periodic: one of n + 1 without its last value (for spectra).
Tensor hann_window(int64_t n, bool periodic = true);
Tensor hamming_window(int64_t n, bool periodic = true);
Tensor blackman_window(int64_t n, bool periodic = true);
Tensor bartlett_window(int64_t n, bool periodic = true);

struct StftOptions {
  int64_t n_fft = 0;
  int64_t hop = 0;         // between the frames' beginnings; 0: n_fft / 4
  int64_t win_length = 0;  // at most n_fft, 0: n_fft; a shorter window lies in the frame's middle
  Tensor window = {};      // [win_length]; none: ones
  bool center = true;  // frame t is around sample t hop: n_fft / 2 samples are added at the ends
  PadMode pad_mode = PadMode::reflect;
  bool normalized = false;  // over the root of n_fft
  bool onesided = true;     // n_fft / 2 + 1 frequencies, else n_fft
};
// x [T] or [B, T], real -> [(B,) frequencies, frames, 2] (torch.stft).
Tensor stft(In x, const StftOptions& options);
// Its inverse by overlapping and adding (Griffin & Lim 1984): [(B,) T], length 0: as much as the
// frames give. An error where the windows leave a place without weight.
Tensor istft(In z, const StftOptions& options, int64_t length = 0);

}  // namespace cairn
