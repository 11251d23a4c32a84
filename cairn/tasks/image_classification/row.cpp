#include "cairn/data/digits.h"
#include "cairn/data/folder.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/tasks/quantize.h"

namespace cairn::tasks::image_classification {
namespace {

Json eval(Classifier& classifier, const PictureEvalOptions& o) {
  return classifier.evaluate(o.data, data::split_from_name(o.split));
}

struct PredictOptions : FileOptions {
  Option<int64_t> top{this, "top", 5, whole(1, 1'000'000), "How many classes to print"};
  Option<bool> invert{this, "invert", false, "Swap light and dark first: ink on paper"};
};
Json json_of(const Seen& seen) {
  Json json = {{"classes", Json::array()}};
  for (const Prediction& p : seen.classes)
    json["classes"].push_back({{"label", p.label}, {"probability", p.probability}});
  return json;
}
Asked ask(Classifier& classifier, const PredictOptions& o, const std::string& file) {
  auto [input, warning] = classifier.look_at(file, o.invert);
  return {{input}, file, warning};
}
Json say(Classifier& classifier, const PredictOptions& o, const Asked& asked,
         std::span<const float> p) {
  return json_of(classifier.seen(p, o.top, asked.warning));
}
int predict(Classifier& classifier, const PredictOptions& o) {
  const FileKind kind{"pictures", data::is_meant_as_image, {"class", "probability"}};
  constexpr int64_t kMost = 16, kBytes = 64 << 20;
  const int64_t bytes = classifier.shape().size() * static_cast<int64_t>(sizeof(float));
  const auto read = [&](const std::string& file) {
    auto [input, warning] = classifier.look_at(file, o.invert);
    return ReadFile{input, warning};
  };
  const auto see = [&](const Tensor& inputs, std::span<const ReadFile> of) {
    const auto p = softmax(classifier.logits(inputs), 1).to_vector<float>();
    const auto classes = p.size() / static_cast<size_t>(inputs.size(0));
    std::vector<Said> all;
    for (size_t i = 0; i < of.size(); ++i) {
      const Seen seen = classifier.seen({&p[i * classes], classes}, o.top, of[i].warning);
      Said said{"", json_of(seen), {}, seen.warning};
      for (const Prediction& guess : seen.classes)
        said.words += fmt::format("  {} {:.1f} %", guess.label, guess.probability * 100);
      said.cells = {seen.classes[0].label, fmt::format("{:.6f}", seen.classes[0].probability)};
      all.push_back(std::move(said));
    }
    return all;
  };
  return say_of_files_together(o, kind, std::min(kMost, kBytes / bytes), read, see);
}

}  // namespace

const Opener kOpener{kTask, open_as<Classifier>};
const Task kRow{
    .name = kTask,
    .title = "Image classification",
    .what = "Name what a picture shows",
    .examples =
        "  cairn train image-classification --data mnist/ --out runs/mnist\n"
        "  cairn train image-classification --data cifar10/ --model resnet18 --epochs 20\n"
        "  cairn train image-classification --data photos/ --val-split 0.1 --patience 5\n"
        "  cairn train --resume runs/mnist\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"accuracy", true, true}},
    .verbs = {eval_verb<Classifier, PictureEvalOptions, eval, in_words>(
                  "Measure how often it is right",
                  "  cairn eval runs/mnist --data mnist/\n"
                  "  cairn eval runs/mnist --split train --json\n"),
              verb<Classifier, PredictOptions, predict>(
                  "predict", "Say what pictures show",
                  "  cairn predict runs/mnist picture.png --top 3\n"
                  "  cairn predict runs/mnist photos/ --csv names.csv\n")
                  .of("picture")
                  .side_by_side<Classifier, PredictOptions, ask, say>(),
              quantize_verb<Classifier, in_words>(
                  "  cairn quantize runs/mnist --out runs/mnist-int8\n"
                  "  cairn quantize runs/mnist --out runs/mnist-int8 --calibrate 1024 "
                  "--percentile 99.99\n"
                  "  cairn eval runs/mnist-int8\n")},
    .report = report_as<Classifier, report>,
    .smallest = R"({"data": "digits", "steps": 6, "batch": 32, "eval_every": 3})",
    .write_inputs = data::write_digits,
    .inputs = "digits",
    .stops = {{"cnn", "Convolution: naming what a picture shows",
               "A convolutional network slides small filters over a picture. The first layer's "
               "filters find edges, the next combine them to strokes and corners, pooling forgets "
               "exactly where they were, and a last layer weighs what was found. The same few "
               "weights serve every place, so a digit is a digit wherever it stands. This one "
               "learned from digits that the program drew.",
               R"({"data": "digits", "model": "lenet", "epochs": 3})"}}};

}  // namespace cairn::tasks::image_classification
