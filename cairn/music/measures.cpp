#include "cairn/music/measures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>

#include "cairn/base/philox.h"

namespace cairn::music {
namespace {

constexpr int kResamples = 500;

struct Mean {
  double sum = 0, count = 0;
  void add(double value) { sum += value, ++count; }
  double value() const { return count > 0 ? sum / count : NAN; }
};

bool consonant(int low, int high, bool on_lowest) {
  constexpr bool kConsonant[] = {true,  false, false, true, true,  true,
                                 false, true,  true,  true, false, false};
  const int interval = std::abs(high - low) % 12;
  return kConsonant[interval] && !(on_lowest && interval == 5);
}

using Classes = std::array<double, 12>;  // how long each pitch class sounds

// The part of all that sounds which lies in the major scale on `key`; NaN: nothing does.
double in_scale(const Classes& sounding, int key) {
  constexpr int kMajor[] = {0, 2, 4, 5, 7, 9, 11};
  double all = 0, in = 0;
  for (const double s : sounding) all += s;
  for (const int s : kMajor) in += sounding[static_cast<size_t>((key + s) % 12)];
  return all > 0 ? in / all : NAN;
}

int best_scale(const Classes& sounding) {
  int best = 0;
  for (int key = 1; key < 12; ++key)
    if (in_scale(sounding, key) > in_scale(sounding, best)) best = key;
  return best;
}

void add_pairs(const Chord& chord, Mean& consonance) {
  int lowest = 128;
  for (const int p : chord)
    if (p != kSilent) lowest = std::min(lowest, p);
  for (size_t i = 0; i < chord.size(); ++i)
    for (size_t j = i + 1; j < chord.size(); ++j)
      if (chord[i] != kSilent && chord[j] != kSilent)
        consonance.add(consonant(chord[i], chord[j], std::min(chord[i], chord[j]) == lowest));
}

// A bar by its distances from its first note, so that its key does not matter; "": it is empty.
std::string shape_of(const Roll& roll, size_t begin, size_t steps) {
  std::string shape;
  int first = kSilent;
  for (size_t s = begin; s < begin + steps; ++s)
    for (const int p : roll.steps[s]) {
      if (first == kSilent) first = p;
      shape.push_back(p == kSilent ? '\x7f' : static_cast<char>(p - first));
    }
  return first == kSilent ? "" : shape;
}

}  // namespace

const std::array<const char*, kMeasures> kMeasureNames = {
    "pitch_classes", "melodic_interval", "consonance", "scale_consistency",
    "empty_bars",    "polyphony",        "note_length"};

Values measure(const Roll& roll, int64_t steps_of_bar) {
  Mean classes, intervals, consonance, empty, polyphony, length;
  Classes sounding{};
  const auto steps = std::ssize(roll.steps);
  for (int64_t bar = 0; bar < steps; bar += steps_of_bar) {
    std::set<int> in_bar;
    std::vector<bool> sounds(static_cast<size_t>(roll.voices));
    for (int64_t s = bar; s < std::min(steps, bar + steps_of_bar); ++s)
      for (size_t v = 0; v < sounds.size(); ++v)
        if (const int p = roll.steps[static_cast<size_t>(s)][v]; p != kSilent)
          in_bar.insert(p % 12), sounds[v] = true, ++sounding[static_cast<size_t>(p % 12)];
    if (!in_bar.empty()) classes.add(static_cast<double>(in_bar.size()));
    for (const bool s : sounds) empty.add(!s);
  }
  for (const Chord& c : roll.steps) {
    polyphony.add(static_cast<double>(c.size() - std::count(c.begin(), c.end(), kSilent)));
    add_pairs(c, consonance);
  }
  for (size_t v = 0; v < static_cast<size_t>(roll.voices); ++v) {
    int before = kSilent;
    for (int64_t s = 0; s < steps;) {
      const int p = roll.steps[static_cast<size_t>(s)][v];
      int64_t end = s + 1;
      while (end < steps && roll.steps[static_cast<size_t>(end)][v] == p) ++end;
      if (p != kSilent) {
        length.add(static_cast<double>(end - s));
        if (before != kSilent) intervals.add(std::abs(p - before));
        before = p;
      }
      s = end;
    }
  }
  return {classes.value(),    intervals.value(),
          consonance.value(), in_scale(sounding, best_scale(sounding)),
          empty.value(),      polyphony.value(),
          length.value()};
}

Roll in_c(const Roll& roll) {
  Classes sounding{};
  for (const Chord& c : roll.steps)
    for (const int p : c)
      if (p != kSilent) ++sounding[static_cast<size_t>(p % 12)];
  const int key = best_scale(sounding);
  Roll moved = roll;
  if (auto steps = transposed(roll.steps, key <= 6 ? -key : 12 - key); !steps.empty())
    moved.steps = std::move(steps);
  return moved;
}

std::array<Estimate, kMeasures> estimate(std::span<const Measured> windows, uint64_t seed) {
  std::map<int64_t, std::array<Mean, kMeasures>> by_piece;
  for (const Measured& w : windows)
    for (size_t m = 0; m < kMeasures; ++m)
      if (std::isfinite(w.values[m])) by_piece[w.piece][m].add(w.values[m]);
  std::vector<const std::array<Mean, kMeasures>*> pieces;
  for (const auto& [piece, means] : by_piece) pieces.push_back(&means);
  std::array<Estimate, kMeasures> all;
  for (size_t m = 0; m < kMeasures; ++m) {
    const auto mean_of = [&](const auto& choose) {
      Mean mean;
      for (size_t i = 0; i < pieces.size(); ++i) {
        const Mean& of_piece = (*pieces[choose(i)])[m];
        mean.sum += of_piece.sum, mean.count += of_piece.count;
      }
      return mean.value();
    };
    all[m].mean = mean_of([](size_t i) { return i; });
    PhiloxStream random(seed, m);
    double sum = 0, squares = 0, count = 0;
    for (int i = 0; i < kResamples && !pieces.empty(); ++i) {
      const double mean =
          mean_of([&](size_t) { return random.below(static_cast<uint32_t>(pieces.size())); });
      if (std::isfinite(mean)) sum += mean, squares += mean * mean, ++count;
    }
    if (count > 1)
      all[m].deviation = std::sqrt(std::max(0.0, squares / count - sum / count * sum / count));
  }
  return all;
}

double copied_bars(const std::vector<Roll>& made, const std::vector<Roll>& known,
                   int64_t steps_of_bar) {
  const auto bar = static_cast<size_t>(steps_of_bar);
  std::unordered_set<std::string> shapes;
  for (const Roll& r : known)
    for (size_t s = 0; s + bar <= r.steps.size(); ++s) shapes.insert(shape_of(r, s, bar));
  Mean copied;
  for (const Roll& r : made)
    for (size_t s = 0; s + bar <= r.steps.size(); s += bar)
      if (const std::string shape = shape_of(r, s, bar); !shape.empty())
        copied.add(shapes.contains(shape));
  return copied.value();
}

std::vector<Roll> windows_of(const Roll& roll, int64_t steps, int64_t steps_of_bar) {
  std::vector<Roll> all;
  for (int64_t s = 0; s + steps <= std::ssize(roll.steps); s += steps_of_bar)
    all.push_back(
        {roll.name, roll.voices, {roll.steps.begin() + s, roll.steps.begin() + s + steps}, 0});
  return all;
}

}  // namespace cairn::music
