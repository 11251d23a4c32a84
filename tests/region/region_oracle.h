// A plain interpreter of region programs in double, and guarded memory to run them in.
#pragma once
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "cairn/backend/cpu/region/region.h"

namespace cairn::cpu::testing {

using Function = std::function<double(double, double, double, double, double)>;  // a, b, c, p0, p1

// What the functions of the tables mean, in double.
inline const std::map<std::string, Function, std::less<>>& true_functions() {
  static const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  static const auto clamp = [](double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; };
  static const auto elu = [](double x, double alpha) { return x > 0 ? x : alpha * std::expm1(x); };
  static const auto softplus = [](double x) { return x > 40 ? x : std::log1p(std::exp(x)); };
#define FN(expression) [](double a, double b, double c, double p0, double p1) -> double { \
    (void)a, (void)b, (void)c, (void)p0, (void)p1; return expression; }
  static const std::map<std::string, Function, std::less<>> functions = {
      {"identity", FN(a)}, {"copy", FN(a)}, {"add", FN(a + b)}, {"sub", FN(a - b)},
      {"mul", FN(a * b)}, {"div", FN(a / b)}, {"fma", FN(a * b + c)},
      {"maximum", FN(a != a || a > b ? a : b)}, {"minimum", FN(a != a || a < b ? a : b)},
      {"add_scalar", FN(a + p0)}, {"mul_scalar", FN(a * p0)}, {"rsub_scalar", FN(p0 - a)},
      {"div_scalar", FN(a / p0)}, {"neg", FN(-a)}, {"abs", FN(std::fabs(a))},
      {"sign", FN((a > 0) - (a < 0))}, {"square", FN(a * a)}, {"sqrt", FN(std::sqrt(a))},
      {"rsqrt", FN(1 / std::sqrt(a))}, {"reciprocal", FN(1 / a)}, {"floor", FN(std::floor(a))},
      {"ceil", FN(std::ceil(a))}, {"round", FN(std::nearbyint(a))}, {"trunc", FN(std::trunc(a))},
      {"exp", FN(std::exp(a))}, {"exp2", FN(std::exp2(a))}, {"expm1", FN(std::expm1(a))},
      {"log", FN(std::log(a))}, {"log2", FN(std::log2(a))}, {"log10", FN(std::log10(a))},
      {"log1p", FN(std::log1p(a))}, {"pow", FN(std::pow(a, b))},
      {"pow_scalar", FN(std::pow(a, p0))}, {"sin", FN(std::sin(a))}, {"cos", FN(std::cos(a))},
      {"tan", FN(std::tan(a))}, {"asin", FN(std::asin(a))}, {"acos", FN(std::acos(a))},
      {"atan", FN(std::atan(a))}, {"atan2", FN(std::atan2(a, b))}, {"sinh", FN(std::sinh(a))},
      {"cosh", FN(std::cosh(a))}, {"tanh", FN(std::tanh(a))}, {"asinh", FN(std::asinh(a))},
      {"acosh", FN(std::acosh(a))}, {"atanh", FN(std::atanh(a))}, {"erf", FN(std::erf(a))},
      {"erfc", FN(std::erfc(a))}, {"lgamma", FN(std::lgamma(a))}, {"fmod", FN(std::fmod(a, b))},
      {"remainder", FN(a - b * std::floor(a / b))}, {"eq", FN(a == b)}, {"ne", FN(a != b)},
      {"lt", FN(a < b)}, {"le", FN(a <= b)}, {"gt", FN(a > b)}, {"ge", FN(a >= b)},
      {"logical_and", FN(a != 0 && b != 0)}, {"logical_or", FN(a != 0 || b != 0)},
      {"logical_xor", FN((a != 0) != (b != 0))}, {"logical_not", FN(a == 0)},
      {"isnan", FN(std::isnan(a))}, {"isinf", FN(std::isinf(a))}, {"isfinite", FN(std::isfinite(a))},
      {"where", FN(a != 0 ? b : c)}, {"relu", FN(a < 0 ? 0 : a)}, {"relu6", FN(clamp(a, 0, 6))},
      {"leaky_relu", FN(a > 0 ? a : a * p0)}, {"elu", FN(elu(a, p0))},
      {"selu", FN(1.0507009873554805 * elu(a, 1.6732632423543772))}, {"sigmoid", FN(sigmoid(a))},
      {"logsigmoid", FN(-softplus(-a))},
      {"softplus", FN(a * p0 > p1 ? a : softplus(a * p0) / p0)},
      {"softsign", FN(a / (1 + std::fabs(a)))}, {"silu", FN(a * sigmoid(a))},
      {"gelu", FN(a * 0.5 * std::erfc(-a * 0.70710678118654752))},
      {"gelu_tanh", FN(0.5 * a * (1 + std::tanh(0.79788456080286536 * (a + 0.044715 * a * a * a))))},
      {"mish", FN(a * std::tanh(softplus(a)))}, {"hardtanh", FN(clamp(a, p0, p1))},
      {"clamp", FN(clamp(a, p0, p1))}, {"clamp_min", FN(a < p0 ? p0 : a)},
      {"clamp_max", FN(a > p0 ? p0 : a)}, {"hardsigmoid", FN(clamp(a + 3, 0, 6) / 6)},
      {"hardswish", FN(a * clamp(a + 3, 0, 6) / 6)}, {"threshold", FN(a <= p0 ? p1 : a)},
      {"erfinv", FN([](double y) {  // bisection on erf
         double lo = -6, hi = 6;
         for (int i = 0; i < 200; ++i) (std::erf((lo + hi) / 2) < y ? lo : hi) = (lo + hi) / 2;
         return std::fabs(y) == 1 ? std::copysign(INFINITY, y) : y != y || std::fabs(y) > 1 ? NAN : lo;
       }(a))},
  };
#undef FN
  return functions;
}

