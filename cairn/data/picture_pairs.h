// Pairs of pictures, of which one is to be made from the other: maps and photographs, outlines and
// shapes.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "cairn/data/datasets.h"
#include "cairn/data/picture.h"

namespace cairn::data {

struct PicturePair {
  std::string file;  // of what is given; "": drawn
  io::Image input, target;
};
using PairDataset = DatasetPtr<PicturePair>;

struct PairOptions {
  bool input_is_left = false;  // of pictures side by side, and of folders A (left) and B (right)
  int side = 0;                // squares of this side; 0: the shorter side of most, at most 128
  bool skip_bad = false;       // leave out pairs without a partner, or damaged, and count them
};
struct PairSplits {
  int side = 0;
  std::array<int, 2> channels = {1, 1};  // 3 where some are in colour: of inputs, of targets
  bool side_by_side = false;             // files that hold both
  PairDataset train, test;               // test: undefined where the files have none
  std::string left_out;                  // for people; "": nothing
};

// `source`: "shapes" (outlines and the filled shapes, drawn), or a folder with
//   - pictures that hold both side by side, each twice as wide as high (as pix2pix has them),
//   - or folders input/ and target/, or A/ and B/, with files of the same names (endings aside);
// either with folders train/ and test/ (or val/) above, or without. All are read at once, fitted to
// squares and kept. Throws Error naming file and way out: not of these, no partner, damaged.
PairSplits open_picture_pairs(const std::string& source, const PairOptions& options);

// Pair `index` of the endless sequence of `seed`: outlines, in the colours of what fills them.
PicturePair draw_outlines(uint64_t seed, int64_t index);
inline constexpr int kOutlineSide = 32;

// The input's half of a picture that holds both.
io::Image half_of(const io::Image& both, bool left);
bool holds_two(const io::Image& image);  // twice as wide as high

}  // namespace cairn::data
