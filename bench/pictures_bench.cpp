// How many pictures of a folder a training could take: read, decoded, a random part of each sized
// to SIDE, mirrored, normalised, in batches of 64 (tools/picture_speed.py).
//   bench_pictures FOLDER SIDE THREADS SECONDS
// For each line on standard input reads for so long and prints pictures a second.
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "cairn/data/loader.h"

using namespace cairn;

int main(int argc, char** argv) {
  if (argc != 5) return fmt::print(stderr, "bench_pictures FOLDER SIDE THREADS SECONDS\n"), 2;
  try {
    const auto set =
        data::open_image_dataset(argv[1], data::Split::train, {.image_size = std::atoi(argv[2])});
    data::LoaderOptions options{.epochs = 1000000, .threads = std::atoi(argv[3])};
    options.augment = {.resized_crop = 0.08f, .flip = true};
    options.normalization = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
    data::Loader loader(set, options);
    data::Batch batch;
    using Clock = std::chrono::steady_clock;
    const double wanted = std::atof(argv[4]);
    for (std::string line; std::getline(std::cin, line);) {
      const auto begin = Clock::now();
      double seconds = 0;
      int64_t count = 0;
      while (seconds < wanted && loader.next(batch)) {
        count += batch.count;
        seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      }
      fmt::print("{:.1f}\n", static_cast<double>(count) / seconds);
      std::fflush(stdout);
    }
  } catch (const std::exception& e) { return fmt::print(stderr, "{}\n", e.what()), 1; }
  return 0;
}
