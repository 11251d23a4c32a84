// Products, linear algebra and Fourier transforms.
#include "tools/op_db/op_calls.h"

namespace cairn::op_db {
namespace {

using C = const Call&;
FftNorm norm_of(C c) {
  const std::string n = c.text("norm");
  return n == "ortho" ? FftNorm::ortho : n == "forward" ? FftNorm::forward : FftNorm::backward;
}
FftOptions several(C c) {
  return {.size = c.ints("size"), .axes = c.ints("axes"), .norm = norm_of(c)};
}
StftOptions stft_of(C c) {
  const std::string pad = c.text("pad_mode", "reflect");
  return {.n_fft = c.whole("n_fft"),
          .hop = c.whole("hop"),
          .win_length = c.whole("win_length"),
          .window = c[1],
          .center = c.whole("center", 1) != 0,
          .pad_mode = pad == "constant"    ? PadMode::constant
                      : pad == "replicate" ? PadMode::replicate
                      : pad == "circular"  ? PadMode::circular
                                           : PadMode::reflect,
          .normalized = c.flag("normalized"),
          .onesided = c.whole("onesided", 1) != 0};
}
// Signs of vectors are left open in PyTorch: what does not depend on them.
Tensor projections(const Tensor& columns) {
  return unsqueeze(columns, -2) * unsqueeze(columns, -3);
}

template <class... Options>
struct Transform {
  const char* name;
  Tensor (*run)(In, Options...);
};
const Transform<int64_t, int64_t, FftNorm> kLines[] = {{"fft", fft},   {"ifft", ifft},
                                                       {"rfft", rfft}, {"irfft", irfft},
                                                       {"hfft", hfft}, {"ihfft", ihfft}};
const Transform<const FftOptions&> kSeveral[] = {
    {"fftn", fftn}, {"ifftn", ifftn}, {"rfftn", rfftn}, {"irfftn", irfftn},
    {"fft2", fft2}, {"ifft2", ifft2}, {"rfft2", rfft2}, {"irfft2", irfft2}};

}  // namespace

void add_algebra(Functions& f) {
  f["matmul"] = [](C c) { return Tensors{matmul(c[0], c[1])}; };
  f["linear"] = [](C c) { return Tensors{linear(c[0], c[1], c[2])}; };
  f["bilinear"] = [](C c) { return Tensors{bilinear(c[0], c[1], c[2], c[3])}; };
  f["einsum"] = [](C c) { return Tensors{einsum(c.text("equation"), c.all())}; };
  f["addmm"] = [](C c) {  // beta x + alpha a b
    const Tensor product = matmul(c[1], c[2]) * c.num("alpha", 1);
    return Tensors{c.num("beta", 1) == 0 ? product : c[0] * c.num("beta", 1) + product};
  };

  f["eigh"] = [](C c) {
    const Eigen e = eigh(c[0]);
    return Tensors{e.values, projections(e.vectors)};
  };
  f["eigvalsh"] = [](C c) { return Tensors{eigh(c[0]).values}; };
  f["svd"] = [](C c) {
    const Svd d = svd(c[0]);
    return Tensors{projections(d.u), d.s, projections(transpose(d.vh, -1, -2))};
  };
  f["svdvals"] = [](C c) { return Tensors{svd(c[0]).s}; };
  f["qr"] = [](C c) {
    const Qr d = qr(c[0]);
    return Tensors{d.q, d.r};
  };
  f["cholesky"] = [](C c) { return Tensors{cholesky(c[0])}; };
  f["solve"] = [](C c) { return Tensors{solve(c[0], c[1])}; };
  f["inverse"] = [](C c) { return Tensors{inverse(c[0])}; };
  f["det"] = [](C c) { return Tensors{det(c[0])}; };
  f["slogdet"] = [](C c) {
    const LogDet d = slogdet(c[0]);
    return Tensors{d.sign, d.logabsdet};
  };
  f["pinv"] = [](C c) { return Tensors{pinv(c[0], c.num("rtol"))}; };

  for (const auto& t : kLines)
    f[t.name] = [&t](C c) {
      return Tensors{t.run(c[0], c.whole("n"), c.whole("axis", -1), norm_of(c))};
    };
  for (const auto& t : kSeveral) f[t.name] = [&t](C c) { return Tensors{t.run(c[0], several(c))}; };
  f["fftshift"] = [](C c) { return Tensors{fftshift(c[0], c.ints("axes"))}; };
  f["ifftshift"] = [](C c) { return Tensors{ifftshift(c[0], c.ints("axes"))}; };
  f["stft"] = [](C c) { return Tensors{stft(c[0], stft_of(c))}; };
  f["istft"] = [](C c) { return Tensors{istft(c[0], stft_of(c), c.whole("length"))}; };
  f["complex"] = [](C c) { return Tensors{complex(c[0], c[1])}; };
  f["real"] = [](C c) { return Tensors{real(c[0])}; };
  f["imag"] = [](C c) { return Tensors{imag(c[0])}; };
  f["complex_abs"] = [](C c) { return Tensors{complex_abs(c[0])}; };
  f["complex_mul"] = [](C c) { return Tensors{complex_mul(c[0], c[1])}; };
}

}  // namespace cairn::op_db
