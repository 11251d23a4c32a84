#include "cairn/io/info.h"

#include <memory>

#include "cairn/cli/commands.h"

namespace cairn::cli {

void add_info(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("info", "Describe a file that Cairn reads");
  command->footer(
      "Examples:\n  cairn info runs/mnist/model.safetensors\n  cairn info --json picture.png\n");
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  command
      ->add_option(
          "file", *files,
          "safetensors, npy, IDX, pictures, JSON lines, event files; also packed with gzip")
      ->required();
  command->add_flag("--json", *json, "Print one JSON object a line");
  command->callback([&action, files, json] {
    action = [files, json] {
      for (const std::string& file : *files) {
        const io::FileInfo info = io::inspect_file(file);
        fmt::print("{}\n", *json ? io::to_json(info) : io::to_text(info));
      }
      return 0;
    };
  });
}

}  // namespace cairn::cli