// Memory of one operand, filled and guarded on both sides.
struct Memory {
  DType dtype;
  int64_t first = 0, count = 0;  // elements that the operand may touch
  std::vector<unsigned char> bytes;
  static constexpr size_t kGuard = 192;

  Memory(const RegionOperand& operand, const Ints& dims) : dtype(operand.dtype) {
    int64_t lo = operand.offset, hi = operand.offset;
    for (int d = 0; d < dims.ssize(); ++d)
      (operand.strides[d] < 0 ? lo : hi) += operand.strides[d] * std::max<int64_t>(0, dims[d] - 1);
    first = lo, count = hi - lo + 1;
    bytes.assign(2 * kGuard + static_cast<size_t>(count) * size_of(dtype), 0xA5);
  }
  void* element(int64_t i) { return bytes.data() + kGuard + (i - first) * size_of(dtype); }
  void* pointer() { return element(0); }
};

inline double combine2(Combine combine, double a, double b) {
  switch (combine) {
    case Combine::sum: return a + b;
    case Combine::prod: return a * b;
    case Combine::max: return a != a || a > b ? a : b;
    case Combine::min: return a != a || a < b ? a : b;
  }
  return 0;
}
inline double identity2(Combine combine) {
  const double infinity = std::numeric_limits<double>::infinity();
  return combine == Combine::sum ? 0 : combine == Combine::prod ? 1 : combine == Combine::max ? -infinity
                                                                                              : infinity;
}

// Runs the program on `inputs` and writes what it should give into `outputs` (all guarded memories).
class Oracle {
 public:
  Oracle(const RegionProgram& p, std::vector<Memory>& inputs, std::vector<Memory>& outputs)
      : p_(p), inputs_(inputs), outputs_(outputs), points_(numel(p.dims)) {
    for (const auto& instr : p.code) run(instr);
  }

