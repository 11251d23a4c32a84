#include "cairn/io/info.h"

#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/io/utf8.h"
#include "cairn/onnx/file.h"
#include "cairn/onnx/info.h"
#include "cairn/train/run_folder.h"

namespace cairn::cli {

void add_info(const Command& app) {
  const Command command = app.add_command("info", "Describe a file that Cairn reads");
  command.examples("  cairn info runs/mnist\n  cairn info --json picture.png\n");
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  command
      .option(
          "file", *files,
          "safetensors, npy, IDX, pictures, JSON lines, event files; also packed with gzip; ONNX "
          "files; or a run folder")
      .required();
  command.flag("--json", *json, "Print one JSON object a line");
  command.runs([files, json] {
    int status = kDone;
    for (const std::string& file : *files) try {
        // Of a run: the weights that it keeps, which say what they are of.
        const bool is_run = train::RunFolder::holds_run(file);
        const io::FileInfo info =
            onnx::is_onnx_name(file)
                ? onnx::inspect_model(file)
                : io::inspect_file(is_run ? train::RunFolder::open(file, "").weights() : file);
        fmt::print("{}\n",
                   *json ? io::to_json(info) : io::with_control_pictures(io::to_text(info)));
      } catch (const Error& e) {  // the others are described
        fmt::print(stderr, "cairn: {}\n", io::with_control_pictures(e.what()));
        status = kFailed;
      }
    return status;
  });
}

}  // namespace cairn::cli
