// Winograd convolution against oneDNN's direct one: best of alternated runs, effective GFLOP/s
// (operations of the direct sum).
//   bench_winograd [--tile f2|f4] [--block 8|16] [--plain] [--no-direct] [--threads T]
//                  [--stride2] [--pass 'back data'] [--cpu-time] [--shape N,C,K,H[,D]]...
// D: 3x3x3 over D planes. --stride2: 4x4 kernels of stride 2. --cpu-time with one thread: what a
// busy machine's best would be.
#include <fmt/core.h>
#include <time.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/backend/cpu/winograd/winograd.h"
#include "cairn/base/parallel.h"
#include "dnnl.hpp"

namespace {

using namespace cairn::cpu;
using dnnl::memory;
using Run = std::function<void()>;

struct Buffer {
  explicit Buffer(size_t floats)
      : data(static_cast<float*>(std::aligned_alloc(64, (floats * sizeof(float) + 127) / 64 * 64)),
             std::free) {
    uint32_t state = 1;
    for (size_t i = 0; i < floats; ++i)
      state = state * 1664525u + 1013904223u,
      data.get()[i] = static_cast<float>(state >> 8) / (1 << 23) - 1;
  }
  operator float*() const { return data.get(); }
  std::unique_ptr<float, decltype(&std::free)> data;
};

bool cpu_time = false;
std::string only;  // the pass to measure; empty: all

double now() {
  timespec t;
  clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double seconds(const Run& run) {
  const double start = now();
  run();
  return now() - start;
}

struct Best {
  double direct = 1e9, winograd = 1e9;
};

// Alternates both for about a second.
Best alternate(const Run& direct, const Run& winograd) {
  Best best;
  double total = 0;
  for (int i = 0; i < 300 && (i < 5 || total < 1.0); ++i) {
    const double a = direct ? seconds(direct) : 0, b = seconds(winograd);
    if (i > 0 && direct) best.direct = std::min(best.direct, a);
    if (i > 0) best.winograd = std::min(best.winograd, b);
    total += a + b;
  }
  return best;
}

struct Direct {
  Run forward, backward_data, backward_weights;
};

#if DNNL_VERSION_MAJOR == 2
// oneDNN's own choice of layouts; blocked data as Winograd sees it need no reorder.
class OneDnn {
 public:
  explicit OneDnn(const WinogradShape& s) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using namespace dnnl;
    const bool deep = s.taps == 3;
    const int64_t kernel = s.stride == 2 ? 4 : 3;
    const auto dims = [&](int64_t a, int64_t b, int64_t d, int64_t h, int64_t w) {
      return deep ? memory::dims{a, b, d, h, w} : memory::dims{a, b, h, w};
    };
    const auto any = [](memory::dims d) {
      return memory::desc(d, memory::data_type::f32, memory::format_tag::any);
    };
    const auto x = any(dims(s.batch, s.in_channels, s.depth, s.height, s.width));
    const auto y = any(dims(s.batch, s.out_channels, s.out_depth(), s.out_height(), s.out_width()));
    const auto w = any(dims(s.out_channels, s.in_channels, 3, kernel, kernel));
    const memory::dims steps = deep ? memory::dims{1, 1, 1} : memory::dims{s.stride, s.stride};
    const memory::dims before = deep ? memory::dims{s.pad_front, s.pad_top, s.pad_left}
                                     : memory::dims{s.pad_top, s.pad_left};
    const memory::dims after = deep ? memory::dims{s.pad_back, s.pad_bottom, s.pad_right}
                                    : memory::dims{s.pad_bottom, s.pad_right};
    const auto direct = algorithm::convolution_direct;
    const convolution_forward::primitive_desc forward(
        {prop_kind::forward_training, direct, x, w, y, steps, before, after}, engine_);
    const convolution_backward_data::primitive_desc data({direct, x, w, y, steps, before, after},
                                                         engine_, forward);
    const convolution_backward_weights::primitive_desc weights(
        {direct, x, w, y, steps, before, after}, engine_, forward);
    runs.forward = make(convolution_forward(forward), {{DNNL_ARG_SRC, forward.src_desc()},
                                                       {DNNL_ARG_WEIGHTS, forward.weights_desc()},
                                                       {DNNL_ARG_DST, forward.dst_desc()}});
    runs.backward_data =
        make(convolution_backward_data(data), {{DNNL_ARG_DIFF_DST, data.diff_dst_desc()},
                                               {DNNL_ARG_WEIGHTS, data.weights_desc()},
                                               {DNNL_ARG_DIFF_SRC, data.diff_src_desc()}});
    runs.backward_weights = make(convolution_backward_weights(weights),
                                 {{DNNL_ARG_SRC, weights.src_desc()},
                                  {DNNL_ARG_DIFF_DST, weights.diff_dst_desc()},
                                  {DNNL_ARG_DIFF_WEIGHTS, weights.diff_weights_desc()}});
  }
  Direct runs;

 private:
  Run make(const dnnl::primitive& primitive,
           const std::vector<std::pair<int, memory::desc>>& wanted) {
    std::unordered_map<int, memory> args;
    for (const auto& [arg, desc] : wanted) {
      const Buffer filled(desc.get_size() / sizeof(float));
      memory value(desc, engine_);
      std::memcpy(value.get_data_handle(), filled, desc.get_size());
      args.emplace(arg, value);
    }
    return [this, primitive, args] {
      primitive.execute(stream_, args);
      stream_.wait();
    };
  }
  dnnl::engine engine_;
  dnnl::stream stream_;
};
#endif

struct Winograd {
  Winograd(const WinogradShape& s, const WinogradOptions& options)
      : shape(s),
        forward(s, options),
        backward_data(s, options),
        backward_weights(s, options),
        x(s.batch * blocks(s.in_channels) * s.depth * s.height * s.width),
        y(s.batch * blocks(s.out_channels) * s.out_depth() * s.out_height() * s.out_width()),
        w(blocks(s.in_channels) * blocks(s.out_channels) * s.taps * 16),
        dw(blocks(s.in_channels) * blocks(s.out_channels) * s.taps * 16),
        u(forward.weight_bytes() / sizeof(float)),
        workspace(std::max({forward.workspace_bytes(), backward_data.workspace_bytes(),
                            backward_weights.workspace_bytes()}) /
                  sizeof(float)) {
    forward.transform_weights(w, u);
  }
  int64_t blocks(int64_t channels) const {
    return (channels + shape.block - 1) / shape.block * shape.block;
  }
  WinogradShape shape;
  WinogradForward forward;
  WinogradBackwardData backward_data;
  WinogradBackwardWeights backward_weights;
  Buffer x, y, w, dw, u, workspace;
};

void measure(const WinogradShape& s, const WinogradOptions& options, bool with_direct) {
  Winograd ours(s, options);
  Direct direct;
#if DNNL_VERSION_MAJOR == 2
  std::unique_ptr<OneDnn> library;
  if (with_direct) library = std::make_unique<OneDnn>(s), direct = library->runs;
#endif
  const double work = 2e-9 * s.batch * s.out_channels * s.out_depth() * s.out_height() *
                      s.out_width() * s.in_channels * (s.stride == 2 ? 16 : 9 * s.taps);
  const auto row = [&](const char* name, const Run& theirs, const Run& run) {
    if (!only.empty() && only != name) return;
    const Best best = alternate(theirs, run);
    fmt::print(
        "{:>3}x{:<4} K {:<4} {:>3}^2 D{:<3} {:<14} direct {:5.0f}  winograd {:5.0f}  {:5.2f} times "
        " {:8.3f} ms\n",
        s.batch, s.in_channels, s.out_channels, s.height, s.depth, name,
        theirs ? work / best.direct : 0, work / best.winograd,
        theirs ? best.direct / best.winograd : 0, best.winograd * 1e3);
  };
  row("forward", direct.forward,
      [&] { ours.forward.run(ours.x, ours.w, nullptr, ours.y, {}, ours.workspace); });
  row("inference", direct.forward,
      [&] { ours.forward.run(ours.x, nullptr, ours.u, ours.y, {}, ours.workspace); });
  row("back data", direct.backward_data,
      [&] { ours.backward_data.run(ours.y, ours.w, nullptr, ours.x, ours.workspace); });
  row("back weights", direct.backward_weights,
      [&] { ours.backward_weights.run(ours.x, ours.y, ours.dw, ours.workspace); });
}

}  // namespace

