#include <algorithm>
#include <filesystem>
#include <numeric>

#include "cairn/ops/context.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/video_classification/task.h"

namespace cairn::tasks::video_classification {
namespace {

namespace fs = std::filesystem;

// The videos that were held back; of folds each by the network that never saw it.
Json evaluate(Classifier& c, const EvalOptions& o) {
  const bool own = o.data.is_open();
  const data::ClipSet set = c.open(own ? "" : *o.data);
  const Options& of_run = c.options();
  if (own && !of_run.folds->empty() && of_run.fold.is_open()) {
    const std::string run =
        fs::is_directory(c.path()) ? c.path() : fs::path(c.path()).parent_path().string();
    return c.result("folds", measure_folds(run, set, of_run));
  }
  if (own)
    return c.result(of_run.fold.is_open() ? "validation" : "test",
                    c.meter().measure(set, parts_of(set, of_run).second));
  std::vector<int64_t> all(set.clips.size());
  std::iota(all.begin(), all.end(), 0);
  return c.result("all", c.meter().measure(set, all));
}

struct PredictOptions : FileOptions {
  Option<int64_t> top{this, "top", 5, whole(1, 1'000'000), "How many classes to print"};
};
int predict(Classifier& c, const PredictOptions& o) {
  const FileKind kind{
      "videos", data::is_clip_file, {"class", "probability"}, "named", data::is_frame_folder};
  return say_of_files(o, kind, [&](const std::string& file) {
    const NoGrad no_grad;
    const Tensors in = c.read(file);
    const auto p = c.forward(in)[0].to_vector<float>();
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return p[a] > p[b]; });
    order.resize(std::min<size_t>(order.size(), static_cast<size_t>(*o.top)));
    Said said{"", {{"classes", Json::array()}}, {}, ""};
    for (const size_t i : order) {
      const std::string& label = (*c.options().classes)[i];
      said.words += fmt::format("  {} {:.1f} %", label, p[i] * 100);
      said.json["classes"].push_back({{"label", label}, {"probability", p[i]}});
    }
    said.cells = {(*c.options().classes)[order[0]], fmt::format("{:.6f}", p[order[0]])};
    return said;
  });
}

}  // namespace

const Task kRow{
    .name = kTask,
    .title = "Video classification",
    .what = "Name what happens in a short video",
    .examples =
        "  cairn train video-classification --data sports/ --out runs/sports\n"
        "  cairn train video-classification --data ut-interaction/ --folds sequence\n"
        "  cairn train --resume runs/sports\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"accuracy", true, true}},
    .verbs = {eval_verb<Classifier, EvalOptions, evaluate, in_words>(
                  "Measure how often it is right (with --folds: of videos that it never saw)",
                  "  cairn eval runs/sports --json\n"),
              verb<Classifier, PredictOptions, predict>(
                  "predict", "Say what happens in videos",
                  "  cairn predict runs/sports clip.mp4 --top 3\n"
                  "  cairn predict runs/sports clips/ --csv names.csv\n")
                  .of("video")},
    .report = report_as<Classifier, report>,
    .smallest = R"({"data": "moves", "steps": 6, "batch": 4, "width": 2, "window": 4,
                    "eval_every": 3})",
    .write_inputs = data::write_moves,
    .inputs = "moves"};

}  // namespace cairn::tasks::video_classification
