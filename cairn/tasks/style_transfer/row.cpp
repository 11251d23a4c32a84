#include <algorithm>
#include <filesystem>
#include <optional>

#include "cairn/data/clips.h"
#include "cairn/data/detection_set.h"
#include "cairn/data/files.h"
#include "cairn/data/folder.h"
#include "cairn/data/picture.h"
#include "cairn/io/video.h"
#include "cairn/io/video_writer.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/outputs.h"
#include "cairn/tasks/style_transfer/task.h"
#include "cairn/train/report/curves.h"

namespace cairn::tasks::style_transfer {
namespace {

namespace fs = std::filesystem;

Json evaluate(Painter& p, const EvalOptions& o) {
  const Options& of_run = p.options();
  if (p.both())
    return p.result("validation", train::by_leader([&] {
                      return measure_cycle(
                          of_run, *p.both(),
                          open_kinds(of_run, o.or_own(of_run.data), of_run.target));
                    }));
  const Pictures pictures = open_pictures(of_run, o.or_own(of_run.data));
  return p.result("validation", Judge(of_run).measure(of_run, p.network(), pictures.held_back));
}

struct PredictOptions : FileOptions {
  Option<std::string> out{this, "out", "",
                          "PNG file for one picture, video (mp4, mkv, mov) for one video; else a "
                          "folder (of a video: a folder of its frames)"};
  Option<bool> colours{this, "colours", false, "Keep the picture's own colours"};
  Option<bool> back{this, "back", false, "Of a cyclegan: from the target's kind to the source's"};
};

io::Image painted(models::StyledPictures& styled, const io::Image& given, const PredictOptions& o) {
  constexpr int kLeast = 16;
  check(std::min(given.width, given.height) >= kLeast, "{} x {} pixels; at least {} each way",
        given.width, given.height, kLeast);
  const io::Image made = styled(given);
  return o.colours ? models::with_colours_of(made, given) : made;
}

// Every frame, into a video that is shown as long.
int64_t repaint_video(models::StyledPictures& styled, const std::string& file,
                      const std::string& to, const PredictOptions& o) {
  io::VideoReader video(file);
  io::VideoWriter made(to);
  int64_t frames = 0;
  for (; video.advance(); ++frames) made.add(painted(styled, video.image(), o), video.seconds());
  made.finish();
  return frames;
}

// Every frame, into a folder.
int64_t paint_video(models::StyledPictures& styled, const std::string& file,
                    const std::string& folder, const PredictOptions& o) {
  io::VideoReader video(file);
  int64_t frame = 0;
  for (; video.advance(); ++frame) {
    const io::Image made = painted(styled, video.image(), o);
    fs::create_directories(folder);
    io::write_png(fmt::format("{}/{:05}.png", folder, frame), made);
  }
  return frame;
}

int predict(Painter& p, const PredictOptions& o) {
  if (o.out->empty()) throw InvalidOption("out", "say where to write what is painted");
  o.back.require(!o.back || p.both(), "means nothing with this run: its network has one direction");
  const auto is_picture_or_video = [](const std::string& path) {
    return data::is_meant_as_image(path) || data::is_clip_file(path);
  };
  const FileKind kind{"pictures or videos", is_picture_or_video, {"painted"}, "painted"};
  const bool one = o.files->size() == 1 && !data::is_folder((*o.files)[0]);
  const bool is_clip = one && data::is_clip_file((*o.files)[0]);
  const bool alone =
      one && (is_clip ? io::is_writable_video_name(*o.out) : data::ends_with(*o.out, ".png"));
  if (alone) io::check_writable(*o.out);
  o.out.require(!one || alone || !is_file_name(o.out) || data::is_folder(*o.out), "'{}': {}",
                *o.out,
                is_clip ? "a video's name ends with .mp4, .m4v, .mov or .mkv; else give a folder"
                        : "a picture's name ends with .png; else give a folder");
  std::optional<OutFolder> folder;
  if (!alone) folder.emplace(o.out, o.files, p.path());
  const auto name_for = [&](const std::string& file, const char* ending) -> std::string {
    if (folder) return folder->name(file, ending);
    keep_given(file, o.out);
    return *o.out;
  };
  models::StyledPictures styled(p.styler(o.back));
  return say_of_files(o, kind, [&](const std::string& file) {
    if (data::is_clip_file(file)) {
      const std::string to = name_for(file, "");
      const int64_t frames =
          alone ? repaint_video(styled, file, to, o) : paint_video(styled, file, to, o);
      return Said{
          fmt::format(" {}, {} frames", to, frames), {{"painted", to}, {"frames", frames}}, {to}};
    }
    const std::string to = name_for(file, ".png");
    const io::Image made = [&] {
      const io::Image given = io::read_image(file);
      try {
        return painted(styled, given, o);
      } catch (const Error& e) { fail("'{}': {}", file, e.what()); }
    }();
    if (folder) folder->make();
    io::write_png(to, made);
    return Said{" " + to, {{"painted", to}}, {to}};
  });
}

std::vector<std::string> write_inputs(const std::string& folder) {
  constexpr uint64_t kSeed = 12;  // of none that were learned from
  std::vector<std::string> files;
  for (int64_t i = 0; i < 3; ++i) {
    files.push_back(fmt::format("{}/shapes-{}.png", folder, i));
    io::write_png(files.back(), data::draw_shapes(kSeed, i).image);
  }
  return files;
}

}  // namespace

Painter::Painter(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved, &Options::width, &Options::blocks, &Options::image_size)),
      both_(options_.model == kCycle
                ? std::optional(models::CyclePainters(options_.width, options_.blocks))
                : std::nullopt),
      net_(both_ ? both_->to_target : models::Styler(options_.width, options_.blocks)) {
  train::load_weights(saved, network());
  network().eval();
}

