#include "cairn/backend/cpu/region/region_lower.h"

#include <algorithm>
#include <cmath>

#include "cairn/backend/cpu/region/tile_memory.h"
#include "cairn/backend/cpu/region/tile_reduce.h"
#include "cairn/base/error.h"

namespace cairn::cpu {
namespace {

bool reads(const RegionInstr& instr) {
  return instr.code != RegionCode::load && instr.code != RegionCode::constant;
}
bool writes(const RegionInstr& instr) {
  return instr.code != RegionCode::store && instr.code != RegionCode::reduce_store;
}

void validate_operand(const RegionOperand& operand, const RegionProgram& program, const char* what,
                      size_t i) {
  check(operand.strides.size() == program.dims.size(),
        "region: {} {} has {} strides for {} dims; give one a dim", what, i, operand.strides.size(),
        program.dims.size());
  check(load_run_for(operand.dtype) != nullptr,
        "region: {} {} is {}; cast it to a type that regions read first", what, i,
        name_of(operand.dtype));
}

void validate_instr(const RegionInstr& instr, size_t i, const RegionProgram& program,
                    std::vector<bool>& written) {
  const auto known = [&](int reg) { return reg >= 0 && reg < kMaxRegionRegisters && written[reg]; };
  const bool computes = instr.code == RegionCode::compute;
  check(!computes || instr.fn, "region: instruction {} has no function", i);
  const int arity = computes ? instr.fn->arity : reads(instr) ? 1 : 0;
  const int16_t sources[3] = {instr.a, instr.b, instr.c};
  for (int k = 0; k < arity; ++k)
    check(known(sources[k]), "region: instruction {} reads register {}, which nothing wrote", i,
          sources[k]);
  if (writes(instr)) {
    check(instr.out >= 0 && instr.out < kMaxRegionRegisters && !written[instr.out],
          "region: instruction {} writes register {}: registers are 0..{}, each written once", i,
          instr.out, kMaxRegionRegisters - 1);
    written[instr.out] = true;
  }
  const bool loads = instr.code == RegionCode::load;
  if (loads || !writes(instr)) {
    const size_t count = loads ? program.inputs.size() : program.outputs.size();
    check(instr.operand >= 0 && static_cast<size_t>(instr.operand) < count,
          "region: instruction {} names {} {} of {}", i, loads ? "input" : "output", instr.operand,
          count);
  }
  check(instr.code != RegionCode::row_reduce || program.row_rank > 0,
        "region: instruction {} reduces rows, but row_rank is 0", i);
}

// How many times each register is read.
std::vector<int> use_counts(const RegionProgram& program) {
  std::vector<int> uses(kMaxRegionRegisters, 0);
  for (const auto& instr : program.code) {
    if (!reads(instr)) continue;
    for (int16_t source : {instr.a, instr.b, instr.c})
      if (source >= 0) ++uses[source];
  }
  return uses;
}

// c + a * b becomes fma(a, b, c) where nothing else reads the product.
void fuse_multiply_add(RegionProgram& program) {
  const TileFunction *mul = find_tile_function("mul"), *add = find_tile_function("add"),
                     *fma = find_tile_function("fma");
  const auto uses = use_counts(program);
  std::vector<int> producer(kMaxRegionRegisters, -1);
  std::vector<bool> dead(program.code.size(), false);
  for (size_t i = 0; i < program.code.size(); ++i) {
    RegionInstr& instr = program.code[i];
    if (writes(instr)) producer[instr.out] = static_cast<int>(i);
    if (instr.code != RegionCode::compute || instr.fn != add) continue;
    for (const bool first : {true, false}) {
      const int16_t product = first ? instr.a : instr.b, rest = first ? instr.b : instr.a;
      const int at = producer[product];
      const RegionInstr& source = program.code[at];
      if (source.code != RegionCode::compute || source.fn != mul || uses[product] != 1) continue;
      dead[at] = true;
      instr.fn = fma;
      instr.a = source.a, instr.b = source.b, instr.c = rest;
      break;
    }
  }
  std::vector<RegionInstr> code;
  for (size_t i = 0; i < program.code.size(); ++i)
    if (!dead[i]) code.push_back(program.code[i]);
  program.code = std::move(code);
}

// Whether an output has an element for each channel, padding included.
bool has_channels(const RegionProgram& program, const ChannelPadding& padding,
                  const RegionInstr& instr) {
  const Ints& strides = program.outputs[instr.operand].strides;
  const auto has = [&](int d) { return strides[d] != 0 || program.dims[d] == 1; };
  return has(padding.block_dim) && has(padding.lane_dim);
}

// What a padding point counts as: 0 where it lands in an element of its own, which must become 0,
// and otherwise nothing.
double value_of_padding(const RegionProgram& program, const ChannelPadding& padding,
                        const RegionInstr& instr) {
  if (instr.code == RegionCode::row_reduce) return identity_of(instr.combine);
  return has_channels(program, padding, instr) ? 0 : identity_of(instr.combine);
}

// Adds the mask as an input and selects by it before whatever leaves the registers.
void lower_padding(RegionProgram& program, std::vector<float>& mask) {
  const ChannelPadding padding = program.padding;
  program.padding = {};
  const int64_t lanes = program.dims[padding.lane_dim];
  const int64_t count = program.dims[padding.block_dim] * lanes;
  if (padding.channels >= count) return;
  mask.assign(count, 0.0f);
  std::fill_n(mask.begin(), padding.channels, 1.0f);

  RegionOperand operand{DType::f32, Ints(program.dims.size(), 0)};
  operand.strides[padding.block_dim] = lanes;
  operand.strides[padding.lane_dim] = 1;
  program.inputs.push_back(operand);

  const auto load_index = static_cast<int16_t>(program.inputs.size() - 1);
  int16_t next = static_cast<int16_t>(register_count(program));
  const int16_t mask_register = next++;
  std::vector<RegionInstr> code;
  code.push_back({.code = RegionCode::load, .out = mask_register, .operand = load_index});
  for (RegionInstr instr : program.code) {
    const bool leaves = instr.code == RegionCode::store ? has_channels(program, padding, instr)
                                                        : instr.code == RegionCode::reduce_store ||
                                                              instr.code == RegionCode::row_reduce;
    if (leaves) {
      const int16_t outside = next++, selected = next++;
      code.push_back({.code = RegionCode::constant,
                      .out = outside,
                      .p0 = static_cast<float>(value_of_padding(program, padding, instr))});
      code.push_back({.code = RegionCode::compute,
                      .out = selected,
                      .a = mask_register,
                      .b = instr.a,
                      .c = outside,
                      .fn = find_tile_function("where")});
      instr.a = selected;
    }
    code.push_back(instr);
  }
  program.code = std::move(code);
}

void drop_unit_dims(RegionProgram& program) {
  const int rank = program.dims.ssize();
  const int first_row = rank - program.row_rank;
  for (int d = rank - 1; d >= 0; --d) {
    if (program.dims[d] != 1) continue;
    program.dims.erase(d);
    for (auto* operands : {&program.inputs, &program.outputs})
      for (auto& operand : *operands) operand.strides.erase(d);
    if (d >= first_row) --program.row_rank;
  }
}

// A reduction of nothing but its own point multiplies by its scale: rows of one value, and a
// reduce_store that keeps every dim.
void lower_empty_reductions(RegionProgram& program) {
  int16_t next = static_cast<int16_t>(register_count(program));
  std::vector<RegionInstr> code;
  const auto scaled = [&](const RegionInstr& instr, int16_t out) {
    return RegionInstr{.code = RegionCode::compute,
                       .out = out,
                       .a = instr.a,
                       .fn = find_tile_function("mul_scalar"),
                       .p0 = instr.scale};
  };
  for (RegionInstr instr : program.code) {
    if (instr.code == RegionCode::row_reduce && program.row_rank == 0)
      instr = scaled(instr, instr.out);
    if (instr.code == RegionCode::reduce_store) {
      const auto& strides = program.outputs[instr.operand].strides;
      if (std::find(strides.begin(), strides.end(), 0) == strides.end()) {
        code.push_back(scaled(instr, next));
        instr.code = RegionCode::store;
        instr.a = next++;
      }
    }
    code.push_back(instr);
  }
  program.code = std::move(code);
}

}  // namespace

int register_count(const RegionProgram& program) {
  int count = 0;
  for (const auto& instr : program.code) count = std::max(count, instr.out + 1);
  return count;
}

void validate(const RegionProgram& program) {
  const int rank = program.dims.ssize();
  check(rank <= kMaxLevels, "region: {} dims; at most {}", rank, kMaxLevels);
  for (int64_t size : program.dims)
    check(size >= 0, "region: negative size in {}", to_string(program.dims));
  check(program.row_rank >= 0 && program.row_rank <= rank, "region: row_rank {} of {} dims",
        program.row_rank, rank);
  check(program.inputs.size() + program.outputs.size() < kMaxRegionOperands,
        "region: more than {} operands; split the program", kMaxRegionOperands - 1);
  for (size_t i = 0; i < program.inputs.size(); ++i)
    validate_operand(program.inputs[i], program, "input", i);
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const RegionOperand& output = program.outputs[i];
    validate_operand(output, program, "output", i);
    if (output.in_place_of < 0) continue;
    check(static_cast<size_t>(output.in_place_of) < program.inputs.size() &&
              program.inputs[output.in_place_of].strides == output.strides &&
              program.inputs[output.in_place_of].offset == output.offset &&
              size_of(program.inputs[output.in_place_of].dtype) == size_of(output.dtype),
          "region: output {} cannot share the memory of input {}: their strides differ", i,
          output.in_place_of);
  }
  const auto& padding = program.padding;
  check(padding.block_dim < 0 || (padding.block_dim < rank && padding.lane_dim >= 0 &&
                                  padding.lane_dim < rank && padding.lane_dim != padding.block_dim),
        "region: padding names dims {} and {} of {}", padding.block_dim, padding.lane_dim, rank);
  std::vector<bool> written(kMaxRegionRegisters, false);
  for (size_t i = 0; i < program.code.size(); ++i)
    validate_instr(program.code[i], i, program, written);
}

RegionProgram lowered(RegionProgram program, std::vector<float>& mask) {
  if (program.allow_fma) fuse_multiply_add(program);
  if (program.padding.block_dim >= 0) lower_padding(program, mask);
  drop_unit_dims(program);
  lower_empty_reductions(program);
  return program;
}

}  // namespace cairn::cpu
