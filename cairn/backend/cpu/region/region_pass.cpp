// Builds passes: chooses loop, group and tiles and says what each register is; region_place.cpp
// then gives every register a home and every instruction a place; last come the sizes of what is
// shared and kept.
#include "cairn/backend/cpu/region/region_pass.h"

#include <algorithm>

#include "cairn/backend/cpu/region/pass_builder.h"
#include "cairn/backend/cpu/region/region_lower.h"
#include "cairn/backend/cpu/region/region_shape.h"
#include "cairn/backend/cpu/region/tile_reduce.h"
#include "cairn/base/error.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kParallelWork = 32 << 10;   // fewer value-instructions run on one thread
constexpr int64_t kChunkElements = 16 << 10;  // a chunk of a reduction is at least this much
constexpr int64_t kChunksWanted = 64;

}  // namespace

int PassBuilder::arity(const RegionInstr& i) const {
  if (i.code == RegionCode::load || i.code == RegionCode::constant) return 0;
  return i.code == RegionCode::compute ? i.fn->arity : 1;
}

std::vector<int> PassBuilder::sources(const RegionInstr& i) const {
  const int all[3] = {i.a, i.b, i.c};
  return {all, all + arity(i)};
}

PassBuilder::PassBuilder(const RegionProgram& program, std::vector<int> sinks, int threads)
    : program_(program), sinks_(std::move(sinks)), threads_(threads) {
  find_live();
  turn_into_rows();
  shape();
  expand_small_registers();
  check(registers_.size() <= kMaxLoweredRegisters, "region: {} registers after lowering; split it",
        registers_.size());
  place_tiles();
  redirect_outputs();
  emit();
  size_reductions();
  size_workspace();
}

void PassBuilder::find_live() {
  std::vector<int> writer(register_count(program_), -1);
  for (size_t i = 0; i < program_.code.size(); ++i)
    if (program_.code[i].out >= 0 && !is_store(program_.code[i]))
      writer[program_.code[i].out] = static_cast<int>(i);
  live_.assign(program_.code.size(), false);
  for (int sink : sinks_) live_[sink] = true;
  for (int i = static_cast<int>(program_.code.size()) - 1; i >= 0; --i) {
    if (!live_[i]) continue;
    const RegionInstr& instr = program_.code[i];
    for (int reg : sources(instr)) live_[writer[reg]] = true;
    if (instr.code == RegionCode::row_reduce) rows_ = true;
    if (instr.code == RegionCode::reduce_store) reduction_ = i;
    if (instr.code == RegionCode::store && has_stride_zero(instr)) rows_ = true;
  }
}

// A reduction of exactly the row's dims, or of short innermost ones, is a row_reduce and a store.
void PassBuilder::turn_into_rows() {
  const int rank = program_.dims.ssize();
  if (reduction_ >= 0) {
    const RegionOperand& output = output_of(program_.code[reduction_]);
    int trailing = 0, reduced = 0;
    for (int d = 0; d < rank; ++d) reduced += is_reduced(output, d);
    while (trailing < rank && is_reduced(output, rank - 1 - trailing)) ++trailing;
    const bool fits = rows_ ? trailing == program_.row_rank
                            : product(program_.dims, rank - trailing, rank) <= kShortRow;
    if (trailing == reduced && trailing < rank && fits) {
      program_.row_rank = trailing;
      rows_ = true;
      reduction_ = -1;
      reductions_to_rows();
    }
  }
  const int64_t row = product(program_.dims, rank - program_.row_rank, rank);
  if (rows_ && row <= kShortRow) rows_ = false, segment_ = row;
}

void PassBuilder::reductions_to_rows() {
  int16_t next = static_cast<int16_t>(register_count(program_));
  std::vector<RegionInstr> code;
  std::vector<bool> live;
  for (size_t i = 0; i < program_.code.size(); ++i) {
    RegionInstr instr = program_.code[i];
    if (live_[i] && instr.code == RegionCode::reduce_store) {
      code.push_back({.code = RegionCode::row_reduce,
                      .combine = instr.combine,
                      .out = next,
                      .a = instr.a,
                      .scale = instr.scale});
      live.push_back(true);
      instr.code = RegionCode::store;
      instr.a = next++;
    }
    code.push_back(instr);
    live.push_back(live_[i]);
  }
  program_.code = std::move(code);
  live_ = std::move(live);
}

