#include "cairn/io/npy.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <utility>

namespace cairn::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 32;  // NumPy's own

struct Descr {
  const char* name;
  DType dtype;
};
constexpr std::array<Descr, 8> kDescrs{{{"<f4", DType::f32},
                                        {"<f8", DType::f64},
                                        {"<f2", DType::f16},
                                        {"|i1", DType::i8},
                                        {"|u1", DType::u8},
                                        {"<i4", DType::i32},
                                        {"<i8", DType::i64},
                                        {"|b1", DType::boolean}}};

// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true)) header.dtype = dtype();
      else if (key == "fortran_order" && !std::exchange(order, true))
        header.fortran_order = boolean();
      else if (key == "shape" && !std::exchange(shape, true)) header.shape = sizes();
      else wrong(fmt::format("an unknown or second key '{}'", key));
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!descr || !order || !shape) wrong("'descr', 'fortran_order' or 'shape' is missing");
    return header;
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const {
    fail("'{}': damaged .npy header at its character {}: {}", name_, at_, what);
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) wrong(fmt::format("'{}' expected", c));
  }
  bool accept_word(std::string_view word) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string quoted() {
    const bool single = accept('\'');
    if (!single) expect('"');
    const size_t end = text_.find(single ? '\'' : '"', at_);
    if (end == std::string_view::npos) wrong("a text without end");
    const std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    wrong("True or False expected");
  }
  DType dtype() {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '[') wrong("a structured type, which is not read here");
    const std::string descr = quoted();
    for (const Descr& known : kDescrs)
      if (descr == known.name) return known.dtype;
    wrong(fmt::format(
        "type '{}' is not read here (<f4 <f8 <f2 |i1 |u1 <i4 <i8 |b1 are); convert it with "
        "numpy.ascontiguousarray(a, dtype='<f4')",
        descr));
  }
  Shape sizes() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      if (shape.size() == kMaxRank) wrong("too many dimensions");
      shape.push_back(size());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }
  int64_t size() {
    skip_blanks();
    int64_t value = -1;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
      value = std::max<int64_t>(value, 0) * 10 + (text_[at_] - '0');
      if (value > int64_t{1} << 56) wrong("a size that is out of range");
    }
    if (value < 0) wrong("a size expected");
    return value;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

// out[row-major index] = in[column-major index]
ByteVector to_row_major(Bytes in, const Shape& shape, size_t element) {
  ByteVector out(in.size());
  if (out.empty()) return out;
  const int rank = shape.ssize();
  std::vector<int64_t> index(rank, 0), stride(rank, 1);
  for (int d = 1; d < rank; ++d) stride[d] = stride[d - 1] * shape[d - 1];
  int64_t from = 0;
  for (size_t to = 0; to < out.size(); to += element) {
    std::memcpy(&out[to], &in[static_cast<size_t>(from) * element], element);
    for (int d = rank - 1; d >= 0; --d) {
      from += stride[d];
      if (++index[d] < shape[d]) break;
      from -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace

NpyHeader parse_npy_header(Bytes bytes, const std::string& name) {
  ByteReader reader(name, bytes);
  check(text_of(bytes).starts_with(kMagic),
        "'{}' is no .npy file (it does not start with \\x93NUMPY)", name);
  reader.take(kMagic.size(), "the magic");
  const auto major = reader.little<uint8_t>("the version");
  reader.little<uint8_t>("the version");
  check(major >= 1 && major <= 3, "'{}': .npy version {} is not known (1 to 3 are)", name, major);
  const uint64_t length = major == 1 ? reader.little<uint16_t>("the header's length")
                                     : reader.little<uint32_t>("the header's length");
  NpyHeader header = HeaderParser(text_of(reader.take(length, "the header")), name).parse();
  header.data_offset = reader.offset();
  const auto wanted = checked_bytes(header.shape, header.dtype);
  check(wanted == reader.remaining(), "'{}': shape {} of {} does not fit the {} bytes of data; {}",
        name, to_string(header.shape), name_of(header.dtype), reader.remaining(),
        wanted && *wanted > reader.remaining() ? "truncated?" : "damaged?");
  return header;
}

NpyArray parse_npy(Bytes bytes, const std::string& name) {
  const NpyHeader header = parse_npy_header(bytes, name);
  const Bytes data = bytes.subspan(header.data_offset);
  if (header.fortran_order && header.shape.size() > 1)
    return {header.dtype, header.shape, to_row_major(data, header.shape, size_of(header.dtype))};
  return {header.dtype, header.shape, ByteVector(data.begin(), data.end())};
}

NpyArray read_npy(const std::string& path, uint64_t limit) {
  return parse_npy(read_file(path, limit), path);
}

void write_npy(const std::string& path, DType dtype, const Shape& shape, Bytes data) {
  check(checked_bytes(shape, dtype) == data.size(),
        "cannot write '{}': shape {} of {} has {} bytes", path, to_string(shape), name_of(dtype),
        data.size());
  const char* descr = nullptr;
  for (const Descr& known : kDescrs)
    if (known.dtype == dtype) descr = known.name;
  check(descr, "cannot write '{}': NumPy has no {}; cast to f32 first", path, name_of(dtype));

  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                  fmt::join(shape.begin(), shape.end(), ", "), shape.size() == 1 ? "," : "");
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 10 - 1,
                ' ');  // data starts at 64 bytes' multiple
  header += '\n';
  ByteVector version_and_length{1, 0};
  append_little(version_and_length, static_cast<uint16_t>(header.size()));
  const Bytes pieces[] = {bytes_of(kMagic), version_and_length, bytes_of(header), data};
  write_file_atomically(path, pieces);
}

}  // namespace cairn::io
