// Names pictures with a trained run, on two threads that share its weights:
//   example RUN PICTURE...
#include <cairn/infer.h>

#include <algorithm>
#include <cstdio>
#include <thread>
namespace infer = cairn::infer;

int main(int argc, char** argv) try {
  if (argc < 3) return std::fprintf(stderr, "usage: example RUN PICTURE...\n"), 2;
  const infer::Model model(argv[1]);
  const std::vector<std::string> labels = model.labels();
  std::vector<std::string> answers(argc - 2);
  const auto work = [&](int first) {
    infer::Context context(model);  // of this thread
    for (int i = first; i < argc - 2; i += 2) {
      context.read(model.read(argv[i + 2]));
      context.run();
      const auto p = context.output<float>(0);
      const auto best = std::max_element(p.begin(), p.end()) - p.begin();
      char line[256];
      std::snprintf(line, sizeof line, "%s: %s %.1f %%", argv[i + 2],
                    best < static_cast<long>(labels.size()) ? labels[best].c_str() : "?",
                    100.0 * p[best]);
      answers[i] = line;
    }
  };
  std::thread other([&] {
    try {
      work(1);
    } catch (const std::exception& e) { std::fprintf(stderr, "%s\n", e.what()); }
  });
  work(0);
  other.join();
  for (const std::string& answer : answers) std::printf("%s\n", answer.c_str());
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
