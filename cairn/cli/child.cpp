#include "cairn/cli/child.h"

#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/train/signals.h"

namespace cairn::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMostKept = 1 << 16;  // bytes of what a child says

class Pipe {
 public:
  Pipe() { check(pipe(ends_.data()) == 0, "no pipe: {}", std::strerror(errno)); }
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    for (int& end : ends_) shut(end);
  }
  int reads() const { return ends_[0]; }
  int& writes() { return ends_[1]; }
  static void shut(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  // False: its writer is gone.
  bool take(std::string& text) const {
    char some[4096];
    const ssize_t count = read(reads(), some, sizeof some);
    if (count > 0) text.append(some, static_cast<size_t>(count));
    return count > 0 || (count < 0 && errno == EINTR);
  }

 private:
  std::array<int, 2> ends_{};
};

pid_t start(const std::vector<std::string>& arguments, Pipe& out, Pipe& said) {
  std::vector<std::string> words = {"cairn"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, out.writes(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, said.writes(), STDERR_FILENO);
  for (Pipe* p : {&out, &said}) {
    posix_spawn_file_actions_addclose(&files, p->reads());
    posix_spawn_file_actions_addclose(&files, p->writes());
  }
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  check(error == 0, "no process for 'cairn {}': {}", arguments[0], std::strerror(error));
  Pipe::shut(out.writes()), Pipe::shut(said.writes());
  return child;
}

// The last line that says something: not the hint at a --help below an error.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const size_t begin = text.find_last_of("\n\r");
  if (begin == std::string::npos) return text;
  const std::string last = text.substr(begin + 1);
  return last.starts_with("Try: ") ? last_line(text.substr(0, begin)) : last;
}

// What it writes until it ends, or `seconds` are over and it was told to stop.
void listen(pid_t child, double seconds, Pipe& out, Pipe& said, ChildResult& result) {
  const auto begin = Clock::now();
  std::string errors;
  bool out_open = true, said_open = true;
  while (out_open || said_open) {
    pollfd ends[] = {{out_open ? out.reads() : -1, POLLIN, 0},
                     {said_open ? said.reads() : -1, POLLIN, 0}};
    poll(ends, 2, 100);
    if (ends[0].revents) out_open = out.take(result.out);
    if (ends[1].revents) said_open = said.take(errors);
    if (errors.size() > kMostKept) errors.erase(0, errors.size() - kMostKept / 2);
    const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
    const bool over = (seconds > 0 && passed > seconds) || train::SignalScope::caught() != 0;
    if (over && result.in_time) {
      kill(child, SIGTERM);
      result.in_time = false;
    }
  }
  result.said = last_line(errors);
}

}  // namespace

ChildResult run_cairn(const std::vector<std::string>& arguments, double seconds) {
  const auto begin = Clock::now();
  ChildResult result;
  Pipe out, said;
  const pid_t child = start(arguments, out, said);
  listen(child, seconds, out, said, result);
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {}
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  result.peak_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  return result;
}

}  // namespace cairn::cli
