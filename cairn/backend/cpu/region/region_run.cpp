// Runs passes.
#include <algorithm>
#include <bitset>
#include <cstring>

#include "cairn/backend/cpu/region/region_pass.h"
#include "cairn/backend/cpu/region/tile_reduce.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

// What one thread needs to run its part of a pass.
class PassRunner {
 public:
  PassRunner(const Pass& pass, char* const* operands, char* workspace, char* partials);
  void run_units(int64_t begin, int64_t end);  // without reductions
  void run_task(int64_t task);                 // with
  void write_results(int64_t kept_index, int64_t tile, const double* totals);

 private:
  void seek(int64_t loop_index);
  void advance();
  void run_row(int64_t fold);
  void run_tile(const Phase& phase, int64_t start, int64_t n);
  void run_steps(const std::vector<Step>& steps, int64_t start, int64_t n);
  void begin_reduces(const Phase& phase);
  void finish_reduces(const Phase& phase);
  void reduce_segments(const Step& step, int64_t n);
  void store_segments(const Step& step, int64_t start, int64_t n);
  void fill_small(const Step& step);
  void fill_tile(const Step& step, int64_t start, int64_t n);
  void compute(const Step& step, int64_t n);
  void clear_accumulators();
  void flush_accumulators();
  void fold_totals();
  void reduce_rows(int64_t first, int64_t unit_begin, int64_t unit_end);
  void reduce_tiles(int64_t first, int64_t kept_tile, int64_t unit_begin, int64_t unit_end);

  const Pass& pass_;
  char* const* origins_;
  float* smalls_;
  float* slots_;
  float* rows_;
  float* accumulators_;
  double* totals_;
  double* partials_;
  int64_t fold_offset_ = 0;  // where the current row falls in the accumulators
  int64_t position_ = -1;    // in the loops, flat
  int64_t index_[kMaxLevels];
  char* base_[kMaxRegionOperands];
  float* registers_[kMaxLoweredRegisters];
  double row_results_[kMaxLoweredRegisters];
  std::bitset<kMaxRegionOperands> filled_;
  const char* filled_from_[kMaxRegionOperands];
};

PassRunner::PassRunner(const Pass& pass, char* const* operands, char* workspace, char* partials)
    : pass_(pass), origins_(operands), partials_(reinterpret_cast<double*>(partials)) {
  smalls_ = reinterpret_cast<float*>(workspace);
  slots_ = smalls_ + pass.smalls * kTilePeriod;
  rows_ = slots_ + pass.slots * pass.slot_floats;
  accumulators_ = rows_ + pass.row_buffers * pass.row_floats;
  totals_ = reinterpret_cast<double*>(accumulators_ + pass.float_count);
  for (size_t r = 0; r < pass.homes.size(); ++r) {
    const RegisterHome home = pass.homes[r];
    if (home.home == Home::small) registers_[r] = smalls_ + home.index * kTilePeriod;
    if (home.home == Home::slot) registers_[r] = slots_ + home.index * pass.slot_floats;
  }
  for (size_t k = 0; k < pass.operands.size(); ++k)
    base_[k] = operands[k] + pass.operands[k].origin;
  run_steps(pass.prologue, 0, 0);
}

// ---- position in the loops
// ------------------------------------------------------------------------

void PassRunner::seek(int64_t loop_index) {
  if (loop_index == position_) return;
  if (loop_index == position_ + 1 && position_ >= 0) return advance();
  position_ = loop_index;
  for (size_t k = 0; k < pass_.operands.size(); ++k)
    base_[k] = origins_[k] + pass_.operands[k].origin;
  for (int d = pass_.loop.ssize() - 1; d >= 0; --d) {
    index_[d] = loop_index % pass_.loop[d];
    loop_index /= pass_.loop[d];
    for (size_t k = 0; k < pass_.operands.size(); ++k)
      base_[k] += index_[d] * pass_.operands[k].outer_strides[d];
  }
}

void PassRunner::advance() {
  ++position_;
  for (int d = pass_.loop.ssize() - 1; d >= 0; --d) {
    const bool wraps = ++index_[d] == pass_.loop[d];
    const int64_t steps = wraps ? 1 - pass_.loop[d] : 1;
    for (size_t k = 0; k < pass_.operands.size(); ++k)
      base_[k] += steps * pass_.operands[k].outer_strides[d];
    if (!wraps) return;
    index_[d] = 0;
  }
}