std::vector<Port> Painter::takes() {
  return {{"pictures", DType::f32, {kAnyBatch, 3, *options_.image_size, *options_.image_size}}};
}

std::vector<Tensor> Painter::inputs(int64_t examples) {
  const auto set = open_pictures(options_, options_.data).train;
  const auto side = static_cast<int>(*options_.image_size);
  Tensors each;
  for (int64_t i = 0; i < std::min(examples, set->size()); ++i)
    each.push_back(
        models::tensor_of_picture(data::fit_picture(data::picture_of(*set, i), {3, side, side})));
  return {cat(each, 0)};
}

Tensors Painter::read(const std::string& file) {
  const auto side = static_cast<int>(*options_.image_size);
  return {models::tensor_of_picture(data::fit_picture(io::read_image(file), {3, side, side}))};
}

namespace {

void report_cycle(train::report::Page& page, Painter& p, const train::report::Lines& log) {
  using namespace train::report;
  constexpr int64_t kShown = 6;
  const Options& o = p.options();
  const TwoKinds kinds = open_kinds(o, o.data, o.target);
  page.headline(fmt::format("{} become {} and back: {}", short_name(o.data), short_name(o.target),
                            in_words(measure_cycle(o, *p.both(), kinds))));
  const auto rows = cycle_rows(*p.both(), kinds, o, kShown);
  const auto half = rows.begin() + std::ssize(rows) / 2;
  page.heading("Pictures that it never saw, what they become, and what that becomes");
  page.figures({figure(io::grid({rows.begin(), half}, 3), "there and back"),
                figure(io::grid({half, rows.end()}, 3), "back and there")});
  write_facts(page, p, log,
              {{"pictures of", short_name(o.data)}, {"and of", short_name(o.target)}});
  page.figures(charts({{LineChart{"The two losses",
                                  "step",
                                  "loss",
                                  {curve_of(log, "loss_discriminator", "discriminators"),
                                   curve_of(log, "loss_generator", "generators")},
                                  0,
                                  ""},
                        "The generators' holds the ways there and back, too."},
                       {LineChart{"There and back",
                                  "step",
                                  "mean absolute difference",
                                  {curve_of(log, "validation_cycle", "held back")},
                                  0,
                                  ""},
                        ""},
                       {LineChart{"Frechet distance",
                                  "step",
                                  "made against real",
                                  {curve_of(log, "validation_frechet", "of the target"),
                                   curve_of(log, "validation_frechet_back", "of the source")},
                                  0,
                                  ""},
                        "By features of random weights: less is nearer."}}));
}

}  // namespace

void report(train::report::Page& page, Painter& p, const train::report::Lines& log) {
  using namespace train::report;
  constexpr int64_t kShown = 6;
  if (p.both()) return report_cycle(page, p, log);
  const Options& o = p.options();
  const auto set = open_pictures(o, o.data).held_back;
  page.headline(fmt::format("Pictures in the style of {}: {}", short_name(o.style),
                            in_words(Judge(o).measure(o, p.network(), set))));
  page.figures({figure(style_picture(o), "The style")});
  page.heading("Pictures that it never saw, and what it makes of them");
  std::vector<Figure> figures;
  models::StyledPictures styled(p.styler());
  for (int64_t i = 0; i < std::min(kShown, set->size()); ++i) {
    const io::Image given = data::picture_of(*set, i), made = styled(given);
    figures.push_back(figure(io::grid({given, made, models::with_colours_of(made, given)}, 3),
                             i == 0 ? "The picture, painted, and with its own colours" : ""));
  }
  page.figures(figures);
  write_facts(page, p, log,
              {{"pictures of", short_name(o.data)},
               {"features", o.features->empty() ? "random weights" : short_name(o.features)}});
  page.figures(loss_charts(log, "loss", "validation"));
}

extern const Opener kOpener;
const Opener kOpener{kTask, open_as<Painter>};
const Task kRow{
    .name = kTask,
    .title = "Style transfer",
    .what = "Draw pictures in the style of one, or of a folder",
    .examples =
        "  cairn train style-transfer --style wave.jpg --data photos/ --features squeezenet.pt\n"
        "  cairn train style-transfer --model cyclegan --data horses/ --target zebras/\n"
        "  cairn train --resume runs/wave\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"loss", false}},
    .verbs = {eval_verb<Painter, EvalOptions, evaluate, in_words>(
                  "Measure how much of content and style is missed",
                  "  cairn eval runs/wave --json\n"),
              verb<Painter, PredictOptions, predict>(
                  "predict", "Paint pictures and videos",
                  "  cairn predict runs/wave photo.jpg --out painted.png\n"
                  "  cairn predict runs/wave clip.mp4 --out painted.mp4 --colours\n"
                  "  cairn predict runs/zebras zebra.jpg --back --out horse.png\n")
                  .of("picture")},
    .report = report_as<Painter, report>,
    .smallest = R"({"data": "shapes", "steps": 6, "batch": 2, "width": 2, "blocks": 1,
                    "image_size": 32, "style_size": 32, "eval_every": 3})",
    .write_inputs = write_inputs,
    .inputs = "pictures"};

}  // namespace cairn::tasks::style_transfer
