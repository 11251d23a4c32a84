// Elementwise ops, casts and reductions on integers and f64, exactly in their own type (regions
// compute in f32).
#include <cmath>
#include <limits>
#include <string_view>
#include <type_traits>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/loops/strided.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

using Loop1 = StridedLoop<2>;  // input, output
using Loop2 = StridedLoop<3>;
using Loop3 = StridedLoop<4>;

template <class T, class R, class F>
void map_rows(const Loop1& loop, const void* a, void* out, F f) {
  const int64_t sa = loop.strides[0].back(), so = loop.strides[1].back();
  loop.each_row([&](const std::array<int64_t, 2>& at, int64_t n) {
    const T* x = static_cast<const T*>(a) + at[0];
    R* y = static_cast<R*>(out) + at[1];
    if (sa == 1 && so == 1)
      for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
    else
      for (int64_t i = 0; i < n; ++i) y[i * so] = f(x[i * sa]);
  });
}
template <class T, class R, class F>
void zip_rows(const Loop2& loop, const void* a, const void* b, void* out, F f) {
  const int64_t sa = loop.strides[0].back(), sb = loop.strides[1].back(),
                so = loop.strides[2].back();
  loop.each_row([&](const std::array<int64_t, 3>& at, int64_t n) {
    const T *x = static_cast<const T*>(a) + at[0], *z = static_cast<const T*>(b) + at[1];
    R* y = static_cast<R*>(out) + at[2];
    if (sa == 1 && sb == 1 && so == 1)
      for (int64_t i = 0; i < n; ++i) y[i] = f(x[i], z[i]);
    else if (sa == 1 && sb == 0 && so == 1)
      for (int64_t i = 0; i < n; ++i) y[i] = f(x[i], *z);
    else
      for (int64_t i = 0; i < n; ++i) y[i * so] = f(x[i * sa], z[i * sb]);
  });
}

// Integer arithmetic wraps, as the processor's does.
template <class T>
using Wrapping = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>,
                                             std::type_identity<T>>::type;

template <class T>
bool run_binary(std::string_view op, const Loop2& l, const void* a, const void* b, void* y) {
  using U = Wrapping<T>;
  if (op == "add")
    return zip_rows<T, T>(l, a, b, y, [](T p, T q) { return static_cast<T>(U(p) + U(q)); }), true;
  if (op == "sub")
    return zip_rows<T, T>(l, a, b, y, [](T p, T q) { return static_cast<T>(U(p) - U(q)); }), true;
  if (op == "mul")
    return zip_rows<T, T>(l, a, b, y, [](T p, T q) { return static_cast<T>(U(p) * U(q)); }), true;
  if (op == "maximum")
    return zip_rows<T, T>(l, a, b, y, [](T p, T q) { return p != p || p > q ? p : q; }), true;
  if (op == "minimum")
    return zip_rows<T, T>(l, a, b, y, [](T p, T q) { return p != p || p < q ? p : q; }), true;
  if (op == "eq") return zip_rows<T, bool>(l, a, b, y, [](T p, T q) { return p == q; }), true;
  if (op == "ne") return zip_rows<T, bool>(l, a, b, y, [](T p, T q) { return p != q; }), true;
  if (op == "lt") return zip_rows<T, bool>(l, a, b, y, [](T p, T q) { return p < q; }), true;
  if (op == "le") return zip_rows<T, bool>(l, a, b, y, [](T p, T q) { return p <= q; }), true;
  if (op == "gt") return zip_rows<T, bool>(l, a, b, y, [](T p, T q) { return p > q; }), true;
  if (op == "ge") return zip_rows<T, bool>(l, a, b, y, [](T p, T q) { return p >= q; }), true;
  if constexpr (std::is_floating_point_v<T>)
    if (op == "div") return zip_rows<T, T>(l, a, b, y, [](T p, T q) { return p / q; }), true;
  return false;
}
template <class T>
bool run_unary(std::string_view op, const Loop1& l, double value, const void* a, void* y) {
  using U = Wrapping<T>;
  const T v =
      std::is_integral_v<T> ? static_cast<T>(static_cast<int64_t>(value)) : static_cast<T>(value);
  if (op == "neg")
    return map_rows<T, T>(l, a, y, [](T p) { return static_cast<T>(U(0) - U(p)); }), true;
  if (op == "abs")
    return map_rows<T, T>(l, a, y, [](T p) { return static_cast<T>(p < 0 ? U(0) - U(p) : U(p)); }),
           true;
  if (op == "square")
    return map_rows<T, T>(l, a, y, [](T p) { return static_cast<T>(U(p) * U(p)); }), true;
  if (op == "add_scalar")
    return map_rows<T, T>(l, a, y, [v](T p) { return static_cast<T>(U(p) + U(v)); }), true;
  if (op == "mul_scalar")
    return map_rows<T, T>(l, a, y, [v](T p) { return static_cast<T>(U(p) * U(v)); }), true;
  if constexpr (std::is_floating_point_v<T>) {
    if (op == "sqrt") return map_rows<T, T>(l, a, y, [](T p) { return std::sqrt(p); }), true;
    if (op == "exp") return map_rows<T, T>(l, a, y, [](T p) { return std::exp(p); }), true;
    if (op == "log") return map_rows<T, T>(l, a, y, [](T p) { return std::log(p); }), true;
    if (op == "tanh") return map_rows<T, T>(l, a, y, [](T p) { return std::tanh(p); }), true;
    if (op == "reciprocal") return map_rows<T, T>(l, a, y, [](T p) { return 1 / p; }), true;
  }
  return false;
}

