#include <fmt/format.h>

#include <memory>

#include "cairn/base/invalid_option.h"
#include "cairn/cli/commands.h"
#include "cairn/tasks/outputs.h"
#include "cairn/tasks/task.h"

namespace cairn::cli {

void add_report(const Command& app) {
  const Command command =
      app.add_command("report", "Write what a run learned as one page that stands alone");
  command.examples(
      "  cairn report runs/mnist\n"
      "  cairn report runs/mnist --out mnist.html\n");
  struct Options {
    std::string run, out, data;
  };
  auto o = std::make_shared<Options>();
  command.option("run", o->run, "Run folder").required();
  command.option("--out", o->out, "The page (default: report.html in the run folder)");
  command.option("--data", o->data, "Where its data lie now (default: where they lay)");
  add_threads(command);
  command.runs([o] {
    const std::string why = tasks::why_no_ending(o->out, {".html", ".htm"});
    if (!why.empty()) throw InvalidOption("out", why);
    fmt::print("{}\n", tasks::write_report(o->run, o->out, o->data));
    return 0;
  });
}

}  // namespace cairn::cli
