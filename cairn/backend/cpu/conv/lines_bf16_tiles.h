// The inner loops of lines_bf16.h and lines_bf16_weights.h, by AMX. Internal to this folder.
#pragma once
#include <cstdint>

namespace cairn::cpu::lines_bf16 {

inline constexpr int64_t kBlock = 16, kPair = 2 * kBlock, kPanel = 32;  // channels
inline constexpr int64_t kRows = 16;       // of a tile: positions may be read up to so many behind
inline constexpr int64_t kPositions = 32;  // of a tile's depth in the gradient of the weight

// Results of some lines: sums of one tile of pixels times one of weights a step.
struct Product {
  const uint16_t* a;       // of position 0; positions lie 32 channels apart
  const int64_t* offsets;  // of each step's from there, elements
  int64_t steps;
  const uint16_t* packed;                      // panels, 32 rows of the depth a step
  int64_t panel_stride;                        // elements
  int64_t columns, width, lines;               // of positions; of results; how many
  uint16_t* y;                                 // of the first result
  int64_t blocks;                              // of its channels
  int64_t column_step, line_step, block_step;  // elements
};

// Sums of a weight's gradient: two tiles of dy (rows of 16 channels of 32 positions, step behind
// step) times two of x (pairs of positions).
struct Gradient {
  const uint16_t* a[2];  // null: there is no second one
  const uint16_t* b[2];
  int64_t steps;                  // of 32 positions, in a band
  int64_t bands, a_band, b_band;  // how many, and elements between them
  float* sums[2][2];              // [a][b]: 16 x 16, contiguous
  bool first;                     // else sums are added to
};

// One block of channels of lines of positions: pixels `step` elements apart in columns [begin, end)
// of those lines that are not null; all others are zeros, and so is what lies behind the last.
struct PaddedLines {
  const uint16_t* const* lines;  // where `begin` lies
  int64_t count, columns, begin, end, step;
};

struct Kernels {
  void (*begin)();  // before the products of a thread, and behind them
  void (*end)();
  void (*multiply)(const Product& product);
  void (*add_gradient)(const Gradient& gradient);
  // Pixels of two blocks of channels (the second perhaps null: zeros), `step` elements apart, side
  // by side.
  void (*join)(const uint16_t* first, const uint16_t* second, int64_t step, int64_t count,
               uint16_t* to);
  // Positions as tiles of [channel][32 positions], of whole steps.
  void (*transpose)(const PaddedLines& lines, int64_t positions, uint16_t* to);
  // Position 2 i and the one behind it to even[i], 2 i + 1 and the one behind it to odd[i] (null:
  // nowhere), as [channel][2].
  void (*pair)(const PaddedLines& lines, int64_t pairs, uint16_t* even, uint16_t* odd);
  // The transpose of 16 x 16 sums: of so many, `step` numbers apart, added up.
  void (*turn)(const float* from, int64_t count, int64_t step, uint16_t* to);
};

const Kernels* kernels();  // null where the processor has no AMX

}  // namespace cairn::cpu::lines_bf16
