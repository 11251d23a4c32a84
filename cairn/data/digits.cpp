#include "cairn/data/digits.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/data/picture.h"

namespace cairn::data {
namespace {

constexpr uint64_t kTrainSeed = 20240117, kTestSeed = 90210503;
constexpr float kPi = 3.14159265358979f;

struct Point {
  float x, y;
};
using Stroke = std::vector<Point>;

// Draws skeletons in a square of side 1, x to the right, y downwards.
class Pen {
 public:
  explicit Pen(PhiloxStream& random) : random_(random) {}

  Pen& lift() {
    strokes_.emplace_back();
    return *this;
  }
  // A straight line to here. Every point trembles a little: no two hands draw alike.
  Pen& to(float x, float y) {
    strokes_.back().push_back({x + tremor(), y + tremor()});
    return *this;
  }
  // Along an ellipse; angles in degrees, 0 right, 90 down. Its centre and radii vary, not its
  // points.
  Pen& arc(float x, float y, float rx, float ry, float from, float to) {
    x += tremor(), y += tremor(), rx *= 1 + 4 * tremor(), ry *= 1 + 4 * tremor();
    from += 300 * tremor(), to += 300 * tremor();
    const int pieces = std::max(3, static_cast<int>(std::abs(to - from) / 24));
    for (int i = 0; i <= pieces; ++i) {
      const float angle =
          (from + (to - from) * static_cast<float>(i) / static_cast<float>(pieces)) * kPi / 180;
      strokes_.back().push_back({x + rx * std::cos(angle), y + ry * std::sin(angle)});
    }
    return *this;
  }
  std::vector<Stroke>& strokes() { return strokes_; }

 private:
  float tremor() { return random_.uniform(-0.03f, 0.03f); }

  PhiloxStream& random_;
  std::vector<Stroke> strokes_;
};

// The ways in which people write a digit; `style` is any number.
void write_digit(Pen& pen, int digit, uint32_t style) {
  pen.lift();
  switch (digit) {
    case 0: pen.arc(.5f, .5f, style % 2 ? .24f : .18f, .37f, -80, 290); return;
    case 1:
      if (style % 3 != 0) pen.to(.36f, .28f);
      pen.to(.52f, .12f).to(.52f, .88f);
      if (style % 3 == 2) pen.lift().to(.36f, .88f).to(.68f, .88f);
      return;
    case 2:
      pen.arc(.49f, .33f, .21f, .21f, 190, 395);
      if (style % 2) pen.arc(.36f, .8f, .09f, .08f, -30, -330).to(.74f, .86f);
      else pen.to(.28f, .87f).to(.74f, .87f);
      return;
    case 3:
      if (style % 3 == 0) pen.to(.3f, .14f).to(.68f, .14f).to(.47f, .44f);
      else pen.arc(.47f, .31f, .2f, .19f, 205, 440);
      pen.arc(.47f, .68f, .23f, .21f, -85, 150);
      return;
    case 4:
      if (style % 2) {
        pen.to(.36f, .14f).to(.28f, .56f).to(.76f, .56f);
        pen.lift().to(.62f, .3f).to(.61f, .88f);
      } else {
        pen.to(.76f, .61f).to(.25f, .61f).to(.61f, .12f).to(.61f, .88f);
      }
      return;
    case 5:
      pen.to(.7f, .13f).to(.37f, .14f).to(.34f, .48f).arc(.47f, .66f, .22f, .22f, 235, 500);
      return;
    case 6:
      if (style % 2) pen.arc(.72f, .62f, .42f, .5f, 255, 185);
      else pen.to(.58f, .12f).to(.36f, .45f);
      pen.arc(.5f, .67f, .2f, .2f, 190, 545);
      return;
    case 7:
      pen.to(.28f, .15f).to(.72f, .14f);
      if (style % 3 == 1) pen.arc(.86f, .86f, .4f, .62f, 240, 182);
      else pen.to(.43f, .88f);
      if (style % 3 == 2) pen.lift().to(.38f, .5f).to(.68f, .5f);
      return;
    case 8: pen.arc(.5f, .31f, .17f, .18f, 90, 450).arc(.5f, .69f, .21f, .2f, -90, 270); return;
    default:
      pen.arc(.49f, .34f, .19f, .2f, 0, -350);
      if (style % 2) pen.to(.64f, .88f);
      else pen.arc(.28f, .42f, .4f, .47f, 0, 80);
  }
}

// Strays that a reader has to see past: short strokes near the border.
void add_strays(Pen& pen, PhiloxStream& random) {
  for (uint32_t strays = random.below(3); strays > 0; --strays) {
    const float angle = random.uniform(0, 2 * kPi), length = random.uniform(.05f, .22f);
    const float turn = random.uniform(0, 2 * kPi);
    const float x = .5f + .46f * std::cos(angle), y = .5f + .46f * std::sin(angle);
    pen.lift().to(x, y).to(x + length * std::cos(turn), y + length * std::sin(turn));
  }
}

// Skeleton to pixels: a wave (no line is straight), then slant, size, turn and place.
void distort(std::vector<Stroke>& strokes, PhiloxStream& random) {
  const float wave = random.uniform(0, .035f), wave_x = random.uniform(0, 6.28f),
              wave_y = random.uniform(0, 6.28f);
  const float slant = random.uniform(-.35f, .45f), turn = random.uniform(-.22f, .22f);
  const float width = random.uniform(.62f, 1.08f), height = random.uniform(.68f, 1.02f);
  const float left = random.uniform(-.12f, .12f), down = random.uniform(-.12f, .12f);
  const float cosine = std::cos(turn), sine = std::sin(turn);
  for (Stroke& stroke : strokes)
    for (Point& p : stroke) {
      const float wx = p.x + wave * std::sin(9 * p.y + wave_x) - .5f;
      const float wy = p.y + wave * std::sin(9 * p.x + wave_y) - .5f;
      const float sx = (wx - slant * wy) * width, sy = wy * height;
      p.x = (cosine * sx - sine * sy + left + .5f) * kDigitSide;
      p.y = (sine * sx + cosine * sy + down + .5f) * kDigitSide;
    }
}

float distance_to_segment(Point p, Point a, Point b) {
  const float dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const float along =
      length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0f, 1.0f) : 0;
  const float x = p.x - a.x - along * dx, y = p.y - a.y - along * dy;
  return std::sqrt(x * x + y * y);
}

// The part of each pixel that a round pen of this radius covers, at most `ink`.
void draw_segment(Point a, Point b, float radius, float ink, float* canvas) {
  const float reach = radius + 1;
  const int left = std::max(0, static_cast<int>(std::min(a.x, b.x) - reach));
  const int right = std::min(kDigitSide - 1, static_cast<int>(std::max(a.x, b.x) + reach));
  const int top = std::max(0, static_cast<int>(std::min(a.y, b.y) - reach));
  const int bottom = std::min(kDigitSide - 1, static_cast<int>(std::max(a.y, b.y) + reach));
  for (int y = top; y <= bottom; ++y)
    for (int x = left; x <= right; ++x) {
      const Point center{static_cast<float>(x) + .5f, static_cast<float>(y) + .5f};
      const float cover = std::clamp(radius + .5f - distance_to_segment(center, a, b), 0.0f, 1.0f);
      float& pixel = canvas[y * kDigitSide + x];
      pixel = std::max(pixel, cover * ink);
    }
}

// Nearly normal with variance 1: the sum of a word's four bytes.
float noise_from(uint32_t word) {
  const int sum =
      static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
  return static_cast<float>(sum - 510) * (1 / 147.8f);
}

void develop(const float* canvas, PhiloxStream& random, uint8_t* pixels) {
  const float paper = random.uniform(0, .12f), grain = random.uniform(.01f, .13f);
  for (int i = 0; i < kDigitSide * kDigitSide; ++i) {
    const float value = paper + (1 - paper) * canvas[i] + grain * noise_from(random.next());
    pixels[i] = static_cast<uint8_t>(std::clamp(value, 0.0f, 1.0f) * 255 + .5f);
  }
}

}  // namespace

