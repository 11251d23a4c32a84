// The product in registers that convolutions are made of: a few pixels by two blocks of output
// channels, over a piece of the depth (input channels at the kernel's taps). Internal to this
// folder.
#pragma once
#include <cstdint>

namespace cairn::cpu {

struct ProductTile {
  static constexpr int kMostRows = 12;  // on any instruction set

  struct Run {           // groups that follow each other
    int64_t at, groups;  // of the first: floats from a
  };

  int rows;            // pixels
  int64_t groups;      // of the depth: each a block of input channels at one tap
  const Run* runs;     // where they are not one run, or null
  const float* a;      // the first pixel's first group; the next pixel's lies a_step blocks on,
  int a_step;          // 1 or 2,
  int64_t a_group;     // and the next group so many floats
  const float* b;      // weights: [group][lane][two blocks]
  const float* ahead;  // weights to be fetched meanwhile,
  int lines_ahead;     // cache lines a group
  const float* next;   // pixels to be fetched meanwhile, lying like a: their groups
  int64_t next_begin, next_end;  // [next_begin, next_end)
  float* y[kMostRows];           // each pixel's first block of output channels
  int64_t block_stride;          // floats to the second
  bool second;                   // is there one?
  const float* bias;             // of both blocks, or null
  int64_t residual;              // floats from y to the residual, where has_residual
  bool first, last;              // of the pieces of the depth: y holds the sum of those before
  bool has_residual, relu;
  bool stream;  // outputs bypass the caches; the caller flushes
};

// Of an instruction set: floats in a vector, rows of a tile, the depth of a piece.
struct ProductKernels {
  int64_t lanes, rows, depth;
  void (*multiply)(const ProductTile&);
  // Groups of a tile: `count` blocks of channels of each pixel, `plane` floats apart; null: a pixel
  // in the padding. Written as [group][row][lane].
  void (*gather)(const float* const* pixels, int rows, int64_t plane, int64_t count, float* to);
  void (*flush)();  // after streamed outputs
};
const ProductKernels& product_kernels();

}  // namespace cairn::cpu
