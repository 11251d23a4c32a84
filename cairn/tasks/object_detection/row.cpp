#include <cmath>
#include <optional>

#include "cairn/data/folder.h"
#include "cairn/io/video.h"
#include "cairn/io/video_writer.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/object_detection/task.h"
#include "cairn/tasks/outputs.h"

namespace cairn::tasks::object_detection {
namespace {

Json evaluate(ObjectDetector& detector, const SplitEvalOptions& o) {
  const auto set = detector.open(o.or_own(""), o.split);
  return detector.result(o.split, measured(find_all(detector.finder(), set), detector.classes()));
}

struct PredictOptions : FileOptions {
  Option<std::string> out{this, "out", "",
                          "Folder for copies of the pictures (PNG) and videos (mp4) with the "
                          "boxes drawn"};
  Option<double> score{this, "score", 0.3, between(0, 1), "Least score of what is told"};
  Option<double> overlap{this, "overlap", 0.6, between(0, 1),
                         "IoU with a better box of the class above which a box is left out"};
};

Said said_of(std::span<const data::Detection> found, const std::vector<std::string>& classes) {
  Said said{"", {{"boxes", Json::array()}}, {std::to_string(found.size()), ""}};
  for (const data::Detection& d : found) {
    const std::string& label = classes[static_cast<size_t>(d.label)];
    said.json["boxes"].push_back(
        {{"label", label}, {"score", d.score}, {"box", {d.box.x1, d.box.y1, d.box.x2, d.box.y2}}});
    said.cells[1] +=
        fmt::format("{}{} {:.4f} {:.2f} {:.2f} {:.2f} {:.2f}", said.cells[1].empty() ? "" : "; ",
                    label, d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2);
    said.words += fmt::format("\n  {} {:.0f} % at {:.0f} {:.0f} {:.0f} {:.0f}", label,
                              d.score * 100, d.box.x1, d.box.y1, d.box.x2, d.box.y2);
  }
  if (found.empty()) said.words = " nothing found";
  return said;
}

bool is_picture_or_video(const std::string& path) {
  return data::is_meant_as_image(path) || io::is_video_name(path);
}

// Frame after frame: what was found in each, and all of them with their boxes.
void find_in_video(ObjectDetector& detector, const PredictOptions& o, const std::string& file,
                   OutFolder& out, const Tell& tell) {
  const std::string copy = out.name(file, ".mp4");
  io::VideoReader video(file);
  std::optional<io::VideoWriter> drawn;
  if (out.is_wanted()) out.make(), drawn.emplace(copy);
  for (int64_t frame = 0; video.advance(); ++frame) {
    const io::Image image = video.image();
    const auto found =
        detector.finder().find({&image, 1}, {.least_score = o.score, .overlap = o.overlap})[0];
    if (drawn) drawn->add(with_boxes(image, found), video.seconds());
    Said said = said_of(found, detector.classes());
    Json line = {{"frame", frame}, {"seconds", std::round(video.seconds() * 1e6) / 1e6}};
    line.update(said.json);
    if (drawn) line["out"] = copy;
    said.json = line, said.words = fmt::format(" {:.2f} s{}", video.seconds(), said.words);
    tell(std::move(said));
  }
  if (drawn) drawn->finish();
}

int predict(ObjectDetector& detector, const PredictOptions& o) {
  const FileKind kind{"pictures or videos", is_picture_or_video, {"count", "boxes"}};
  OutFolder out(o.out, o.files, detector.path());
  return tell_of_files(o, kind, [&](const std::string& file, const Tell& tell) {
    if (io::is_video_name(file)) return find_in_video(detector, o, file, out, tell);
    const std::string copy = out.name(file, ".png");
    const io::Image image = io::read_image(file);
    const auto found =
        detector.finder().find({&image, 1}, {.least_score = o.score, .overlap = o.overlap})[0];
    if (out.is_wanted()) out.make(), io::write_png(copy, with_boxes(image, found));
    Said said = said_of(found, detector.classes());
    if (out.is_wanted()) said.json["out"] = copy;
    tell(std::move(said));
  });
}

std::vector<std::string> write_inputs(const std::string& folder) {
  constexpr uint64_t kSeed = 4;  // of none of the splits
  std::vector<std::string> files;
  for (int64_t i = 0; i < 8; ++i) {
    files.push_back(fmt::format("{}/shapes-{}.png", folder, i));
    io::write_png(files.back(), data::draw_shapes(kSeed, i).image);
  }
  return files;
}

}  // namespace

const Task kRow{
    .name = kTask,
    .title = "Object detection",
    .what = "Find what is in a picture, and where",
    .examples =
        "  cairn train object-detection --data VOC2007/ --out runs/voc\n"
        "  cairn train object-detection --data cells/ --image-size 320 --flip-vertical\n"
        "  cairn train --resume runs/voc\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"map50"}},
    .verbs = {eval_verb<ObjectDetector, SplitEvalOptions, evaluate, in_words>(
                  "Measure average precision by COCO's rules",
                  "  cairn eval runs/voc --split validation --json\n"),
              verb<ObjectDetector, PredictOptions, predict>(
                  "predict", "Find objects in pictures and videos and draw boxes around them",
                  "  cairn predict runs/voc street.jpg --out found --json\n"
                  "  cairn predict runs/voc photos/ --out found --score 0.5\n"
                  "  cairn predict runs/voc street.mp4 --out found --json\n")
                  .of("picture")},
    .report = report_as<ObjectDetector, report>,
    .smallest = R"({"data": "shapes", "steps": 6, "batch": 4, "width": 8, "image_size": 64,
                    "eval_every": 2})",
    .write_inputs = write_inputs,
    .inputs = "shapes"};

}  // namespace cairn::tasks::object_detection
