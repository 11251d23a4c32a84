// cairn: train, evaluate, explain and ship neural networks from the command line.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "cairn/base/invalid_option.h"
#include "cairn/base/version.h"
#include "cairn/cli/commands.h"
#include "cairn/train/signals.h"

namespace cairn::cli {
namespace {

int run(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "help") {  // cairn help train -> cairn train --help
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  name_task_of_resumed(arguments);
  const int status = run_program(arguments, kAbout, std::string("cairn ") + kVersion,
                                 [&](const Command& app) { describe_program(app, arguments); });
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && !std::ferror(stdout);
  check(written, "cannot write to standard output: {}",
        errno ? std::strerror(errno) : "a write failed");
  return status;
}

}  // namespace
}  // namespace cairn::cli

int main(int argc, char** argv) {
  using namespace cairn;
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file too large is an error of its write, not the end of the program
  try {
    return cli::run(argc, argv);
  } catch (const InvalidOption& e) {
    fmt::print(stderr, "cairn: {}\n", cli::in_flags(e));
    return cli::kWrongUsage;
  } catch (const UsageError& e) {
    fmt::print(stderr, "cairn: {}\n", e.what());
    return cli::kWrongUsage;
  } catch (const train::Stopped& e) {
    fmt::print(stderr, "cairn: {}\n", e.what());
    return e.signal ? 128 + e.signal : cli::kDone;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "cairn: out of memory; use a smaller --batch or model\n");
  } catch (const std::system_error& e) {
    const bool no_thread = e.code() == std::errc::resource_unavailable_try_again;
    fmt::print(stderr, "cairn: {}{}\n", e.what(),
               no_thread ? "; out of memory for another thread: use a smaller --threads, or raise "
                           "the limit (ulimit -v, -u)"
                         : "");
  } catch (const std::exception& e) { fmt::print(stderr, "cairn: {}\n", e.what()); }
  return cli::kFailed;
}
