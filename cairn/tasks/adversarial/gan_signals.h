// Signals of trouble in the training of a generator and a discriminator, in plain words with what
// to try.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::tasks::adversarial {

// What a window of steps looked like; means over it.
struct GanReading {
  // How much the samples of one batch differ, relative to the images of the data: 1 as much, 0 not
  // at all.
  double diversity = 1;
  // The part of images, half of them real, that the discriminator tells right; NaN when its scores
  // mean no such thing (a Wasserstein critic).
  double discriminator_accuracy = 0.5;
  // Euclidean norms of all gradients of a network.
  double discriminator_gradient = 1, generator_gradient = 1;
};

struct GanSignal {
  std::string name;  // collapse, discriminator-wins, vanishing-gradients, exploding-gradients
  std::string text;  // what is seen, and what to try
};

// Says each trouble once when it begins, and again only after it had gone.
class GanSignals {
 public:
  // Readings in order; returns what begins with this one.
  std::vector<GanSignal> observe(const GanReading& reading);

  // All that it remembers, for a checkpoint.
  std::vector<double> state() const;
  // Also of versions that did not look at the trend. Throws Error when it is not one of these.
  void restore(const std::vector<double>& state);

 private:
  // Holds when `now` was true for `wanted` readings on end; true at the moment it begins.
  struct Lasting {
    double count = 0;
    bool begins(bool now, double wanted) {
      count = now ? count + 1 : 0;
      return count == wanted;
    }
  };
  // The usual size of a gradient norm: a geometric running mean of those that were not far off.
  struct Usual {
    double log_mean = 0, count = 0;
    double value() const;
    void add(double norm);
  };
  // Whether diversity grows: from reading to reading, or the mean of the last ones against that of
  // those before.
  struct Trend {
    static constexpr size_t kSide = 3;
    std::array<double, 2 * kSide> last{};  // the newest at the end; NaN: there is none yet
    Trend() { last.fill(NAN); }
    void add(double value);
    bool rises() const;
  };
  bool explodes(Usual& usual, Lasting& lasting, double norm);
  bool collapses(double diversity);

  double readings_ = 0, best_diversity_ = 0, largest_gradient_ = 0;  // of the generator
  Lasting collapsed_, wins_, vanishing_, exploding_discriminator_, exploding_generator_;
  Usual discriminator_, generator_;
  Trend diversity_;
};

}  // namespace cairn::tasks::adversarial
