#include "cairn/io/zip.h"

#include <algorithm>

#include "cairn/io/file.h"

namespace cairn::io {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kEndBytes = 22, kLocatorBytes = 20, kLocalBytes = 30, kCentralBytes = 46;
constexpr uint64_t kLongestComment = 65535;
constexpr uint32_t kIn64 = 0xffffffff;  // the number stands in the zip64 part
constexpr uint64_t kAlignment = 64;

// A reader of `archive` from `offset`, whose errors count from there.
class At {
 public:
  At(Bytes archive, const std::string& name, uint64_t offset, uint64_t bytes, const char* what)
      : bytes_(archive) {
    check(offset <= archive.size() && bytes <= archive.size() - offset,
          "'{}', byte {}: {} lies beyond the end; the file is cut, fetch it again", name, offset,
          what);
    bytes_ = archive.subspan(offset, bytes);
  }
  template <class T>
  T number(size_t place) const {
    uint64_t value = 0;
    for (size_t i = sizeof(T); i-- > 0;) value = value << 8 | bytes_[place + i];
    return static_cast<T>(value);
  }

 private:
  Bytes bytes_;
};

struct Directory {
  uint64_t entries, offset;
};

Directory find_directory(Bytes archive, const std::string& name) {
  check(archive.size() >= kEndBytes, "'{}': too short for a zip archive", name);
  const uint64_t last = archive.size() - kEndBytes;
  for (uint64_t i = 0; i <= std::min(last, kLongestComment); ++i) {
    const At end(archive, name, last - i, kEndBytes, "the archive's end");
    if (end.number<uint32_t>(0) != kEnd || end.number<uint16_t>(20) != i) continue;
    const Directory short_one{end.number<uint16_t>(10), end.number<uint32_t>(16)};
    if (last - i < kLocatorBytes) return short_one;
    const At locator(archive, name, last - i - kLocatorBytes, kLocatorBytes, "the archive's end");
    if (locator.number<uint32_t>(0) != kLocator64) return short_one;
    const At end64(archive, name, locator.number<uint64_t>(8), 56, "the archive's directory");
    check(end64.number<uint32_t>(0) == kEnd64, "'{}': the zip64 end is not where it should be",
          name);
    return {end64.number<uint64_t>(32), end64.number<uint64_t>(48)};
  }
  fail("'{}': a zip archive without its end; the file is cut, fetch it again", name);
}

// Replaces sizes and offset that are said to stand in the zip64 part of the extra field.
void read_zip64(const At& extra, uint64_t bytes, uint64_t* numbers[3], const std::string& name) {
  for (uint64_t at = 0; at + 4 <= bytes;) {
    const auto kind = extra.number<uint16_t>(at), size = extra.number<uint16_t>(at + 2);
    check(at + 4 + size <= bytes, "'{}': an extra field of the directory is cut", name);
    if (kind == 1) {
      uint64_t place = at + 4;
      for (int i = 0; i < 3; ++i) {
        if (*numbers[i] != kIn64) continue;
        check(place + 8 <= at + 4 + size, "'{}': the zip64 part of the directory is cut", name);
        *numbers[i] = extra.number<uint64_t>(place), place += 8;
      }
    }
    at += 4 + size;
  }
}

}  // namespace

