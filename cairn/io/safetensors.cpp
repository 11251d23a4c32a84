#include "cairn/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_set>

namespace cairn::io {
namespace {

using SortedJson = nlohmann::json;  // looks keys up quickly: a header names thousands of tensors

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

// What else version 0.8 of the format has, with bits an element.
struct UnreadType {
  std::string_view name;
  uint64_t bits;
};
constexpr UnreadType kUnreadTypes[] = {{"I16", 16},        {"U16", 16},        {"U32", 32},
                                       {"U64", 64},        {"C64", 64},        {"F8_E8M0", 8},
                                       {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
                                       {"F6_E3M2", 6},     {"F4", 4}};

size_t place_of(DType dtype) {
  return std::find_if(kNames.begin(), kNames.end(), [&](auto& n) { return n.dtype == dtype; }) -
         kNames.begin();
}

// Stops hostile headers before they cost memory: deep nesting, long arrays, and names that occur
// twice (of which JSON libraries silently keep one). Reads the text once by itself, since the
// library, where it builds values and asks a callback about each, looks at all members of an object
// again whenever one of them ends.
class HeaderGuard : public nlohmann::json_sax<SortedJson> {
 public:
  explicit HeaderGuard(const std::string& file) : file_(file) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(size_t) override {
    enter();
    keys_[depth_ - 1].clear();
    return true;
  }
  bool start_array(size_t) override { return enter(), true; }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool key(string_t& name) override {
    check(keys_[depth_ - 1].insert(name).second, "'{}': the header has '{}' twice", file_, name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const SortedJson::exception& error) override {
    fail("'{}': the header is not valid JSON ({}); the file is damaged or no safetensors file",
         file_, error.what());
  }

 private:
  static constexpr int kDepth = 3;  // the header, an entry, a list
  void enter() {
    check(depth_ < kDepth, "'{}': the header nests deeper than safetensors allows", file_);
    ++depth_;
    items_ = 0;
  }
  bool value() {
    check(++items_ <= kMaxRank || depth_ < kDepth, "'{}': the header has a list of more than {}",
          file_, kMaxRank);
    return true;
  }

  const std::string& file_;
  int depth_ = 0;
  std::array<std::unordered_set<std::string>, kDepth> keys_;
  size_t items_ = 0;
};

SortedJson parse_header(Bytes text, const std::string& file) {
  HeaderGuard guard(file);
  SortedJson::sax_parse(text.begin(), text.end(), &guard);
  return SortedJson::parse(text.begin(), text.end());
}

uint64_t unsigned_of(const SortedJson& value, const std::string& where) {
  check(value.is_number_unsigned(), "{}: {} is no non-negative whole number", where, value.dump());
  return value.get<uint64_t>();
}

Shape shape_of(const SortedJson& entry, const std::string& where) {
  check(entry.contains("shape") && entry["shape"].is_array(), "{}: no 'shape' list", where);
  Shape shape;
  for (const SortedJson& size : entry["shape"]) {
    const uint64_t value = unsigned_of(size, where + ", shape");
    check(value < uint64_t{1} << 62, "{}: a size of {} is out of range", where, value);
    shape.push_back(static_cast<int64_t>(value));
  }
  return shape;
}

const std::string& type_name_of(const SortedJson& entry, const std::string& where) {
  check(entry.contains("dtype") && entry["dtype"].is_string(), "{}: no 'dtype' text", where);
  return entry["dtype"].get_ref<const std::string&>();
}

// The bytes that the entry states, inside the data.
Bytes data_of(const SortedJson& entry, Bytes data, const std::string& where) {
  check(entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
            entry["data_offsets"].size() == 2,
        "{}: no 'data_offsets' pair", where);
  const uint64_t begin = unsigned_of(entry["data_offsets"][0], where + ", data_offsets");
  const uint64_t end = unsigned_of(entry["data_offsets"][1], where + ", data_offsets");
  check(
      begin <= end && end <= data.size(),
      "{}: its data [{}, {}) is not inside the {} bytes of data; the file is truncated or damaged",
      where, begin, end, data.size());
  return data.subspan(begin, end - begin);
}

void parse_entry(const std::string& name, const SortedJson& entry, Bytes data,
                 const std::string& file, SafetensorsContent& content) {
  const std::string where = fmt::format("'{}', tensor '{}'", file, name);
  check(entry.is_object(), "{}: its entry is not an object", where);
  const std::string& type = type_name_of(entry, where);
  const Shape shape = shape_of(entry, where);
  const Bytes own = data_of(entry, data, where);
  const auto fits = [&](std::optional<uint64_t> bytes) {
    check(bytes == own.size(), "{}: shape {} of {} does not fill its {} bytes", where,
          to_string(shape), type, own.size());
  };
  for (const DTypeName& known : kNames)
    if (type == known.name) {
      fits(checked_bytes(shape, known.dtype));
      content.tensors.push_back({name, known.dtype, shape, own});
      return;
    }
  for (const UnreadType& known : kUnreadTypes)
    if (type == known.name) {
      const auto elements = checked_bytes(shape, DType::u8);
      const bool counts = elements && *elements < uint64_t{1} << 57;
      fits(counts ? std::optional((*elements * known.bits + 7) / 8) : std::nullopt);
      content.unread.push_back({name, type, shape, own});
      return;
    }
  fail("{}: dtype '{}' is none of safetensors 0.8", where, type);
}

// The tensors, by position, must tile the data: no overlap, no gap, nothing after the last.
void check_tiling(SafetensorsContent& content, Bytes data, const std::string& file) {
  const auto before = [](const auto& a, const auto& b) {
    return std::pair(a.data.data(), a.data.size()) < std::pair(b.data.data(), b.data.size());
  };
  std::stable_sort(content.tensors.begin(), content.tensors.end(), before);
  struct Piece {
    std::string_view name;
    Bytes data;
  };
  std::vector<Piece> pieces;
  for (const NamedTensor& tensor : content.tensors) pieces.push_back({tensor.name, tensor.data});
  for (const UnreadTensor& tensor : content.unread) pieces.push_back({tensor.name, tensor.data});
  std::stable_sort(pieces.begin(), pieces.end(), before);
  uint64_t position = 0;
  for (const Piece& tensor : pieces) {
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

Metadata parse_metadata(const SortedJson& entry, const std::string& file) {
  Metadata metadata;
  if (entry.is_null()) return metadata;  // as the reference implementation reads it
  check(entry.is_object(), "'{}': '__metadata__' is not an object", file);
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
  if (!metadata.empty()) text += "\"__metadata__\":" + SortedJson(metadata).dump() + ",";
  uint64_t position = 0;
  for (const NamedTensor& tensor : sorted) {
    const uint64_t end = position + tensor.data.size();
    text += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}},)",
                        SortedJson(tensor.name).dump(), kNames[place_of(tensor.dtype)].name,
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
  check(!text_of(bytes).starts_with("version https://git-lfs"),
        "'{}' is a pointer of Git LFS, not the file: fetch it (git lfs pull)", name);
  ByteReader reader(name, bytes);
  const auto length = reader.little<uint64_t>("the header's length");
  check(length >= 2 && length <= kMaxHeader,
        "'{}': a header of {} bytes; no safetensors file, or damaged", name, length);
  const Bytes header_bytes = reader.take(length, "the header");
  check(header_bytes[0] == '{', "'{}', byte 8: the header does not start with '{{'", name);
  const Bytes data = reader.take(reader.remaining(), "the data");

  const SortedJson header = parse_header(header_bytes, name);
  SafetensorsContent content;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") content.metadata = parse_metadata(entry, name);
    else parse_entry(key, entry, data, name, content);
  }
  check_tiling(content, data, name);
  return content;
}

SafetensorsFile::SafetensorsFile(const std::string& path)
    : path_(path), file_(path), content_(parse_safetensors(file_.bytes(), path)) {
  for (size_t i = 0; i < content_.tensors.size(); ++i) places_[content_.tensors[i].name] = i;
  if (content_.unread.empty()) return;
  const UnreadTensor& first = content_.unread.front();
  fail(
      "'{}', tensor '{}': dtype '{}' is not one that is read here (BOOL, U8, I8, F8_E5M2, F8_E4M3, "
      "F16, BF16, I32, F32, I64, F64); convert the tensor first",
      path, first.name, first.type);
}

const NamedTensor* SafetensorsFile::find(const std::string& name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &content_.tensors[place->second];
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
  } catch (const SortedJson::exception& error) {
    fail("cannot write '{}': a name or metadata text is not UTF-8 ({})", path, error.what());
  }
  ByteVector length;
  append_little(length, static_cast<uint64_t>(header.size()));
  std::vector<Bytes> pieces{length, bytes_of(header)};
  for (const NamedTensor& tensor : tensors) pieces.push_back(tensor.data);
  write_file_atomically(path, pieces, options);
}

}  // namespace cairn::io