int draw_digit(uint64_t seed, int64_t index, uint8_t* pixels) {
  PhiloxStream random(seed, static_cast<uint64_t>(index));
  const int digit = static_cast<int>(random.below(10));
  Pen pen(random);
  write_digit(pen, digit, random.next());
  const size_t digit_strokes = pen.strokes().size();
  add_strays(pen, random);
  distort(pen.strokes(), random);

  const float radius = random.uniform(.55f, 1.7f), ink = random.uniform(.6f, 1);
  float canvas[kDigitSide * kDigitSide] = {};
  for (size_t s = 0; s < pen.strokes().size(); ++s) {
    const Stroke& stroke = pen.strokes()[s];
    const float strength = s < digit_strokes ? ink : ink * random.uniform(.4f, .9f);
    for (size_t i = 0; i + 1 < stroke.size(); ++i)
      draw_segment(stroke[i], stroke[i + 1], radius, strength, canvas);
  }
  develop(canvas, random, pixels);
  return digit;
}

ImageDatasetPtr open_digits(Split split, DigitsOptions options) {
  const bool train = split == Split::train;
  const int64_t count = train ? options.train : options.test;
  check(count > 0, "digits: {} images wanted", count);
  const ImageShape shape{1, kDigitSide, kDigitSide};
  std::vector<uint8_t> pixels(static_cast<size_t>(count * shape.size())),
      labels(static_cast<size_t>(count));
  parallel_for(count, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      labels[i] = static_cast<uint8_t>(draw_digit(train ? kTrainSeed : kTestSeed, i,
                                                  &pixels[static_cast<size_t>(i * shape.size())]));
  });
  std::vector<std::string> classes;
  for (int i = 0; i < 10; ++i) classes.push_back(std::to_string(i));
  return std::make_shared<MemoryImages>("digits", shape, std::move(classes), std::move(pixels),
                                        std::move(labels));
}

std::vector<std::string> write_digits(const std::string& folder) {
  constexpr uint64_t kSeed = 0x747279;
  std::vector<std::string> files;
  uint8_t pixels[kDigitSide * kDigitSide];
  bool written[10] = {};
  for (int64_t i = 0; files.size() < std::size(written); ++i) {
    const int label = draw_digit(kSeed, i, pixels);
    if (std::exchange(written[label], true)) continue;
    files.push_back(fmt::format("{}/{}.png", folder, label));
    io::write_png(files.back(), picture_of(pixels, {1, kDigitSide, kDigitSide}));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace cairn::data
