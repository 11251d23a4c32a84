// Builds passes: chooses loop, group and tiles, then gives every register a home and every instruction
// a place.
#include "cairn/backend/cpu/region/region_pass.h"

#include <algorithm>

#include "cairn/backend/cpu/region/region_lower.h"
#include "cairn/backend/cpu/region/region_shape.h"
#include "cairn/base/error.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kParallelWork = 32 << 10;   // fewer value-instructions run on one thread
constexpr int64_t kChunkElements = 16 << 10;  // a chunk of a reduction is at least this much
constexpr int64_t kChunksWanted = 64;

bool is_store(const RegionInstr& i) {
  return i.code == RegionCode::store || i.code == RegionCode::reduce_store;
}

// ---- what each register is ------------------------------------------------------------------------

struct RegisterInfo {
  bool small = false;      // kTilePeriod values hold it for the whole group
  bool uniform = false;    // all of them equal
  bool one_a_row = false;  // the same at all points of a row
  bool invariant = false;  // the same for every group
  int phase = 0;           // row reductions that must be known before
  int writer = -1;         // instruction
};

// One place where an instruction runs.
struct Placement {
  int phase, instr;
};

class PassBuilder {
 public:
  PassBuilder(const RegionProgram& program, std::vector<int> sinks, int threads);
  Pass take() { return std::move(pass_); }

 private:
  void find_live();
  void turn_into_rows();
  void reductions_to_rows();
  void shape();
  void make_operands(const Geometry& g);
  void describe_registers();
  void check_store(const RegionInstr& instr) const;
  void expand_small_registers();
  void place_tiles();
  bool place_phases(bool keep_rows);
  void reach(int reg, int phase, bool keep_rows, std::vector<bool>& included);
  void redirect_outputs();
  bool streams(const RegionInstr& store) const;
  bool redirect_is_safe(int compute_at, int output) const;
  void assign_slots();
  void emit();
  void size_reductions();
  void size_workspace();

  Step step_of(int instr) const;
  // Whether the instruction fills a tile (and not: stores, or reduces a row bit by bit).
  bool fills(const RegionInstr& i) const {
    return !is_store(i) && (i.code != RegionCode::row_reduce || segment_ > 0);
  }
  bool has_stride_zero(const RegionInstr& store) const {
    const auto& strides = output_of(store).strides;
    return std::find(strides.begin(), strides.end(), 0) != strides.end();
  }
  const RegionOperand& output_of(const RegionInstr& i) const { return program_.outputs[i.operand]; }
  int output_index(int output) const { return static_cast<int>(program_.inputs.size()) + output; }
  int arity(const RegionInstr& i) const;
  std::vector<int> sources(const RegionInstr& i) const;

  RegionProgram program_;
  std::vector<int> sinks_;  // instructions
  std::vector<bool> live_;
  bool rows_ = false;       // the group is a row
  int64_t segment_ = 0;     // rows are short, a tile holds several: the length of one
  int reduction_ = -1;  // one reduce_store among the sinks
  int threads_;
  Geometry geometry_;
  std::vector<RegisterInfo> registers_;
  std::vector<Placement> order_;       // tile steps, all phases one after the other
  std::vector<int> first_phase_;       // of each full register
  std::vector<bool> crossing_;         // registers kept between phases
  std::vector<int> redirected_;        // register -> output, or -1
  int last_phase_ = 0;
  Pass pass_;
};

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
      code.push_back({.code = RegionCode::row_reduce, .combine = instr.combine, .out = next,
                      .a = instr.a, .scale = instr.scale});
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
  pass_.tiles = divide_up(pass_.group, pass_.tile);
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
  check(!repeats,
        "region: output {} is stored more than once: its stride is 0 in a dim where the value varies",
        instr.operand);
}

