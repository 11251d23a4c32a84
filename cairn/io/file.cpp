#include "cairn/io/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
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

 private:
  int fd_;
};

std::string reason() { return std::strerror(errno); }

std::string current_folder() {
  std::error_code gone;
  const fs::path folder = fs::current_path(gone);
  return gone ? "a folder that was removed" : folder.string();
}

int open_for_reading(const std::string& path, struct stat& status, int flags = 0) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0 && errno == ENOENT)
    fail("no such file: '{}' (looked in '{}'); check the name", path, current_folder());
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

std::string folder_of(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  return folder.empty() ? "." : folder.string();
}

void sync_folder(const std::string& file) {
  Descriptor fd(::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
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

// A new file in the folder of `target`, locked until it has its name: whoever clears up leaves it
// alone. Where the file system can, it has no name before it is whole, so that a process that is
// killed leaves nothing behind.
class Temporary {
 public:
  explicit Temporary(const std::string& target) : target_(target) {
    file_ = ::open(folder_of(target).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (file_ < 0) make_named();
    hold();
  }
  Temporary(const Temporary&) = delete;
  ~Temporary() {
    if (!name_.empty()) ::unlink(name_.c_str());
    release();
  }
  void write(std::span<const Bytes> pieces) {
    write_and_sync(pieces);
    if (name_.empty() && !give_name()) {
      release(), make_named(), hold();
      write_and_sync(pieces);
    }
    // Closing may report what earlier writes could not (network file systems).
    if (::close(std::exchange(file_, -1)) != 0) fail("{}", reason());
  }
  void take_place() {
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail("{}", reason());
    name_.clear();
  }

 private:
  void make_named() {
    while (file_ < 0) {
      name_ = temporary_name(target_);
      file_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file_ < 0 && errno != EEXIST) {  // EEXIST: of a process long dead
        name_.clear();
        fail("{}", reason());
      }
    }
  }
  bool give_name() {
    const std::string here = fmt::format("/proc/self/fd/{}", file_);
    for (;;) {
      name_ = temporary_name(target_);
      if (::linkat(AT_FDCWD, here.c_str(), AT_FDCWD, name_.c_str(), AT_SYMLINK_FOLLOW) == 0)
        return true;
      if (errno != EEXIST) return name_.clear(), false;
    }
  }
  void hold() {
    ::flock(file_, LOCK_EX | LOCK_NB);
    lock_ = ::fcntl(file_, F_DUPFD_CLOEXEC, 0);
  }
  void release() {
    for (int* fd : {&file_, &lock_})
      if (*fd >= 0) ::close(std::exchange(*fd, -1));
  }
  void write_and_sync(std::span<const Bytes> pieces) const {
    write_all(file_, pieces);
    if (::fsync(file_) != 0) fail("{}", reason());
  }

  const std::string& target_;
  std::string name_;  // "": none yet, or the target's
  int file_ = -1, lock_ = -1;
};

// The number of the process that made it; 0: no temporary file.
pid_t maker_of(const std::string& name) {
  const size_t at = name.rfind(".tmp-");
  int pid = 0, count = 0, end = 0;
  if (at == name.npos) return 0;
  if (std::sscanf(name.c_str() + at, ".tmp-%d-%d%n", &pid, &count, &end) != 2) return 0;
  return at + static_cast<size_t>(end) == name.size() && pid > 0 ? pid : 0;
}

// Nobody holds it, here or in another container, and its maker is dead (or had our number).
bool is_abandoned(const std::string& path, pid_t maker) {
  if (maker != ::getpid() && (::kill(maker, 0) == 0 || errno != ESRCH)) return false;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  return fd < 0 || ::flock(fd, LOCK_EX | LOCK_NB) == 0;
}

void write_directly(const std::string& path, std::span<const Bytes> pieces) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd < 0) fail("cannot write '{}': {}", path, reason());
  try {
    write_all(fd, pieces);
  } catch (const Error& error) { fail("cannot write '{}': {}", path, error.what()); }
}

// A symbolic link stays one: the file that it leads to is replaced.
struct Place {
  std::string target;
  bool regular = true;  // else a device or a pipe
};
Place place_of(const std::string& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  check(!fs::is_directory(status), "cannot write '{}': it is a folder", path);
  Place place{path, !fs::exists(status) || fs::is_regular_file(status)};
  if (place.regular && fs::exists(status) && fs::is_symlink(fs::symlink_status(path, ignored)))
    place.target = fs::canonical(path, ignored).string();
  return place;
}

}  // namespace

ByteVector read_file(const std::string& path, uint64_t limit) {
  return read_whole<ByteVector>(path, limit);
}
std::string read_text_file(const std::string& path, uint64_t limit) {
  return read_whole<std::string>(path, limit);
}

size_t read_beginning(const std::string& path, std::span<uint8_t> head) {
  struct stat status {};
  const Descriptor fd(open_for_reading(path, status));
  size_t used = 0;
  while (used < head.size()) {
    const ssize_t got = ::read(fd, head.data() + used, head.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read '{}': {}", path, reason());
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  return used;
}

MappedFile::MappedFile(const std::string& path) {
  struct stat status {};
  Descriptor fd(open_for_reading(path, status, O_NONBLOCK));  // waits for no writer of a pipe
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
  const auto place = place_of(path);
  if (!place.regular) return write_directly(path, pieces);
  const std::string& target = place.target;
  std::error_code ignored;
  try {
    Temporary temporary(target);
    temporary.write(pieces);
    if (options.keep_previous) keep_previous_of(target);
    temporary.take_place();
  } catch (const Error& error) {
    uint64_t total = 0;
    for (Bytes piece : pieces) total += piece.size();
    const std::string folder = folder_of(target);
    const bool gone = !fs::is_directory(folder, ignored);
    fail("cannot write '{}' ({}): {}; nothing was changed", path, readable_size(total),
         gone ? fmt::format("there is no folder '{}'", folder) : error.what());
  }
  sync_folder(target);
}

void write_file_atomically(const std::string& path, Bytes content, WriteOptions options) {
  write_file_atomically(path, std::span<const Bytes>(&content, 1), options);
}
void write_file_atomically(const std::string& path, std::string_view text, WriteOptions options) {
  write_file_atomically(path, bytes_of(text), options);
}

void check_writable(const std::string& path) {
  const auto place = place_of(path);
  const std::string folder = folder_of(place.target);
  std::error_code ignored;
  if (!place.regular) {
    if (::access(path.c_str(), W_OK) != 0) fail("cannot write '{}': {}", path, reason());
    return;
  }
  check(fs::is_directory(folder, ignored), "cannot write '{}': there is no folder '{}'", path,
        folder);
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    fail("cannot write '{}': the folder '{}': {}", path, folder, reason());
}

void remove_dead_temporaries(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const pid_t maker = maker_of(entry.path().filename().string());
    if (maker != 0 && is_abandoned(entry.path().string(), maker)) fs::remove(entry.path(), ignored);
  }
}

uint32_t crc32(Bytes bytes, uint32_t crc) {
  if (bytes.empty()) return crc;  // zlib takes a null pointer for a request of the start value
  return static_cast<uint32_t>(::crc32_z(crc, bytes.data(), bytes.size()));
}

}  // namespace cairn::io
