// Time of 80 log-mels of 16 kHz sound, one thread. Usage: bench_audio SAMPLES.f32 [FEATURES.f32]
// Prints seconds; tools/sound_speed.py compares.
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "cairn/audio/features.h"
#include "cairn/base/parallel.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "bench_audio SAMPLES.f32 [FEATURES.f32]\n");
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary | std::ios::ate);
  std::vector<float> samples(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(samples.data()),
            static_cast<std::streamsize>(samples.size() * sizeof(float)));
  if (!file) {
    fmt::print(stderr, "bench_audio: cannot read {}\n", argv[1]);
    return 1;
  }
  cairn::set_num_threads(1);
  const cairn::audio::FrontEnd front(cairn::audio::feature_preset("log-mel", 16000, 80));
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<float> features = front(samples);
  fmt::print("{:.4f}\n",
             std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (argc > 2)
    std::ofstream(argv[2], std::ios::binary)
        .write(reinterpret_cast<const char*>(features.data()),
               static_cast<std::streamsize>(features.size() * sizeof(float)));
}
