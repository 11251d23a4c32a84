#include "cairn/train/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cairn/base/error.h"

namespace cairn::train {
namespace {

std::string lock_file(const std::string& folder) { return folder + "/.lock"; }

std::string who_in(int file) {
  std::array<char, 300> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  const std::string who(text.data(), static_cast<size_t>(size > 0 ? size : 0));
  return who.empty() ? "another process" : who.substr(0, who.find('\n'));
}

std::string who_we_are() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return fmt::format("process {} on {}", ::getpid(), host.data());
}

// Not the file that its last holder has just removed.
bool is_still_there(int file, const std::string& path) {
  struct stat ours {
  }, there{};
  return ::fstat(file, &ours) == 0 && ::stat(path.c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

}  // namespace

std::shared_ptr<RunLock> RunLock::take(const std::string& folder) {
  const std::string path = lock_file(folder);
  while (true) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) return nullptr;
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
      const bool held = errno == EWOULDBLOCK;
      const std::string who = held ? who_in(file) : "";
      ::close(file);
      check(!held,
            "{}: {} is training into this folder; wait until it has ended, or choose another",
            folder, who);
      return nullptr;
    }
    if (!is_still_there(file, path)) {
      ::close(file);
      continue;
    }
    const std::string us = who_we_are() + "\n";
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, us.data(), us.size(), 0) < 0) errno = 0;
    return std::shared_ptr<RunLock>(new RunLock(path, file));
  }
}

std::string RunLock::holder_of(const std::string& folder) {
  const int file = ::open(lock_file(folder).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return "";
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const std::string who = held ? who_in(file) : "";
  ::close(file);
  return who;
}

RunLock::~RunLock() {
  if (is_still_there(file_, path_)) ::unlink(path_.c_str());
  ::close(file_);
}

}  // namespace cairn::train
