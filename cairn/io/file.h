// Files: read whole or mapped, written all or not at all. Errors name the path and the system's
// reason.
#pragma once
#include <initializer_list>
#include <string>

#include "cairn/io/bytes.h"

namespace cairn::io {

inline constexpr uint64_t kDefaultReadLimit = uint64_t{1} << 30;

// The whole file (or pipe). Throws Error when it is missing, a folder, or larger than `limit`
// bytes.
ByteVector read_file(const std::string& path, uint64_t limit = kDefaultReadLimit);
std::string read_text_file(const std::string& path, uint64_t limit = kDefaultReadLimit);

// As many of its first bytes as there are and fit; returns how many. Throws Error when it cannot be
// opened.
size_t read_beginning(const std::string& path, std::span<uint8_t> head);

// A regular file mapped for reading. Moves; the view stays valid while it lives.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept { swap(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    swap(other);
    return *this;
  }
  MappedFile(const MappedFile&) = delete;
  ~MappedFile();

  Bytes bytes() const { return {data_, size_}; }

 private:
  void swap(MappedFile& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

struct WriteOptions {
  bool keep_previous = false;  // what `path` held before stays as path + ".previous"
};

// Replaces `path` by the pieces one after another: a temporary file in the same folder is written,
// synced and renamed, then the folder is synced. A reader, or a machine that loses power, sees the
// old content or the new, never a part. On an error (full disk, no permission) or when the process
// is killed the temporary file is gone (on a file system without O_TMPFILE a killed one leaves it)
// and `path` is as it was. Devices and pipes (/dev/stdout) are written directly.
void write_file_atomically(const std::string& path, std::span<const Bytes> pieces,
                           WriteOptions options = {});
void write_file_atomically(const std::string& path, Bytes content, WriteOptions options = {});
void write_file_atomically(const std::string& path, std::string_view text,
                           WriteOptions options = {});

// Throws Error when write_file_atomically could not write here: no such folder, no permission. To
// be asked before the work whose result goes there.
void check_writable(const std::string& path);

// Removes temporary files that processes left in `folder` which died while they wrote; those of
// living ones stay.
void remove_dead_temporaries(const std::string& folder);

// CRC-32 (zlib's), continued from `crc`.
uint32_t crc32(Bytes bytes, uint32_t crc = 0);

}  // namespace cairn::io