void PassBuilder::shape() {
  Geometry& g = geometry_;
  g.dims = program_.dims;
  std::vector<DType> dtypes;
  std::vector<bool> used(program_.inputs.size() + program_.outputs.size(), false);
  int steps = 1;
  for (size_t i = 0; i < program_.code.size(); ++i) {
    const RegionInstr& instr = program_.code[i];
    if (!live_[i]) continue;
    ++steps;
    if (instr.operand < 0) continue;
    used[instr.code == RegionCode::load ? instr.operand : output_index(instr.operand)] = true;
  }
  for (auto* operands : {&program_.inputs, &program_.outputs})
    for (const auto& operand : *operands) {
      const bool is_used = used[g.strides.size()];
      g.strides.push_back(is_used ? operand.strides : Ints(g.dims.size(), 0));
      dtypes.push_back(operand.dtype);
    }
  pass_.rows = rows_;
  pass_.segment = segment_;
  pass_.reduces = reduction_ >= 0;
  size_t first_output = program_.inputs.size();
  while (first_output < used.size() && !used[first_output]) ++first_output;
  if (pass_.reduces) {
    std::vector<bool> reduced;
    const RegionOperand& output = output_of(program_.code[reduction_]);
    const int rank = g.dims.ssize();
    for (int d = 0; d < rank; ++d) reduced.push_back(is_reduced(output, d));
    const int row_rank = rows_ || segment_ ? program_.row_rank : 0;
    for (int d = rank - row_rank; d < rank; ++d)
      check(reduced[d] == reduced[rank - 1],
            "region: a program of rows reduces all of the row's dims or none; split it");
    shape_reduction(g, reduced, rows_ ? row_rank : 0, pass_);
    if (segment_ && pass_.tile % segment_) pass_.tile = pass_.tile / segment_ * segment_;
  } else if (rows_) {
    g.group_first = g.dims.ssize() - program_.row_rank;
    merge_dims(g, 0, g.group_first, -1);
    pass_.tile = std::min(kTile, product(g.dims, g.group_first, g.dims.ssize()));
  } else {
    shape_sweep(g, first_output, segment_ ? program_.row_rank : 0, steps, dtypes);
    pass_.tile = tile_of(g.dims, g.group_first, std::max<int64_t>(1, segment_));
  }
  pass_.loop.assign(g.dims.begin(), g.dims.begin() + g.group_first);
  pass_.loop_count = product(g.dims, 0, g.group_first);
  pass_.kept_count = product(g.dims, 0, g.kept_loops);
  pass_.group = product(g.dims, g.group_first, g.dims.ssize());
  pass_.tiles = ceil_div(pass_.group, pass_.tile);
  make_operands(g);
}

void PassBuilder::make_operands(const Geometry& g) {
  const int rank = g.dims.ssize();
  for (size_t k = 0; k < g.strides.size(); ++k) {
    const bool input = k < program_.inputs.size();
    const RegionOperand& from =
        input ? program_.inputs[k] : program_.outputs[k - program_.inputs.size()];
    PassOperand to;
    to.dtype = from.dtype;
    to.element_size = static_cast<int64_t>(size_of(from.dtype));
    to.origin = from.offset * to.element_size;
    for (int d = 0; d < g.group_first; ++d)
      to.outer_strides.push_back(g.strides[k][d] * to.element_size);
    to.levels = merged_levels(g.dims.begin() + g.group_first, g.strides[k].begin() + g.group_first,
                              rank - g.group_first);
    const bool per_row = !input && segment_ && !to.levels.empty() && to.levels.back().stride == 0 &&
                         to.levels.back().size == segment_;
    if (per_row && segment_ > 1) to.segments = true, to.levels.pop_back();
    to.load = load_run_for(from.dtype);
    to.store = store_run_for(from.dtype);
    pass_.operands.push_back(to);
  }
}

