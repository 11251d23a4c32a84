// resample and resample_back: an axis resized by a linear map, which is worked out once. Each
// element is a short weighted sum along the axis; where others lie behind the axis, whole rows of
// them are summed.
#include <algorithm>
#include <vector>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/base/parallel.h"
#include "cairn/ops/interpolate.h"

namespace cairn::cpu {
namespace {

// For each place of the result, the places and weights that it mixes, side by side.
class Mix {
 public:
  explicit Mix(const std::vector<std::vector<Tap>>& taps) {
    begin_.push_back(0);
    for (const auto& list : taps) {
      for (const Tap& tap : list) places_.push_back(tap.index), weights_.push_back(tap.weight);
      begin_.push_back(places_.size());
      only_copies_ &= list.size() == 1 && list[0].weight == 1;
    }
  }
  // Of the transposed map: place i of `count` gets what it gave to others, in their order.
  static Mix transposed(const std::vector<std::vector<Tap>>& taps, int64_t count) {
    std::vector<std::vector<Tap>> back(static_cast<size_t>(count));
    for (size_t o = 0; o < taps.size(); ++o)
      for (const Tap& tap : taps[o])
        back[static_cast<size_t>(tap.index)].push_back({static_cast<int64_t>(o), tap.weight});
    return Mix(back);
  }

  int64_t size() const { return static_cast<int64_t>(begin_.size()) - 1; }

  // y[0, size) from a line x.
  template <class T>
  void line(const T* x, T* y) const {
    if (only_copies_) {
      for (int64_t o = 0; o < size(); ++o) y[o] = x[places_[o]];
      return;
    }
    for (int64_t o = 0; o < size(); ++o) {
      T sum = 0;
      for (size_t k = begin_[o]; k < begin_[o + 1]; ++k)
        sum += static_cast<T>(weights_[k]) * x[places_[k]];
      y[o] = sum;
    }
  }
  // Row o of `length`, from rows of x.
  template <class T>
  void row(int64_t o, const T* x, int64_t length, T* y) const {
    const size_t first = begin_[o], count = begin_[o + 1] - first;
    if (count == 0) return void(std::fill_n(y, length, T(0)));
    const T* a = x + places_[first] * length;
    const T wa = static_cast<T>(weights_[first]);
    if (only_copies_) return void(std::copy_n(a, length, y));
    if (count == 1) {
      for (int64_t i = 0; i < length; ++i) y[i] = wa * a[i];
      return;
    }
    const T* b = x + places_[first + 1] * length;
    const T wb = static_cast<T>(weights_[first + 1]);
    for (int64_t i = 0; i < length; ++i) y[i] = wa * a[i] + wb * b[i];
    for (size_t k = 2; k < count; ++k) {
      const T* more = x + places_[first + k] * length;
      const T weight = static_cast<T>(weights_[first + k]);
      for (int64_t i = 0; i < length; ++i) y[i] += weight * more[i];
    }
  }

 private:
  std::vector<size_t> begin_;
  std::vector<int64_t> places_;
  std::vector<double> weights_;
  bool only_copies_ = true;  // each place is one other
};

template <class T>
class ResamplePlan : public Plan {
 public:
  ResamplePlan(const OpCall& call, Mix mix) : mix_(std::move(mix)) {
    const int64_t axis = call.attrs->integer("axis");
    from_ = call.shape()[axis];
    for (int d = 0; d < call.rank(); ++d)
      (d < axis ? outer_ : inner_) *= d == axis ? 1 : call.shape()[d];
  }
  void launch(const Launch& args) const override {
    constexpr int64_t kGrain = 16 << 10;  // elements
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    const int64_t to = mix_.size();
    if (inner_ == 1)
      return parallel_for(outer_, 1 + kGrain / std::max(from_, to),
                          [&](int64_t begin, int64_t end) {
                            for (int64_t n = begin; n < end; ++n)
                              mix_.line(x + n * from_, y + n * to);
                          });
    parallel_for(outer_ * to, 1 + kGrain / inner_, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        mix_.row(r % to, x + r / to * from_ * inner_, inner_, y + r * inner_);
    });
  }

 private:
  Mix mix_;
  int64_t outer_ = 1, from_, inner_ = 1;
};

bool supports(const OpCall& call) {
  if (!is_op(call, "resample") && !is_op(call, "resample_back")) return false;
  return is_f32_or_narrow(call.dtype()) || call.dtype() == DType::f64;
}

Mix mix_of(const OpCall& call) {
  const Attrs& a = *call.attrs;
  const auto taps = resample_taps({a.text("mode"), a.integer("from"), a.integer("to"),
                                   a.integer("align_corners") != 0, a.number("scale")});
  return is_op(call, "resample") ? Mix(taps) : Mix::transposed(taps, a.integer("from"));
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || !call.in(0).contiguous() || !call.out().contiguous()) return nullptr;
  if (is_narrow(call.dtype())) return widened(call, prepare);
  if (call.dtype() == DType::f64) return std::make_unique<ResamplePlan<double>>(call, mix_of(call));
  return std::make_unique<ResamplePlan<float>>(call, mix_of(call));
}

}  // namespace

Family resample_family() { return {"resample", supports, prepare}; }

}  // namespace cairn::cpu