// ---- steps
// ----------------------------------------------------------------------------------------

void PassRunner::fill_small(const Step& step) {
  const PassOperand& operand = pass_.operands[step.operand];
  float* out = registers_[step.out];
  float values[kTilePeriod];
  operand.load(base_[step.operand], 1, step.period, values);
  for (size_t i = 0; i < kTilePeriod; ++i) out[i] = values[i & (step.period - 1)];
}

void PassRunner::fill_tile(const Step& step, int64_t start, int64_t n) {
  const PassOperand& operand = pass_.operands[step.operand];
  const char* from = base_[step.operand];
  if (step.keep) {
    if (filled_[step.operand] && filled_from_[step.operand] == from) return;
    filled_[step.operand] = true;
    filled_from_[step.operand] = from;
    start = 0, n = pass_.tile;
  }
  load_tile(operand.load, operand.element_size, from, operand.levels, start, n,
            registers_[step.out]);
}

inline void PassRunner::compute(const Step& step, int64_t n) {
  TileArgs args;
  for (int k = 0; k < 3; ++k) {
    args.in[k] = step.in[k] >= 0 ? registers_[step.in[k]] : nullptr;
    args.mask[k] = step.mask[k];
  }
  args.out = registers_[step.out];
  args.n = step.small ? kTilePeriod : static_cast<size_t>(n);
  args.p0 = step.p0, args.p1 = step.p1;
  step.kernel(args);
}

void PassRunner::run_steps(const std::vector<Step>& steps, int64_t start, int64_t n) {
  for (const Step& step : steps) {
    switch (step.code) {
      case StepCode::compute: compute(step, n); break;
      case StepCode::fill_tile: fill_tile(step, start, n); break;
      case StepCode::fill_small: fill_small(step); break;
      case StepCode::constant: std::fill_n(registers_[step.out], kTilePeriod, step.p0); break;
      case StepCode::row_reduce:
        row_results_[step.out] =
            combined(step.combine, row_results_[step.out],
                     reduce_tile(step.combine, registers_[step.in[0]], step.mask[0], n));
        break;
      case StepCode::reduce_segments: reduce_segments(step, n); break;
      case StepCode::store_segments: store_segments(step, start, n); break;
      case StepCode::store_tile: {
        const PassOperand& to = pass_.operands[step.operand];
        if (step.stream) {
          stream_tile(registers_[step.in[0]], n,
                      reinterpret_cast<float*>(base_[step.operand]) + start);
          break;
        }
        store_tile(to.store, to.element_size, registers_[step.in[0]], base_[step.operand],
                   to.levels, start, n);
        break;
      }
      case StepCode::store_point:
        pass_.operands[step.operand].store(registers_[step.in[0]], 1, base_[step.operand], 0);
        break;
      case StepCode::reduce_store: {
        const Accumulator& a = pass_.accumulators[step.accumulator];
        const float* in = registers_[step.in[0]];
        if (a.width == 1) {
          double& total = totals_[a.total_offset];
          total = combined(a.combine, total, reduce_tile(a.combine, in, step.mask[0], n));
        } else if (a.lanes) {
          reduce_lanes(a.combine, totals_ + a.total_offset, a.kept, in, step.mask[0], n);
        } else {
          const int64_t at = fold_offset_ + (pass_.rows ? start : 0);
          accumulate_tile(a.combine, accumulators_ + a.float_offset + at, in, step.mask[0], n);
        }
        break;
      }
    }
  }
}

// The rows of a tile one by one; each result goes to all points of its row.
void PassRunner::reduce_segments(const Step& step, int64_t n) {
  const float* in = registers_[step.in[0]];
  float* out = registers_[step.out];
  const int64_t length = pass_.segment;
  for (int64_t at = 0; at < n; at += length) {
    const double total = reduce_tile(step.combine, in + at, kWholeTile, length);
    std::fill_n(out + at, length, static_cast<float>(total * step.scale));
  }
}

void PassRunner::store_segments(const Step& step, int64_t start, int64_t n) {
  const PassOperand& to = pass_.operands[step.operand];
  const float* in = registers_[step.in[0]];
  float values[kTile];
  const int64_t count = n / pass_.segment;
  for (int64_t i = 0; i < count; ++i) values[i] = in[i * pass_.segment];
  store_tile(to.store, to.element_size, values, base_[step.operand], to.levels,
             start / pass_.segment, count);
}

