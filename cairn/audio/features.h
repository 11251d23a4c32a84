// Log-mel spectra and MFCC of a clip, with the values of the library whose preset is chosen:
// librosa 0.11, torchaudio 2.11, Kaldi (kaldi-native-fbank 1.23, no dither), CMU Sphinx
// (tests/audio compares). The FFT is KISS FFT's.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cairn::audio {

enum class Window { hann, hamming, povey };
// Which frequencies filters stand at, and their form. slaney: linear below 1 kHz, area 1; htk:
// 2595 log10(1 + f / 700), height 1; kaldi: the same, triangles over mels instead of hertz; sphinx:
// edges on points of the FFT, area 1.
enum class MelScale { slaney, htk, kaldi, sphinx };
enum class Frames { centred, whole, padded };  // see FeatureOptions::frames
enum class LogOf { clipped, shifted, decibel };

struct FeatureOptions {
  int rate = 16000;                        // of the clips
  int window = 400, hop = 160, fft = 400;  // samples
  int bins = 80;                           // filters
  double low = 0, high = 0;                // their edges, hertz; high 0: half the rate
  Window shape = Window::hann;
  MelScale scale = MelScale::htk;
  // centred: frame i lies around sample hop * i, beyond the ends mirrored (or zeros); whole: it
  // begins there, and only those count that fit; padded: one more, filled up with zeros.
  Frames frames = Frames::centred;
  bool mirrored = true;
  double gain = 1;  // samples times this: 32768 where 16-bit numbers are expected
  bool remove_mean = false;
  double preemphasis = 0;      // x[i] - a x[i - 1]
  LogOf log = LogOf::shifted;  // ln(max(x, floor)), ln(x + floor), 10 log10(max(x, floor))
  double floor = 1e-6;
  double top_db = 0;  // decibels below the loudest of the clip that are cut; 0: none
  int cepstra = 0;    // of the DCT-II over the filters; 0: the filters themselves
  double lifter = 0;
  bool energy = false;  // cepstrum 0 is the logarithm of the frame's energy
};

// A named set: "log-mel" (25 ms every 10 ms, ln(x + 1e-6)), or what a library computes by default:
// "librosa-mel", "librosa-mfcc", "torchaudio-mel", "torchaudio-mfcc", "kaldi-fbank", "kaldi-mfcc",
// "sphinx-mfcc". `bins` 0: the library's number. Throws Error for another name.
FeatureOptions feature_preset(const std::string& name, int rate, int bins = 0);
std::vector<std::string> feature_presets();

// Immutable; threads may share one.
class FrontEnd {
 public:
  // Throws Error for sizes that make no sense. Narrow filters between two points of the FFT stay
  // empty, as they do elsewhere.
  explicit FrontEnd(const FeatureOptions& options);
  const FeatureOptions& options() const { return o_; }
  int64_t frames(int64_t samples) const;
  int64_t size() const { return o_.cepstra > 0 ? o_.cepstra : o_.bins; }  // of a frame
  std::vector<float> operator()(std::span<const float> samples) const;    // [frames, size]

 private:
  struct Filter {
    int first = 0;  // point of the FFT
    std::vector<float> weights;
  };
  void make_window();
  void make_filters();
  void make_cosines();
  int64_t begin_of(int64_t frame) const;
  double load(std::span<const float> samples, int64_t begin, float* frame) const;
  void cut_quiet(std::vector<float>& mels) const;
  void to_cepstra(const float* mels, double energy, float* out) const;

  FeatureOptions o_;
  std::vector<float> window_;
  std::vector<Filter> filters_;
  std::vector<float> cosines_;  // [cepstra, bins], liftered
};

}  // namespace cairn::audio
