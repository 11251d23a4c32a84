#include <fmt/format.h>

#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/report.h"

namespace cairn::cli {

void add_report(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("report", "Write what a run learned as one page that stands alone");
  command->footer(
      "Examples:\n"
      "  cairn report runs/mnist\n"
      "  cairn report runs/mnist --out mnist.html\n");
  struct Options {
    std::string run, out;
  };
  auto o = std::make_shared<Options>();
  command->add_option("run", o->run, "Run folder")->required();
  command->add_option("--out", o->out, "The page (default: report.html in the run folder)");
  add_threads(command);
  command->callback([&action, o] {
    action = [o] {
      fmt::print("{}\n", tasks::write_report(o->run, o->out));
      return 0;
    };
  });
}

}  // namespace cairn::cli