void PassBuilder::describe_registers() {
  registers_.assign(register_count(program_), {});
  for (size_t i = 0; i < program_.code.size(); ++i) {
    const RegionInstr& instr = program_.code[i];
    if (!live_[i] || is_store(instr)) continue;
    RegisterInfo info{true, true, true, true, 0, static_cast<int>(i)};
    if (instr.code == RegionCode::load) {
      const PassOperand& operand = pass_.operands[instr.operand];
      info.uniform = is_uniform(operand.levels);
      info.small = info.uniform || period_of(operand.levels) > 0;
      info.invariant = std::all_of(operand.outer_strides.begin(), operand.outer_strides.end(),
                                   [](int64_t s) { return s == 0; });
      const Ints& strides = program_.inputs[instr.operand].strides;
      for (int d = strides.ssize() - program_.row_rank; d < strides.ssize(); ++d)
        info.one_a_row &= strides[d] == 0;
    }
    for (int reg : sources(instr)) {
      info.small &= registers_[reg].small;
      info.uniform &= registers_[reg].uniform;
      info.invariant &= registers_[reg].invariant;
      info.one_a_row &= registers_[reg].one_a_row;
      info.phase = std::max(info.phase, registers_[reg].phase);
    }
    if (instr.code == RegionCode::row_reduce) {
      info.one_a_row = true;
      info.invariant = false;
      info.small = info.uniform = segment_ == 0;
      if (segment_ == 0) ++info.phase;
    }
    registers_[instr.out] = info;
  }
}

// Whether a store is sound: each element once, or once a row with the row's one value.
void PassBuilder::check_store(const RegionInstr& instr) const {
  const RegisterInfo& info = registers_[instr.a];
  const PassOperand& output = pass_.operands[output_index(instr.operand)];
  const auto& outer = output.outer_strides;
  bool repeats = std::find(outer.begin(), outer.end(), 0) != outer.end();
  if (output.segments) repeats |= !info.one_a_row;
  else if (is_uniform(output.levels)) repeats |= !info.uniform;
  if (output.segments || !is_uniform(output.levels))
    for (const Level& level : output.levels) repeats |= level.stride == 0;
  check(
      !repeats,
      "region: output {} is stored more than once: its stride is 0 in a dim where the value varies",
      instr.operand);
}

// Small registers that leave for an ordinary output, or into the sums of short rows, get a full
// copy; one that is stored as a point of its group stays.
void PassBuilder::expand_small_registers() {
  describe_registers();
  int16_t next = static_cast<int16_t>(registers_.size());
  std::vector<RegionInstr> code;
  std::vector<bool> live;
  for (size_t i = 0; i < program_.code.size(); ++i) {
    RegionInstr instr = program_.code[i];
    const bool stores = live_[i] && instr.code == RegionCode::store;
    const bool sums = live_[i] && instr.code == RegionCode::row_reduce && segment_ > 0;
    bool expands = sums;
    if (stores) {
      check_store(instr);
      const PassOperand& output = pass_.operands[output_index(instr.operand)];
      expands = output.segments || !is_uniform(output.levels);
    }
    if (expands && registers_[instr.a].small) {
      code.push_back({.code = RegionCode::compute,
                      .out = next,
                      .a = instr.a,
                      .fn = find_tile_function("identity")});
      live.push_back(true);
      instr.a = next++;
    }
    code.push_back(instr);
    live.push_back(live_[i]);
  }
  const std::vector<RegisterInfo> known = registers_;
  program_.code = std::move(code);
  live_ = std::move(live);
  describe_registers();
  for (size_t reg = known.size(); reg < registers_.size(); ++reg) registers_[reg].small = false;
  sinks_.clear();
  for (size_t i = 0; i < program_.code.size(); ++i)
    if (live_[i] && is_store(program_.code[i])) {
      sinks_.push_back(static_cast<int>(i));
      if (program_.code[i].code == RegionCode::reduce_store) reduction_ = static_cast<int>(i);
    }
}

// ---- sizes
// ----------------------------------------------------------------------------------------

