#include "cairn/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

namespace cairn::io {
namespace {

using SortedJson = nlohmann::json;

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

// What the header says of one tensor. Lists of what are no whole numbers keep the first such item's
// text.
struct Entry {
  struct List {
    SmallVector<uint64_t, 8> numbers;
    std::string wrong;
  };
  std::string name;
  bool is_object = false;
  std::optional<std::string> dtype;
  std::optional<List> shape, offsets;
};

// Reads the header in one pass, and stops hostile ones before they cost memory: deep nesting, long
// lists, names that occur twice (of which JSON libraries silently keep one).
class HeaderReader : public nlohmann::json_sax<SortedJson> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}
  std::vector<Entry> entries;
  Metadata metadata;

  bool null() override {
    if (depth_ == 1 && in_metadata_) return true;  // as the reference implementation reads it
    return value("null");
  }
  bool boolean(bool v) override { return value(v ? "true" : "false"); }
  bool number_integer(number_integer_t v) override { return value(std::to_string(v)); }
  bool number_float(number_float_t, const string_t& text) override { return value(text); }
  bool binary(binary_t&) override { return value("bytes"); }
  bool number_unsigned(number_unsigned_t v) override {
    if (!list_) return value(std::to_string(v));
    count_item();
    list_->numbers.push_back(v);
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_) metadata[field_] = text;
    else if (depth_ == 2 && field_ == "dtype") entries.back().dtype = text;
    else value(SortedJson(text).dump());
    return true;
  }
  bool start_object(size_t) override {
    refuse_in_metadata(2);
    enter();
    if (depth_ == 2) fields_.clear();
    if (depth_ == 2 && !in_metadata_) entries.back().is_object = true;
    return true;
  }
  bool start_array(size_t) override {
    refuse_in_metadata(1), refuse_in_metadata(2);
    enter();
    list_ = depth_ != 3 || in_metadata_ ? nullptr
            : field_ == "shape"         ? &entries.back().shape.emplace()
            : field_ == "data_offsets"  ? &entries.back().offsets.emplace()
                                        : nullptr;
    return true;
  }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    if (depth_ == 1) {
      in_metadata_ = name == "__metadata__";
      check(!in_metadata_ || !std::exchange(has_metadata_, true), "'{}': the header has '{}' twice",
            file_, name);
      if (!in_metadata_) entries.push_back({name, false, {}, {}, {}});
      return true;
    }
    check(depth_ != 2 || fields_.insert(name).second, "'{}': the header has '{}' twice", file_,
          name);
    field_ = name;
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
    ++depth_, items_ = 0;
  }
  bool leave() { return --depth_, list_ = nullptr, true; }
  void count_item() {
    check(++items_ <= kMaxRank || depth_ < kDepth, "'{}': the header has a list of more than {}",
          file_, kMaxRank);
  }
  bool value(const std::string& text) {
    count_item();
    check(depth_ != 1 || !in_metadata_, "'{}': '__metadata__' is not an object", file_);
    refuse_in_metadata(2);
    if (list_ && list_->wrong.empty()) list_->wrong = text;
    return true;
  }
  void refuse_in_metadata(int depth) const {
    if (!in_metadata_ || depth_ != depth) return;
    if (depth == 1) fail("'{}': '__metadata__' is not an object", file_);
    fail("'{}': metadata '{}' is not text", file_, field_);
  }

  const std::string& file_;
  int depth_ = 0;
  bool in_metadata_ = false, has_metadata_ = false;
  std::string field_;
  std::unordered_set<std::string> fields_;
  Entry::List* list_ = nullptr;  // that items are of
  size_t items_ = 0;
};

// By name, no name twice.
void sort_entries(std::vector<Entry>& entries, const std::string& file) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(entries.begin(), entries.end(),
                         [](const Entry& a, const Entry& b) { return a.name == b.name; });
  check(twice == entries.end(), "'{}': the header has '{}' twice", file,
        twice == entries.end() ? "" : twice->name);
}

// What an entry lacks is said with the file and the tensor, in words that are made only then.
struct Place {
  const std::string &file, &tensor;
  template <class... Arguments>
  void check_that(bool good, fmt::format_string<Arguments...> what,
                  Arguments&&... arguments) const {
    if (!good)
      fail("'{}', tensor '{}'{}", file, tensor,
           fmt::format(what, std::forward<Arguments>(arguments)...));
  }
};

Shape shape_of(const Entry& entry, const Place& place) {
  place.check_that(entry.shape.has_value(), ": no 'shape' list");
  place.check_that(entry.shape->wrong.empty(), ", shape: {} is no non-negative whole number",
                   entry.shape->wrong);
  Shape shape;
  for (const uint64_t value : entry.shape->numbers) {
    place.check_that(value < uint64_t{1} << 62, ": a size of {} is out of range", value);
    shape.push_back(static_cast<int64_t>(value));
  }
  return shape;
}

// The bytes that the entry states, inside the data.
Bytes data_of(const Entry& entry, Bytes data, const Place& place) {
  place.check_that(
      entry.offsets && (!entry.offsets->wrong.empty() || entry.offsets->numbers.size() == 2),
      ": no 'data_offsets' pair");
  place.check_that(entry.offsets->wrong.empty(),
                   ", data_offsets: {} is no non-negative whole number", entry.offsets->wrong);
  const uint64_t begin = entry.offsets->numbers[0], end = entry.offsets->numbers[1];
  place.check_that(begin <= end && end <= data.size(),
                   ": its data [{}, {}) is not inside the {} bytes of data; the file is truncated "
                   "or damaged",
                   begin, end, data.size());
  return data.subspan(begin, end - begin);
}

void take_entry(Entry& entry, Bytes data, const std::string& file, SafetensorsContent& content) {
  const Place place{file, entry.name};
  place.check_that(entry.is_object, ": its entry is not an object");
  place.check_that(entry.dtype.has_value(), ": no 'dtype' text");
  const std::string& type = *entry.dtype;
  const Shape shape = shape_of(entry, place);
  const Bytes own = data_of(entry, data, place);
  const auto check_size = [&](std::optional<uint64_t> bytes) {
    place.check_that(bytes == own.size(), ": shape {} of {} does not fill its {} bytes",
                     to_string(shape), type, own.size());
  };
  for (const DTypeName& known : kNames)
    if (type == known.name) {
      check_size(checked_bytes(shape, known.dtype));
      content.tensors.push_back({std::move(entry.name), known.dtype, shape, own});
      return;
    }
  for (const UnreadType& known : kUnreadTypes)
    if (type == known.name) {
      const auto elements = checked_bytes(shape, DType::u8);
      const bool counts = elements && *elements < uint64_t{1} << 57;
      check_size(counts ? std::optional((*elements * known.bits + 7) / 8) : std::nullopt);
      content.unread.push_back({std::move(entry.name), type, shape, own});
      return;
    }
  fail("'{}', tensor '{}': dtype '{}' is none of safetensors 0.8", file, entry.name, type);
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

  HeaderReader header(name);
  const std::string_view text = text_of(header_bytes);
  SortedJson::sax_parse(text.data(), text.data() + text.size(), &header);
  sort_entries(header.entries, name);
  SafetensorsContent content;
  content.metadata = std::move(header.metadata);
  for (Entry& entry : header.entries) take_entry(entry, data, name, content);
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