// Calls f(T()) with the C++ type of a dtype; false for types that have none here.
template <class F>
bool with_type(DType t, F f) {
  switch (t) {
    case DType::f32: return f(float());
    case DType::f64: return f(double());
    case DType::i8: return f(int8_t());
    case DType::u8: return f(uint8_t());
    case DType::i32: return f(int32_t());
    case DType::i64: return f(int64_t());
    default: return false;
  }
}
bool here(DType t) {
  return t == DType::f64 || t == DType::i32 || t == DType::i64 || t == DType::u8 || t == DType::i8;
}

// Floats are cut off and limited to what an integer holds, NaN is 0; integers keep their low bits.
template <class R, class T>
R converted(T value) {
  if constexpr (std::is_same_v<R, bool>) return value != 0;
  else if constexpr (std::is_floating_point_v<T> && std::is_integral_v<R>) {
    constexpr T low = static_cast<T>(std::numeric_limits<R>::min()),
                high = static_cast<T>(std::numeric_limits<R>::max());
    if (!(value == value)) return 0;
    if (value <= low) return std::numeric_limits<R>::min();
    return value >= high ? std::numeric_limits<R>::max() : static_cast<R>(value);
  } else return static_cast<R>(value);
}
bool run_cast(DType from, DType to, const Loop1& l, const void* a, void* y) {
  auto onto = [&](auto source) {
    using T = decltype(source);
    if (to == DType::boolean) return map_rows<T, bool>(l, a, y, converted<bool, T>), true;
    return with_type(to, [&](auto target) {
      using R = decltype(target);
      return map_rows<T, R>(l, a, y, converted<R, T>), true;
    });
  };
  return from == DType::boolean ? onto(uint8_t()) : with_type(from, onto);
}

template <class T>
void run_where(const Loop3& loop, const void* const* in, void* out) {
  const int64_t sc = loop.strides[0].back(), sa = loop.strides[1].back(),
                sb = loop.strides[2].back(), so = loop.strides[3].back();
  loop.each_row([&](const std::array<int64_t, 4>& at, int64_t n) {
    const auto* c = static_cast<const uint8_t*>(in[0]) + at[0];
    const T *a = static_cast<const T*>(in[1]) + at[1], *b = static_cast<const T*>(in[2]) + at[2];
    T* y = static_cast<T*>(out) + at[3];
    for (int64_t i = 0; i < n; ++i) y[i * so] = c[i * sc] ? a[i * sa] : b[i * sb];
  });
}

// Loop over the output's shape, operands broadcast to it, the output last.
template <int N>
StridedLoop<N> loop_of(const OpCall& call) {
  StridedLoop<N> loop;
  loop.dims = call.out().shape;
  for (int i = 0; i + 1 < N; ++i) {
    loop.strides[i] = broadcast_strides(call.in(i), loop.dims);
    loop.offsets[i] = call.in(i).layout.offset;
  }
  loop.strides[N - 1] = call.out().layout.strides;
  loop.merge();
  return loop;
}

