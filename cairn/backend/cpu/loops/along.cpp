// Ops along one axis, besides gather: scatter_add, scatter_reduce, check_index, argmax, argmin, and
// running sums, products and extremes.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/loops/index.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

// Combines in the order of the index; threads share the first dimension where the axis is another.
template <class T, class F>
void scatter_with(const OpCall& c, const Launch& args, F combine) {
  const int64_t axis = c.attrs->integer("axis"), size = c.shape(0)[axis];
  T* y = static_cast<T*>(args.outputs[0]);
  std::copy_n(static_cast<const T*>(args.inputs[0]), numel(c.shape(0)), y);
  const T* source = static_cast<const T*>(args.inputs[2]);
  const Ints to = contiguous_strides(c.shape(0));
  const Shape& shape = c.shape(1);
  if (numel(shape) == 0) return;
  const int64_t outer = shape[0], inner = numel(shape) / outer;
  BadIndex bad;
  auto some = [&](int64_t begin, int64_t end) {
    for (int64_t flat = begin * inner; flat < end * inner; ++flat) {
      int64_t rest = flat, pi = c.in(1).layout.offset, ps = c.in(2).layout.offset, py = 0;
      for (int d = shape.ssize() - 1; d >= 0; --d) {
        const int64_t i = rest % shape[d];
        rest /= shape[d];
        pi += i * c.in(1).layout.strides[d], ps += i * c.in(2).layout.strides[d];
        if (d != axis) py += i * to[d];
      }
      const int64_t k = read_index(args.inputs[1], c.dtype(1), pi);
      if (k < 0 || k >= size) bad.meet(flat);
      else combine(y[py + k * to[axis]], source[ps]);
    }
  };
  if (axis == 0) some(0, outer);
  else parallel_for(outer, std::max<int64_t>(1, (8 << 10) / inner), some);
  bad.report(args.fault, [&](int64_t p) {
    return read_index(args.inputs[1], c.dtype(1), place_of(p, c.in(1)));
  });
}

template <class T>
void scatter_add(const OpCall& c, const Launch& args) {
  scatter_with<T>(c, args, [](T& to, T v) { to += v; });
}
template <class T>
void scatter_reduce(const OpCall& c, const Launch& args) {
  const std::string_view reduce = c.attrs->text("reduce");  // NaN wins over every number
  if (reduce == "prod") return scatter_with<T>(c, args, [](T& to, T v) { to *= v; });
  if (reduce == "amax")
    return scatter_with<T>(c, args, [](T& to, T v) { to = v > to || v != v ? v : to; });
  scatter_with<T>(c, args, [](T& to, T v) { to = v < to || v != v ? v : to; });
}

void check_index(const OpCall& c, const Launch& args) {
  const int64_t low = c.attrs->integer("low"), high = c.attrs->integer("high"),
                count = numel(c.shape());
  BadIndex bad;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t k = read_index(args.inputs[0], c.dtype(), place_of(i, c.in(0)));
    if (k < low || k >= high) bad.meet(i);
    if (c.dtype() == DType::i32)
      static_cast<int32_t*>(args.outputs[0])[i] = static_cast<int32_t>(k);
    else static_cast<int64_t*>(args.outputs[0])[i] = k;
  }
  bad.report(args.fault, [&](int64_t p) {
    return read_index(args.inputs[0], c.dtype(), place_of(p, c.in(0)));
  });
}

// A contiguous tensor as [outer][size along the axis][inner].
struct Lines {
  int64_t outer = 1, size = 1, inner = 1;
  Lines(const Shape& shape, int64_t axis) {
    for (int d = 0; d < shape.ssize(); ++d)
      (d < axis ? outer : d == axis ? size : inner) *= shape[d];
  }
};

template <class T>
void arg_extreme(const OpCall& c, const Launch& args) {
  const Lines l(c.shape(), c.attrs->ints("axes")[0]);
  const bool largest = is_op(c, "argmax");
  const T* x = static_cast<const T*>(args.inputs[0]);
  auto* y = static_cast<int64_t*>(args.outputs[0]);
  parallel_for(l.outer * l.inner, std::max<int64_t>(1, (16 << 10) / l.size),
               [&](int64_t begin, int64_t end) {
                 for (int64_t o = begin; o < end; ++o) {
                   const T* line = x + o / l.inner * l.size * l.inner + o % l.inner;
                   T best = line[0];
                   int64_t at = 0;
                   for (int64_t k = 1; k < l.size && best == best; ++k) {
                     const T v = line[k * l.inner];
                     if (v != v || (largest ? v > best : v < best)) best = v, at = k;
                   }
                   y[o] = at;
                 }
               });
}

template <class T>
void scan(const OpCall& c, const Launch& args) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, T>;
  const Lines l(c.shape(), c.shape().empty() ? 0 : c.attrs->integer("axis"));
  const bool product = is_op(c, "cumprod");
  const T* x = static_cast<const T*>(args.inputs[0]);
  T* y = static_cast<T*>(args.outputs[0]);
  parallel_for(l.outer * l.inner, std::max<int64_t>(1, (16 << 10) / std::max<int64_t>(1, l.size)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t o = begin; o < end; ++o) {
                   const int64_t base = o / l.inner * l.size * l.inner + o % l.inner;
                   Sum total = product ? 1 : 0;
                   for (int64_t k = 0; k < l.size; ++k) {
                     const int64_t at = base + k * l.inner;
                     total = product ? static_cast<Sum>(total * x[at])
                                     : static_cast<Sum>(total + x[at]);
                     y[at] = static_cast<T>(total);
                   }
                 }
               });
}

