#include <algorithm>
#include <array>

#include "cairn/metrics/detection_errors.h"
#include "cairn/tasks/object_detection/task.h"

namespace cairn::tasks::object_detection {
namespace {

using namespace train::report;
using data::Detection;

constexpr size_t kLooks = 6;         // pictures that are shown
constexpr double kShownScore = 0.3;  // of boxes in them, and of those whose errors are counted
constexpr int kTile = 192;           // pixels of a picture's longer side

struct Colour {
  const char* name;
  std::array<uint8_t, 3> rgb;
};
// The first ones in the order of a chart's.
constexpr Colour kColours[] = {{"blue", {30, 90, 240}},    {"orange", {250, 110, 0}},
                               {"green", {20, 160, 60}},   {"violet", {150, 50, 200}},
                               {"yellow", {235, 210, 20}}, {"red", {230, 30, 30}},
                               {"cyan", {0, 180, 200}},    {"brown", {140, 90, 40}}};
constexpr size_t kCurves = 5;  // of different colours in a chart
const Colour& colour_of(int64_t label) {
  return kColours[static_cast<size_t>(label) % std::size(kColours)];
}

void paint(io::Image& image, int x1, int y1, int x2, int y2, const std::array<uint8_t, 3>& rgb) {
  for (int y = std::max(0, y1); y < std::min(image.height, y2); ++y)
    for (int x = std::max(0, x1); x < std::min(image.width, x2); ++x)
      std::copy_n(rgb.data(), 3, image.at(x, y));
}

std::vector<Detection> shown_of(const std::vector<Detection>& found) {
  std::vector<Detection> shown;
  for (const Detection& d : found)
    if (d.score >= kShownScore) shown.push_back(d);
  return shown;
}

std::vector<Detection> boxes_of(const std::vector<data::GroundTruth>& objects) {
  std::vector<Detection> boxes;
  for (const data::GroundTruth& o : objects) boxes.push_back({o.box, o.label, 1});
  return boxes;
}

// A picture as large as suits a page, with boxes.
io::Image tile_with(const io::Image& image, const std::vector<Detection>& boxes) {
  const double scale = double(kTile) / std::max(image.width, image.height);
  const int width = std::max(1, int(image.width * scale)),
            height = std::max(1, int(image.height * scale));
  std::vector<Detection> moved = boxes;
  for (Detection& d : moved)
    d.box = {d.box.x1 * scale, d.box.y1 * scale, d.box.x2 * scale, d.box.y2 * scale};
  return with_boxes(io::resize(image, width, height), moved);
}

void looks(Page& page, const data::DetectionDataset& set, const std::vector<Found>& found,
           const std::vector<std::string>& classes) {
  page.heading("What it finds in pictures that it never saw");
  std::vector<Figure> pictures;
  for (size_t k : spread_over(found.size(), kLooks, 1)) {
    const io::Image image = set->get(static_cast<int64_t>(k)).image;
    const auto shown = shown_of(found[k].detections);
    pictures.push_back(figure(
        tile_with(image, shown),
        fmt::format("found {}, there are {}", shown.size(), found[k].picture.objects.size())));
    pictures.push_back(
        figure(tile_with(image, boxes_of(found[k].picture.objects)), "as annotated"));
  }
  page.figures(pictures);
  std::string legend;
  for (size_t k = 0; k < std::min(classes.size(), std::size(kColours)); ++k)
    legend +=
        fmt::format("{}{} {}", k ? ", " : "", colour_name(static_cast<int64_t>(k)), classes[k]);
  page.paragraph(fmt::format("Colours: {}. Boxes of a score of {} and more.", legend, kShownScore));
}

// Beside it: charts of the training.
void precision_recall(Page& page, const std::vector<Found>& found,
                      const std::vector<std::string>& classes, std::vector<Figure> learned) {
  metrics::DetectionMetrics metrics(classes.size());
  for (const Found& f : found) metrics.add(f.picture.objects, f.detections);
  LineChart chart{"Precision and recall at IoU 0.5", "part found", "part right", {}, 0, ""};
  for (size_t k = 0; k < std::min(classes.size(), kCurves); ++k) {
    const auto curve = metrics.precision_recall(static_cast<int64_t>(k), 0.5);
    chart.series.push_back({classes[k], curve.recall, curve.precision});
  }
  auto figures =
      charts({{chart,
               "The lower the score that is accepted, the more is found and the less of "
               "it is right; the area is the average precision." +
                   std::string(classes.size() > kCurves ? " The first five classes." : "")}});
  page.heading("How much it finds, and how it learned");
  for (Figure& f : learned) figures.push_back(std::move(f));
  page.figures(figures);
}

void errors(Page& page, const std::vector<Found>& found) {
  metrics::DetectionErrors e;
  for (const Found& f : found)
    e += metrics::detection_errors(f.picture.objects, shown_of(f.detections));
  const std::pair<const char*, int64_t> kinds[] = {{"right", e.right},
                                                   {"missed", e.missed},
                                                   {"wrong class", e.wrong_label},
                                                   {"misplaced", e.misplaced},
                                                   {"wrong class and misplaced", e.both},
                                                   {"found twice", e.duplicate},
                                                   {"nothing there", e.background}};
  int64_t most = 1;
  for (const auto& [name, count] : kinds) most = std::max(most, count);
  std::vector<Bar> all;
  for (const auto& [name, count] : kinds)
    all.push_back({name, double(count) / double(most), with_thousands(count)});
  page.heading("What goes wrong");
  page.figures(
      {{bars(all),
        fmt::format("Boxes of a score of {} and more. Right: IoU 0.5 or more with an object "
                    "of the class; misplaced: 0.1 to 0.5.",
                    kShownScore)}});
}

std::vector<Figure> curves(const Lines& lines) {
  const LineChart loss{"Loss of what it learns from", "step", "focal + 2 GIoU",
                       {curve_of(lines, "loss", "")}, 0,      ""};
  const LineChart found{"Average precision on validation pictures",
                        "step",
                        "mAP",
                        {curve_of(lines, "validation_map50", "IoU 0.5"),
                         curve_of(lines, "validation_map", "IoU 0.5 to 0.95")},
                        0,
                        ""};
  return charts({{loss, ""}, {found, "The weights that are best here are kept."}});
}

}  // namespace

std::string colour_name(int64_t label) { return colour_of(label).name; }

io::Image with_boxes(io::Image picture, std::span<const Detection> boxes) {
  picture = io::with_channels(picture, 3);
  const int thick = std::max(2, std::max(picture.width, picture.height) / 300);
  for (size_t k = boxes.size(); k-- > 0;) {  // the best on top
    const data::Box& b = boxes[k].box;
    const int x1 = int(b.x1), y1 = int(b.y1), x2 = int(b.x2 + 0.5), y2 = int(b.y2 + 0.5);
    const auto& rgb = colour_of(boxes[k].label).rgb;
    paint(picture, x1, y1, x2, y1 + thick, rgb), paint(picture, x1, y2 - thick, x2, y2, rgb);
    paint(picture, x1, y1, x1 + thick, y2, rgb), paint(picture, x2 - thick, y1, x2, y2, rgb);
  }
  return picture;
}

void report(Page& page, ObjectDetector& detector, const Lines& log) {
  const auto set = detector.open("", "test");
  const auto found = find_all(detector.finder(), set);
  const Json result = measured(found, detector.classes());
  page.headline(fmt::format("{} on {}", in_words(result), short_name(detector.options().data)));
  looks(page, set, found, detector.classes());
  write_facts(page, detector, log,
              {{"test pictures", with_thousands(set->size())},
               {"seen at", fmt::format("{} x {} pixels", detector.options().view_width(),
                                       detector.options().view_height())}});
  errors(page, found);
  precision_recall(page, found, detector.classes(), curves(log));
}

}  // namespace cairn::tasks::object_detection
