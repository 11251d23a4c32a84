#include "cairn/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace cairn::io {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  operator int() const { return fd_; }
  bool close() {  // may report what earlier writes could not (network file systems)
    const int fd = std::exchange(fd_, -1);
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

std::string reason() { return std::strerror(errno); }

int open_for_reading(const std::string& path, struct stat& status) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    fail("no such file: '{}' (looked in '{}'); check the name", path, fs::current_path().string());
  if (fd < 0) fail("cannot open '{}': {}", path, reason());
  Descriptor guard(fd);
  if (::fstat(fd, &status) != 0) fail("cannot read '{}': {}", path, reason());
  if (S_ISDIR(status.st_mode)) fail("'{}' is a folder, a file is wanted here", path);
  return ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

template <class Container>
Container read_whole(const std::string& path, uint64_t limit) {
  struct stat status {};
  Descriptor fd(open_for_reading(path, status));
  const auto too_large = [&](uint64_t size) {
    fail("'{}' is too large: {} where at most {} are accepted", path, readable_size(size),
         readable_size(limit));
  };
  const bool regular = S_ISREG(status.st_mode);
  if (regular && static_cast<uint64_t>(status.st_size) > limit) too_large(status.st_size);
  Container content;
  // One byte more than the size, so that a file of the stated size ends in one read.
  size_t chunk = regular ? static_cast<size_t>(status.st_size) + 1 : size_t{1} << 16;
  for (size_t used = 0;; chunk = std::max<size_t>(content.size() / 2, 1 << 16)) {
    content.resize(used + chunk);
    while (used < content.size()) {
      const ssize_t got = ::read(fd, content.data() + used, content.size() - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("cannot read '{}' at byte {}: {}", path, used, reason());
      if (got == 0) return content.resize(used), content;
      used += static_cast<size_t>(got);
      if (used > limit) too_large(used);
    }
  }
}

void write_all(int fd, std::span<const Bytes> pieces) {
  for (Bytes piece : pieces)
    while (!piece.empty()) {
      const ssize_t wrote = ::write(fd, piece.data(), std::min<size_t>(piece.size(), 1 << 30));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) fail("{}", reason());
      piece = piece.subspan(static_cast<size_t>(wrote));
    }
}

// Created in the folder of `target` so that the rename stays inside one file system.
std::string temporary_name(const std::string& target) {
  static std::atomic<int> count{0};
  return fmt::format("{}.tmp-{}-{}", target, ::getpid(), count++);
}

void sync_folder(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd >= 0) ::fsync(fd);  // some file systems refuse this; the rename itself has been done
}

// Keeps what `target` holds under ".previous" without a moment in which `target` is missing.
void keep_previous_of(const std::string& target) {
  const std::string previous = target + ".previous", link = temporary_name(previous);
  if (::link(target.c_str(), link.c_str()) == 0) {
    if (::rename(link.c_str(), previous.c_str()) == 0) {
      ::unlink(link.c_str());  // rename leaves it when both names are one file already
      return;
    }
    ::unlink(link.c_str());
  } else if (errno == ENOENT) {
    return;  // nothing to keep
  }
  // A file system without hard links.
  if (::rename(target.c_str(), previous.c_str()) != 0 && errno != ENOENT)
    fail("cannot keep the previous file: {}", reason());
}

void write_temporary(const std::string& temporary, std::span<const Bytes> pieces) {
  ::unlink(temporary.c_str());  // left by a killed process of the same number
  Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (fd < 0) fail("{}", reason());
  write_all(fd, pieces);
  if (::fsync(fd) != 0) fail("{}", reason());
  if (!fd.close()) fail("{}", reason());
}

void write_directly(const std::string& path, std::span<const Bytes> pieces) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd < 0) fail("cannot write '{}': {}", path, reason());
  try {
    write_all(fd, pieces);
  } catch (const Error& error) { fail("cannot write '{}': {}", path, error.what()); }
}

}  // namespace

ByteVector read_file(const std::string& path, uint64_t limit) {
  return read_whole<ByteVector>(path, limit);
}
std::string read_text_file(const std::string& path, uint64_t limit) {
  return read_whole<std::string>(path, limit);
}

MappedFile::MappedFile(const std::string& path) {
  struct stat status {};
  Descriptor fd(open_for_reading(path, status));
  check(S_ISREG(status.st_mode), "'{}' is not a regular file; copy it into one first", path);
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) size_ = 0, fail("cannot map '{}': {}", path, reason());
  data_ = static_cast<const uint8_t*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void write_file_atomically(const std::string& path, std::span<const Bytes> pieces,
                           WriteOptions options) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  check(!fs::is_directory(status), "cannot write '{}': it is a folder", path);
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_directly(path, pieces);

  std::string target = path;  // a symbolic link stays one: the file it leads to is replaced
  if (fs::is_symlink(fs::symlink_status(path, ignored)) && fs::exists(status))
    target = fs::canonical(path).string();
  const std::string temporary = temporary_name(target);
  try {
    write_temporary(temporary, pieces);
    if (options.keep_previous) keep_previous_of(target);
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail("{}", reason());
  } catch (const Error& error) {
    ::unlink(temporary.c_str());
    uint64_t total = 0;
    for (Bytes piece : pieces) total += piece.size();
    fail("cannot write '{}' ({}): {}; nothing was changed", path, readable_size(total),
         error.what());
  }
  sync_folder(target);
}

void write_file_atomically(const std::string& path, Bytes content, WriteOptions options) {
  write_file_atomically(path, std::span<const Bytes>(&content, 1), options);
}
void write_file_atomically(const std::string& path, std::string_view text, WriteOptions options) {
  write_file_atomically(path, bytes_of(text), options);
}

uint32_t crc32(Bytes bytes, uint32_t crc) {
  if (bytes.empty()) return crc;  // zlib takes a null pointer for a request of the start value
  return static_cast<uint32_t>(::crc32_z(crc, bytes.data(), bytes.size()));
}

}  // namespace cairn::io