void PassBuilder::size_reductions() {
  if (!pass_.reduces) {
    pass_.folds = pass_.fold_rows = 1;
    pass_.units = pass_.loop_count * (pass_.rows ? 1 : pass_.tiles);
    return;
  }
  const RegionOperand& output = output_of(program_.code[reduction_]);
  const bool keeps_inner = output.strides.back() != 0;
  const int64_t rows = pass_.loop_count / pass_.kept_count;
  const int64_t whole =
      keeps_inner ? pass_.inner : 1;  // values of a result, of a task's share of it
  const int64_t kept = pass_.tile_is_kept ? pass_.tile : whole;
  if (pass_.rows) pass_.units = rows / pass_.fold_rows * ceil_div(pass_.fold_rows, pass_.folds);
  else pass_.units = rows * (pass_.tile_is_kept ? 1 : pass_.tiles);

  const int64_t unit_elements = keeps_inner ? pass_.folds * whole : std::min(kTile, pass_.group);
  const int64_t wanted = std::max<int64_t>(1, kChunksWanted / pass_.kept_count);
  int64_t least = std::max<int64_t>(1, kChunkElements / unit_elements);
  if (keeps_inner) least = std::max<int64_t>(least, 16);  // totals are as wide as the unit
  pass_.chunk_units = std::max(ceil_div(pass_.units, wanted), least);
  pass_.chunks = ceil_div(pass_.units, pass_.chunk_units);
  pass_.tasks = pass_.kept_count * (pass_.tile_is_kept ? pass_.tiles : 1) * pass_.chunks;

  for (Accumulator& a : pass_.accumulators) {
    a.kept = kept;
    a.lanes = !pass_.rows && pass_.folds > 1 && has_lanes(kept);
    a.width = kept * (a.lanes ? 1 : std::min(pass_.folds, pass_.fold_rows));
    a.float_offset = pass_.float_count;
    a.total_offset = pass_.total_count;
    a.partial_offset = pass_.partial_count;
    pass_.float_count += round_up(a.width, 16);
    pass_.total_count += round_up(a.width, 8);
    pass_.partial_count += a.kept;
  }
}

void PassBuilder::size_workspace() {
  const int64_t work =
      pass_.loop_count * pass_.group * static_cast<int64_t>(std::max<size_t>(1, order_.size() / 3));
  const int64_t shares = pass_.reduces ? pass_.tasks : pass_.units;
  pass_.threads = work < kParallelWork ? 1 : static_cast<int>(std::min<int64_t>(threads_, shares));
  // 16 floats between tile buffers: not the same address modulo 4096.
  pass_.slot_floats = round_up(pass_.tile, 16) + 16;
  pass_.row_floats = round_up(pass_.group, 16) + 16;
  const int64_t floats = pass_.smalls * static_cast<int64_t>(kTilePeriod) +
                         pass_.slots * pass_.slot_floats + pass_.row_buffers * pass_.row_floats +
                         pass_.float_count + 2 * pass_.total_count;
  pass_.thread_bytes = static_cast<size_t>(round_up(floats * 4, 64) + (floats ? 128 : 0));
  pass_.partial_bytes =
      pass_.chunks > 1 ? static_cast<size_t>(round_up(pass_.tasks * pass_.partial_count * 8, 64))
                       : 0;
}

// One pass for each set of reduced dims; stores go with the last, which alone may overwrite inputs.
std::vector<Pass> make_passes(const RegionProgram& program, int threads) {
  std::vector<std::vector<bool>> patterns;
  std::vector<std::vector<int>> sinks;
  for (size_t i = 0; i < program.code.size(); ++i) {
    if (program.code[i].code != RegionCode::reduce_store) continue;
    std::vector<bool> pattern;
    for (int64_t stride : program.outputs[program.code[i].operand].strides)
      pattern.push_back(stride == 0);
    const size_t known = std::find(patterns.begin(), patterns.end(), pattern) - patterns.begin();
    if (known == patterns.size()) sinks.emplace_back(), patterns.push_back(pattern);
    sinks[known].push_back(static_cast<int>(i));
  }
  if (sinks.empty()) sinks.emplace_back();
  for (size_t i = 0; i < program.code.size(); ++i)
    if (program.code[i].code == RegionCode::store) sinks.back().push_back(static_cast<int>(i));
  std::vector<Pass> passes;
  for (auto& some : sinks)
    if (!some.empty()) passes.push_back(PassBuilder(program, some, threads).take());
  return passes;
}

}  // namespace cairn::cpu
