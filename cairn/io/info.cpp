#include "cairn/io/info.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/io/gzip.h"
#include "cairn/io/idx.h"
#include "cairn/io/image.h"
#include "cairn/io/jsonl.h"
#include "cairn/io/npy.h"
#include "cairn/io/safetensors.h"
#include "cairn/io/torch_file.h"
#include "cairn/io/utf8.h"
#include "cairn/io/weight_files.h"

namespace cairn::io {
namespace {

constexpr uint64_t kUnpackLimit = uint64_t{4} << 30;

bool looks_like_safetensors(Bytes bytes) {
  if (bytes.size() < 10 || bytes[8] != '{') return false;
  const auto length = ByteReader("", bytes).little<uint64_t>("");
  return length >= 2 && length <= bytes.size() - 8;
}

// A record that holds the first event: length, its CRC, then field 1 (wall time, eight bytes).
bool looks_like_events(Bytes bytes) {
  if (bytes.size() < 16 || bytes[12] != 0x09) return false;
  const auto length = ByteReader("", bytes).little<uint64_t>("");
  return length >= 9 && length <= bytes.size() - 12;
}

std::string with_commas(uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

void describe_tensors(FileInfo& info, const std::vector<NamedTensor>& tensors,
                      const std::vector<UnreadTensor>& unread) {
  uint64_t elements = 0, data_bytes = 0;
  std::map<std::string, uint64_t> by_dtype;
  info.table.push_back({"name", "dtype", "shape", "elements", "bytes"});
  const auto add = [&](const std::string& name, const std::string& type, const Shape& shape,
                       size_t size) {
    const auto count = static_cast<uint64_t>(numel(shape));
    elements += count, data_bytes += size;
    by_dtype[type] += count;
    info.table.push_back(
        {name, type, to_string(shape), std::to_string(count), std::to_string(size)});
  };
  for (const NamedTensor& tensor : tensors)
    add(tensor.name, name_of(tensor.dtype), tensor.shape, tensor.data.size());
  for (const UnreadTensor& tensor : unread)
    add(tensor.name, tensor.type, tensor.shape, tensor.data.size());
  std::sort(info.table.begin() + 1, info.table.end());
  info.facts.emplace_back("tensors", with_commas(tensors.size() + unread.size()));
  if (!unread.empty())
    info.facts.emplace_back("of types not read here", with_commas(unread.size()));
  info.facts.emplace_back("elements", with_commas(elements));
  for (const auto& [dtype, count] : by_dtype)
    info.facts.emplace_back("of " + dtype, with_commas(count));
  info.facts.emplace_back("data", readable_size(data_bytes));
}

void describe_safetensors(FileInfo& info, Bytes bytes) {
  const SafetensorsContent content = parse_safetensors(bytes, info.path);
  describe_tensors(info, content.tensors, content.unread);
  for (const auto& [key, value] : content.metadata)
    info.facts.emplace_back("metadata " + key, value);
}

void describe_array(FileInfo& info, const std::string& type, const Shape& shape) {
  info.facts.emplace_back("dtype", type);
  info.facts.emplace_back("shape", to_string(shape));
  info.facts.emplace_back("elements", with_commas(static_cast<uint64_t>(numel(shape))));
}

void describe_idx(FileInfo& info, Bytes bytes) {
  const IdxArray array = parse_idx(bytes, info.path);
  describe_array(info, name_of(DType::u8), array.shape);
  if (array.shape.size() == 1 && !array.data.empty()) {
    std::map<int, uint64_t> counts;
    for (uint8_t label : array.data) ++counts[label];
    info.table.push_back({"label", "count"});
    for (auto [label, count] : counts)
      info.table.push_back({std::to_string(label), std::to_string(count)});
  }
}

void describe_npy(FileInfo& info, Bytes bytes) {
  const NpyHeader header = parse_npy_header(bytes, info.path);
  const std::string unread = fmt::format("{} (of NumPy, not read here)", header.type);
  describe_array(info, header.dtype ? name_of(*header.dtype) : unread, header.shape);
  info.facts.emplace_back("order",
                          header.fortran_order ? "Fortran (column-major)" : "C (row-major)");
}

void describe_image(FileInfo& info, Bytes bytes) {
  const Image image = decode_image(bytes, info.path);
  info.facts.emplace_back("size", fmt::format("{} x {}", image.width, image.height));
  info.facts.emplace_back("channels", image.channels == 1 ? "1 (grey)" : "3 (red, green, blue)");
}

void describe_jsonl(FileInfo& info, Bytes bytes) {
  const auto records = parse_jsonl(text_of(bytes), info.path);
  std::map<std::string, uint64_t> keys;
  for (const auto& record : records)
    for (const auto& [key, value] : record.items()) ++keys[key];
  info.facts.emplace_back("records", with_commas(records.size()));
  info.table.push_back({"key", "records", "last value"});
  for (const auto& [key, count] : keys) {
    std::string last;
    for (const auto& record : records)
      if (record.contains(key)) last = record[key].dump();
    info.table.push_back({key, std::to_string(count), last.substr(0, 60)});
  }
}

void describe_text(FileInfo& info, Bytes bytes) {
  const std::u32string points = decode_utf8(text_of(bytes), info.path);
  std::u32string distinct = points;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  info.facts.emplace_back("characters", with_commas(points.size()));
  info.facts.emplace_back("different ones", with_commas(distinct.size()));
  info.facts.emplace_back(
      "lines", with_commas(static_cast<uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'))));
}

void describe(FileInfo& info, Bytes bytes) {
  switch (info.kind) {
    case FileKind::safetensors: return describe_safetensors(info, bytes);
    case FileKind::npy: return describe_npy(info, bytes);
    case FileKind::idx: return describe_idx(info, bytes);
    case FileKind::png:
    case FileKind::jpeg:
    case FileKind::webp:
    case FileKind::gif:
    case FileKind::tiff:
    case FileKind::bmp:
    case FileKind::pnm: return describe_image(info, bytes);
    case FileKind::jsonl: return describe_jsonl(info, bytes);
    case FileKind::json:
    case FileKind::text: return describe_text(info, bytes);
    case FileKind::torch:
      return describe_tensors(info, parse_torch_file(bytes, info.path).tensors, {});
    case FileKind::tensorboard:
    case FileKind::onnx:
    case FileKind::sound:
    case FileKind::midi:
    case FileKind::transformers: return;
    case FileKind::unknown:
      check(!text_of(bytes).starts_with("PK\x03\x04"),
            "'{}' is a zip archive: of torch.save it is read where its name ends in .pt, .pth, "
            ".bin or .ckpt; arrays of numpy.savez are where each is saved as .npy",
            info.path);
      fail(
          "'{}' is none of the files that are read here: safetensors, PyTorch's .pt, "
          "npy, {}, sound, MIDI, IDX, JSON lines, TensorBoard events, UTF-8 text; each may be "
          "packed with gzip",
          info.path, kImageFormats);
  }
}

}  // namespace

namespace {
constexpr const char* kNames[] = {"safetensors",
                                  "npy",
                                  "png",
                                  "jpeg",
                                  "webp",
                                  "gif",
                                  "tiff",
                                  "bmp",
                                  "pnm",
                                  "idx",
                                  "jsonl",
                                  "json",
                                  "text",
                                  "tensorboard",
                                  "onnx",
                                  "sound",
                                  "midi",
                                  "torch",
                                  "folder of transformers",
                                  "unknown"};
}  // namespace

const char* name_of(FileKind kind) { return kNames[static_cast<int>(kind)]; }

FileKind detect_kind(Bytes bytes) {
  const std::string_view text = text_of(bytes);
  if (text.starts_with("\x93NUMPY")) return FileKind::npy;
  if (const char* format = image_format(bytes))
    return static_cast<FileKind>(
        std::find(std::begin(kNames), std::end(kNames), std::string_view(format)) - kNames);
  if (looks_like_safetensors(bytes)) return FileKind::safetensors;
  if (looks_like_events(bytes)) return FileKind::tensorboard;
  if (is_idx(bytes)) return FileKind::idx;
  if (text.empty() || text.find('\0') != text.npos || find_invalid_utf8(text) != text.npos)
    return FileKind::unknown;
  if (!text.starts_with('{')) return FileKind::text;
  const size_t line_end = text.find('\n');
  const std::string_view line = text.substr(0, line_end);
  return line_end != text.npos && line.ends_with('}') ? FileKind::jsonl : FileKind::json;
}

namespace {

// Of PyTorch by its name, where the content has no mark of another kind: also what was cut. A .pt
// of whole lines is a text: those in Portuguese end so.
bool is_torch(const FileInfo& info, Bytes content) {
  const std::string_view text = text_of(content);
  const bool is_pt = info.path.ends_with(".pt"), is_pth = info.path.ends_with(".pth");
  switch (info.kind) {
    case FileKind::unknown: {
      const bool packed =  // of today, or of before PyTorch 1.6
          text.starts_with("PK\x03\x04") || text.starts_with("\x80\x02");
      return is_pt || is_pth || (packed && is_torch_file_name(info.path));
    }
    case FileKind::text:
    case FileKind::json:
    case FileKind::jsonl: return is_pth || (is_pt && text.find('\n', 1) == text.npos);
    default: return false;
  }
}

}  // namespace

FileInfo inspect_weights(const std::string& folder) {
  const WeightFiles weights(folder);
  FileInfo info;
  info.path = folder, info.kind = FileKind::transformers;
  for (const std::string& file : weights.files())
    info.file_bytes += MappedFile(file).bytes().size();
  std::vector<NamedTensor> tensors;
  for (const NamedTensor* tensor : weights.tensors()) tensors.push_back(*tensor);
  describe_tensors(info, tensors, {});
  return info;
}

FileInfo inspect_file(const std::string& path) {
  const MappedFile file(path);
  FileInfo info;
  info.path = path;
  info.file_bytes = file.bytes().size();
  check(info.file_bytes > 0, "'{}' is empty", path);
  ByteVector unpacked;
  Bytes content = file.bytes();
  if (is_gzip(content)) {
    info.gzip = true;
    unpacked = gunzip(content, path, kUnpackLimit);
    content = unpacked;
  }
  info.kind = detect_kind(content);
  if (is_torch(info, content)) info.kind = FileKind::torch;
  if (info.gzip) info.facts.emplace_back("unpacked", readable_size(content.size()));
  describe(info, content);
  return info;
}

std::string to_text(const FileInfo& info) {
  std::string out = fmt::format("{}: {}{}, {}\n", info.path, name_of(info.kind),
                                info.gzip ? " (gzip)" : "", readable_size(info.file_bytes));
  size_t widest = 0;
  for (const auto& [key, value] : info.facts) widest = std::max(widest, key.size());
  for (const auto& [key, value] : info.facts)
    out += fmt::format("  {:<{}}  {}\n", key, widest, value);
  std::vector<size_t> widths;
  for (const auto& row : info.table) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  for (const auto& row : info.table) {
    std::string line = " ";
    for (size_t c = 0; c < row.size(); ++c) line += fmt::format(" {:<{}}", row[c], widths[c] + 1);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string to_json(const FileInfo& info) {
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
  for (const auto& [key, value] : info.facts) facts[key] = value;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t r = 1; r < info.table.size(); ++r) {
    nlohmann::ordered_json row;
    for (size_t c = 0; c < info.table[r].size(); ++c) row[info.table[0][c]] = info.table[r][c];
    rows.push_back(std::move(row));
  }
  const nlohmann::ordered_json root{{"file", info.path}, {"kind", name_of(info.kind)},
                                    {"gzip", info.gzip}, {"bytes", info.file_bytes},
                                    {"facts", facts},    {"table", rows}};
  return root.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace cairn::io
