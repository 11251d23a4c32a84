// bench_workloads NAME... [--threads N] [--dtype f32|bf16] [--seconds S] [--json FILE]: what `cairn
// bench` does, without the rest of the program.
#include <cstdio>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/bench/bench.h"

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::string dtype = "f32", json;
  int threads = 2;
  double seconds = 5;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::string arg = argv[i];
      const auto value = [&] {
        if (i + 1 == argc) throw cairn::UsageError("no value after " + arg);
        return std::string(argv[++i]);
      };
      if (arg == "--threads") threads = std::stoi(value());
      else if (arg == "--dtype") dtype = value();
      else if (arg == "--seconds") seconds = std::stod(value());
      else if (arg == "--json") json = value();
      else if (arg != "bench") names.push_back(arg);
    }
    return cairn::bench::run_bench(names, threads, dtype, seconds, json);
  } catch (const cairn::UsageError& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
