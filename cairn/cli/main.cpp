// cairn: train, evaluate, explain and ship neural networks from the command line.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "cairn/base/error.h"
#include "cairn/cli/commands.h"
#include "cairn/train/signals.h"

namespace cairn::cli {
namespace {

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

void collect_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
}

// The chosen subcommand of a subcommand of ...
const CLI::App* deepest(const CLI::App& app) {
  const CLI::App* current = &app;
  while (true) {
    const auto chosen = current->get_subcommands();
    if (chosen.empty()) return current;
    current = chosen.front();
  }
}

// "cairn train image-classification"
std::string path_of(const CLI::App* command) {
  const CLI::App* parent = command->get_parent();
  return parent ? path_of(parent) + " " + command->get_name() : command->get_name();
}

// What is wrong, with the nearest name that exists, and where the right ones are listed.
int wrong_usage(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = error.what();
  const CLI::App* command = deepest(app);
  std::vector<std::string> names;
  collect_names(*command, names);
  const std::vector<std::string> unknown = app.remaining(true);
  if (!command->get_subcommands({}).empty() && !unknown.empty())
    message = fmt::format("there is no '{}'", unknown.front());
  for (const std::string& word : unknown) {
    const std::string near = nearest_name(word.substr(0, word.find('=')), names);
    if (near.empty()) continue;
    message += fmt::format("; did you mean {}?", near);
    break;
  }
  fmt::print(stderr, "cairn: {}\nTry: {} --help\n", message, path_of(command));
  return kWrongUsage;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Cairn trains, evaluates, explains and ships neural networks.\n\n"
      "  cairn train image-classification --out runs/digits\n"
      "  cairn eval runs/digits\n"
      "  cairn predict runs/digits picture.png\n",
      "cairn"};
  app.footer(
      "Every command and task has a --help with examples: cairn train image-classification "
      "--help\n");
  app.set_version_flag("--version", "cairn 0.1.0");
  app.require_subcommand(1);
  Action action;
  add_train(app, action);
  add_eval(app, action);
  add_predict(app, action);
  add_generate(app, action);
  add_bench(app, action);
  add_info(app, action);
  add_doctor(app, action);
  add_report(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return wrong_usage(app, e);
  }
  const int status = action ? action() : kWrongUsage;
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
  } catch (const std::exception& e) {
    fmt::print(stderr, "cairn: {}\n", e.what());
  }
  return cli::kFailed;
}
