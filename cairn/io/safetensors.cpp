#include "cairn/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

namespace cairn::io {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;  // the reference's limit
constexpr size_t kMaxRank = 16;

struct DTypeName {
  const char* name;
  DType dtype;
};
// In the order in which the reference implementation writes them: wide first.
constexpr std::array<DTypeName, kDTypeCount> kNames{{{"I64", DType::i64},
                                                     {"F64", DType::f64},
                                                     {"F32", DType::f32},
                                                     {"I32", DType::i32},
                                                     {"BF16", DType::bf16},
                                                     {"F16", DType::f16},
                                                     {"F8_E4M3", DType::f8e4m3},
                                                     {"F8_E5M2", DType::f8e5m2},
                                                     {"I8", DType::i8},
                                                     {"U8", DType::u8},
                                                     {"BOOL", DType::boolean}}};

size_t place_of(DType dtype) {
  return std::find_if(kNames.begin(), kNames.end(), [&](auto& n) { return n.dtype == dtype; }) -
         kNames.begin();
}

// Stops hostile headers while they are parsed, before they cost memory: deep nesting, long arrays,
// and names that occur twice (of which JSON libraries silently keep one).
class HeaderGuard {
 public:
  explicit HeaderGuard(const std::string& file) : file_(file) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      check(depth < 3, "'{}': the header nests deeper than safetensors allows", file_);
      if (event == Event::object_start) keys_[depth].clear();
      array_items_ = 0;
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      check(keys_[depth - 1].insert(key).second, "'{}': the header has '{}' twice", file_, key);
    } else if (event == Event::value) {
      check(++array_items_ <= kMaxRank || depth < 3, "'{}': the header has a list of more than {}",
            file_, kMaxRank);
    }
    return true;
  }

 private:
  const std::string& file_;
  std::array<std::set<std::string>, 4> keys_;
  size_t array_items_ = 0;
};

Json parse_header(Bytes text, const std::string& file) {
  try {
    return Json::parse(text.begin(), text.end(), HeaderGuard(file));
  } catch (const Json::exception& error) {
    fail("'{}': the header is not valid JSON ({}); the file is damaged or no safetensors file",
         file, error.what());
  }
}

uint64_t unsigned_of(const Json& value, const std::string& where) {
  check(value.is_number_unsigned(), "{}: {} is no non-negative whole number", where, value.dump());
  return value.get<uint64_t>();
}

Shape shape_of(const Json& entry, const std::string& where) {
  check(entry.contains("shape") && entry["shape"].is_array(), "{}: no 'shape' list", where);
  Shape shape;
  for (const Json& size : entry["shape"]) {
    const uint64_t value = unsigned_of(size, where + ", shape");
    check(value < uint64_t{1} << 62, "{}: a size of {} is out of range", where, value);
    shape.push_back(static_cast<int64_t>(value));
  }
  return shape;
}

DType dtype_of(const Json& entry, const std::string& where) {
  check(entry.contains("dtype") && entry["dtype"].is_string(), "{}: no 'dtype' text", where);
  const auto& name = entry["dtype"].get_ref<const std::string&>();
  for (const DTypeName& known : kNames)
    if (name == known.name) return known.dtype;
  fail(
      "{}: dtype '{}' is not one that is read here (BOOL, U8, I8, F8_E5M2, F8_E4M3, F16, BF16, "
      "I32, "
      "F32, I64, F64); convert the tensor first",
      where, name);
}

NamedTensor parse_entry(const std::string& name, const Json& entry, Bytes data,
                        const std::string& file) {
  const std::string where = fmt::format("'{}', tensor '{}'", file, name);
  check(entry.is_object(), "{}: its entry is not an object", where);
  NamedTensor tensor{name, dtype_of(entry, where), shape_of(entry, where), {}};
  check(entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
            entry["data_offsets"].size() == 2,
        "{}: no 'data_offsets' pair", where);
  const uint64_t begin = unsigned_of(entry["data_offsets"][0], where + ", data_offsets");
  const uint64_t end = unsigned_of(entry["data_offsets"][1], where + ", data_offsets");
  check(
      begin <= end && end <= data.size(),
      "{}: its data [{}, {}) is not inside the {} bytes of data; the file is truncated or damaged",
      where, begin, end, data.size());
  const auto bytes = checked_bytes(tensor.shape, tensor.dtype);
  check(bytes == end - begin, "{}: shape {} of {} does not fill its {} bytes", where,
        to_string(tensor.shape), name_of(tensor.dtype), end - begin);
  tensor.data = data.subspan(begin, end - begin);
  return tensor;
}

// The tensors, by position, must tile the data: no overlap, no gap, nothing after the last.
void check_tiling(std::vector<NamedTensor>& tensors, Bytes data, const std::string& file) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return std::pair(a.data.data(), a.data.size()) < std::pair(b.data.data(), b.data.size());
  });
  uint64_t position = 0;
  for (const NamedTensor& tensor : tensors) {
    const uint64_t begin = static_cast<uint64_t>(tensor.data.data() - data.data());
    check(begin >= position, "'{}', tensor '{}': its data overlaps the tensor before it at byte {}",
          file, tensor.name, begin);
    check(begin <= position, "'{}', tensor '{}': {} bytes before its data belong to no tensor",
          file, tensor.name, begin - position);
    position = begin + tensor.data.size();
  }
  check(position == data.size(), "'{}': {} bytes after the last tensor belong to none", file,
        data.size() - position);
}

