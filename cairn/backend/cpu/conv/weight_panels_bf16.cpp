#include "cairn/backend/cpu/conv/weight_panels_bf16.h"

#include <cstring>

#include "cairn/backend/cpu/gemm/panels_bf16.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {
constexpr int64_t kBlock = 16;
constexpr size_t kBlockBytes = kBlock * sizeof(uint16_t);
}  // namespace

// The row that `depth`'s number meets: result channels side by side.
void WeightPanels::row(const uint16_t* w, int64_t depth, uint16_t* to) const {
  const int64_t in_blocks = ceil_div(g.in_channels, kBlock),
                out_blocks = ceil_div(g.out_channels, kBlock);
  const int64_t all_taps = taps.kernel[0] * taps.kernel[1] * taps.kernel[2];
  const int64_t tap = taps.place(depth / tap_depth, g.kernel), channel = depth % tap_depth,
                block = channel / kBlock;
  if (block >= in_blocks) {
    std::memset(to, 0, static_cast<size_t>(out_blocks) * kBlockBytes);
    return;
  }
  for (int64_t b = 0; b < out_blocks; ++b) {
    const int64_t place = backward ? block * out_blocks + b : b * in_blocks + block;
    std::memcpy(to + b * kBlock,
                w + ((place * all_taps + tap) * kBlock + channel % kBlock) * kBlock, kBlockBytes);
  }
}

void WeightPanels::pack(const uint16_t* w, int64_t begin, int64_t end, uint16_t* to,
                        uint16_t* rows) const {
  const int64_t columns = round_up(g.out_channels, kBlock);
  uint16_t *first = rows, *second = rows + columns;
  for (int64_t pair = begin; pair < end; ++pair) {
    row(w, 2 * pair, first), row(w, 2 * pair + 1, second);
    panels_bf16::kernels()->pair_rows(first, second, columns, to + pair * 2 * panels_bf16::kPanel,
                                      panel_stride);
  }
}

}  // namespace cairn::cpu
