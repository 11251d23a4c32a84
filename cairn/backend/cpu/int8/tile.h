// The product at the bottom of 8-bit convolution and linear layers: a few pixels times a panel of
// output channels, u8 times s8 with sums in i32, and what follows a sum. One function an
// instruction set; all give the same bits.
#pragma once
#include <cstdint>

namespace cairn::cpu::int8 {

constexpr int64_t kStep = 4;    // terms of a sum that are multiplied at a time
constexpr int64_t kChunk = 64;  // bytes of a pixel that lie together in a block of gathered pixels
constexpr int64_t kMostPanel = 32;  // output channels of a panel, on any

// What becomes of the sums; one entry an output channel of the panel.
struct Epilogue {
  const int32_t* start;  // what a sum begins with: -zero times the sum of the channel's weights
  const float* factor;   // v = sum * factor + offset
  const float* offset;
  float residual_factor;  // v += residual * residual_factor
  float low;              // v is kept in [low, 255]; floats: [low, infinity)
};

struct Tile {
  int rows;
  int64_t steps;            // of the depth, kStep terms each
  const uint8_t* a;         // [chunk][row][kChunk]
  const void* b;            // a panel as pack() writes it
  void* y;                  // the first row's first channel: u8, or f32 where floats
  const uint8_t* residual;  // likewise, or null
  int64_t row_stride;       // elements of y and the residual from pixel to pixel
  int64_t columns;          // channels of the panel that exist
  bool floats;
  Epilogue then;
};

// How weights lie for an instruction set.
enum class Form : int64_t {
  bytes = 1,  // [step][channel][term] i8
  pairs = 2,  // [step][first or second pair of terms][channel][term: even, odd] i16: terms 0 and 2,
              // then 1 and 3
};

// Bytes of an image under a window; a row of it is whole chunks.
struct Window {
  const uint8_t* from;
  int64_t rows, row_bytes, row_step;
};

struct Kernels {
  Form form;
  int rows;       // of a whole tile
  int64_t panel;  // channels
  void (*multiply)(const Tile&);
  // The bytes of a window, in order, to places `step` bytes apart, kChunk to each.
  void (*copy_chunks)(const Window& window, uint8_t* to, int64_t step);
};
// Those of this processor: AMX, AVX-512 VNNI, AVX-512, AVX2, or plain loops.
Kernels kernels();

inline int64_t panel_bytes(Form form, int64_t panel, int64_t steps) {
  return steps * panel * kStep *
         static_cast<int64_t>(form == Form::bytes ? sizeof(int8_t) : sizeof(int16_t));
}
// `count` channels of `depth` weights each, dense, into a panel; the rest is zero. Writes the sum
// of each channel.
void pack(Form form, int64_t panel, const int8_t* weights, int64_t count, int64_t depth, void* to,
          int32_t* sums);

}  // namespace cairn::cpu::int8