inline void PassRunner::run_tile(const Phase& phase, int64_t start, int64_t n) {
  for (const MovingRegister& m : pass_.moving)
    registers_[m.reg] = (m.in_operand ? reinterpret_cast<float*>(base_[m.index])
                                      : rows_ + m.index * pass_.row_floats) +
                        start;
  run_steps(phase.tile_steps, start, n);
}

void PassRunner::begin_reduces(const Phase& phase) {
  for (const Step& step : phase.reduces) row_results_[step.out] = identity_of(step.combine);
}

void PassRunner::finish_reduces(const Phase& phase) {
  for (const Step& step : phase.reduces)
    std::fill_n(registers_[step.out], kTilePeriod,
                static_cast<float>(row_results_[step.out] * step.scale));
}

void PassRunner::run_row(int64_t fold) {
  fold_offset_ = fold * pass_.inner;
  for (const Phase& phase : pass_.phases) {
    run_steps(phase.group_steps, 0, 0);
    begin_reduces(phase);
    for (int64_t start = 0; start < pass_.group; start += pass_.tile)
      run_tile(phase, start, std::min(pass_.tile, pass_.group - start));
    finish_reduces(phase);
  }
}

// ---- sweeps
// ---------------------------------------------------------------------------------------

void PassRunner::run_units(int64_t begin, int64_t end) {
  if (begin == end) return;
  if (pass_.rows) {
    for (int64_t row = begin; row < end; ++row) {
      seek(row);
      run_row(0);
    }
    return;
  }
  const Phase& phase = pass_.phases[0];
  int64_t tile = begin % pass_.tiles;
  seek(begin / pass_.tiles);
  run_steps(phase.group_steps, 0, 0);
  for (int64_t unit = begin; unit < end; ++unit) {
    if (tile == pass_.tiles) {
      tile = 0;
      advance();
      run_steps(phase.group_steps, 0, 0);
    }
    const int64_t start = tile++ * pass_.tile;
    run_tile(phase, start, std::min(pass_.tile, pass_.group - start));
  }
}

// ---- reductions
// -----------------------------------------------------------------------------------

void PassRunner::clear_accumulators() {
  for (const Accumulator& a : pass_.accumulators) {
    std::fill_n(totals_ + a.total_offset, a.width, identity_of(a.combine));
    std::fill_n(accumulators_ + a.float_offset, a.width,
                static_cast<float>(identity_of(a.combine)));
  }
}

void PassRunner::flush_accumulators() {
  for (const Accumulator& a : pass_.accumulators)
    if (a.width > 1 && !a.lanes)
      cpu::flush_accumulators(a.combine, totals_ + a.total_offset, accumulators_ + a.float_offset,
                              a.width);
}

void PassRunner::fold_totals() {
  for (const Accumulator& a : pass_.accumulators)
    cpu::fold_totals(a.combine, totals_ + a.total_offset, a.kept, a.width);
}

// Units of rows: the row j of its reduced range is fold j % folds of unit j / folds.
void PassRunner::reduce_rows(int64_t first, int64_t unit_begin, int64_t unit_end) {
  const int64_t units = ceil_div(pass_.fold_rows, pass_.folds);
  const auto row_of = [&](int64_t unit) {
    return unit / units * pass_.fold_rows + unit % units * pass_.folds;
  };
  for (int64_t unit = unit_begin; unit < unit_end; ++unit) {
    const int64_t row = row_of(unit), rows = row_of(unit + 1) - row;
    for (int64_t fold = 0; fold < rows; ++fold) {
      seek(first + row + fold);
      run_row(fold);
    }
    if ((unit - unit_begin + 1) % kUnitsPerFlush == 0) flush_accumulators();
  }
}

// Units of tiles. With kept_tile >= 0 the units are the groups, and only that tile of each.
void PassRunner::reduce_tiles(int64_t first, int64_t kept_tile, int64_t unit_begin,
                              int64_t unit_end) {
  const Phase& phase = pass_.phases[0];
  const int64_t tiles = kept_tile >= 0 ? 1 : pass_.tiles;
  int64_t tile = unit_begin % tiles;
  seek(first + unit_begin / tiles);
  run_steps(phase.group_steps, 0, 0);
  for (int64_t unit = unit_begin; unit < unit_end; ++unit) {
    if (tile == tiles) {
      tile = 0;
      advance();
      run_steps(phase.group_steps, 0, 0);
    }
    const int64_t start = (kept_tile >= 0 ? kept_tile : tile) * pass_.tile;
    ++tile;
    run_tile(phase, start, std::min(pass_.tile, pass_.group - start));
    if ((unit - unit_begin + 1) % kUnitsPerFlush == 0) flush_accumulators();
  }
}

