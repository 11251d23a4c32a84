#include <memory>

#include "cairn/base/invalid_option.h"
#include "cairn/cli/commands.h"
#include "cairn/io/file.h"
#include "cairn/onnx/export.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/model.h"
#include "cairn/tasks/outputs.h"
#include "cairn/train/quantized_run.h"

namespace cairn::cli {
namespace {

struct Export {
  std::string run, format = "onnx", out;
};

int write_hugging_face(tasks::Model& model, const std::string& out) {
  const pretrained::FolderContent content = model.folder();
  pretrained::write_folder(out, content);
  fmt::print("{}: {}, {} tensors{}\n", out, content.config["architectures"][0].get<std::string>(),
             content.tensors.size(), content.tokenizer.empty() ? "" : ", tokenizer.json");
  return kDone;
}

int write_export(const Export& chosen) {
  if (chosen.format == "onnx") {
    const std::string why = tasks::why_no_ending(chosen.out, {".onnx"});
    if (!why.empty()) throw InvalidOption("out", why);
    io::check_writable(chosen.out);
    tasks::keep_run(chosen.run, chosen.out);
  }
  const auto model = tasks::open_model(chosen.run);
  check(!train::is_quantized(model->saved().config),
        "{}: is a run in 8 bits, which no other format here takes; export the run that it was made "
        "of",
        chosen.run);
  if (chosen.format == "hf") return write_hugging_face(*model, chosen.out);
  const onnx::Function function{model->takes(), model->gives(),
                                [&](std::span<const Tensor> in) { return model->forward(in); },
                                model->network().state_dict()};
  onnx::ExportOptions options{.name = model->task(),
                              .metadata = {{"cairn.task", model->task()},
                                           {train::kConfigMetadata, model->saved().config.dump()}}};
  if (const auto labels = model->labels(); !labels.empty())
    options.metadata["cairn.labels"] = train::Json(labels).dump();
  const std::string bytes = onnx::to_onnx(function, options);
  io::write_file_atomically(chosen.out, std::string_view(bytes));
  std::string takes, gives;
  for (const Port& port : function.takes) takes += (takes.empty() ? "" : ", ") + port.name;
  for (const std::string& name : function.gives) gives += (gives.empty() ? "" : ", ") + name;
  fmt::print("{}: {} -> {}, {:.2f} MB, ONNX opset {}, IR {}\n", chosen.out, takes, gives,
             static_cast<double>(bytes.size()) / 1e6, onnx::kOpset, onnx::kIr);
  return kDone;
}

}  // namespace

void add_export(const Command& app) {
  const Command command = app.add_command("export", "Write a trained network for other programs");
  command.examples(
      "  cairn export runs/mnist --format onnx --out mnist.onnx\n"
      "  cairn export runs/writer --format hf --out writer-hf\n");
  const auto chosen = std::make_shared<Export>();
  command
      .option("run", chosen->run,
              "Run folder, the model.safetensors of one, or a folder of Hugging Face's")
      .required();
  command
      .option("--format", chosen->format,
              "onnx: one file; hf: a folder for Hugging Face's transformers")
      .one_of({"onnx", "hf"})
      .shows_default();
  command.option("--out", chosen->out, "File to write; of hf: folder").required();
  command.runs([chosen] { return write_export(*chosen); });
}

}  // namespace cairn::cli