std::vector<ZipEntry> read_zip(Bytes archive, const std::string& name) {
  const Directory directory = find_directory(archive, name);
  std::vector<ZipEntry> entries;
  uint64_t at = directory.offset;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const At head(archive, name, at, kCentralBytes, "an entry of the directory");
    check(head.number<uint32_t>(0) == kCentral, "'{}', byte {}: no entry of a zip directory", name,
          at);
    const auto flags = head.number<uint16_t>(8), method = head.number<uint16_t>(10);
    uint64_t packed = head.number<uint32_t>(20), size = head.number<uint32_t>(24);
    uint64_t offset = head.number<uint32_t>(42);
    const uint64_t name_bytes = head.number<uint16_t>(28), extra_bytes = head.number<uint16_t>(30);
    const At words(archive, name, at + kCentralBytes, name_bytes + extra_bytes, "a name");
    const std::string entry(text_of(archive.subspan(at + kCentralBytes, name_bytes)));
    uint64_t* numbers[] = {&size, &packed, &offset};
    read_zip64(At(archive, name, at + kCentralBytes + name_bytes, extra_bytes, "a field"),
               extra_bytes, numbers, name);
    check(method == 0 && packed == size && (flags & 1) == 0,
          "'{}': '{}' is packed or locked in the archive; only stored files are read", name, entry);
    const At local(archive, name, offset, kLocalBytes, "a file");
    check(local.number<uint32_t>(0) == kLocal, "'{}', byte {}: '{}' does not begin here", name,
          offset, entry);
    const uint64_t begin =
        offset + kLocalBytes + local.number<uint16_t>(26) + local.number<uint16_t>(28);
    const At content(archive, name, begin, size, "a file");
    entries.push_back({entry, archive.subspan(begin, size)});
    at += kCentralBytes + name_bytes + extra_bytes + head.number<uint16_t>(32);
  }
  return entries;
}

ZipPieces zip_pieces(const std::vector<ZipEntry>& files, const std::string& name) {
  ZipPieces all;
  ByteVector directory;
  uint64_t at = 0;
  const auto add = [&](Bytes piece) {
    at += piece.size();
    check(at < kIn64, "cannot write '{}': larger than 4 GB; write .safetensors instead", name);
    all.pieces.push_back(piece);
  };
  all.headers.reserve(files.size() + 1);
  for (const ZipEntry& file : files) {
    const auto start = static_cast<uint32_t>(at);
    const uint64_t unpadded = at + kLocalBytes + file.name.size() + 4;
    const auto padding = static_cast<uint16_t>((kAlignment - unpadded % kAlignment) % kAlignment);
    // What the local header and the directory's entry share.
    ByteVector common;
    append_little(common, uint16_t{0x800});       // UTF-8
    append_little(common, uint16_t{0});           // stored
    append_little(common, uint32_t{0x00210000});  // 1980-1-1
    append_little(common, crc32(file.data));
    append_little(common, static_cast<uint32_t>(file.data.size()));
    append_little(common, static_cast<uint32_t>(file.data.size()));
    append_little(common, static_cast<uint16_t>(file.name.size()));

    ByteVector& header = all.headers.emplace_back();
    append_little(header, kLocal);
    append_little(header, uint16_t{20});
    header.insert(header.end(), common.begin(), common.end());
    append_little(header, static_cast<uint16_t>(4 + padding));
    header.insert(header.end(), file.name.begin(), file.name.end());
    append_little(header, uint16_t{0x4246});  // "FB", as PyTorch pads
    append_little(header, padding);
    header.resize(header.size() + padding, 'Z');

    append_little(directory, kCentral);
    append_little(directory, uint16_t{20});
    append_little(directory, uint16_t{20});
    directory.insert(directory.end(), common.begin(), common.end());
    directory.resize(directory.size() + 12);  // extra, comment, disk, attributes
    append_little(directory, start);
    directory.insert(directory.end(), file.name.begin(), file.name.end());
    add(header), add(file.data);
  }
  const auto offset = static_cast<uint32_t>(at), bytes = static_cast<uint32_t>(directory.size());
  check(files.size() < 65535, "cannot write '{}': more than 65,534 tensors; write .safetensors",
        name);
  append_little(directory, kEnd);
  append_little(directory, uint32_t{0});
  append_little(directory, static_cast<uint16_t>(files.size()));
  append_little(directory, static_cast<uint16_t>(files.size()));
  append_little(directory, bytes);
  append_little(directory, offset);
  append_little(directory, uint16_t{0});
  add(all.headers.emplace_back(std::move(directory)));
  return all;
}

}  // namespace cairn::io
