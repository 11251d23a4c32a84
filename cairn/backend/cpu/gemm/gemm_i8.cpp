#include "cairn/backend/cpu/gemm/gemm_i8.h"

#include <algorithm>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

// Each thread owns columns of y. It widens one panel of weights at a time into its L1 cache and
// multiplies a block of rows of x by it, which stays in its L2 cache; the weights never reach
// memory as floats.
namespace cairn::cpu {
namespace {

constexpr int64_t kDepth = 384;  // of a panel that stays in the L1 cache
constexpr int64_t kRows = 192;   // of a block of x

int64_t panel_floats() { return panels::kernels().panel * kDepth; }

struct Call {
  const int8_t* quantized;
  const float* scales;
  int64_t outputs, depth;
  const float* x;
  float* y;
};

// Rows [row, row + rows) by weights [k, k + depth) of the panel that begins at output n.
void multiply_panel(const Call& call, int64_t row, int64_t rows, int64_t k, int64_t depth,
                    int64_t n, float* panel, const float* zeros) {
  const panels::Kernels& kernel = panels::kernels();
  panels::Product p{};
  p.columns = std::min(kernel.panel, call.outputs - n);
  kernel.pack_transposed_i8(call.quantized + n * call.depth + k, call.scales + n, call.depth,
                            p.columns, depth, panel);
  p.a = call.x + row * call.depth + k, p.a_row = call.depth;
  p.rows = rows, p.depth = depth;
  p.packed = panel, p.panel_stride = panel_floats();
  p.c = call.y + row * call.outputs + n, p.c_row = call.outputs;
  p.init = k == 0 ? zeros : p.c, p.init_row = k == 0 ? 0 : call.outputs;
  kernel.multiply(p);
}

// All rows by outputs [begin, end).
void multiply_outputs(const Call& call, int64_t rows, int64_t begin, int64_t end, float* panel,
                      const float* zeros) {
  const int64_t blocks = ceil_div(rows, kRows),
                pieces = std::max<int64_t>(1, ceil_div(call.depth, kDepth));
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t row = rows * block / blocks, here = rows * (block + 1) / blocks - row;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t k = call.depth * piece / pieces, depth = call.depth * (piece + 1) / pieces - k;
      for (int64_t n = begin; n < end; n += panels::kernels().panel)
        multiply_panel(call, row, here, k, depth, n, panel, zeros);
    }
  }
}

}  // namespace

size_t gemm_i8_workspace() {
  return sizeof(float) *
         static_cast<size_t>(num_threads() * panel_floats() + panels::kernels().panel);
}

void gemm_i8(const int8_t* quantized, const float* scales, int64_t outputs, int64_t depth,
             const float* x, int64_t rows, float* y, void* workspace) {
  const Call call{quantized, scales, outputs, depth, x, y};
  float* panel = static_cast<float*>(workspace);
  float* zeros = panel + num_threads() * panel_floats();
  std::fill_n(zeros, panels::kernels().panel, 0.0f);
  const int64_t width = panels::kernels().panel, count = ceil_div(outputs, width);
  parallel_region([&](int thread, int threads) {
    multiply_outputs(call, rows, count * thread / threads * width,
                     std::min(outputs, count * (thread + 1) / threads * width),
                     panel + thread * panel_floats(), zeros);
  });
}

}  // namespace cairn::cpu
