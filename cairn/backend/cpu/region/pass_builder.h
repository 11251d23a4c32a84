// Builds a pass (internal to region_pass.cpp and region_place.cpp): what is computed, in which
// shape, where each value lives, and in which order.
#pragma once
#include <algorithm>
#include <utility>
#include <vector>

#include "cairn/backend/cpu/region/region_pass.h"
#include "cairn/backend/cpu/region/region_shape.h"

namespace cairn::cpu {

inline bool is_store(const RegionInstr& i) {
  return i.code == RegionCode::store || i.code == RegionCode::reduce_store;
}

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
  // region_pass.cpp: shape and registers.
  void find_live();
  void turn_into_rows();
  void reductions_to_rows();
  void shape();
  void make_operands(const Geometry& g);
  void describe_registers();
  void check_store(const RegionInstr& instr) const;
  void expand_small_registers();
  // region_place.cpp: phases, homes, steps.
  void place_tiles();
  bool place_phases(bool keep_rows);
  void reach(int reg, int phase, bool keep_rows, std::vector<bool>& included);
  void redirect_outputs();
  bool streams(const RegionInstr& store) const;
  bool redirect_is_safe(int compute_at, int output) const;
  void assign_slots();
  void emit();
  // region_pass.cpp again: what depends on all of that.
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
  bool rows_ = false;    // the group is a row
  int64_t segment_ = 0;  // rows are short, a tile holds several: the length of one
  int reduction_ = -1;   // one reduce_store among the sinks
  int threads_;
  Geometry geometry_;
  std::vector<RegisterInfo> registers_;
  std::vector<Placement> order_;  // tile steps, all phases one after the other
  std::vector<int> first_phase_;  // of each full register
  std::vector<bool> crossing_;    // registers kept between phases
  std::vector<int> redirected_;   // register -> output, or -1
  int last_phase_ = 0;
  Pass pass_;
};

}  // namespace cairn::cpu
