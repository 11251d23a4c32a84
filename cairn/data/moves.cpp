// Clips that the program draws: what video classification learns from without files.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cairn/base/philox.h"
#include "cairn/data/clips.h"

namespace cairn::data {
namespace {

enum Move { blinks, falls, grows, rises, shrinks, swings };  // as move_names() has them

struct Body {
  double x, y, radius, brightness;
  bool square;
  bool covers(double px, double py) const {
    const double u = std::abs(px - x), v = std::abs(py - y);
    return square ? std::max(u, v) <= radius * 0.9 : u * u + v * v <= radius * radius;
  }
};

// At time t from 0 to 1; `phase` shifts what repeats.
Body moved(Body b, Move move, double t, double phase, double speed) {
  constexpr double kTurn = 6.283185307179586;
  const double way = (t - 0.5) * speed;
  switch (move) {
    case rises: b.y -= 14 * way; break;
    case falls: b.y += 14 * way; break;
    case grows: b.radius *= std::exp2(way); break;
    case shrinks: b.radius *= std::exp2(-way); break;
    case swings: b.x += 5 * std::sin(kTurn * (2 * t * speed + phase)); break;
    case blinks: b.brightness *= std::sin(kTurn * (2 * t * speed + phase)) > 0 ? 1 : 0.2; break;
  }
  return b;
}

void paint(const Body& b, double ground, const ClipShape& s, PhiloxStream& noise, uint8_t* frame) {
  for (int y = 0; y < s.height; ++y)
    for (int x = 0; x < s.width; ++x) {
      double covered = 0;
      for (const double dx : {0.25, 0.75})
        for (const double dy : {0.25, 0.75}) covered += b.covers(x + dx, y + dy) ? 0.25 : 0;
      const double value = ground + covered * b.brightness + 12 * noise.normal();
      frame[y * s.width + x] = static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
    }
}

}  // namespace

std::vector<std::string> move_names() {
  return {"blinks", "falls", "grows", "rises", "shrinks", "swings"};
}

Clip draw_move(uint64_t seed, int64_t index) {
  PhiloxStream random(philox_derive(seed, 0x6d6f766573), static_cast<uint64_t>(index));
  const ClipShape& s = kMovesShape;
  Clip clip{std::to_string(index), static_cast<int>(random.below(6)), "", {}};
  clip.pixels.resize(s.size());
  const Body body{random.uniform(11, 21), random.uniform(13, 19), random.uniform(3.5f, 6),
                  random.uniform(70, 140), random.chance(0.5f)};
  const double ground = random.uniform(20, 90), phase = random.uniform(),
               speed = random.uniform(0.7f, 1.2f);
  for (int f = 0; f < s.frames; ++f) {
    const double t = static_cast<double>(f) / (s.frames - 1);
    paint(moved(body, static_cast<Move>(clip.label), t, phase, speed), ground, s, random,
          &clip.pixels[static_cast<size_t>(f) * s.plane()]);
  }
  return clip;
}

std::vector<std::string> write_moves(const std::string& folder) {
  constexpr uint64_t kSeed = 0x74727921;  // of no training
  const std::vector<std::string> names = move_names();
  std::vector<std::string> folders(names.size());
  for (int64_t i = 0; std::ranges::count(folders, "") > 0; ++i) {
    const Clip clip = draw_move(kSeed, i);
    std::string& to = folders[static_cast<size_t>(clip.label)];
    if (!to.empty()) continue;
    to = folder + "/" + names[static_cast<size_t>(clip.label)];
    std::filesystem::create_directories(to);
    const ClipShape& s = kMovesShape;
    for (int f = 0; f < s.frames; ++f) {
      io::Image image(s.width, s.height, 1);
      std::copy_n(&clip.pixels[static_cast<size_t>(f) * s.plane()], s.plane(),
                  image.pixels.begin());
      io::write_png(fmt::format("{}/{:02}.png", to, f), image);
    }
  }
  return folders;
}

}  // namespace cairn::data
