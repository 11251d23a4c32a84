#include "cairn/tasks/image_classification/quantize.h"

#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::cli {
namespace {

using tasks::image_classification::QuantizeOptions;

int quantize(const QuantizeOptions& o, bool json) {
  const auto r = tasks::image_classification::quantize(o);
  for (const auto& kept : r["kept_f32"])
    fmt::print(stderr, "stays f32: {}\n", kept.get<std::string>());
  if (json) {
    fmt::print("{}\n", r.dump());
    return kDone;
  }
  const double f32 = r["accuracy_f32"].get<double>() * 100,
               int8 = r["accuracy_int8"].get<double>() * 100;
  fmt::print("{} layers in 8 bits, calibrated on {} images\n", r["layers_int8"].get<int64_t>(),
             r["calibration_examples"].get<int64_t>());
  fmt::print("accuracy on {} test images: f32 {:.2f} %, int8 {:.2f} % ({:+.2f})\n",
             r["examples"].get<int64_t>(), f32, int8, int8 - f32);
  fmt::print("{}: {:.2f} MB, f32 has {:.2f} MB\n", o.out, r["bytes_int8"].get<double>() / 1e6,
             r["bytes_f32"].get<double>() / 1e6);
  return kDone;
}

}  // namespace

void add_quantize(const Command& app) {
  const Command command = app.add_command("quantize", "Make a trained network compute in 8 bits");
  command.examples(
      "  cairn quantize runs/mnist --out runs/mnist-int8\n"
      "  cairn quantize runs/mnist --data mnist/ --out runs/mnist-int8 --calibrate 1024 "
      "--percentile 99.99\n"
      "  cairn eval runs/mnist-int8\n");
  struct Options : QuantizeOptions {
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  command.option("run", o->run, "Run folder, or the model.safetensors of one").required();
  command.option("--out", o->out, "Folder of the 8-bit run").required();
  command.option("--data", o->data,
                 "Data set to calibrate and measure on (default: the one of the training)");
  command
      .option("--calibrate", o->examples, "How many training images show the ranges of activations")
      .whole(1, 1'000'000)
      .shows_default();
  command
      .option("--percentile", o->percentile,
              "Share of an activation's values that its range holds, in percent; what lies outside "
              "is cut")
      .between(90, 100)
      .shows_default();
  command.flag("--json", o->json, "Print one JSON object, the last line of standard output");
  add_threads(command);
  command.runs([o] {
    return dispatch("quantize", o->run,
                    {{tasks::image_classification::kTask, [o] { return quantize(*o, o->json); }}});
  });
}

}  // namespace cairn::cli
