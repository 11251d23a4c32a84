#include "cairn/onnx/file.h"

#include <google/protobuf/stubs/logging.h>

#include <charconv>
#include <filesystem>
#include <unordered_set>

#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

namespace fs = std::filesystem;
using Proto = onnx_proto::TensorProto;

// ---- names and order

// The names of a graph, and those around it.
struct Known {
  const Known* outer;
  std::unordered_set<std::string_view> own;
  bool add(std::string_view name) { return own.insert(name).second; }
  bool has(std::string_view name) const {
    return own.count(name) != 0 || (outer && outer->has(name));
  }
};

class GraphCheck {
 public:
  explicit GraphCheck(const std::string& file) : file_(file) {}

  // `outer`: the names that are known around it.
  void graph(const onnx_proto::GraphProto& g, const Known* outer) const {
    check(g.sparse_initializer_size() == 0,
          "'{}': graph '{}' has sparse weights, which are not read; export it with dense ones",
          file_, g.name());
    Known known{outer, {}}, inputs{nullptr, {}};
    for (const auto& t : g.initializer()) {
      check(!t.name().empty(), "'{}': graph '{}': a weight has no name", file_, g.name());
      check(known.add(t.name()), "'{}': two weights are called '{}'", file_, t.name());
    }
    for (const auto& i : g.input()) {
      check(inputs.add(i.name()), "'{}': two inputs are called '{}'", file_, i.name());
      known.add(i.name());
    }
    nodes(g.node(), known);
    for (const auto& o : g.output())
      check(known.has(o.name()), "'{}': nothing computes the output '{}'", file_, o.name());
  }

  template <class Nodes>
  void nodes(const Nodes& list, Known& known) const {
    for (const auto& n : list) {
      const std::string where = fmt::format("'{}': node '{}' ({})", file_, n.name(), n.op_type());
      for (const std::string& in : n.input())
        check(in.empty() || known.has(in),
              "{} reads '{}', which no input, weight or node before it gives", where, in);
      for (const auto& a : n.attribute())
        if (a.has_g()) graph(a.g(), &known);
      for (const std::string& out : n.output()) {
        if (out.empty()) continue;
        check(known.add(out), "{} gives '{}', which is there already", where, out);
      }
    }
  }

 private:
  const std::string& file_;
};

// ---- values

template <class T>
void put(io::ByteVector& bytes, size_t i, T value) {
  std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
}
template <class To, class Field>
void convert(const Field& from, io::ByteVector& to) {
  for (int i = 0; i < from.size(); ++i)
    put(to, static_cast<size_t>(i), static_cast<To>(from.Get(i)));
}
template <class From, class To>
void widen(io::Bytes from, io::ByteVector& to) {
  for (size_t i = 0; i * sizeof(From) < from.size(); ++i) {
    From value;
    std::memcpy(&value, from.data() + i * sizeof(From), sizeof(From));
    put(to, i, static_cast<To>(value));
  }
}

// Bits an element of the file's.
int bits_of(int32_t type) {
  switch (type) {
    case Proto::UINT2:
    case Proto::INT2: return 2;
    case Proto::UINT4:
    case Proto::INT4: return 4;
    case Proto::UINT16:
    case Proto::INT16: return 16;
    case Proto::UINT32: return 32;
    default: return 0;  // as Cairn's
  }
}

// Elements of a few bits, the lowest first in each byte.
void unpack(io::Bytes from, int bits, bool with_sign, io::ByteVector& to) {
  const int per_byte = 8 / bits;
  for (size_t i = 0; i < to.size(); ++i) {
    const int raw = from[i / per_byte] >> (i % per_byte * bits) & ((1 << bits) - 1);
    const bool negative = with_sign && raw >> (bits - 1) != 0;
    to[i] = static_cast<uint8_t>(negative ? raw - (1 << bits) : raw);
  }
}

