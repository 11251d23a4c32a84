// Digits drawn by the program: 28 x 28, grey, as pen strokes with the variety of hands (style,
// slant, turn, size, thickness, tremor) on noisy paper. Hard enough that a linear model stays far
// below a small CNN.
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

inline constexpr int kDigitSide = 28;

// Draws image `index` of the endless sequence of `seed` and returns its label (0 .. 9): a pure
// function.
int draw_digit(uint64_t seed, int64_t index, uint8_t* pixels);

struct DigitsOptions {
  int64_t train = 20000, test = 4000;  // images
};

// The splits come from separate seeds. Draws them all, in parallel.
ImageDatasetPtr open_digits(Split split, DigitsOptions options = {});

// Writes one drawn digit of each kind, that no training has seen, as FOLDER/0.png ...; returns the
// paths.
std::vector<std::string> write_digits(const std::string& folder);

}  // namespace cairn::data