 private:
  int64_t offset(const RegionOperand& operand, int64_t point) const {
    int64_t at = operand.offset;
    for (int d = p_.dims.ssize() - 1; d >= 0; --d) {
      at += point % p_.dims[d] * operand.strides[d];
      point /= p_.dims[d];
    }
    return at;
  }
  bool padded(int64_t point) const {
    if (p_.padding.block_dim < 0) return false;
    int64_t index[16];
    for (int d = p_.dims.ssize() - 1; d >= 0; --d) index[d] = point % p_.dims[d], point /= p_.dims[d];
    return index[p_.padding.block_dim] * p_.dims[p_.padding.lane_dim] + index[p_.padding.lane_dim] >=
           p_.padding.channels;
  }
  void run(const RegionInstr& i) {
    std::vector<double> out(points_);
    const auto at = [&](int reg, int64_t k) { return reg >= 0 ? values_[reg][k] : 0.0; };
    switch (i.code) {
      case RegionCode::load:
        for (int64_t k = 0; k < points_; ++k) {
          Memory& m = inputs_[i.operand];
          out[k] = load_element(m.element(offset(p_.inputs[i.operand], k)), m.dtype);
        }
        break;
      case RegionCode::constant: out.assign(points_, i.p0); break;
      case RegionCode::compute: {
        const auto& fn = true_functions().find(i.fn->name)->second;
        for (int64_t k = 0; k < points_; ++k) out[k] = fn(at(i.a, k), at(i.b, k), at(i.c, k), i.p0, i.p1);
        break;
      }
      case RegionCode::row_reduce: {
        int64_t row = 1;
        for (int d = p_.dims.ssize() - p_.row_rank; d < p_.dims.ssize(); ++d) row *= p_.dims[d];
        for (int64_t first = 0; first < points_; first += row) {
          double total = identity2(i.combine);
          for (int64_t k = first; k < first + row; ++k)
            if (!padded(k)) total = combine2(i.combine, total, values_[i.a][k]);
          std::fill_n(out.begin() + first, row, total * i.scale);
        }
        break;
      }
      case RegionCode::store: {
        Memory& m = outputs_[i.operand];
        for (int64_t k = 0; k < points_; ++k)
          write(m, offset(p_.outputs[i.operand], k), padded(k) ? 0 : values_[i.a][k]);
        break;
      }
      case RegionCode::reduce_store: reduce_store(i); break;
    }
    if (i.out >= 0) values_[i.out] = std::move(out);
  }
  void reduce_store(const RegionInstr& i) {
    const RegionOperand& to = p_.outputs[i.operand];
    std::map<int64_t, double> totals;
    int64_t kept = 1;
    for (int d = 0; d < p_.dims.ssize(); ++d) kept *= to.strides[d] ? p_.dims[d] : 1;
    for (int64_t k = 0; k < kept; ++k) {  // also where nothing is combined
      int64_t rest = k, at = to.offset;
      for (int d = p_.dims.ssize() - 1; d >= 0; --d)
        if (to.strides[d]) at += rest % p_.dims[d] * to.strides[d], rest /= p_.dims[d];
      totals[at] = identity2(i.combine);
    }
    std::map<int64_t, bool> any;
    for (int64_t k = 0; k < points_; ++k) {
      const int64_t at = offset(to, k);
      if (padded(k)) continue;
      totals[at] = combine2(i.combine, totals[at], values_[i.a][k]);
      any[at] = true;
    }
    const bool lanes_kept = p_.padding.block_dim >= 0;
    for (auto& [at, total] : totals) {
      const bool only_padding = lanes_kept && points_ > 0 && !any.count(at);
      write(outputs_[i.operand], at, only_padding ? 0 : total * i.scale);
    }
  }
  static void write(Memory& m, int64_t at, double value) {
    if (m.dtype == DType::f32) {
      const float f = static_cast<float>(value);
      std::memcpy(m.element(at), &f, 4);
    } else {
      store_element(m.element(at), m.dtype, value);
    }
  }

  const RegionProgram& p_;
  std::vector<Memory>&inputs_, &outputs_;
  int64_t points_;
  std::map<int, std::vector<double>> values_;
};

}  // namespace cairn::cpu::testing
