// What a RegionPlan is made of (internal). A pass is one sweep over the iteration space: loop dims
// outside, and inside them a *group*, the flat range of the innermost dims, cut into tiles.
//
//   sweep, no reduction   units are tiles; threads share them out evenly
//   rows (row_reduce)     the group is a row; phase p of a row runs when the reductions of the
//   phases
//                         before it are known
//   reduce_store          loop dims are ordered kept dims first; a task is one kept index and one
//   chunk
//                         of the reduced units, with accumulators of its own
#pragma once
#include <vector>

#include "cairn/backend/cpu/region/region.h"
#include "cairn/backend/cpu/region/tile_memory.h"

namespace cairn::cpu {

inline constexpr int64_t kTile = 1024;             // floats a tile at most: 4 KB, several fit L1
inline constexpr int64_t kStreamBytes = 48 << 20;  // larger outputs leave no cache to come back to
inline constexpr int64_t kShortRow = 128;          // a tile holds several rows up to this long
inline constexpr size_t kMaxLoweredRegisters = 512;
inline constexpr int64_t kUnitsPerFlush = 64;  // f32 accumulators go to f64 totals this often
inline constexpr int64_t kRowBufferBytes = 256 << 10;  // rows kept between phases stay within L2

// How an operand (tensor in memory) is visited by a pass.
struct PassOperand {
  DType dtype = DType::f32;
  int64_t element_size = 4;
  int64_t origin = 0;     // bytes
  Ints outer_strides;     // bytes, one a loop dim
  Levels levels;          // within the group; without the row when `segments`
  bool segments = false;  // an output with one value for each of the short rows in a tile
  LoadRun load = nullptr;
  StoreRun store = nullptr;
};

enum class StepCode : uint8_t {
  fill_small,  // register = the operand's values at the start of the group, repeated to kTilePeriod
  fill_tile,   // register = the operand's tile, converted or gathered
  constant,    // register = p0, small
  compute,
  row_reduce,       // partial result of the tile
  reduce_segments,  // register = each short row's result at all its points
  store_tile,
  store_point,     // one value a group
  store_segments,  // one value a short row
  reduce_store
};

struct Step {
  StepCode code;
  Combine combine = Combine::sum;
  bool small = false;    // compute: kTilePeriod values, not the tile's length
  bool stream = false;   // store_tile: past the caches
  bool keep = false;     // fill_tile: the same values in every tile; skip when filled already
  int16_t operand = -1;  // of the pass
  int16_t in[3] = {-1, -1, -1}, out = -1;  // registers
  size_t mask[3] = {kWholeTile, kWholeTile, kWholeTile};
  TileKernel kernel = nullptr;
  float p0 = 0, p1 = 0, scale = 1;
  int accumulator = -1;  // reduce_store
  int period = 1;        // fill_small
};

// Where a register lives.
enum class Home : uint8_t {
  none,     // not needed in this pass
  small,    // kTilePeriod values
  slot,     // a tile buffer
  row,      // a buffer for the whole group, kept between phases
  operand,  // the tensor's own memory
};
struct RegisterHome {
  Home home = Home::none;
  int index = -1;  // small, slot, row: which; operand: of the pass
};
struct MovingRegister {  // its address depends on the tile
  int16_t reg;
  bool in_operand;
  int16_t index;
};

struct Phase {
  std::vector<Step> group_steps;  // once a group, before its tiles
  std::vector<Step> tile_steps;
  std::vector<Step> reduces;  // the row_reduce steps whose results this phase gives
};

struct Accumulator {
  Combine combine = Combine::sum;
  float scale = 1;
  int operand = -1;
  int64_t float_offset = 0, total_offset = 0;  // within the thread's accumulators
  int64_t width = 1;                           // running values: folds * kept
  int64_t kept = 1;                            // values of the result a task
  bool lanes = false;                          // a tile is folded by itself: width is kept
  int64_t partial_offset = 0;                  // of its totals within a task's partial results
};

struct Pass {
  Ints loop;  // sizes; kept ones first when the pass reduces
  int64_t loop_count = 1;
  int64_t kept_count = 1;  // product of the kept loop dims
  int64_t group = 1, tile = 1, tiles = 1;
  int64_t segment = 0;  // length of the short rows of which a tile holds several, or 0
  bool reduces = false, rows = false, tile_is_kept = false;
  std::vector<PassOperand> operands;  // inputs, then outputs
  std::vector<RegisterHome> homes;
  std::vector<MovingRegister> moving;
  std::vector<Step> prologue;
  std::vector<Phase> phases;
  std::vector<Accumulator> accumulators;
  bool streams = false;
  int smalls = 0, slots = 0, row_buffers = 0;

  // Reductions. A unit is a tile; in a pass of rows, `folds` rows.
  int64_t units = 1, chunk_units = 1, chunks = 1, tasks = 1;
  int64_t inner = 1;                 // innermost dims of one kind, kept or reduced
  int64_t folds = 1, fold_rows = 1;  // rows of them a unit, and in the reduced range they lie in
  int64_t float_count = 0, total_count = 0, partial_count = 0;

  int threads = 1;
  int64_t slot_floats = 0, row_floats = 0;
  size_t thread_bytes = 0, partial_bytes = 0;
  size_t workspace_bytes() const {
    return thread_bytes * static_cast<size_t>(threads) + partial_bytes;
  }
};

// Builds the passes of a lowered program (its dims all > 1). A pass's operands are the program's
// inputs, then its outputs.
std::vector<Pass> make_passes(const RegionProgram& program, int threads);

void run_pass(const Pass& pass, char* const* operands, char* workspace);

}  // namespace cairn::cpu
