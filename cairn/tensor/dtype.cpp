#include "cairn/tensor/dtype.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "cairn/base/error.h"

namespace cairn {
namespace {

struct Info {
  const char* name;
  size_t size;
};
constexpr std::array<Info, kDTypeCount> kInfo = {{{"f32", 4},
                                                  {"f64", 8},
                                                  {"bf16", 2},
                                                  {"f16", 2},
                                                  {"f8e4m3", 1},
                                                  {"f8e5m2", 1},
                                                  {"i8", 1},
                                                  {"u8", 1},
                                                  {"i32", 4},
                                                  {"i64", 8},
                                                  {"bool", 1}}};

// A binary float of `exponent` and `mantissa` bits. `finite_only` has no infinity (e4m3fn).
struct Format {
  int exponent, mantissa;
  bool finite_only;
};
constexpr Format kF16{5, 10, false}, kE4M3{4, 3, true}, kE5M2{5, 2, false};

double decode(uint32_t bits, Format f) {
  const int bias = (1 << (f.exponent - 1)) - 1;
  const uint32_t mantissa = bits & ((1u << f.mantissa) - 1);
  const uint32_t exponent = (bits >> f.mantissa) & ((1u << f.exponent) - 1);
  const double sign = (bits >> (f.exponent + f.mantissa)) ? -1.0 : 1.0;
  const uint32_t top = (1u << f.exponent) - 1;
  if (exponent == top && !f.finite_only) return mantissa ? std::nan("") : sign * INFINITY;
  if (exponent == top && mantissa == (1u << f.mantissa) - 1) return std::nan("");
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - f.mantissa);
  return sign *
         std::ldexp((1u << f.mantissa) | mantissa, static_cast<int>(exponent) - bias - f.mantissa);
}

uint32_t encode(double value, Format f) {
  const int bias = (1 << (f.exponent - 1)) - 1;
  const uint32_t sign = std::signbit(value) ? 1u << (f.exponent + f.mantissa) : 0;
  const uint32_t top = ((1u << f.exponent) - 1) << f.mantissa;
  const uint32_t all = (1u << (f.exponent + f.mantissa)) - 1;
  if (std::isnan(value)) return sign | (f.finite_only ? all : top | (1u << (f.mantissa - 1)));
  const uint32_t overflow = f.finite_only ? all : top;
  const double magnitude = std::fabs(value);
  if (std::isinf(value)) return sign | overflow;
  if (magnitude == 0) return sign;
  int e = std::max(std::ilogb(magnitude), 1 - bias);
  const double scaled = std::ldexp(magnitude, f.mantissa - e);
  uint64_t m = static_cast<uint64_t>(std::nearbyint(scaled));
  if (m >= (2u << f.mantissa)) m >>= 1, ++e;
  if (m < (1u << f.mantissa)) return sign | static_cast<uint32_t>(m);  // subnormal
  const int64_t code =
      (static_cast<int64_t>(e + bias) << f.mantissa) + static_cast<int64_t>(m - (1u << f.mantissa));
  return sign | (code >= overflow ? overflow : static_cast<uint32_t>(code));
}

// Cut off and limited to what the type holds; NaN is 0.
template <class T>
T integer_from(double value) {
  if (std::isnan(value)) return 0;
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double high =
      static_cast<double>(std::numeric_limits<T>::max());  // of i64: may round up
  if (value <= low) return std::numeric_limits<T>::min();
  return value >= high ? std::numeric_limits<T>::max() : static_cast<T>(value);
}

uint16_t bf16_from(double value) {
  const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class T>
T read(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <class T>
void write(void* p, T value) {
  std::memcpy(p, &value, sizeof value);
}

}  // namespace

size_t size_of(DType dtype) { return kInfo[static_cast<int>(dtype)].size; }
const char* name_of(DType dtype) { return kInfo[static_cast<int>(dtype)].name; }

DType dtype_from_name(const std::string& n) {
  std::string known;
  for (int i = 0; i < kDTypeCount; ++i) {
    if (n == kInfo[i].name) return static_cast<DType>(i);
    known += (i ? ", " : "") + std::string(kInfo[i].name);
  }
  fail("unknown dtype '{}': use one of {}", n, known);
}

double load_element(const void* p, DType dtype) {
  switch (dtype) {
    case DType::f32: return read<float>(p);
    case DType::f64: return read<double>(p);
    case DType::bf16: return std::bit_cast<float>(static_cast<uint32_t>(read<uint16_t>(p)) << 16);
    case DType::f16: return decode(read<uint16_t>(p), kF16);
    case DType::f8e4m3: return decode(read<uint8_t>(p), kE4M3);
    case DType::f8e5m2: return decode(read<uint8_t>(p), kE5M2);
    case DType::i8: return read<int8_t>(p);
    case DType::u8: return read<uint8_t>(p);
    case DType::i32: return read<int32_t>(p);
    case DType::i64: return static_cast<double>(read<int64_t>(p));
    case DType::boolean: return read<uint8_t>(p) != 0;
  }
  return 0;
}

void store_element(void* p, DType dtype, double value) {
  switch (dtype) {
    case DType::f32: return write(p, static_cast<float>(value));
    case DType::f64: return write(p, value);
    case DType::bf16: return write(p, bf16_from(value));
    case DType::f16: return write(p, static_cast<uint16_t>(encode(value, kF16)));
    case DType::f8e4m3:  // it has no infinity: its largest, as PyTorch gives since 2.12
      return write(p, static_cast<uint8_t>(encode(
                          std::isnan(value) ? value : std::clamp(value, -448.0, 448.0), kE4M3)));
    case DType::f8e5m2: return write(p, static_cast<uint8_t>(encode(value, kE5M2)));
    case DType::i8: return write(p, integer_from<int8_t>(value));
    case DType::u8: return write(p, integer_from<uint8_t>(value));
    case DType::i32: return write(p, integer_from<int32_t>(value));
    case DType::i64: return write(p, integer_from<int64_t>(value));
    case DType::boolean: return write(p, static_cast<uint8_t>(value != 0));
  }
}

}  // namespace cairn