// Calls line(first place, elements) for lines along the axis, the elements l.inner apart.
template <class F>
void each_line(const OpCall& c, F line) {
  const Lines l(c.shape(), c.shape().empty() ? 0 : c.attrs->integer("axis"));
  parallel_for(l.outer * l.inner, std::max<int64_t>(1, (16 << 10) / std::max<int64_t>(1, l.size)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t o = begin; o < end; ++o)
                   line(o / l.inner * l.size * l.inner + o % l.inner, l);
               });
}
template <class T>
void log_scan(const OpCall& c, const Launch& args) {
  const T* x = static_cast<const T*>(args.inputs[0]);
  T* y = static_cast<T*>(args.outputs[0]);
  each_line(c, [&](int64_t first, const Lines& l) {
    double total = -INFINITY;
    for (int64_t k = 0; k < l.size; ++k) {
      const double v = x[first + k * l.inner], top = std::max(total, v);
      if (std::isnan(v) || std::isnan(total)) total = NAN;
      else total = std::isinf(top) ? top : top + std::log1p(std::exp(-std::fabs(total - v)));
      y[first + k * l.inner] = static_cast<T>(total);
    }
  });
}
template <class T>
void extreme_so_far(const OpCall& c, const Launch& args) {
  const bool largest = is_op(c, "argcummax");
  const T* x = static_cast<const T*>(args.inputs[0]);
  auto* y = static_cast<int64_t*>(args.outputs[0]);
  each_line(c, [&](int64_t first, const Lines& l) {
    int64_t at = 0;
    for (int64_t k = 0; k < l.size; ++k) {
      const T v = x[first + k * l.inner], best = x[first + at * l.inner];
      if (v != v || (best == best && (largest ? v >= best : v <= best))) at = k;
      y[first + k * l.inner] = at;
    }
  });
}

// NaN lies above all numbers, and all elements below a NaN.
template <class T>
void search(const OpCall& c, const Launch& args) {
  const bool right = c.attrs->integer("right") != 0, one = c.rank(0) == 1;
  const int64_t n = c.shape(0).back(), m = c.shape(1).empty() ? 1 : c.shape(1).back();
  const T *sequences = static_cast<const T*>(args.inputs[0]),
          *values = static_cast<const T*>(args.inputs[1]);
  auto* y = static_cast<int64_t*>(args.outputs[0]);
  parallel_for(numel(c.shape(1)), 1 << 10, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T v = values[i], *first = sequences + (one ? 0 : i / m * n), *last = first + n;
      const T* at = v != v  ? last
                    : right ? std::partition_point(first, last, [v](T e) { return e <= v; })
                            : std::partition_point(first, last, [v](T e) { return e < v; });
      y[i] = at - first;
    }
  });
}

using Kernel = void (*)(const OpCall&, const Launch&);

Kernel kernel_for(const OpCall& call) {
  const DType t = call.inputs.empty() ? DType::boolean : call.dtype();
  auto typed = [&](Kernel f, Kernel d, Kernel i, Kernel l) -> Kernel {
    return t == DType::f32   ? f
           : t == DType::f64 ? d
           : t == DType::i32 ? i
           : t == DType::i64 ? l
                             : nullptr;
  };
  if (is_op(call, "scatter_add"))
    return typed(scatter_add<float>, scatter_add<double>, scatter_add<int32_t>,
                 scatter_add<int64_t>);
  if (is_op(call, "scatter_reduce"))
    return typed(scatter_reduce<float>, scatter_reduce<double>, scatter_reduce<int32_t>,
                 scatter_reduce<int64_t>);
  if (is_op(call, "logcumsumexp"))
    return typed(log_scan<float>, log_scan<double>, nullptr, nullptr);
  if (is_op(call, "argcummax") || is_op(call, "argcummin"))
    return typed(extreme_so_far<float>, extreme_so_far<double>, extreme_so_far<int32_t>,
                 extreme_so_far<int64_t>);
  if (is_op(call, "searchsorted"))
    return typed(search<float>, search<double>, search<int32_t>, search<int64_t>);
  if (is_op(call, "check_index")) return check_index;
  if (is_op(call, "argmax") || is_op(call, "argmin"))
    return typed(arg_extreme<float>, arg_extreme<double>, arg_extreme<int32_t>,
                 arg_extreme<int64_t>);
  if (is_op(call, "cumsum") || is_op(call, "cumprod"))
    return typed(scan<float>, scan<double>, scan<int32_t>, scan<int64_t>);
  return nullptr;
}

// Which inputs the kernels read through strides.
bool strides(const OpCall& call, int input) {
  if (is_op(call, "scatter_add") || is_op(call, "scatter_reduce")) return input != 0;
  return is_op(call, "check_index");
}

class AlongPlan : public Plan {
 public:
  AlongPlan(const OpCall& call, Kernel kernel) : call_(call), kernel_(kernel) {}
  void launch(const Launch& args) const override { kernel_(*call_, args); }

 private:
  OwnedCall call_;
  Kernel kernel_;
};

bool supports(const OpCall& call) { return kernel_for(call) != nullptr; }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  const Kernel kernel = kernel_for(call);
  if (!kernel) return nullptr;
  for (int i = 0; i < static_cast<int>(call.inputs.size()); ++i)
    if (call.in(i).layout.blocked() || (!call.in(i).contiguous() && !strides(call, i)))
      return nullptr;
  for (const TensorDesc* d : call.outputs)
    if (d->layout.blocked()) return nullptr;
  return std::make_unique<AlongPlan>(call, kernel);
}

}  // namespace

Family along_family() { return {"along", supports, prepare, strides}; }

}  // namespace cairn::cpu
