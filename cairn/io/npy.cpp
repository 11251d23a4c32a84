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
      if (key == "descr" && !std::exchange(descr, true)) header.type = type();
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
  // A text, or the list of a structured type, which stands here as it is written.
  std::string type() {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != '[') return quoted();
    const size_t begin = at_;
    int depth = 0;
    do {
      if (at_ >= text_.size()) wrong("a list without end");
      if (text_[at_] == '\'' || text_[at_] == '"') {
        quoted();
        continue;
      }
      depth += text_[at_] == '[' ? 1 : text_[at_] == ']' ? -1 : 0;
      ++at_;
    } while (depth > 0);
    return std::string(text_.substr(begin, at_ - begin));
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
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // a long of Python 2
    return value;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

std::optional<DType> dtype_of(std::string_view type) {
  for (const Descr& known : kDescrs)
    if (type == known.name) return known.dtype;
  return {};
}

// Bytes of an element of a type that is written as one letter and a width; 0: it does not say.
uint64_t width_of(std::string_view type) {
  if (!type.empty() && std::string_view("<>|=").find(type[0]) != type.npos) type.remove_prefix(1);
  if (type.empty() || std::string_view("biufcSVUMm").find(type[0]) == type.npos) return 0;
  const char kind = type[0];
  uint64_t width = 0;
  for (const char c : type.substr(1)) {
    if (!std::isdigit(static_cast<unsigned char>(c))) break;  // a date's unit follows
    width = width * 10 + static_cast<uint64_t>(c - '0');
    if (width > uint64_t{1} << 32) return 0;
  }
  return kind == 'U' ? 4 * width : width;
}

// How to write an array of this type so that it can be read here.
std::string way_out(std::string_view type) {
  if (type.starts_with('[')) return "save each of its fields as an array of its own";
  const char kind = type.size() > 1 ? type[1] : ' ';
  const char* to = kind == 'i' || kind == 'u' || kind == 'M' || kind == 'm' ? "'<i8'" : "'<f4'";
  if (std::string_view("SUOV").find(kind) != std::string_view::npos)
    return "save numbers instead, of type <f4 <f8 <f2 |i1 |u1 <i4 <i8 or |b1";
  if (kind == 'c') return "save a.real and a.imag";
  return fmt::format("convert it with a.astype({})", to);
}

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
  header.dtype = dtype_of(header.type);
  const auto elements = checked_bytes(header.shape, DType::u8);
  const uint64_t width = width_of(header.type), there = reader.remaining();
  const bool fits = elements && (width == 0 || (there % width == 0 && there / width == *elements));
  check(fits, "'{}': shape {} of {} does not fit the {} bytes of data; {}", name,
        to_string(header.shape), header.type, there,
        !elements || there / std::max<uint64_t>(width, 1) < *elements ? "truncated?" : "damaged?");
  return header;
}

NpyArray parse_npy(Bytes bytes, const std::string& name) {
  const NpyHeader header = parse_npy_header(bytes, name);
  check(header.dtype.has_value(), "'{}': type '{}' is not read here; {}", name, header.type,
        way_out(header.type));
  const DType dtype = *header.dtype;
  const Bytes data = bytes.subspan(header.data_offset);
  if (header.fortran_order && header.shape.size() > 1)
    return {dtype, header.shape, to_row_major(data, header.shape, size_of(dtype))};
  return {dtype, header.shape, ByteVector(data.begin(), data.end())};
}

NpyArray read_npy(const std::string& path, uint64_t limit) {
  return parse_npy(read_file(path, limit), path);
}

ByteVector npy_header(DType dtype, const Shape& shape, const std::string& name) {
  const char* descr = nullptr;
  for (const Descr& known : kDescrs)
    if (known.dtype == dtype) descr = known.name;
  check(descr, "cannot write '{}': NumPy has no {}; cast to f32 first", name, name_of(dtype));

  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                  fmt::join(shape.begin(), shape.end(), ", "), shape.size() == 1 ? "," : "");
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 10 - 1,
                ' ');  // data starts at 64 bytes' multiple
  header += '\n';
  ByteVector bytes(kMagic.begin(), kMagic.end());
  bytes.push_back(1), bytes.push_back(0);  // version
  append_little(bytes, static_cast<uint16_t>(header.size()));
  bytes.insert(bytes.end(), header.begin(), header.end());
  return bytes;
}

void write_npy(const std::string& path, DType dtype, const Shape& shape, Bytes data) {
  check(checked_bytes(shape, dtype) == data.size(),
        "cannot write '{}': shape {} of {} has {} bytes", path, to_string(shape), name_of(dtype),
        data.size());
  const ByteVector header = npy_header(dtype, shape, path);
  const Bytes pieces[] = {header, data};
  write_file_atomically(path, pieces);
}

}  // namespace cairn::io
