#include "cairn/data/folder.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/image_to_image/task.h"
#include "cairn/tasks/outputs.h"

namespace cairn::tasks::image_to_image {
namespace {

struct PairEvalOptions : EvalOptions {
  Option<std::string> split{this, "split", "test", one_of({"train", "validation", "test"}),
                            "Part of the data"};
};

Json evaluate(Translator& t, const PairEvalOptions& o) {
  const auto set = t.open(o.data.is_open() ? "" : *o.data, o.split);
  const std::vector<io::Image> made = make_all(t.maker(), set);
  Json result = {{"task", kTask}, {"split", *o.split}};
  result.update(measured(set, made));
  result["frechet"] = frechet(set, made);
  return result;
}

struct PredictOptions : FileOptions {
  Option<std::string> out{this, "out", "", "Folder for the pictures that are made (PNG)"};
};

int predict(Translator& t, const PredictOptions& o) {
  if (o.out->empty()) throw InvalidOption("out", "say which folder to write the pictures to");
  OutFolder out(o.out, o.files, t.path());
  const FileKind kind{"pictures", data::is_meant_as_image, {"made"}, "made"};
  return say_of_files(o, kind, [&](const std::string& file) {
    const std::string to = out.name(file, ".png");
    const io::Image given = t.given_in(file), made = t.maker().make({&given, 1})[0];
    out.make(), io::write_png(to, made);
    return Said{" " + to, {{"made", to}}, {to}};
  });
}

std::vector<std::string> write_inputs(const std::string& folder) {
  constexpr uint64_t kSeed = 3;  // of none of the splits
  std::vector<std::string> files;
  for (int64_t i = 0; i < 8; ++i) {
    files.push_back(fmt::format("{}/outlines-{}.png", folder, i));
    io::write_png(files.back(), data::draw_outlines(kSeed, i).input);
  }
  return files;
}

std::string summary(const Json& r) {
  return fmt::format("test {}, {} steps, samples in {}/samples", in_words(r),
                     r["steps"].get<int64_t>(), r["run"].get<std::string>());
}

}  // namespace

const Task kRow{
    .name = kTask,
    .title = "Image to image",
    .what = "Make a picture from another: photographs from maps, shapes from outlines",
    .examples =
        "  cairn train image-to-image --data facades/ --out runs/facades\n"
        "  cairn train image-to-image --data maps/ --given left --image-size 256\n"
        "  cairn train --resume runs/facades\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary,
    .qualities = {{"psnr"}},
    .verbs = {eval_verb<Translator, PairEvalOptions, evaluate, in_words>(
                  "Measure how near what is made is to what it should be",
                  "  cairn eval runs/facades --json\n"),
              verb<Translator, PredictOptions, predict>(
                  "predict", "Make pictures from others",
                  "  cairn predict runs/facades map.png --out made\n"
                  "  cairn predict runs/facades maps/ --out made --json\n")
                  .of("picture")},
    .report = report_as<Translator, report>,
    .smallest = R"({"data": "shapes", "steps": 6, "batch": 4, "width": 4, "sample_every": 2})",
    .write_inputs = write_inputs,
    .inputs = "outlines"};

}  // namespace cairn::tasks::image_to_image