bool is_binary(std::string_view op) {
  for (std::string_view known :
       {"add", "sub", "mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "div"})
    if (op == known) return true;
  return false;
}
bool is_unary(std::string_view op, DType t) {
  for (std::string_view known : {"neg", "abs", "square", "add_scalar", "mul_scalar"})
    if (op == known) return true;
  for (std::string_view known : {"sqrt", "exp", "log", "tanh", "reciprocal"})
    if (op == known) return t == DType::f64;
  return false;
}

class WholePlan : public Plan {
 public:
  explicit WholePlan(const OpCall& call) : call_(call) {
    if (call.inputs.size() == 1) one_ = loop_of<2>(call);
    else if (call.inputs.size() == 2) two_ = loop_of<3>(call);
    else three_ = loop_of<4>(call);
    value_ = call.attrs->number_or("value", 0);
  }
  void launch(const Launch& args) const override {
    void* y = args.outputs[0];
    const std::string_view op = call_->op->name;
    if (op == "cast")
      return void(run_cast(call_->dtype(), call_->out().dtype, one_, args.inputs[0], y));
    with_type(call_->out().dtype == DType::boolean ? call_->dtype() : call_->out().dtype,
              [&](auto type) {
                using T = decltype(type);
                if (op == "where") return run_where<T>(three_, args.inputs, y), true;
                if (call_->inputs.size() == 2)
                  return run_binary<T>(op, two_, args.inputs[0], args.inputs[1], y);
                return run_unary<T>(op, one_, value_, args.inputs[0], y);
              });
  }

 private:
  OwnedCall call_;
  Loop1 one_;
  Loop2 two_;
  Loop3 three_;
  double value_ = 0;
};

bool supports(const OpCall& call) {
  const std::string_view op = call.op->name;
  if (op == "cast") {
    auto known = [](DType t) { return t == DType::f32 || t == DType::boolean || here(t); };
    return known(call.dtype()) && known(static_cast<DType>(call.attrs->integer("dtype")));
  }
  if (op == "where") return call.inputs.size() == 3 && here(call.dtype(1));
  if (call.inputs.empty() || !here(call.dtype())) return false;
  if (op == "div") return call.dtype() == DType::f64;
  return is_binary(op) || is_unary(op, call.dtype());
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  for (auto* descs : {&call.inputs, &call.outputs})
    for (const TensorDesc* d : *descs)
      if (d->layout.blocked()) return nullptr;
  return std::make_unique<WholePlan>(call);
}

// ---- reductions
// -------------------------------------------------------------------------------------

enum class Fold { sum, max, min };

// The output is visited again and again through strides that are 0 over the reduced axes.
class FoldPlan : public Plan {
 public:
  explicit FoldPlan(const OpCall& call) : dtype_(call.dtype()), count_(numel(call.out().shape)) {
    fold_ = is_op(call, "sum") ? Fold::sum : is_op(call, "amax") ? Fold::max : Fold::min;
    const Ints& axes = call.attrs->ints("axes");
    Ints to(call.shape().size(), 0);
    int64_t step = 1;
    for (int d = call.rank() - 1; d >= 0; --d) {
      if (std::find(axes.begin(), axes.end(), d) != axes.end()) continue;
      to[d] = step, step *= call.shape()[d];
    }
    dims_ = call.shape(), from_ = call.in(0).layout.strides, to_ = to,
    offset_ = call.in(0).layout.offset;
  }
  void launch(const Launch& args) const override {
    with_type(dtype_, [&](auto type) {
      using T = decltype(type);
      if (fold_ == Fold::sum) run<T>(args, T(0), [](T a, T b) { return static_cast<T>(a + b); });
      else if (fold_ == Fold::max)
        run<T>(args, std::numeric_limits<T>::lowest(),
               [](T a, T b) { return b != b || b > a ? b : a; });
      else
        run<T>(args, std::numeric_limits<T>::max(),
               [](T a, T b) { return b != b || b < a ? b : a; });
      return true;
    });
  }

 private:
  template <class T, class F>
  void run(const Launch& args, T start, F f) const {
    T* y = static_cast<T*>(args.outputs[0]);
    std::fill_n(y, count_, start);
    const T* x = static_cast<const T*>(args.inputs[0]) + offset_;
    if (numel(dims_) == 0) return;
    if (dims_.empty()) return void(y[0] = f(y[0], x[0]));
    const int last = dims_.ssize() - 1;
    Ints where(dims_.size(), 0);
    while (true) {
      int64_t a = 0, b = 0;
      for (int d = 0; d < last; ++d) a += where[d] * from_[d], b += where[d] * to_[d];
      for (int64_t i = 0; i < dims_[last]; ++i)
        y[b + i * to_[last]] = f(y[b + i * to_[last]], x[a + i * from_[last]]);
      int d = last - 1;
      while (d >= 0 && ++where[d] == dims_[d]) where[d--] = 0;
      if (d < 0) return;
    }
  }
  DType dtype_;
  int64_t count_, offset_ = 0;
  Fold fold_;
  Shape dims_;
  Ints from_, to_;
};

bool folds(const OpCall& call) {
  return (is_op(call, "sum") || is_op(call, "amax") || is_op(call, "amin")) && here(call.dtype());
}
std::unique_ptr<Plan> prepare_fold(const OpCall& call) {
  if (!folds(call) || call.in(0).layout.blocked() || call.out().layout.blocked()) return nullptr;
  return std::make_unique<FoldPlan>(call);
}

}  // namespace

Family whole_family() {
  return {"whole", supports, prepare, [](const OpCall&, int) { return true; }};
}
Family fold_family() {
  return {"fold", folds, prepare_fold, [](const OpCall&, int) { return true; }};
}

}  // namespace cairn::cpu
