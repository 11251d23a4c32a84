#include <algorithm>
#include <filesystem>

#include "cairn/models/grad_cam.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/video_classification/task.h"
#include "cairn/train/report/classified.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/report/filters.h"
#include "cairn/train/report/measured.h"

namespace cairn::tasks::video_classification {
namespace {

using namespace train::report;

constexpr int kStrip = 4;         // frames of a clip that are shown
constexpr size_t kExplained = 8;  // clips

io::Image frame_of(const data::Clip& clip, const data::ClipShape& s, int frame) {
  io::Image image(s.width, s.height, s.channels);
  for (int c = 0; c < s.channels; ++c)
    for (size_t i = 0; i < s.plane(); ++i)
      image.pixels[i * static_cast<size_t>(s.channels) + static_cast<size_t>(c)] =
          clip.pixels[static_cast<size_t>(c * s.frames + frame) * s.plane() + i];
  return image;
}

// Frames side by side, evenly spread.
template <class Frame>
io::Image strip_of(int frames, const Frame& frame) {
  std::vector<io::Image> shown;
  for (int i = 0; i < kStrip; ++i) shown.push_back(frame(i * (frames - 1) / (kStrip - 1)));
  return io::grid(shown, kStrip, 1, 128);
}

struct Judged {
  data::ClipSet set;
  std::vector<int64_t> places;  // of those that are judged
  Classified seen;
};

// The videos that it never saw.
Judged judge(Classifier& c) {
  Judged j{c.open(""), {}, {}};
  const Options& o = c.options();
  std::vector<std::vector<float>> rows;
  const auto add = [&](Classifier& by) {
    const auto places = parts_of(j.set, by.options()).second;
    const auto more = by.meter().probabilities(j.set, places);
    j.places.insert(j.places.end(), places.begin(), places.end());
    rows.insert(rows.end(), more.begin(), more.end());
  };
  if (o.folds->empty() || !o.fold.is_open()) add(c);
  else
    for (int64_t k = 0; k <= std::ranges::max(folds_of(j.set, o)); ++k) {
      Classifier of_fold(train::open_saved_model(fmt::format("{}/folds/{}", c.path(), k), kTask));
      add(of_fold);
    }
  j.seen.classes = j.set.classes, j.seen.plural = "videos";
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto best = std::ranges::max_element(rows[i]);
    j.seen.guesses.push_back({static_cast<int64_t>(i),
                              j.set.clips[static_cast<size_t>(j.places[i])].label,
                              static_cast<int>(best - rows[i].begin()), *best});
  }
  return j;
}

// What of which frames spoke for what is said: the surest mistakes, then others.
void write_reasons(Page& page, Classifier& c, const Judged& j) {
  std::vector<Guess> shown = mistakes_of(j.seen.guesses);
  shown.resize(std::min(shown.size(), kExplained / 2));
  for (const Guess& g : j.seen.guesses)
    if (g.is_right() && shown.size() < kExplained) shown.push_back(g);
  const Options& o = c.options();
  const data::ClipShape& s = j.set.shape;
  const auto first = static_cast<int>((s.frames - *o.window) / 2);
  std::vector<Figure> figures;
  for (const Guess& g : shown) {
    const int64_t place = j.places[static_cast<size_t>(g.index)];
    const Tensor x = slice(tensor_of(j.set, {&place, 1}), 2, first, o.window);
    const Tensor maps = models::grad_cam(c.network(), x, g.guess);
    if (!maps.defined()) return;
    const auto window = static_cast<int>(*o.window);
    const io::Image strip = strip_of(window, [&](int frame) {
      const Tensor map = select(maps, 0, frame * maps.size(0) / window);
      return highlighted(frame_of(j.set.clips[static_cast<size_t>(place)], s, first + frame), map);
    });
    figures.push_back(figure(
        strip, fmt::format("{}: what spoke for {}", j.set.classes[g.label], j.set.classes[g.guess]),
        std::max(1, 64 / s.width)));
  }
  page.heading("Where and when it looked (Grad-CAM)");
  page.figures(figures);
}

}  // namespace

void report(Page& page, Classifier& c, const Lines& log) {
  Judged j = judge(c);
  const data::ClipShape s = j.set.shape;
  j.seen.picture = [&](int64_t i) {
    const data::Clip& clip = j.set.clips[static_cast<size_t>(j.places[static_cast<size_t>(i)])];
    return strip_of(s.frames, [&](int frame) { return frame_of(clip, s, frame); });
  };
  const metrics::Confusion confusion = j.seen.confusion();
  const std::string right = fmt::format("{:.1f} %", confusion.accuracy() * 100);
  const std::string folds =
      c.options().folds->empty() ? "" : fmt::format(", leaving one {} out", *c.options().folds);
  page.headline(fmt::format("{} of {} videos that it never saw{}", right, j.places.size(), folds));
  page.heading("What it says of them");
  write_guesses(page, j.seen);
  write_facts(page, c, log,
              {{"network", *c.options().model},
               {"videos", with_thousands(std::ssize(j.set.clips))},
               {"frames of each", std::to_string(s.frames)},
               {"accuracy", right}});
  auto figures = confusion_figure(confusion, j.set.classes);
  for (Figure& f :
       loss_charts(log, "cross-entropy", c.options().folds->empty() ? "validation" : "train"))
    figures.push_back(std::move(f));
  page.figures(figures);
  write_mistakes(page, j.seen);
  write_reasons(page, c, j);
}

}  // namespace cairn::tasks::video_classification
