#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/tasks/image_gan/task.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::cli {
namespace {

struct EvalOptions {
  std::string run, data, split, features, samples;
  bool json = false;
};

void print_confusion(const tasks::image_classification::Json& result) {
  fmt::print("{:>8} |", "true");
  const auto rows = result["confusion"].get<std::vector<std::vector<int64_t>>>();
  if (rows.size() > 20) return;
  for (size_t c = 0; c < rows.size(); ++c) fmt::print("{:>6}", c);
  fmt::print("\n");
  for (size_t r = 0; r < rows.size(); ++r) {
    fmt::print("{:>8} |", r);
    for (int64_t count : rows[r]) fmt::print("{:>6}", count);
    fmt::print("\n");
  }
}

int image_classification(const EvalOptions& o) {
  const std::string split = o.split.empty() ? "test" : o.split;
  const auto result =
      tasks::image_classification::evaluate(o.run, o.data, data::split_from_name(split));
  if (o.json) {
    fmt::print("{}\n", result.dump());
    return 0;
  }
  print_confusion(result);
  fmt::print("{} of {} examples: accuracy {:.2f} %, loss {:.4f}\n",
             result["split"].get<std::string>(), result["examples"].get<int64_t>(),
             result["accuracy"].get<double>() * 100, result["loss"].get<double>());
  return 0;
}

int language_model(const EvalOptions& o) {
  const std::string split = o.split.empty() ? "validation" : o.split;
  const auto result = tasks::language_model::evaluate(o.run, o.data, split);
  if (o.json) fmt::print("{}\n", result.dump());
  else
    fmt::print(
        "{}, {} tokens: loss {:.4f} nats a token, perplexity {:.2f}, {:.3f} bits a character\n",
        result["split"].get<std::string>(), result["examples"].get<int64_t>(),
        result["loss"].get<double>(), result["perplexity"].get<double>(),
        result["bits_per_char"].get<double>());
  return 0;
}

int image_gan(const EvalOptions& o) {
  namespace task = tasks::image_gan;
  const std::string split = o.split.empty() ? "test" : o.split;
  const auto result = task::evaluate(o.run, {.data = o.data,
                                             .split = data::split_from_name(split),
                                             .features = o.features,
                                             .samples = o.samples});
  if (o.json) {
    fmt::print("{}\n", result.dump());
    return 0;
  }
  fmt::print("{} samples against {} images: frechet {:.3f}, precision {:.3f}, recall {:.3f}",
             result["examples"].get<int64_t>(), result["real_examples"].get<int64_t>(),
             result["frechet"].get<double>(), result["precision"].get<double>(),
             result["recall"].get<double>());
  if (result.contains("label_accuracy"))
    fmt::print(", label accuracy {:.2f} %", result["label_accuracy"].get<double>() * 100);
  fmt::print("\n");
  return 0;
}

}  // namespace

void add_eval(const Command& app) {
  const Command command = app.add_command("eval", "Measure a trained network on a data set");
  command.examples(
      "  cairn eval runs/mnist --data mnist/\n"
      "  cairn eval runs/mnist --split train --json\n");
  auto o = std::make_shared<EvalOptions>();
  command.option("run", o->run, "Run folder, or the model.safetensors of one").required();
  command.option("--data", o->data, "Data set (default: the one of the training)");
  command.option(
      "--split", o->split,
      "train or test (default: test); of a text: train, validation or all (default: validation)");
  command.flag("--json", o->json, "Print one JSON object, the last line of standard output");
  const std::vector<Option> gan = {
      command.option("--features", o->features,
                     "image-gan: the image-classification run whose features are compared "
                     "(default: the run's own, trained once)"),
      command.option("--samples", o->samples,
                     "image-gan: a .npy file of pictures to measure instead of the run's own")};
  add_threads(command);
  command.runs([o, gan] {
    return dispatch("eval", o->run,
                    {{tasks::image_classification::kTask, [o] { return image_classification(*o); }},
                     {tasks::language_model::kTask, [o] { return language_model(*o); }},
                     {tasks::image_gan::kTask, [o] { return image_gan(*o); }, gan}});
  });
}

}  // namespace cairn::cli
