// What a product pays for a trained model through cairn::infer, one picture (or text), one thread:
//   bench_start MODEL [LENGTH]
// - start to first answer: a fresh process from its start until it has opened the model, made a
//   context, run it on zeros and said so; median and slowest of 15 with files in the page cache.
// - memory beside the weights: what the context asks to be lent (cairn_context_memory), over the
//   largest layer's needs: of the compiled kernels that with the most bytes of values that it reads
//   and writes, without weights. Then what the process holds in all, of its own and of files.
#include <cairn/infer.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>

#include "cairn/base/parallel.h"
#include "cairn/compile/executable.h"
#include "cairn/ops/context.h"
#include "cairn/tasks/model.h"

namespace {

using namespace cairn;

constexpr int kStarts = 15;

struct Answer {
  size_t lent = 0, own = 0, of_files = 0;  // bytes
};

size_t kilobytes(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field))
      return std::strtoull(line.c_str() + std::strlen(field), nullptr, 10);
  return 0;
}

// The child: nothing of it is in memory yet but what the loader brought.
void answer(const std::string& path, int64_t length) {
  const infer::Model model(path);
  infer::Context context(model, {.batch = 1, .length = length});
  for (size_t i = 0; i < model.inputs(); ++i) {
    const auto bytes = context.input<char>(i);
    std::fill(bytes.begin(), bytes.end(), 0);
  }
  context.run();
  const Answer said{context.memory(), kilobytes("RssAnon:") << 10, kilobytes("RssFile:") << 10};
  check(write(STDOUT_FILENO, &said, sizeof said) == sizeof said, "the answer found no reader");
}

std::pair<double, Answer> start(const char* path, const char* length) {
  int ends[2];
  check(pipe(ends) == 0, "no pipe");
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl("/proc/self/exe", "bench_start", "--answer", path, length, nullptr);
    _exit(127);
  }
  close(ends[1]);
  Answer said;
  const bool whole = read(ends[0], &said, sizeof said) == sizeof said;
  const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - begin;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  check(whole && status == 0, "{}: gave no answer", path);
  return {passed.count(), said};
}

struct Needs {
  size_t weights = 0, packed = 0, largest = 0;
  std::string layer;
};

// Weights and what is made of them alone are not counted; nor, twice, what is written where
// something was read.
Needs needs_of(const std::string& path, int64_t length) {
  const SerialScope serial;
  const auto model = tasks::open_model(path);
  const Executable executable(trace(model->takes(), 1, length,
                                    [&](std::span<const Tensor> in) { return model->forward(in); }),
                              current_backend(), std::make_shared<Arena>());
  const Graph& graph = executable.graph();
  Needs needs;
  std::vector<bool> fixed(graph.values.size());
  for (const GraphInput& in : graph.inputs)
    if (in.lasting()) fixed[in.value] = true, needs.weights += graph.desc(in.value).bytes();
  for (const Node& node : graph.nodes) {
    const bool derived =
        std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return fixed[v]; });
    for (const ValueId v : node.outputs) fixed[v] = derived;
    if (derived || node.alias) {
      if (derived && !node.alias)
        for (const ValueId v : node.outputs) needs.packed += graph.desc(v).bytes();
      continue;
    }
    size_t bytes = 0;
    for (const ValueId v : std::set<ValueId>(node.inputs.begin(), node.inputs.end()))
      if (!fixed[v]) bytes += graph.desc(v).bytes();
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (!node.region || i >= node.region->in_place_of.size() || node.region->in_place_of[i] < 0)
        bytes += graph.desc(node.outputs[i]).bytes();
    if (bytes <= needs.largest) continue;
    needs.largest = bytes;
    needs.layer = fmt::format("{} {}", node.path, node.op->name);
  }
  return needs;
}

double mib(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 4 && argv[1] == std::string("--answer"))
    return answer(argv[2], std::atoll(argv[3])), 0;
  if (argc < 2) return std::fprintf(stderr, "usage: bench_start MODEL [LENGTH]\n"), 2;
  const char* length = argc > 2 ? argv[2] : "1";
  std::vector<double> times;
  Answer said;
  for (int i = 0; i < kStarts; ++i) {
    double passed;
    std::tie(passed, said) = start(argv[1], length);
    times.push_back(passed);
  }
  std::sort(times.begin(), times.end());
  fmt::print("start to first answer: {:.1f} ms, slowest of {} {:.1f}\n", times[kStarts / 2],
             kStarts, times.back());
  const Needs needs = needs_of(argv[1], std::atoll(length));
  fmt::print("weights {:.2f} MiB, {:.2f} of them again as kernels want them\n", mib(needs.weights),
             mib(needs.packed));
  fmt::print("a context is lent {:.2f} MiB, {:.2f} times the largest layer's {:.2f} ({})\n",
             mib(said.lent), static_cast<double>(said.lent) / static_cast<double>(needs.largest),
             mib(needs.largest), needs.layer);
  fmt::print("the process: {:.1f} MiB of its own, {:.1f} of mapped files\n", mib(said.own),
             mib(said.of_files));
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
