// The second half of building a pass: which instructions run in which phase, where every register
// lives, and the steps that come of it.
#include "cairn/backend/cpu/region/pass_builder.h"
#include "cairn/backend/cpu/region/region_lower.h"

namespace cairn::cpu {

// ---- phases
// ---------------------------------------------------------------------------------------

// Adds what `phase` must run to have `reg`.
void PassBuilder::reach(int reg, int phase, bool keep_rows, std::vector<bool>& included) {
  const RegisterInfo& info = registers_[reg];
  const RegionInstr& instr = program_.code[info.writer];
  if (info.small || included[info.writer]) return;
  const bool known = first_phase_[reg] >= 0 && first_phase_[reg] < phase;
  const bool in_memory = instr.code == RegionCode::load &&
                         pass_.operands[instr.operand].dtype == DType::f32 &&
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

// ---- homes
// ----------------------------------------------------------------------------------------

// Whether a store writes a large plain output that the program itself does not read.
bool PassBuilder::streams(const RegionInstr& store) const {
  const PassOperand& output = pass_.operands[output_index(store.operand)];
  return output.dtype == DType::f32 && is_contiguous(output.levels, pass_.group) &&
         output_of(store).in_place_of < 0 && pass_.group >= 512 && !pass_.rows &&
         pass_.loop_count * pass_.group * 4 >= kStreamBytes;
}

// A register may be computed straight into an output unless that overwrites an input still to be
// read.
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
    if (output.segments || output.dtype != DType::f32 || !is_contiguous(output.levels, pass_.group))
      continue;
    if (streams(store)) continue;
    int first = -1, runs = 0;
    for (size_t at = 0; at < order_.size(); ++at)
      if (order_[at].instr == registers_[store.a].writer && runs++ == 0)
        first = static_cast<int>(at);
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

// ---- steps
// ----------------------------------------------------------------------------------------

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
      step.code = registers_[instr.a].small               ? StepCode::store_point
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
    else if (crossing_[instr.out]) home = {Home::row, pass_.row_buffers++};
    if (home.home != Home::none)
      pass_.moving.push_back(
          {instr.out, home.home == Home::operand, static_cast<int16_t>(home.index)});
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
      pass_.accumulators.push_back(
          {.combine = instr.combine, .scale = instr.scale, .operand = output_index(instr.operand)});
    }
    pass_.streams |= step.stream;
    phase.tile_steps.push_back(step);
  }
}

}  // namespace cairn::cpu
