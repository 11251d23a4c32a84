#include "cairn/audio/features.h"

#define kiss_fft_scalar float
#include <kissfft/kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "cairn/base/error.h"

namespace cairn::audio {
namespace {

constexpr double kPi = std::numbers::pi;

double to_mel(MelScale scale, double hertz) {
  if (scale == MelScale::slaney)
    return hertz < 1000 ? hertz * 3 / 200 : 15 + 27 * std::log(hertz / 1000) / std::log(6.4);
  if (scale == MelScale::kaldi) return 1127 * std::log1p(hertz / 700);
  return 2595 * std::log10(1 + hertz / 700);
}
double to_hertz(MelScale scale, double mel) {
  if (scale == MelScale::slaney)
    return mel < 15 ? mel * 200 / 3 : 1000 * std::exp((mel - 15) * std::log(6.4) / 27);
  if (scale == MelScale::kaldi) return 700 * std::expm1(mel / 1127);
  return 700 * (std::pow(10, mel / 2595) - 1);
}

// Sample i of a clip and of what is thought beyond its ends.
float sample_at(std::span<const float> samples, int64_t i, bool mirrored) {
  const auto n = static_cast<int64_t>(samples.size());
  if (i >= 0 && i < n) return samples[static_cast<size_t>(i)];
  if (!mirrored || n == 0) return 0;
  const int64_t period = std::max<int64_t>(2 * (n - 1), 1);
  i = (i % period + period) % period;
  return samples[static_cast<size_t>(std::min(i, period - i))];
}

struct FreeFft {
  void operator()(kiss_fftr_cfg fft) const { kiss_fftr_free(fft); }
};

}  // namespace

FrontEnd::FrontEnd(const FeatureOptions& options) : o_(options) {
  check(o_.rate > 0 && o_.hop > 0 && o_.window > 1 && o_.fft >= o_.window && o_.fft % 2 == 0 &&
            o_.fft <= 1 << 20,
        "features: a window of {} samples every {}, FFT of {}; the FFT must be even and not "
        "shorter than the window",
        o_.window, o_.hop, o_.fft);
  if (o_.high == 0) o_.high = o_.rate / 2.0;
  check(o_.low >= 0 && o_.low < o_.high && o_.high <= o_.rate / 2.0 && o_.bins > 0 &&
            o_.bins <= 4096 && o_.cepstra >= 0 && o_.cepstra <= o_.bins,
        "features: {} filters from {} to {} Hz, {} cepstra, of {} samples a second", o_.bins,
        o_.low, o_.high, o_.cepstra, o_.rate);
  make_window(), make_filters(), make_cosines();
}

void FrontEnd::make_window() {
  // Of FFT libraries periodic, of speech toolkits symmetric.
  const double last = o_.frames == Frames::centred ? o_.window : o_.window - 1;
  for (int i = 0; i < o_.window; ++i) {
    const double c = std::cos(2 * kPi * i / last);
    const double w = o_.shape == Window::hamming ? 0.54 - 0.46 * c : 0.5 - 0.5 * c;
    window_.push_back(static_cast<float>(o_.shape == Window::povey ? std::pow(w, 0.85) : w));
  }
}

void FrontEnd::make_filters() {
  const MelScale scale = o_.scale;
  const double low = to_mel(scale, o_.low), high = to_mel(scale, o_.high);
  const double step = static_cast<double>(o_.rate) / o_.fft;  // hertz between points
  std::vector<double> edges;
  for (int i = 0; i < o_.bins + 2; ++i) {
    double edge = low + (high - low) * i / (o_.bins + 1);
    if (scale != MelScale::kaldi) edge = to_hertz(scale, edge);
    if (scale == MelScale::sphinx) edge = std::floor(edge / step + 0.5) * step;
    edges.push_back(edge);
  }
  const int points = scale == MelScale::kaldi ? o_.fft / 2 : o_.fft / 2 + 1;
  for (int b = 0; b < o_.bins; ++b) {
    const double left = edges[b], centre = edges[b + 1], right = edges[b + 2];
    const bool area = scale == MelScale::slaney || scale == MelScale::sphinx;
    Filter filter;
    for (int k = 0; k < points; ++k) {
      const double at = scale == MelScale::kaldi ? to_mel(scale, k * step) : k * step;
      const double rising = (at - left) / (centre - left);
      const double falling = (right - at) / (right - centre);
      const double weight = std::min(rising, falling) * (area ? 2 / (right - left) : 1);
      if (!(weight > 0)) continue;
      if (filter.weights.empty()) filter.first = k;
      filter.weights.push_back(static_cast<float>(weight));
    }
    filters_.push_back(std::move(filter));
  }
}

void FrontEnd::make_cosines() {
  const bool sphinx = o_.scale == MelScale::sphinx;
  for (int c = 0; c < o_.cepstra; ++c) {
    double factor = std::sqrt((c == 0 ? 1.0 : 2.0) / o_.bins);
    if (sphinx) factor = 1.0 / o_.bins;
    if (o_.lifter > 0) factor *= 1 + 0.5 * o_.lifter * std::sin(kPi * c / o_.lifter);
    for (int b = 0; b < o_.bins; ++b) {
      const double first = sphinx && b == 0 ? 0.5 : 1;  // Sphinx counts the first filter half
      cosines_.push_back(
          static_cast<float>(first * factor * std::cos(kPi / o_.bins * c * (b + 0.5))));
    }
  }
}

int64_t FrontEnd::frames(int64_t samples) const {
  if (samples <= 0) return 0;
  if (o_.frames == Frames::centred) return 1 + samples / o_.hop;
  if (samples < o_.window) return o_.frames == Frames::padded ? 1 : 0;
  const int64_t beyond = samples - o_.window;
  return 1 + beyond / o_.hop + (o_.frames == Frames::padded && beyond % o_.hop != 0 ? 1 : 0);
}

int64_t FrontEnd::begin_of(int64_t frame) const {
  return frame * o_.hop - (o_.frames == Frames::centred ? o_.window / 2 : 0);
}

// The windowed frame, filled with zeros to the FFT's length; returns its energy.
double FrontEnd::load(std::span<const float> samples, int64_t begin, float* frame) const {
  const int n = o_.window;
  const auto gain = static_cast<float>(o_.gain);
  const bool inside = begin >= 0 && begin + n <= static_cast<int64_t>(samples.size());
  for (int i = 0; i < n; ++i)
    frame[i] = gain * (inside ? samples[begin + i]
                              : sample_at(samples, begin + i,
                                          o_.mirrored && o_.frames == Frames::centred));
  // What stands before a frame's first sample: of Kaldi's frames, which are cut out first, itself.
  float before = o_.remove_mean ? 0 : gain * sample_at(samples, begin - 1, false);
  if (o_.remove_mean) {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += frame[i];
    const auto mean = static_cast<float>(sum / n);
    for (int i = 0; i < n; ++i) frame[i] -= mean;
    before = frame[0];
  }
  double energy = 0;
  if (o_.energy)
    for (int i = 0; i < n; ++i) energy += static_cast<double>(frame[i]) * frame[i];
  if (o_.preemphasis != 0) {
    const auto a = static_cast<float>(o_.preemphasis);
    for (int i = n - 1; i > 0; --i) frame[i] -= a * frame[i - 1];
    frame[0] -= a * before;
  }
  for (int i = 0; i < n; ++i) frame[i] *= window_[i];
  return energy;
}

void FrontEnd::cut_quiet(std::vector<float>& mels) const {
  if (o_.top_db <= 0 || mels.empty()) return;
  const float least = *std::max_element(mels.begin(), mels.end()) - static_cast<float>(o_.top_db);
  for (float& m : mels) m = std::max(m, least);
}

void FrontEnd::to_cepstra(const float* mels, double energy, float* out) const {
  for (int c = 0; c < o_.cepstra; ++c) {
    float sum = 0;
    for (int b = 0; b < o_.bins; ++b) sum += cosines_[c * o_.bins + b] * mels[b];
    out[c] = sum;
  }
  if (o_.energy) out[0] = static_cast<float>(std::log(std::max(energy, o_.floor)));
}

std::vector<float> FrontEnd::operator()(std::span<const float> samples) const {
  const int64_t count = frames(static_cast<int64_t>(samples.size()));
  const std::unique_ptr<kiss_fftr_state, FreeFft> fft(kiss_fftr_alloc(o_.fft, 0, nullptr, nullptr));
  check(fft != nullptr, "features: no memory for an FFT of {}", o_.fft);
  std::vector<float> mels(static_cast<size_t>(count * o_.bins)), frame(o_.fft),
      power(o_.fft / 2 + 1);
  std::vector<double> energies(o_.energy ? static_cast<size_t>(count) : 0);
  std::vector<kiss_fft_cpx> spectrum(o_.fft / 2 + 1);
  const auto floor = static_cast<float>(o_.floor);
  for (int64_t t = 0; t < count; ++t) {
    const double energy = load(samples, begin_of(t), frame.data());
    if (o_.energy) energies[t] = energy;
    kiss_fftr(fft.get(), frame.data(), spectrum.data());
    for (size_t k = 0; k < power.size(); ++k)
      power[k] = spectrum[k].r * spectrum[k].r + spectrum[k].i * spectrum[k].i;
    for (int b = 0; b < o_.bins; ++b) {
      const Filter& f = filters_[b];
      float sum = 0;
      for (size_t k = 0; k < f.weights.size(); ++k) sum += f.weights[k] * power[f.first + k];
      float& out = mels[t * o_.bins + b];
      if (o_.log == LogOf::decibel) out = 10 * std::log10(std::max(sum, floor));
      else out = std::log(o_.log == LogOf::shifted ? sum + floor : std::max(sum, floor));
    }
  }
  cut_quiet(mels);
  if (o_.cepstra == 0) return mels;
  std::vector<float> out(static_cast<size_t>(count * o_.cepstra));
  for (int64_t t = 0; t < count; ++t)
    to_cepstra(&mels[t * o_.bins], o_.energy ? energies[t] : 0, &out[t * o_.cepstra]);
  return out;
}

}  // namespace cairn::audio