void PassRunner::run_task(int64_t task) {
  const int64_t chunk = task % pass_.chunks, kept = task / pass_.chunks;
  const int64_t kept_tiles = pass_.tile_is_kept ? pass_.tiles : 1;
  const int64_t kept_index = kept / kept_tiles, tile = kept % kept_tiles;
  const int64_t first = kept_index * (pass_.loop_count / pass_.kept_count);
  const int64_t begin = chunk * pass_.chunk_units;
  const int64_t end = std::min(pass_.units, begin + pass_.chunk_units);
  clear_accumulators();
  fold_offset_ = 0;
  if (pass_.rows) reduce_rows(first, begin, end);
  else reduce_tiles(first, pass_.tile_is_kept ? tile : -1, begin, end);
  flush_accumulators();
  fold_totals();
  if (pass_.chunks == 1) return write_results(kept_index, tile, nullptr);
  double* partial = partials_ + task * pass_.partial_count;
  for (const Accumulator& a : pass_.accumulators)
    std::copy_n(totals_ + a.total_offset, a.kept, partial + a.partial_offset);
}

// Writes scale * totals: this thread's own, or those of a task's partial results.
void PassRunner::write_results(int64_t kept_index, int64_t tile, const double* totals) {
  seek(kept_index * (pass_.loop_count / pass_.kept_count));
  const int64_t start = pass_.tile_is_kept ? tile * pass_.tile : 0;
  for (const Accumulator& a : pass_.accumulators) {
    const double* from = totals ? totals + a.partial_offset : totals_ + a.total_offset;
    const int64_t n = pass_.tile_is_kept ? std::min(a.kept, pass_.group - start) : a.kept;
    float* values = accumulators_ + a.float_offset;
    for (int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(from[i] * a.scale);
    const PassOperand& to = pass_.operands[a.operand];
    store_tile(to.store, to.element_size, values, base_[a.operand], to.levels, start, n);
  }
}

// Combines the chunks of each result, in order.
void combine_chunks(const Pass& pass, PassRunner& runner, double* partials) {
  const int64_t results = pass.tasks / pass.chunks;
  const int64_t kept_tiles = pass.tile_is_kept ? pass.tiles : 1;
  for (int64_t r = 0; r < results; ++r) {
    double* total = partials + r * pass.chunks * pass.partial_count;
    for (int64_t chunk = 1; chunk < pass.chunks; ++chunk)
      for (const Accumulator& a : pass.accumulators) {
        const double* more = total + chunk * pass.partial_count + a.partial_offset;
        double* into = total + a.partial_offset;
        for (int64_t i = 0; i < a.kept; ++i) into[i] = combined(a.combine, into[i], more[i]);
      }
    runner.write_results(r / kept_tiles, r % kept_tiles, total);
  }
}

void run_share(const Pass& pass, PassRunner& runner, int thread, int threads) {
  const int64_t shares = pass.reduces ? pass.tasks : pass.units;
  const int64_t begin = shares * thread / threads, end = shares * (thread + 1) / threads;
  if (!pass.reduces) runner.run_units(begin, end);
  else
    for (int64_t task = begin; task < end; ++task) runner.run_task(task);
  if (pass.streams) finish_streaming();
}

}  // namespace

void run_pass(const Pass& pass, char* const* operands, char* workspace) {
  char* partials = workspace + pass.thread_bytes * static_cast<size_t>(pass.threads);
  if (pass.threads == 1) {
    PassRunner runner(pass, operands, workspace, partials);
    run_share(pass, runner, 0, 1);
    if (pass.chunks > 1) combine_chunks(pass, runner, reinterpret_cast<double*>(partials));
    return;
  }
  parallel_region(
      [&](int thread, int threads) {
        PassRunner runner(pass, operands,
                          workspace + pass.thread_bytes * static_cast<size_t>(thread), partials);
        run_share(pass, runner, thread, threads);
      },
      pass.threads);
  if (pass.chunks == 1) return;
  PassRunner runner(pass, operands, workspace, partials);
  combine_chunks(pass, runner, reinterpret_cast<double*>(partials));
}

}  // namespace cairn::cpu
