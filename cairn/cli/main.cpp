// cairn: train, evaluate, explain and ship neural networks from the command line.
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cairn/base/invalid_option.h"
#include "cairn/base/parallel.h"
#include "cairn/base/version.h"
#include "cairn/cli/commands.h"
#include "cairn/dist/binding.h"
#include "cairn/dist/world.h"
#ifdef CAIRN_MPI
#include "cairn/dist/mpi.h"
#endif
#include "cairn/io/utf8.h"
#include "cairn/train/signals.h"

namespace cairn::cli {
namespace {

// Where standard input, output or error is closed, the first files that are opened would get their
// numbers, and what is printed would go into them.
void secure_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd) std::abort();
}

// Progress that nobody can read any more (a closed pipe, a full disk) ends no training.
ssize_t write_or_forget(void*, const char* text, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t wrote = ::write(STDERR_FILENO, text + done, size - done);
    if (wrote < 0 && errno != EINTR) break;
    done += static_cast<size_t>(std::max<ssize_t>(wrote, 0));
  }
  return static_cast<ssize_t>(size);
}
void forgive_standard_error() {
  FILE* forgiving = fopencookie(nullptr, "w", {nullptr, write_or_forget, nullptr, nullptr});
  if (!forgiving) return;
  std::setvbuf(forgiving, nullptr, _IONBF, 0);
  stderr = forgiving;
}

// Every thread that allocates gets a heap of its own, for which glibc sets 64 MB of addresses
// aside: where addresses are limited (ulimit -v) nothing would be left for tensors.
void share_little_memory() {
  constexpr rlim_t kLittle = rlim_t{2} << 30;
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur < kLittle)
    mallopt(M_ARENA_MAX, 1);
}

std::string in_words(const std::filesystem::filesystem_error& e) {
  const std::string path = e.path1().string();
  return fmt::format("'{}': {}", path.empty() ? "the current folder" : path, e.code().message());
}

// What ranks do together; what else there is, rank 0 does alone.
bool is_shared(const std::string& command) { return command == "train" || command == "eval"; }

// Ends the others, of which this one says so; rank 0 goes on as if it had been started alone.
void stay_alone(const std::string& command, const dist::Launched& started) {
  if (started.rank > 0) std::exit(kDone);
  fmt::print(stderr, "cairn: {} ranks were started; '{}' is done by rank 0 alone\n", started.ranks,
             io::printable(command));
  dist::forget_launcher();
}

// With the ranks that a launcher started beside this one; nothing where it was started alone.
void join_others(const std::vector<std::string>& arguments, std::unique_ptr<dist::World>& world) {
  const dist::Launched started = dist::launched();
  const std::string command = arguments.empty() ? "help" : arguments[0];
  if (started.ranks == 1) return;
  if (!is_shared(command)) return stay_alone(command, started);
#ifdef CAIRN_MPI
  world = dist::join_mpi();
  check(
      world->place().ranks > 1,
      "several ranks were started, but MPI sees one: the launcher speaks to another MPI than this "
      "program was built with; with Slurm: srun --mpi=pmix");
  dist::set_world(world.get());
  set_num_threads(dist::threads_for_rank());
  if (command == "eval" && !dist::leads())  // what it prints rank 0 prints, too
    check(std::freopen("/dev/null", "w", stdout) != nullptr, "cannot open /dev/null");
#else
  if (command != "train") return stay_alone(command, started);
  fail(
      "{} ranks were started, but this program was built without MPI: each would train alone; "
      "build it with -DCAIRN_MPI=ON",
      started.ranks);
#endif
}

int run(const std::vector<std::string>& given) {
  std::vector<std::string> arguments = given;
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
  cli::secure_descriptors();
  cli::forgive_standard_error();
  cli::share_little_memory();
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file too large is an error of its write, not the end of the program
  std::unique_ptr<dist::World> world;
  const auto say = [&](const std::string& message) {
    const std::string who = dist::world() ? dist::world()->name(dist::rank()) + ": " : "";
    const std::string shown = who + io::with_control_pictures(cli::in_flags(message));
    fmt::print(stderr, "cairn: {}\n", shown);
    if (world) world->give_up(shown), dist::set_world(nullptr);  // the others end, too
  };
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    cli::join_others(arguments, world);
    const int status = cli::run(arguments);
    if (world && status == cli::kDone) world->leave();
    else if (world) world->give_up(world->name(dist::rank()) + " was told something else");
    dist::set_world(nullptr);
    return status;
  } catch (const InvalidOption& e) {
    return say(cli::in_flags(e)), cli::kWrongUsage;
  } catch (const UsageError& e) {
    return say(e.what()), cli::kWrongUsage;
  } catch (const train::Stopped& e) {
    if (dist::leads()) fmt::print(stderr, "cairn: {}\n", cli::in_flags(e.what()));
    if (world) world->leave();
    dist::set_world(nullptr);
    return e.signal ? 128 + e.signal : cli::kDone;
  } catch (const std::bad_alloc&) {
    say("out of memory; use a smaller --batch or model");
  } catch (const std::filesystem::filesystem_error& e) {
    say(cli::in_words(e));
  } catch (const nlohmann::json::exception&) {
    say("a file that it reads holds JSON of another form than is wanted: it is damaged, "
        "or of another version");
  } catch (const std::system_error& e) {
    const bool no_thread = e.code() == std::errc::resource_unavailable_try_again;
    // fmt::print's; standard error is forgiven.
    const bool of_output = std::string(e.what()).starts_with("cannot write to file");
    say(of_output   ? "cannot write to standard output: " + e.code().message()
        : no_thread ? "no memory for another thread: use a smaller --threads, or raise the limit "
                      "(ulimit -v, -u); out of memory"
                    : e.code().message());
  } catch (const std::exception& e) { say(e.what()); }
  return cli::kFailed;
}