void read_raw(io::Bytes raw, int32_t type, TensorData& data, const std::string& where) {
  const int bits = bits_of(type);
  const size_t count = data.bytes.size() / size_of(data.dtype);
  const size_t wanted = bits ? (count * static_cast<size_t>(bits) + 7) / 8 : data.bytes.size();
  check(raw.size() == wanted, "{}: {} bytes for a tensor of {}, which needs {}", where, raw.size(),
        to_string(data.shape), wanted);
  if (bits == 2 || bits == 4)
    return unpack(raw, bits, type == Proto::INT4 || type == Proto::INT2, data.bytes);
  if (type == Proto::UINT16) return widen<uint16_t, int32_t>(raw, data.bytes);
  if (type == Proto::INT16) return widen<int16_t, int32_t>(raw, data.bytes);
  if (type == Proto::UINT32) return widen<uint32_t, int64_t>(raw, data.bytes);
  if (!raw.empty()) std::memcpy(data.bytes.data(), raw.data(), raw.size());
}

// In fields of numbers, as older files and small constants have them.
void read_fields(const Proto& t, TensorData& data, const std::string& where) {
  const int32_t type = t.data_type();
  const int bits = bits_of(type);
  size_t count = data.bytes.size() / size_of(data.dtype);
  if (bits == 2 || bits == 4) {  // packed bytes, a number each
    const size_t packed = (count * static_cast<size_t>(bits) + 7) / 8;
    check(static_cast<size_t>(t.int32_data_size()) == packed, "{}: {} numbers, {} wanted", where,
          t.int32_data_size(), packed);
    io::ByteVector raw(packed);
    convert<uint8_t>(t.int32_data(), raw);
    return unpack(raw, bits, type == Proto::INT4 || type == Proto::INT2, data.bytes);
  }
  const auto want = [&](int have) {
    check(static_cast<size_t>(have) == count, "{}: {} numbers for a tensor of {}", where, have,
          to_string(data.shape));
  };
  switch (type) {
    case Proto::FLOAT: return want(t.float_data_size()), convert<float>(t.float_data(), data.bytes);
    case Proto::DOUBLE:
      return want(t.double_data_size()), convert<double>(t.double_data(), data.bytes);
    case Proto::INT64:
      return want(t.int64_data_size()), convert<int64_t>(t.int64_data(), data.bytes);
    case Proto::UINT32:
    case Proto::UINT64:
      return want(t.uint64_data_size()), convert<int64_t>(t.uint64_data(), data.bytes);
    default: break;
  }
  want(t.int32_data_size());
  const size_t size = size_of(data.dtype);
  if (size == 4) return convert<int32_t>(t.int32_data(), data.bytes);
  if (size == 2) return convert<uint16_t>(t.int32_data(), data.bytes);
  convert<uint8_t>(t.int32_data(), data.bytes);
}

uint64_t number_of(const std::string& text, const std::string& where) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error == std::errc() && end == text.data() + text.size(), "{}: '{}' is no number of bytes",
        where, text);
  return value;
}

}  // namespace

DType dtype_of_element(int32_t type, const std::string& where) {
  switch (type) {
    case Proto::FLOAT: return DType::f32;
    case Proto::DOUBLE: return DType::f64;
    case Proto::FLOAT16: return DType::f16;
    case Proto::BFLOAT16: return DType::bf16;
    case Proto::FLOAT8E4M3FN: return DType::f8e4m3;
    case Proto::FLOAT8E5M2: return DType::f8e5m2;
    case Proto::INT2:
    case Proto::INT4:
    case Proto::INT8: return DType::i8;
    case Proto::UINT2:
    case Proto::UINT4:
    case Proto::UINT8: return DType::u8;
    case Proto::UINT16:
    case Proto::INT16:
    case Proto::INT32: return DType::i32;
    case Proto::UINT32:
    case Proto::UINT64:
    case Proto::INT64: return DType::i64;
    case Proto::BOOL: return DType::boolean;
    default:
      fail("{}: is of ONNX's element type {}, which is not read{}", where, type,
           type == Proto::STRING ? " (text); give the network numbers" : "");
  }
}

int32_t element_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return Proto::FLOAT;
    case DType::f64: return Proto::DOUBLE;
    case DType::bf16: return Proto::BFLOAT16;
    case DType::f16: return Proto::FLOAT16;
    case DType::i8: return Proto::INT8;
    case DType::u8: return Proto::UINT8;
    case DType::i32: return Proto::INT32;
    case DType::i64: return Proto::INT64;
    case DType::boolean: return Proto::BOOL;
    default: fail("export: ONNX files of {} are not written", cairn::name_of(dtype));
  }
}

