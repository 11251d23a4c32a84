// Element types. f8 types are storage only: cast before computing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace cairn {

enum class DType : uint8_t { f32, f64, bf16, f16, f8e4m3, f8e5m2, i8, u8, i32, i64, boolean };
inline constexpr int kDTypeCount = 11;

size_t size_of(DType dtype);                  // bytes of one element
const char* name_of(DType dtype);             // "f32", "bool", ...
DType dtype_from_name(const std::string& n);  // throws Error, naming the known ones

constexpr bool is_float(DType t) { return t <= DType::f8e5m2; }
constexpr bool is_integer(DType t) { return t >= DType::i8 && t <= DType::i64; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};

// Conversions of one element between its stored bytes and double (round to nearest even).
double load_element(const void* p, DType dtype);
void store_element(void* p, DType dtype, double value);

}  // namespace cairn
