#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::cli {
namespace {

struct PredictOptions {
  std::string run;
  std::vector<std::string> images;
  int top = 5;
  bool json = false;
};

int predict(const PredictOptions& o) {
  using namespace tasks::image_classification;
  const Classifier classifier(o.run);
  for (const std::string& file : o.images) {
    const auto predictions = classifier.predict(file, o.top);
    if (o.json) {
      Json classes = Json::array();
      for (const auto& p : predictions)
        classes.push_back({{"label", p.label}, {"probability", p.probability}});
      fmt::print("{}\n", Json{{"file", file}, {"classes", classes}}.dump());
      continue;
    }
    fmt::print("{}:", file);
    for (const auto& p : predictions) fmt::print("  {} {:.1f} %", p.label, p.probability * 100);
    fmt::print("\n");
  }
  return 0;
}

}  // namespace

void add_predict(const Command& app) {
  const Command command = app.add_command("predict", "Say what pictures show");
  command.examples("  cairn predict runs/mnist picture.png --top 3\n");
  auto o = std::make_shared<PredictOptions>();
  command.option("run", o->run, "Run folder, or the model.safetensors of one").required();
  command.option("images", o->images, "PNG, JPEG, PPM or PGM files").required();
  command.option("--top", o->top, "How many classes to print").whole(1, 1'000'000).shows_default();
  command.flag("--json", o->json, "Print one JSON object a line");
  add_threads(command);
  command.runs([o] { return predict(*o); });
}

}  // namespace cairn::cli