ModelFile::ModelFile(io::Bytes bytes, std::string name, std::string folder)
    : name_(std::move(name)),
      folder_(std::move(folder)),
      model_(std::make_unique<onnx_proto::ModelProto>()) {
  constexpr size_t kMost = (size_t{1} << 31) - 1;
  check(bytes.size() <= kMost,
        "'{}': is of {} bytes; an ONNX file ends at 2 GB, beyond which the weights are external",
        name_, bytes.size());
  const google::protobuf::LogSilencer silent;  // what it would say to standard error
  check(model_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) && model_->has_graph(),
        "'{}': is no ONNX file, or is damaged; fetch or export it again", name_);
  check(model_->graph().node_size() > 0 || model_->graph().output_size() > 0,
        "'{}': its graph is empty", name_);
  const GraphCheck checked(name_);
  checked.graph(model_->graph(), nullptr);
  for (const auto& f : model_->functions()) {
    Known known{nullptr, {f.input().begin(), f.input().end()}};
    checked.nodes(f.node(), known);
  }
}

ModelFile::~ModelFile() = default;
ModelFile::ModelFile(ModelFile&&) noexcept = default;

TensorData ModelFile::data_of(const Proto& t) const {
  const std::string where = fmt::format("'{}': tensor '{}'", name_, t.name());
  TensorData data{
      dtype_of_element(t.data_type(), where), Shape(t.dims().begin(), t.dims().end()), {}};
  const auto size = io::checked_bytes(data.shape, data.dtype);
  check(size.has_value(), "{}: there is no tensor of {}", where, to_string(data.shape));
  // Before memory is taken: whether the file has anything like it.
  const bool is_external = t.data_location() == Proto::EXTERNAL;
  const io::Bytes raw = is_external ? external(t, where) : io::bytes_of(t.raw_data());
  const size_t fields =
      static_cast<size_t>(t.float_data_size()) + static_cast<size_t>(t.double_data_size()) +
      static_cast<size_t>(t.int32_data_size()) + static_cast<size_t>(t.int64_data_size()) +
      static_cast<size_t>(t.uint64_data_size());
  check(*size / 8 <= raw.size() + fields, "{}: holds too few values for {}", where,
        to_string(data.shape));
  data.bytes.resize(*size);
  if (is_external || !t.raw_data().empty()) read_raw(raw, t.data_type(), data, where);
  else read_fields(t, data, where);
  if (data.dtype == DType::boolean)
    for (uint8_t& b : data.bytes) b = b != 0;
  return data;
}

io::Bytes ModelFile::external(const Proto& t, const std::string& where) const {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const auto& entry : t.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = number_of(entry.value(), where);
    if (entry.key() == "length") length = number_of(entry.value(), where);
  }
  check(!location.empty(), "{}: is external, but the file does not say where", where);
  const auto found = external_.find(location);
  if (found == external_.end()) {
    std::error_code error;
    const fs::path base = fs::weakly_canonical(folder_.empty() ? "." : folder_, error);
    const fs::path path = fs::weakly_canonical(base / location, error);
    const fs::path inside = path.lexically_relative(base);
    check(!fs::path(location).is_absolute() && !inside.empty() && *inside.begin() != "..",
          "{}: its values are said to be in '{}', outside the folder of the file; this is refused, "
          "put them beside it",
          where, location);
    check(fs::is_regular_file(path, error),
          "{}: its values are in '{}', which is not there; copy it beside the ONNX file", where,
          path.string());
    external_.emplace(location, io::MappedFile(path.string()));
  }
  const io::Bytes all = external_.at(location).bytes();
  check(offset <= all.size() && length.value_or(all.size() - offset) <= all.size() - offset,
        "{}: bytes {} to {} of '{}', which has {}; copy it again", where, offset,
        offset + length.value_or(0), location, all.size());
  return all.subspan(offset, length.value_or(all.size() - offset));
}

ModelFile read_model_file(const std::string& path) {
  const io::MappedFile file(path);
  return ModelFile(file.bytes(), path, fs::path(path).parent_path().string());
}

}  // namespace cairn::onnx
