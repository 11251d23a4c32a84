// gather: elements by index along an axis. index_select is one whose index is the same along the
// other axes (its strides there are 0).
#include <algorithm>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/loops/index.h"
#include "cairn/backend/cpu/loops/strided.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

// T moves any type of its size; I is the index's type.
template <class T, class I>
class Gather {
 public:
  Gather(const OpCall& c, const Launch& args)
      : x_(static_cast<const T*>(args.inputs[0])),
        index_(static_cast<const I*>(args.inputs[1])),
        y_(static_cast<T*>(args.outputs[0])) {
    const int64_t axis = c.attrs->integer("axis");
    size_ = c.shape(0)[axis], step_ = c.in(0).layout.strides[axis];
    Ints from = c.in(0).layout.strides;
    from[axis] = 0;
    loop_ = {c.shape(1),
             {from, c.in(1).layout.strides, contiguous_strides(c.shape(1))},
             {c.in(0).layout.offset, c.in(1).layout.offset, 0}};
    loop_.merge();
    sx_ = loop_.strides[0].back(), si_ = loop_.strides[1].back();
    whole_rows_ = loop_.dims.size() == 2 && si_ == 0 && sx_ == 1;
    all_good_ = !whole_rows_ && is_read_often() && all_are_good();
  }

  void run(const OpCall& c, Fault* fault) {
    if (whole_rows_) copy_rows();
    else loop_.each_row([&](const At& at, int64_t n) { row(at, n); });
    bad_.report(fault,
                [&](int64_t p) { return static_cast<int64_t>(index_[place_of(p, c.in(1))]); });
  }

 private:
  using At = std::array<int64_t, 3>;  // of x (without the index), of the index, of y

  bool is_good(int64_t k) const { return static_cast<uint64_t>(k) < static_cast<uint64_t>(size_); }

  // An index that stands for many elements is checked before, not at each.
  bool is_read_often() const {
    int64_t elements = 1, distinct = 1;
    for (size_t d = 0; d < loop_.dims.size(); ++d) {
      elements *= loop_.dims[d];
      if (loop_.strides[1][d] != 0) distinct *= loop_.dims[d];
    }
    return distinct * 4 <= elements;
  }
  bool all_are_good() const {
    StridedLoop<1> once{loop_.dims, {loop_.strides[1]}, {loop_.offsets[1]}};
    for (size_t d = 0; d < once.dims.size(); ++d)
      if (once.strides[0][d] == 0) once.dims[d] = std::min<int64_t>(once.dims[d], 1);
    std::atomic<bool> good = true;
    once.each_row([&](const std::array<int64_t, 1>& at, int64_t n) {
      bool all = true;
      for (int64_t i = 0; i < n; ++i) all &= is_good(index_[at[0] + i * once.strides[0].back()]);
      if (!all) good = false;
    });
    return good;
  }

  // One index for a whole row, as index_select along the first axis has. Rows lie anywhere: those
  // that come next are asked for while this one is copied.
  void copy_rows() {
    constexpr int64_t kAhead = 12, kLine = 64 / sizeof(T), kMostLines = 8;
    const int64_t n = loop_.dims[1], rows = loop_.dims[0];
    const auto source = [&](int64_t r) {
      const int64_t k = index_[loop_.offsets[1] + r * loop_.strides[1][0]];
      return is_good(k) ? x_ + loop_.offsets[0] + r * loop_.strides[0][0] + k * step_ : nullptr;
    };
    parallel_for(rows, std::max<int64_t>(1, (16 << 10) / n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        if (r + kAhead < end)
          if (const T* next = source(r + kAhead))
            for (int64_t i = 0; i < std::min(n, kMostLines * kLine); i += kLine)
              __builtin_prefetch(next + i);
        T* to = y_ + loop_.offsets[2] + r * loop_.strides[2][0];
        if (const T* from = source(r)) std::copy_n(from, n, to);
        else std::fill_n(to, n, T()), bad_.meet(to - y_);
      }
    });
  }

  void row(const At& at, int64_t n) {
    const T* x = x_ + at[0];
    const I* index = index_ + at[1];
    T* y = y_ + at[2];
    if (all_good_ && sx_ == 0 && si_ == 1 && step_ == 1) {  // columns
      for (int64_t i = 0; i < n; ++i) y[i] = x[index[i]];
      return;
    }
    for (int64_t i = 0; i < n; ++i) {
      const int64_t k = index[i * si_];
      if (!is_good(k)) bad_.meet(at[2] + i);
      y[i] = is_good(k) ? x[i * sx_ + k * step_] : T();
    }
  }

  const T* x_;
  const I* index_;
  T* y_;
  int64_t size_, step_;  // of x along the axis
  StridedLoop<3> loop_;
  int64_t sx_, si_;  // innermost strides of x and the index
  bool whole_rows_, all_good_;
  BadIndex bad_;
};

using Kernel = void (*)(const OpCall&, const Launch&);

template <class T>
void gather(const OpCall& c, const Launch& args) {
  if (c.dtype(1) == DType::i32) Gather<T, int32_t>(c, args).run(c, args.fault);
  else Gather<T, int64_t>(c, args).run(c, args.fault);
}
Kernel kernel_of_size(size_t size) {
  switch (size) {
    case 1: return gather<uint8_t>;
    case 2: return gather<uint16_t>;
    case 4: return gather<uint32_t>;
    default: return gather<uint64_t>;
  }
}

class GatherPlan : public Plan {
 public:
  explicit GatherPlan(const OpCall& call)
      : call_(call), kernel_(kernel_of_size(size_of(call.dtype()))) {}
  void launch(const Launch& args) const override { kernel_(*call_, args); }

 private:
  OwnedCall call_;
  Kernel kernel_;
};

bool supports(const OpCall& call) { return is_op(call, "gather"); }
bool strides(const OpCall&, int) { return true; }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || call.in(0).layout.blocked() || call.in(1).layout.blocked() ||
      call.out().layout.blocked())
    return nullptr;
  return std::make_unique<GatherPlan>(call);
}

}  // namespace

Family gather_family() { return {"gather", supports, prepare, strides}; }

}  // namespace cairn::cpu
