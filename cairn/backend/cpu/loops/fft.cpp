// The Fourier transform along an axis, by kissfft in double: its float version loses digits with
// the length.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <kissfft/kissfft.hh>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

using Number = std::complex<double>;
using Transform = kissfft<double>;

// Lengths with other factors use memory inside of the library's object.
bool is_smooth(int64_t n) {
  for (const int64_t p : {2, 3, 5})
    while (n % p == 0) n /= p;
  return n == 1;
}

class FftPlan : public Plan {
 public:
  explicit FftPlan(const OpCall& call)
      : is_double_(call.dtype() == DType::f64),
        n_(call.shape()[call.attrs->integer("axis")]),
        transform_(static_cast<size_t>(n_), call.attrs->integer("inverse") != 0),
        smooth_(is_smooth(n_)) {
    const int64_t axis = call.attrs->integer("axis");
    for (int d = 0; d + 1 < call.rank(); ++d)
      (d < axis ? outer_ : inner_) *= d == axis ? 1 : call.shape()[d];
    constexpr int64_t kWorthAThread = 8 << 10;  // elements
    const int64_t lines = outer_ * inner_;
    parts_ = static_cast<int>(std::clamp<int64_t>(threads_for(lines * n_, kWorthAThread), 1,
                                                  std::max<int64_t>(1, lines)));
    workspace_bytes = sizeof(Number) * static_cast<size_t>(2 * n_ * parts_);
  }
  void launch(const Launch& args) const override {
    parallel_region(
        [&](int part, int parts) {
          if (smooth_) return some_lines(args, transform_, part, parts);
          const Transform own = transform_;
          some_lines(args, own, part, parts);
        },
        parts_);
  }

 private:
  void some_lines(const Launch& args, const Transform& transform, int part, int parts) const {
    Number* from = static_cast<Number*>(args.workspace) + 2 * n_ * part;
    const int64_t lines = outer_ * inner_;
    for (int64_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i) {
      const int64_t first = (i / inner_ * n_ * inner_ + i % inner_) * 2;
      if (is_double_) line<double>(args, first, transform, from);
      else line<float>(args, first, transform, from);
    }
  }
  template <class T>
  void line(const Launch& args, int64_t first, const Transform& transform, Number* from) const {
    const T* x = static_cast<const T*>(args.inputs[0]) + first;
    T* y = static_cast<T*>(args.outputs[0]) + first;
    Number* to = from + n_;
    for (int64_t k = 0; k < n_; ++k) from[k] = {x[2 * k * inner_], x[2 * k * inner_ + 1]};
    transform.transform(from, to);
    for (int64_t k = 0; k < n_; ++k) {
      y[2 * k * inner_] = static_cast<T>(to[k].real());
      y[2 * k * inner_ + 1] = static_cast<T>(to[k].imag());
    }
  }

  bool is_double_;
  int64_t outer_ = 1, n_, inner_ = 1;
  Transform transform_;
  bool smooth_;
  int parts_;
};

bool supports(const OpCall& call) { return is_op(call, "fft"); }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || !call.in(0).contiguous() || !call.out().contiguous()) return nullptr;
  return std::make_unique<FftPlan>(call);
}

}  // namespace

Family fft_family() { return {"fft", supports, prepare}; }

}  // namespace cairn::cpu