Metadata parse_metadata(const Json& entry, const std::string& file) {
  check(entry.is_object(), "'{}': '__metadata__' is not an object", file);
  Metadata metadata;
  for (const auto& [key, value] : entry.items()) {
    check(value.is_string(), "'{}': metadata '{}' is not text", file, key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// The order of the Python package: wide dtypes first, so that every tensor is aligned; then by
// name.
void sort_for_writing(std::vector<NamedTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return std::pair(place_of(a.dtype), a.name) < std::pair(place_of(b.dtype), b.name);
  });
}

// Padded so that the data starts at a multiple of eight.
std::string header_text(const std::vector<NamedTensor>& sorted, const Metadata& metadata) {
  std::string text = "{";
  if (!metadata.empty()) text += "\"__metadata__\":" + Json(metadata).dump() + ",";
  uint64_t position = 0;
  for (const NamedTensor& tensor : sorted) {
    const uint64_t end = position + tensor.data.size();
    text += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}},)",
                        Json(tensor.name).dump(), kNames[place_of(tensor.dtype)].name,
                        fmt::join(tensor.shape.begin(), tensor.shape.end(), ","), position, end);
    position = end;
  }
  if (text.back() == ',') text.pop_back();
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

// Over the header as it would be without the checksum, and the data.
std::string checksum_of(std::vector<NamedTensor> tensors, Metadata metadata) {
  sort_for_writing(tensors);
  metadata.erase(kChecksumKey);
  uint32_t crc = crc32(bytes_of(header_text(tensors, metadata)));
  for (const NamedTensor& tensor : tensors) crc = crc32(tensor.data, crc);
  return fmt::format("{:08x}", crc);
}

void check_writable(const std::vector<NamedTensor>& tensors, const std::string& path) {
  std::set<std::string> names{"__metadata__"};
  for (const NamedTensor& tensor : tensors) {
    check(names.insert(tensor.name).second, "cannot write '{}': the tensor name '{}' is taken",
          path, tensor.name);
    check(checked_bytes(tensor.shape, tensor.dtype) == tensor.data.size(),
          "cannot write '{}': tensor '{}' of shape {} has {} bytes", path, tensor.name,
          to_string(tensor.shape), tensor.data.size());
  }
}

}  // namespace

SafetensorsContent parse_safetensors(Bytes bytes, const std::string& name) {
  ByteReader reader(name, bytes);
  const auto length = reader.little<uint64_t>("the header's length");
  check(length >= 2 && length <= kMaxHeader,
        "'{}': a header of {} bytes; no safetensors file, or damaged", name, length);
  const Bytes header_bytes = reader.take(length, "the header");
  check(header_bytes[0] == '{', "'{}', byte 8: the header does not start with '{{'", name);
  const Bytes data = reader.take(reader.remaining(), "the data");

  const Json header = parse_header(header_bytes, name);
  SafetensorsContent content;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") content.metadata = parse_metadata(entry, name);
    else content.tensors.push_back(parse_entry(key, entry, data, name));
  }
  check_tiling(content.tensors, data, name);
  return content;
}

SafetensorsFile::SafetensorsFile(const std::string& path)
    : path_(path), file_(path), content_(parse_safetensors(file_.bytes(), path)) {}

const NamedTensor* SafetensorsFile::find(const std::string& name) const {
  for (const NamedTensor& tensor : content_.tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

const NamedTensor& SafetensorsFile::at(const std::string& name) const {
  if (const NamedTensor* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  for (const NamedTensor& tensor : content_.tensors) names.push_back(tensor.name);
  const std::string near = nearest_name(name, names);
  fail("'{}' has no tensor '{}'{}", path_, name,
       near.empty() ? std::string() : fmt::format("; the nearest is '{}'", near));
}

bool SafetensorsFile::verify_checksum() const {
  const auto stated = content_.metadata.find(kChecksumKey);
  if (stated == content_.metadata.end()) return false;
  check(checksum_of(content_.tensors, content_.metadata) == stated->second,
        "'{}' is damaged: its checksum is not the one it was written with; use the previous file",
        path_);
  return true;
}

void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                       const Metadata& metadata, SafetensorsWriteOptions options) {
  check_writable(tensors, path);
  sort_for_writing(tensors);
  std::string header;
  try {
    Metadata all = metadata;
    if (options.checksum) all[kChecksumKey] = checksum_of(tensors, metadata);
    header = header_text(tensors, all);
  } catch (const Json::exception& error) {
    fail("cannot write '{}': a name or metadata text is not UTF-8 ({})", path, error.what());
  }
  ByteVector length;
  append_little(length, static_cast<uint64_t>(header.size()));
  std::vector<Bytes> pieces{length, bytes_of(header)};
  for (const NamedTensor& tensor : tensors) pieces.push_back(tensor.data);
  write_file_atomically(path, pieces, options);
}

}  // namespace cairn::io
