#include "cairn/data/detection_view.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::data {
namespace {

constexpr uint8_t kGround = 114;        // as YOLO pads
constexpr double kLeastVisible = 0.25;  // of a box's area, where it is cut
constexpr double kLeastSide = 2;        // pixels

Box moved(const Box& b, double scale, double x, double y) {
  return {b.x1 * scale + x, b.y1 * scale + y, b.x2 * scale + x, b.y2 * scale + y};
}

LabelledPicture empty_canvas(int width, int height) {
  return {"", io::Image(width, height, 3, kGround), {}};
}

// Somewhere such that picture and room cover as much of each other as they can.
double place_in(double room, double size, PhiloxStream& random) {
  const double free = room - size;
  return std::min(0.0, free) + std::abs(free) * random.uniform();
}

void lay_at_random(const LabelledPicture& p, const Box& room, double scale, PhiloxStream& random,
                   LabelledPicture& canvas) {
  const double x = place_in(room.width(), p.image.width * scale, random);
  const double y = place_in(room.height(), p.image.height * scale, random);
  lay(p, scale, room.x1 + x, room.y1 + y, room, canvas);
}

void change_light(io::Image& image, double by, PhiloxStream& random) {
  const double spread = by;
  const double brightness = 1 + random.uniform(float(-spread), float(spread));
  const double contrast = 1 + random.uniform(float(-spread), float(spread));
  std::array<uint8_t, 256> table;
  for (int v = 0; v < 256; ++v)
    table[static_cast<size_t>(v)] = static_cast<uint8_t>(
        std::lround(std::clamp(((v - 128) * contrast + 128) * brightness, 0.0, 255.0)));
  for (uint8_t& v : image.pixels) v = table[v];
}

}  // namespace

double scale_to_fit(int from_width, int from_height, int width, int height) {
  return std::min(double(width) / from_width, double(height) / from_height);
}

LabelledPicture scaled_to_fit(const LabelledPicture& picture, int width, int height) {
  const double scale = scale_to_fit(picture.image.width, picture.image.height, width, height);
  const int w = std::clamp<int>(int(std::lround(picture.image.width * scale)), 1, width);
  const int h = std::clamp<int>(int(std::lround(picture.image.height * scale)), 1, height);
  LabelledPicture out{picture.file, io::resize(picture.image, w, h), picture.objects};
  for (GroundTruth& o : out.objects) o.box = moved(o.box, scale, 0, 0);
  return out;
}

LabelledPicture letterboxed(const LabelledPicture& picture, int width, int height) {
  LabelledPicture out = empty_canvas(width, height);
  const LabelledPicture small = scaled_to_fit(picture, width, height);
  out.file = picture.file, out.objects = small.objects;
  for (int y = 0; y < small.image.height; ++y)
    std::copy_n(small.image.at(0, y), size_t(small.image.width) * 3, out.image.at(0, y));
  return out;
}

LabelledPicture mirrored(const LabelledPicture& picture) {
  LabelledPicture out = picture;
  const int width = picture.image.width;
  for (int y = 0; y < picture.image.height; ++y)
    for (int x = 0; x < width; ++x)
      std::copy_n(picture.image.at(width - 1 - x, y), 3, out.image.at(x, y));
  for (GroundTruth& o : out.objects)
    o.box = {width - o.box.x2, o.box.y1, width - o.box.x1, o.box.y2};
  return out;
}

LabelledPicture upside_down(const LabelledPicture& picture) {
  LabelledPicture out = picture;
  const int height = picture.image.height;
  for (int y = 0; y < height; ++y)
    std::copy_n(picture.image.at(0, height - 1 - y), size_t(picture.image.width) * 3,
                out.image.at(0, y));
  for (GroundTruth& o : out.objects)
    o.box = {o.box.x1, height - o.box.y2, o.box.x2, height - o.box.y1};
  return out;
}

void lay(const LabelledPicture& picture, double scale, double x, double y, const Box& room,
         LabelledPicture& canvas) {
  check(picture.image.channels == 3 && canvas.image.channels == 3 && scale > 0,
        "lay: pictures of 3 channels are wanted, a scale above 0 ({})", scale);
  const int width = std::max(1, int(std::lround(picture.image.width * scale)));
  const int height = std::max(1, int(std::lround(picture.image.height * scale)));
  const io::Image scaled = io::resize(picture.image, width, height);
  const int left = int(std::lround(x)), top = int(std::lround(y));
  const int x1 = std::max(int(room.x1), left), x2 = std::min(int(room.x2), left + width);
  const int y1 = std::max(int(room.y1), top), y2 = std::min(int(room.y2), top + height);
  if (x2 > x1)
    for (int row = y1; row < y2; ++row)
      std::copy_n(scaled.at(x1 - left, row - top), size_t(x2 - x1) * 3, canvas.image.at(x1, row));
  for (GroundTruth o : picture.objects) {
    const Box whole = moved(o.box, scale, left, top);
    o.box = {std::clamp(whole.x1, room.x1, room.x2), std::clamp(whole.y1, room.y1, room.y2),
             std::clamp(whole.x2, room.x1, room.x2), std::clamp(whole.y2, room.y1, room.y2)};
    if (o.box.width() < kLeastSide || o.box.height() < kLeastSide) continue;
    if (o.box.area() >= kLeastVisible * whole.area()) canvas.objects.push_back(o);
  }
}

LabelledPicture training_view(const DetectionDataset& set, int64_t index, const ViewOptions& o,
                              PhiloxStream random) {
  LabelledPicture view = empty_canvas(o.width, o.height);
  const auto scale = [&] { return 1 + o.scale * (2 * double(random.uniform()) - 1); };
  if (random.chance(float(o.mosaic))) {
    const double x = std::floor(o.width * (0.25 + 0.5 * random.uniform()));
    const double y = std::floor(o.height * (0.25 + 0.5 * random.uniform()));
    const Box rooms[] = {{0, 0, x, y},
                         {x, 0, double(o.width), y},
                         {0, y, x, double(o.height)},
                         {x, y, double(o.width), double(o.height)}};
    for (const Box& room : rooms) {
      lay_at_random(set->get(index), room, scale(), random, view);
      index = random.below(static_cast<uint32_t>(set->size()));
    }
  } else {
    lay_at_random(set->get(index), {0, 0, double(o.width), double(o.height)}, scale(), random,
                  view);
  }
  if (o.flip && random.chance(0.5f)) view = mirrored(view);
  if (o.flip_vertical && random.chance(0.5f)) view = upside_down(view);
  if (o.light > 0) change_light(view.image, o.light, random);
  return view;
}

}  // namespace cairn::data
