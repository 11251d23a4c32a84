#include "cairn/audio/resample.h"

#include <soxr.h>

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/base/library.h"

namespace cairn::audio {
namespace {

struct SoxrLibrary : Library {
  SoxrLibrary() : Library("libsoxr.so.0", "another rate of samples", "libsoxr0") {}
  CAIRN_OF_LIBRARY(soxr_io_spec);
  CAIRN_OF_LIBRARY(soxr_quality_spec);
  CAIRN_OF_LIBRARY(soxr_runtime_spec);
  CAIRN_OF_LIBRARY(soxr_create);
  CAIRN_OF_LIBRARY(soxr_process);
  CAIRN_OF_LIBRARY(soxr_delete);
};
const SoxrLibrary& soxr_library() {
  static const SoxrLibrary library;
  return library;
}

}  // namespace

struct Resampler::State {
  soxr_t soxr = nullptr;
  State(double from, double to) {
    const soxr_io_spec_t io = soxr_library().soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    const soxr_quality_spec_t quality = soxr_library().soxr_quality_spec(SOXR_HQ, 0);
    const soxr_runtime_spec_t one_thread = soxr_library().soxr_runtime_spec(1);
    soxr_error_t error = nullptr;
    soxr = soxr_library().soxr_create(from, to, 1, &error, &io, &quality, &one_thread);
    check(!error, "sound of {} samples a second cannot be brought to {}", from, to);
  }
  State(const State&) = delete;
  ~State() { soxr_library().soxr_delete(soxr); }
};

Resampler::Resampler(double from, double to) : state_(std::make_unique<State>(from, to)) {}
Resampler::~Resampler() = default;

Resampler::Taken Resampler::process(std::span<const float> in, bool last, std::span<float> out) {
  Taken taken{0, 0};
  const void* from = in.empty() ? nullptr : in.data();
  const soxr_error_t error =
      last && in.empty() ? soxr_library().soxr_process(state_->soxr, nullptr, 0, nullptr,
                                                       out.data(), out.size(), &taken.written)
                         : soxr_library().soxr_process(state_->soxr, from, in.size(), &taken.read,
                                                       out.data(), out.size(), &taken.written);
  check(!error, "sound could not be brought to another rate");
  return taken;
}

std::vector<float> resample(std::span<const float> samples, double from, double to) {
  if (from == to || samples.empty()) return {samples.begin(), samples.end()};
  Resampler resampler(from, to);
  std::vector<float> out(
      static_cast<size_t>(std::ceil(static_cast<double>(samples.size()) * to / from)) + 16);
  size_t written = 0;
  while (true) {
    const auto taken = resampler.process(samples, true, std::span(out).subspan(written));
    samples = samples.subspan(taken.read), written += taken.written;
    if (samples.empty() && taken.written == 0) break;
  }
  out.resize(written);
  return out;
}

}  // namespace cairn::audio