// Small registers that leave for an ordinary output, or into the sums of short rows, get a full copy;
// one that is stored as a point of its group stays.
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
      code.push_back({.code = RegionCode::compute, .out = next, .a = instr.a,
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

// ---- phases ---------------------------------------------------------------------------------------

// Adds what `phase` must run to have `reg`.
void PassBuilder::reach(int reg, int phase, bool keep_rows, std::vector<bool>& included) {
  const RegisterInfo& info = registers_[reg];
  const RegionInstr& instr = program_.code[info.writer];
  if (info.small || included[info.writer]) return;
  const bool known = first_phase_[reg] >= 0 && first_phase_[reg] < phase;
  const bool in_memory =
      instr.code == RegionCode::load && pass_.operands[instr.operand].dtype == DType::f32 &&
      is_contiguous(pass_.operands[instr.operand].levels, pass_.group);
  if (known && !in_memory && keep_rows) {
    crossing_[reg] = true;
    return;
  }
  included[info.writer] = true;
  if (first_phase_[reg] < 0) first_phase_[reg] = phase;
  for (int source : sources(instr)) reach(source, phase, keep_rows, included);
}

// Lists the tile instructions of every phase. False when the rows that would be kept between phases
// are too long for the cache.
bool PassBuilder::place_phases(bool keep_rows) {
  order_.clear();
  first_phase_.assign(registers_.size(), -1);
  crossing_.assign(registers_.size(), false);
  const int count = static_cast<int>(program_.code.size());
  const auto phase_of_sink = [&](const RegionInstr& i) {
    const bool in_place = i.code == RegionCode::store && output_of(i).in_place_of >= 0;
    return in_place ? last_phase_ : registers_[i.a].phase;
  };
  for (int phase = 0; phase <= last_phase_; ++phase) {
    std::vector<bool> included(count, false);
    for (int i = 0; i < count; ++i) {
      const RegionInstr& instr = program_.code[i];
      if (!live_[i] || fills(instr) || (!is_store(instr) && instr.code != RegionCode::row_reduce))
        continue;
      if (phase_of_sink(instr) != phase) continue;
      const bool point = instr.code == RegionCode::store && registers_[instr.a].small;
      if (point) continue;
      included[i] = true;
      reach(instr.a, phase, keep_rows, included);
    }
    std::vector<Placement> at_end;
    for (int i = 0; i < count; ++i) {
      if (!included[i]) continue;
      const bool in_place = program_.code[i].code == RegionCode::store &&
                            output_of(program_.code[i]).in_place_of >= 0;
      (in_place ? at_end : order_).push_back({phase, i});
    }
    order_.insert(order_.end(), at_end.begin(), at_end.end());
  }
  const int64_t kept = std::count(crossing_.begin(), crossing_.end(), true);
  return !keep_rows || pass_.tiles == 1 || kept * pass_.group * 4 <= kRowBufferBytes;
}

void PassBuilder::place_tiles() {
  for (size_t i = 0; i < program_.code.size(); ++i)
    if (live_[i])
      for (int reg : sources(program_.code[i]))
        last_phase_ = std::max(last_phase_, registers_[reg].phase);
  if (!place_phases(true)) place_phases(false);
}

// ---- homes ----------------------------------------------------------------------------------------

// Whether a store writes a large plain output that the program itself does not read.
bool PassBuilder::streams(const RegionInstr& store) const {
  const PassOperand& output = pass_.operands[output_index(store.operand)];
  return output.dtype == DType::f32 && is_contiguous(output.levels, pass_.group) &&
         output_of(store).in_place_of < 0 && pass_.group >= 512 && !pass_.rows &&
         pass_.loop_count * pass_.group * 4 >= kStreamBytes;
}

// A register may be computed straight into an output unless that overwrites an input still to be read.
bool PassBuilder::redirect_is_safe(int compute_at, int output) const {
  const int input = program_.outputs[output].in_place_of;
  if (input < 0) return true;
  for (size_t at = static_cast<size_t>(compute_at) + 1; at < order_.size(); ++at) {
    const RegionInstr& instr = program_.code[order_[at].instr];
    if (instr.code == RegionCode::load && instr.operand == input) return false;
    for (int reg : sources(instr)) {
      const RegionInstr& source = program_.code[registers_[reg].writer];
      if (source.code == RegionCode::load && source.operand == input) return false;
    }
  }
  return true;
}

void PassBuilder::redirect_outputs() {
  redirected_.assign(registers_.size(), -1);
  for (int sink : sinks_) {
    const RegionInstr& store = program_.code[sink];
    if (store.code != RegionCode::store || registers_[store.a].small) continue;
    const PassOperand& output = pass_.operands[output_index(store.operand)];
    const RegionInstr& source = program_.code[registers_[store.a].writer];
    if (redirected_[store.a] >= 0 || source.code != RegionCode::compute) continue;
    if (output.segments || output.dtype != DType::f32 || !is_contiguous(output.levels, pass_.group)) continue;
    if (streams(store)) continue;
    int first = -1, runs = 0;
    for (size_t at = 0; at < order_.size(); ++at)
      if (order_[at].instr == registers_[store.a].writer && runs++ == 0) first = static_cast<int>(at);
    if (runs == 1 && redirect_is_safe(first, store.operand)) redirected_[store.a] = store.operand;
  }
}

// Tile buffers, shared by registers that never live at the same time.
void PassBuilder::assign_slots() {
  struct Interval {
    int begin, end;
  };
  const int end = static_cast<int>(order_.size());
  std::vector<std::vector<Interval>> lives(registers_.size());
  std::vector<int> last_write(registers_.size(), -1);
  for (int at = 0; at < end; ++at) {
    const RegionInstr& instr = program_.code[order_[at].instr];
    for (int reg : sources(instr))
      if (last_write[reg] >= 0) lives[reg].back().end = at;
    if (!fills(instr)) continue;
    last_write[instr.out] = at;
    lives[instr.out].push_back({at, at + 1});
  }
  std::vector<std::vector<Interval>> slots;
  for (int at = 0; at < end; ++at) {
    const RegionInstr& instr = program_.code[order_[at].instr];
    if (!fills(instr)) continue;
    RegisterHome& home = pass_.homes[instr.out];
    if (home.home != Home::none) continue;
    auto& life = lives[instr.out];
    const bool keeps = instr.code == RegionCode::load && step_of(order_[at].instr).keep;
    if (keeps) life = {{-1, end + 1}};
    const auto fits = [&](const std::vector<Interval>& busy) {
      for (const auto& a : busy)
        for (const auto& b : life)
          if (a.begin < b.end && b.begin < a.end) return false;
      return true;
    };
    size_t slot = 0;
    while (slot < slots.size() && !fits(slots[slot])) ++slot;
    if (slot == slots.size()) slots.emplace_back();
    slots[slot].insert(slots[slot].end(), life.begin(), life.end());
    home = {Home::slot, static_cast<int>(slot)};
  }
  pass_.slots = static_cast<int>(slots.size());
}

// ---- steps ----------------------------------------------------------------------------------------

Step PassBuilder::step_of(int i) const {
  const RegionInstr& instr = program_.code[i];
  Step step;
  step.out = instr.out;
  step.combine = instr.combine;
  step.p0 = instr.p0, step.p1 = instr.p1, step.scale = instr.scale;
  const auto from = sources(instr);
  for (size_t k = 0; k < from.size(); ++k) {
    step.in[k] = static_cast<int16_t>(from[k]);
    step.mask[k] = registers_[from[k]].small ? kTilePeriod - 1 : kWholeTile;
  }
  switch (instr.code) {
    case RegionCode::load: {
      const PassOperand& operand = pass_.operands[instr.operand];
      step.operand = instr.operand;
      step.code = registers_[instr.out].small ? StepCode::fill_small : StepCode::fill_tile;
      step.period = std::max(1, period_of(operand.levels));
      step.keep = same_in_every_tile(geometry_, geometry_.strides[instr.operand], pass_.tile) &&
                  (!pass_.rows || pass_.tiles == 1);
      break;
    }
    case RegionCode::constant: step.code = StepCode::constant; break;
    case RegionCode::compute:
      step.code = StepCode::compute;
      step.small = registers_[instr.out].small;
      step.kernel = instr.fn->kernel;
      break;
    case RegionCode::row_reduce:
      step.code = segment_ ? StepCode::reduce_segments : StepCode::row_reduce;
      break;
    case RegionCode::store:
      step.operand = static_cast<int16_t>(output_index(instr.operand));
      step.code = registers_[instr.a].small              ? StepCode::store_point
                  : pass_.operands[step.operand].segments ? StepCode::store_segments
                                                          : StepCode::store_tile;
      step.stream = step.code == StepCode::store_tile && streams(instr);
      break;
    case RegionCode::reduce_store: step.code = StepCode::reduce_store; break;
  }
  return step;
}

void PassBuilder::emit() {
  pass_.homes.assign(registers_.size(), {});
  pass_.phases.resize(last_phase_ + 1);
  for (size_t i = 0; i < program_.code.size(); ++i) {  // small registers
    const RegionInstr& instr = program_.code[i];
    if (!live_[i]) continue;
    if (is_store(instr) || !registers_[instr.out].small) continue;
    pass_.homes[instr.out] = {Home::small, pass_.smalls++};
    if (instr.code == RegionCode::row_reduce) continue;
    const RegisterInfo& info = registers_[instr.out];
    auto& steps = info.invariant ? pass_.prologue : pass_.phases[info.phase].group_steps;
    steps.push_back(step_of(static_cast<int>(i)));
  }
  for (int sink : sinks_) {
    const RegionInstr& instr = program_.code[sink];
    if (instr.code == RegionCode::store && registers_[instr.a].small)
      pass_.phases[registers_[instr.a].phase].group_steps.push_back(step_of(sink));
  }
  for (const Placement& placement : order_) {  // full registers with a home of their own
    const RegionInstr& instr = program_.code[placement.instr];
    if (!fills(instr)) continue;
    RegisterHome& home = pass_.homes[instr.out];
    if (home.home != Home::none) continue;
    const bool load = instr.code == RegionCode::load;
    const PassOperand* operand = load ? &pass_.operands[instr.operand] : nullptr;
    if (load && operand->dtype == DType::f32 && is_contiguous(operand->levels, pass_.group))
      home = {Home::operand, instr.operand};
    else if (redirected_[instr.out] >= 0)
      home = {Home::operand, output_index(redirected_[instr.out])};
    else if (crossing_[instr.out])
      home = {Home::row, pass_.row_buffers++};
    if (home.home != Home::none)
      pass_.moving.push_back({instr.out, home.home == Home::operand, static_cast<int16_t>(home.index)});
  }
  assign_slots();
  for (const Placement& placement : order_) {
    const RegionInstr& instr = program_.code[placement.instr];
    Phase& phase = pass_.phases[placement.phase];
    Step step = step_of(placement.instr);
    if (instr.code == RegionCode::load && pass_.homes[instr.out].home == Home::operand) continue;
    if (instr.code == RegionCode::store && redirected_[instr.a] == instr.operand) continue;
    if (step.code == StepCode::row_reduce) phase.reduces.push_back(step);
    if (instr.code == RegionCode::reduce_store) {
      step.accumulator = static_cast<int>(pass_.accumulators.size());
      pass_.accumulators.push_back({.combine = instr.combine, .scale = instr.scale,
                                    .operand = output_index(instr.operand)});
    }
    pass_.streams |= step.stream;
    phase.tile_steps.push_back(step);
  }
}

// ---- sizes ----------------------------------------------------------------------------------------

void PassBuilder::size_reductions() {
  if (!pass_.reduces) {
    pass_.folds = pass_.fold_rows = 1;
    pass_.units = pass_.loop_count * (pass_.rows ? 1 : pass_.tiles);
    return;
  }
  const RegionOperand& output = output_of(program_.code[reduction_]);
  const bool keeps_inner = output.strides.back() != 0;
  const int64_t rows = pass_.loop_count / pass_.kept_count;
  const int64_t whole = keeps_inner ? pass_.inner : 1;  // values of a result, of a task's share of it
  const int64_t kept = pass_.tile_is_kept ? pass_.tile : whole;
  if (pass_.rows) pass_.units = rows / pass_.fold_rows * divide_up(pass_.fold_rows, pass_.folds);
  else pass_.units = rows * (pass_.tile_is_kept ? 1 : pass_.tiles);

  const int64_t unit_elements = keeps_inner ? pass_.folds * whole : std::min(kTile, pass_.group);
  const int64_t wanted = std::max<int64_t>(1, kChunksWanted / pass_.kept_count);
  int64_t least = std::max<int64_t>(1, kChunkElements / unit_elements);
  if (keeps_inner) least = std::max<int64_t>(least, 16);  // totals are as wide as the unit
  pass_.chunk_units = std::max(divide_up(pass_.units, wanted), least);
  pass_.chunks = divide_up(pass_.units, pass_.chunk_units);
  pass_.tasks = pass_.kept_count * (pass_.tile_is_kept ? pass_.tiles : 1) * pass_.chunks;

  for (Accumulator& a : pass_.accumulators) {
    a.kept = kept;
    a.width = kept * std::min(pass_.folds, pass_.fold_rows);
    a.float_offset = pass_.float_count;
    a.total_offset = pass_.total_count;
    a.partial_offset = pass_.partial_count;
    pass_.float_count += divide_up(a.width, 16) * 16;
    pass_.total_count += divide_up(a.width, 8) * 8;
    pass_.partial_count += a.kept;
  }
}

void PassBuilder::size_workspace() {
  const int64_t work = pass_.loop_count * pass_.group *
                       static_cast<int64_t>(std::max<size_t>(1, order_.size() / 3));
  const int64_t shares = pass_.reduces ? pass_.tasks : pass_.units;
  pass_.threads = work < kParallelWork ? 1 : static_cast<int>(std::min<int64_t>(threads_, shares));
  // 16 floats between tile buffers: not the same address modulo 4096.
  pass_.slot_floats = divide_up(pass_.tile, 16) * 16 + 16;
  pass_.row_floats = divide_up(pass_.group, 16) * 16 + 16;
  const int64_t floats = pass_.smalls * static_cast<int64_t>(kTilePeriod) +
                         pass_.slots * pass_.slot_floats + pass_.row_buffers * pass_.row_floats +
                         pass_.float_count + 2 * pass_.total_count;
  pass_.thread_bytes = static_cast<size_t>(divide_up(floats * 4, 64) * 64 + (floats ? 128 : 0));
  pass_.partial_bytes =
      pass_.chunks > 1 ? static_cast<size_t>(divide_up(pass_.tasks * pass_.partial_count * 8, 64) * 64)
                       : 0;
}

}  // namespace

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
