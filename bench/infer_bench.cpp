// Predictions a second of a trained run through the shared library cairn::infer, one thread:
//   bench_infer RUN [BATCH [SECONDS]]
// Inputs of zeros. tools/python_speed.py runs it in turns with the same by Python.
#include <cairn/infer.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) try {
  if (argc < 2) return std::fprintf(stderr, "usage: bench_infer RUN [BATCH [SECONDS]]\n"), 2;
  namespace infer = cairn::infer;
  const int64_t batch = argc > 2 ? std::atoll(argv[2]) : 1;
  const double seconds = argc > 3 ? std::atof(argv[3]) : 2;
  const infer::Model model(argv[1]);
  infer::Context context(model, {.batch = batch});
  for (size_t i = 0; i < model.inputs(); ++i)
    for (char& byte : context.input<char>(i)) byte = 0;
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 10; ++i) context.run();
  std::vector<double> tens;  // seconds of ten runs: their median is not moved by who else computes
  double passed = 0;
  do {
    const auto start = Clock::now();
    for (int i = 0; i < 10; ++i) context.run();
    tens.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    passed += tens.back();
  } while (passed < seconds);
  std::nth_element(tens.begin(), tens.begin() + tens.size() / 2, tens.end());
  std::printf("%.1f\n", 10 * static_cast<double>(batch) / tens[tens.size() / 2]);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
