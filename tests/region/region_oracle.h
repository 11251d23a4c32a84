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

struct Args {
  double a, b, c, p0, p1;
};
using Function = std::function<double(Args)>;

inline double inverse_erf(double y) {  // by bisection
  if (!(std::fabs(y) < 1)) return std::fabs(y) == 1 ? std::copysign(INFINITY, y) : NAN;
  double lo = -6, hi = 6;
  for (int i = 0; i < 200; ++i) (std::erf((lo + hi) / 2) < y ? lo : hi) = (lo + hi) / 2;
  return lo;
}

// As a tensor of the dtype holds it.
inline double through(DType dtype, double value) {
  char element[8];
  store_element(element, dtype, value);
  return load_element(element, dtype);
}

// What the functions of the tables mean, in double.
inline const std::map<std::string, Function, std::less<>>& true_functions() {
  static const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  static const auto clamp = [](double x, double lo, double hi) {
    return x < lo ? lo : x > hi ? hi : x;
  };
  static const auto elu = [](double x, double alpha) { return x > 0 ? x : alpha * std::expm1(x); };
  static const auto softplus = [](double x) { return x > 40 ? x : std::log1p(std::exp(x)); };
  static const std::map<std::string, Function, std::less<>> functions = {
      {"identity", [](Args v) { return v.a; }},
      {"copy", [](Args v) { return v.a; }},
      {"add", [](Args v) { return v.a + v.b; }},
      {"sub", [](Args v) { return v.a - v.b; }},
      {"mul", [](Args v) { return v.a * v.b; }},
      {"div", [](Args v) { return v.a / v.b; }},
      {"fma", [](Args v) { return v.a * v.b + v.c; }},
      {"maximum", [](Args v) { return v.a != v.a || v.a > v.b ? v.a : v.b; }},
      {"minimum", [](Args v) { return v.a != v.a || v.a < v.b ? v.a : v.b; }},
      {"add_scalar", [](Args v) { return v.a + v.p0; }},
      {"mul_scalar", [](Args v) { return v.a * v.p0; }},
      {"neg", [](Args v) { return -v.a; }},
      {"abs", [](Args v) { return std::fabs(v.a); }},
      {"sign", [](Args v) { return (v.a > 0) - (v.a < 0); }},
      {"square", [](Args v) { return v.a * v.a; }},
      {"sqrt", [](Args v) { return std::sqrt(v.a); }},
      {"rsqrt", [](Args v) { return 1 / std::sqrt(v.a); }},
      {"reciprocal", [](Args v) { return 1 / v.a; }},
      {"floor", [](Args v) { return std::floor(v.a); }},
      {"ceil", [](Args v) { return std::ceil(v.a); }},
      {"round", [](Args v) { return std::nearbyint(v.a); }},
      {"trunc", [](Args v) { return std::trunc(v.a); }},
      {"round_bf16", [](Args v) { return through(DType::bf16, v.a); }},
      {"round_f16", [](Args v) { return through(DType::f16, v.a); }},
      {"exp", [](Args v) { return std::exp(v.a); }},
      {"exp2", [](Args v) { return std::exp2(v.a); }},
      {"expm1", [](Args v) { return std::expm1(v.a); }},
      {"log", [](Args v) { return std::log(v.a); }},
      {"log2", [](Args v) { return std::log2(v.a); }},
      {"log10", [](Args v) { return std::log10(v.a); }},
      {"log1p", [](Args v) { return std::log1p(v.a); }},
      {"pow", [](Args v) { return std::pow(v.a, v.b); }},
      {"pow_scalar", [](Args v) { return std::pow(v.a, v.p0); }},
      {"sin", [](Args v) { return std::sin(v.a); }},
      {"cos", [](Args v) { return std::cos(v.a); }},
      {"tan", [](Args v) { return std::tan(v.a); }},
      {"asin", [](Args v) { return std::asin(v.a); }},
      {"acos", [](Args v) { return std::acos(v.a); }},
      {"atan", [](Args v) { return std::atan(v.a); }},
      {"atan2", [](Args v) { return std::atan2(v.a, v.b); }},
      {"sinh", [](Args v) { return std::sinh(v.a); }},
      {"cosh", [](Args v) { return std::cosh(v.a); }},
      {"tanh", [](Args v) { return std::tanh(v.a); }},
      {"asinh", [](Args v) { return std::asinh(v.a); }},
      {"acosh", [](Args v) { return std::acosh(v.a); }},
      {"atanh", [](Args v) { return std::atanh(v.a); }},
      {"erf", [](Args v) { return std::erf(v.a); }},
      {"erfc", [](Args v) { return std::erfc(v.a); }},
      {"lgamma", [](Args v) { return std::lgamma(v.a); }},
      {"fmod", [](Args v) { return std::fmod(v.a, v.b); }},
      {"remainder", [](Args v) { return v.a - v.b * std::floor(v.a / v.b); }},
      {"eq", [](Args v) { return v.a == v.b; }},
      {"ne", [](Args v) { return v.a != v.b; }},
      {"lt", [](Args v) { return v.a < v.b; }},
      {"le", [](Args v) { return v.a <= v.b; }},
      {"gt", [](Args v) { return v.a > v.b; }},
      {"ge", [](Args v) { return v.a >= v.b; }},
      {"logical_and", [](Args v) { return v.a != 0 && v.b != 0; }},
      {"logical_or", [](Args v) { return v.a != 0 || v.b != 0; }},
      {"logical_xor", [](Args v) { return (v.a != 0) != (v.b != 0); }},
      {"logical_not", [](Args v) { return v.a == 0; }},
      {"isnan", [](Args v) { return std::isnan(v.a); }},
      {"isinf", [](Args v) { return std::isinf(v.a); }},
      {"isfinite", [](Args v) { return std::isfinite(v.a); }},
      {"where", [](Args v) { return v.a != 0 ? v.b : v.c; }},
      {"relu", [](Args v) { return v.a < 0 ? 0 : v.a; }},
      {"leaky_relu", [](Args v) { return v.a > 0 ? v.a : v.a * v.p0; }},
      {"elu", [](Args v) { return elu(v.a, v.p0); }},
      {"sigmoid", [](Args v) { return sigmoid(v.a); }},
      {"log_sigmoid", [](Args v) { return -softplus(-v.a); }},
      {"softplus", [](Args v) { return v.a * v.p0 > v.p1 ? v.a : softplus(v.a * v.p0) / v.p0; }},
      {"logaddexp",
       [](Args v) {
         const double apart = v.a == v.b ? 0 : std::fabs(v.a - v.b);
         return std::isnan(v.a) || std::isnan(v.b)
                    ? NAN
                    : std::max(v.a, v.b) + std::log1p(std::exp(-apart));
       }},
      {"binary_cross_entropy",
       [](Args v) {
         const auto limited = [](double x) { return x < -100 ? -100 : x; };
         return -(v.b * limited(std::log(v.a)) + (1 - v.b) * limited(std::log1p(-v.a)));
       }},
      {"binary_cross_entropy_with_logits",
       [](Args v) { return v.a * ((v.a > 0) - v.b) + std::log1p(std::exp(-std::fabs(v.a))); }},
      {"softsign", [](Args v) { return v.a / (1 + std::fabs(v.a)); }},
      {"silu", [](Args v) { return v.a * sigmoid(v.a); }},
      {"gelu", [](Args v) { return v.a * 0.5 * std::erfc(-v.a * 0.70710678118654752); }},
      {"gelu_gate", [](Args v) { return 0.5 * std::erfc(-v.a * 0.70710678118654752); }},
      {"gelu_slope",
       [](Args v) { return v.b + v.a * 0.3989422804014327 * std::exp(-0.5 * v.a * v.a); }},
      {"gelu_tanh_gate",
       [](Args v) {
         return 0.5 * (1 + std::tanh(0.79788456080286536 * (v.a + 0.044715 * v.a * v.a * v.a)));
       }},
      {"gelu_tanh_slope",
       [](Args v) {
         return v.b + v.a * v.b * (1 - v.b) * 1.5957691216057308 * (1 + 0.134145 * v.a * v.a);
       }},
      {"gelu_tanh",
       [](Args v) {
         return 0.5 * v.a *
                (1 + std::tanh(0.79788456080286536 * (v.a + 0.044715 * v.a * v.a * v.a)));
       }},
      {"mish", [](Args v) { return v.a * std::tanh(softplus(v.a)); }},
      {"clamp", [](Args v) { return clamp(v.a, v.p0, v.p1); }},
      {"clamp_min", [](Args v) { return v.a < v.p0 ? v.p0 : v.a; }},
      {"clamp_max", [](Args v) { return v.a > v.p0 ? v.p0 : v.a; }},
      {"hardsigmoid", [](Args v) { return clamp(v.a + 3, 0, 6) / 6; }},
      {"hardswish", [](Args v) { return v.a * clamp(v.a + 3, 0, 6) / 6; }},
      {"erfinv", [](Args v) { return inverse_erf(v.a); }},
  };
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
  void* element(int64_t i) {
    return bytes.data() + kGuard + (i - first) * static_cast<int64_t>(size_of(dtype));
  }
  void* pointer() { return element(0); }
  bool guards_are_whole() const {
    for (size_t i = 0; i < kGuard; ++i)
      if (bytes[i] != 0xA5 || bytes[bytes.size() - 1 - i] != 0xA5) return false;
    return true;
  }
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
  return combine == Combine::sum    ? 0
         : combine == Combine::prod ? 1
         : combine == Combine::max  ? -infinity
                                    : infinity;
}

// Runs the program on `inputs` and writes what it should give into `outputs` (all guarded
// memories).
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
    int64_t index[16] = {};
    for (int d = p_.dims.ssize() - 1; d >= 0; --d)
      index[d] = point % p_.dims[d], point /= p_.dims[d];
    return index[p_.padding.block_dim] * p_.dims[p_.padding.lane_dim] +
               index[p_.padding.lane_dim] >=
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
        for (int64_t k = 0; k < points_; ++k)
          out[k] = fn({at(i.a, k), at(i.b, k), at(i.c, k), i.p0, i.p1});
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
        const RegionOperand& to = p_.outputs[i.operand];
        const auto has = [&](int d) { return d < 0 || to.strides[d] != 0 || p_.dims[d] == 1; };
        const bool masked = has(p_.padding.block_dim) && has(p_.padding.lane_dim);
        for (int64_t k = 0; k < points_; ++k)
          write(m, offset(to, k), masked && padded(k) ? 0 : values_[i.a][k]);
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
