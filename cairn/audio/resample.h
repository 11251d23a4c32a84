// Other rates of samples, through libsoxr: linear phase, no delay, gain 1 in the band that both
// rates have. From n samples round(n * to / from) come, to within one.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace cairn::audio {

class Resampler {
 public:
  Resampler(double from, double to);
  ~Resampler();
  Resampler(const Resampler&) = delete;

  struct Taken {
    size_t read, written;
  };
  // Takes some of `in` and writes some of `out`; with `last` nothing comes after `in`, and the rest
  // is written by calls that go on until nothing is.
  Taken process(std::span<const float> in, bool last, std::span<float> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::vector<float> resample(std::span<const float> samples, double from, double to);

}  // namespace cairn::audio
