#include "cairn/audio/features.h"
#include "cairn/base/error.h"

namespace cairn::audio {
namespace {

FeatureOptions usual(int rate) {
  FeatureOptions o{.rate = rate};
  o.window = rate / 40, o.hop = rate / 100, o.fft = 1;
  while (o.fft < o.window) o.fft *= 2;
  return o;
}

FeatureOptions librosa(int rate) {
  return {.rate = rate,
          .window = 2048,
          .hop = 512,
          .fft = 2048,
          .bins = 128,
          .scale = MelScale::slaney,
          .mirrored = false,
          .log = LogOf::decibel,
          .floor = 1e-10,
          .top_db = 80};
}

FeatureOptions torchaudio(int rate) {
  return {.rate = rate,
          .window = 400,
          .hop = 200,
          .fft = 400,
          .bins = 128,
          .log = LogOf::decibel,
          .floor = 1e-10,
          .top_db = 80};
}

FeatureOptions kaldi(int rate) {
  FeatureOptions o = usual(rate);
  o.bins = 23, o.low = 20, o.shape = Window::povey, o.scale = MelScale::kaldi;
  o.frames = Frames::whole, o.gain = 32768, o.remove_mean = true, o.preemphasis = 0.97;
  o.log = LogOf::clipped, o.floor = 1.1920928955078125e-07;  // the distance of 1 from the next f32
  return o;
}

FeatureOptions sphinx(int rate) {
  FeatureOptions o = usual(rate);
  o.window = static_cast<int>(rate * 0.025625), o.fft = 512, o.bins = 40;
  o.low = 130, o.high = 6800, o.shape = Window::hamming, o.scale = MelScale::sphinx;
  o.frames = Frames::padded, o.gain = 32768, o.preemphasis = 0.97, o.floor = 1e-4, o.cepstra = 13;
  return o;
}

struct Preset {
  const char* name;
  FeatureOptions (*make)(int rate);
  int cepstra;
};
constexpr Preset kPresets[] = {{"log-mel", usual, 0},
                               {"librosa-mel", librosa, 0},
                               {"librosa-mfcc", librosa, 20},
                               {"torchaudio-mel", torchaudio, 0},
                               {"torchaudio-mfcc", torchaudio, 40},
                               {"kaldi-fbank", kaldi, 0},
                               {"kaldi-mfcc", kaldi, 13},
                               {"sphinx-mfcc", sphinx, 13}};

}  // namespace

FeatureOptions feature_preset(const std::string& name, int rate, int bins) {
  for (const Preset& p : kPresets) {
    if (name != p.name) continue;
    FeatureOptions o = p.make(rate);
    o.cepstra = p.cepstra;
    if (name == "kaldi-mfcc") o.lifter = 22, o.energy = true;
    if (bins > 0) o.bins = bins;
    return o;
  }
  fail("there are no features '{}'; there are {}", name, fmt::join(feature_presets(), ", "));
}

std::vector<std::string> feature_presets() {
  std::vector<std::string> names;
  for (const Preset& p : kPresets) names.emplace_back(p.name);
  return names;
}

}  // namespace cairn::audio