int main(int argc, char** argv) {
  WinogradOptions options{.layout = FilterLayout::blocked};
  bool with_direct = true;
  int block = 8, stride = 1;
  std::vector<std::vector<int64_t>> shapes;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (arg == "--tile") options.tile = value() == "f2" ? WinogradTile::f2 : WinogradTile::f4;
    else if (arg == "--no-direct") with_direct = false;
    else if (arg == "--cpu-time") cpu_time = true;
    else if (arg == "--pass") only = value();
    else if (arg == "--stride2") stride = 2;
    else if (arg == "--plain") options.layout = FilterLayout::plain;
    else if (arg == "--block") block = std::atoi(value().c_str());
    else if (arg == "--threads") cairn::set_num_threads(std::atoi(value().c_str()));
    else if (arg == "--shape") {  // N,C,K,H[,D]
      std::vector<int64_t> numbers;
      for (char *at = argv[++i], *end; *at; at = *end ? end + 1 : end)
        numbers.push_back(std::strtol(at, &end, 10));
      shapes.push_back(numbers);
    } else return fmt::print(stderr, "unknown argument {}\n", arg), 2;
  }
  if (shapes.empty())
    shapes = {{64, 64, 64, 32},   {64, 128, 128, 16}, {64, 256, 256, 8},
              {64, 512, 512, 4},  {1, 64, 64, 56},    {16, 64, 64, 56},
              {16, 128, 128, 28}, {16, 256, 256, 14}, {16, 512, 512, 7}};
  for (const auto& n : shapes) {
    WinogradShape s{
        .batch = n[0], .in_channels = n[1], .out_channels = n[2], .height = n[3], .width = n[3]};
    s.block = block, s.stride = stride;
    if (n.size() > 4) s.depth = n[4], s.taps = 3, s.pad_front = s.pad_back = 1;
    measure(s, options, with_direct);
  }
}
