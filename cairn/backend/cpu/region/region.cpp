#include "cairn/backend/cpu/region/region.h"

#include <algorithm>
#include <array>

#include "cairn/backend/cpu/region/region_lower.h"
#include "cairn/backend/cpu/region/region_pass.h"
#include "cairn/backend/cpu/region/tile_reduce.h"
#include "cairn/base/error.h"

namespace cairn::cpu {

// ---- RegionBuilder
// --------------------------------------------------------------------------------

RegionBuilder::RegionBuilder(Ints dims, int row_rank) {
  program_.dims = std::move(dims);
  program_.row_rank = row_rank;
}

int RegionBuilder::push(RegionInstr instr) {
  program_.code.push_back(instr);
  return instr.out;
}

int RegionBuilder::load(RegionOperand input) {
  program_.inputs.push_back(std::move(input));
  return push({.code = RegionCode::load,
               .out = static_cast<int16_t>(registers_++),
               .operand = static_cast<int16_t>(program_.inputs.size() - 1)});
}

int RegionBuilder::constant(float value) {
  return push(
      {.code = RegionCode::constant, .out = static_cast<int16_t>(registers_++), .p0 = value});
}

int RegionBuilder::compute(const TileFunction* fn, int a, int b, int c, float p0, float p1) {
  return push({.code = RegionCode::compute,
               .out = static_cast<int16_t>(registers_++),
               .a = static_cast<int16_t>(a),
               .b = static_cast<int16_t>(b),
               .c = static_cast<int16_t>(c),
               .fn = fn,
               .p0 = p0,
               .p1 = p1});
}

int RegionBuilder::compute(std::string_view fn, int a, int b, int c, float p0, float p1) {
  const TileFunction* found = find_tile_function(fn);
  check(found, "region: no function is named '{}'", fn);
  return compute(found, a, b, c, p0, p1);
}

int RegionBuilder::row_reduce(Combine combine, int a, float scale) {
  return push({.code = RegionCode::row_reduce,
               .combine = combine,
               .out = static_cast<int16_t>(registers_++),
               .a = static_cast<int16_t>(a),
               .scale = scale});
}

void RegionBuilder::store(int a, RegionOperand output) {
  program_.outputs.push_back(std::move(output));
  push({.code = RegionCode::store,
        .a = static_cast<int16_t>(a),
        .operand = static_cast<int16_t>(program_.outputs.size() - 1)});
}

void RegionBuilder::reduce_store(Combine combine, int a, RegionOperand output, float scale) {
  program_.outputs.push_back(std::move(output));
  push({.code = RegionCode::reduce_store,
        .combine = combine,
        .a = static_cast<int16_t>(a),
        .operand = static_cast<int16_t>(program_.outputs.size() - 1),
        .scale = scale});
}

// ---- hash
// -----------------------------------------------------------------------------------------

namespace {

struct Hash {
  uint64_t state = 0x9e3779b97f4a7c15u;
  template <class T>
  void add(T value) {
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    state = (state ^ bits) * 0xff51afd7ed558ccdu;
    state ^= state >> 32;
  }
  void add(const Ints& values) {
    add(values.size());
    for (int64_t v : values) add(v);
  }
  void add(const RegionOperand& operand) {
    add(operand.dtype), add(operand.strides), add(operand.offset), add(operand.in_place_of);
  }
  void add(const RegionInstr& i) {
    add(i.code), add(i.combine), add(i.out), add(i.a), add(i.b), add(i.c), add(i.operand);
    add(i.fn), add(i.p0), add(i.p1), add(i.scale);
  }
};

}  // namespace

size_t hash_of(const RegionProgram& program) {
  Hash hash;
  hash.add(program.dims), hash.add(program.row_rank), hash.add(program.allow_fma);
  hash.add(program.padding.block_dim), hash.add(program.padding.lane_dim);
  hash.add(program.padding.channels);
  for (const auto& operand : program.inputs) hash.add(operand);
  hash.add(program.inputs.size());
  for (const auto& operand : program.outputs) hash.add(operand);
  for (const auto& instr : program.code) hash.add(instr);
  return hash.state;
}

// ---- RegionPlan
// -----------------------------------------------------------------------------------

struct RegionPlan::Impl {
  RegionProgram program;
  std::vector<float> mask;  // of unpadded channels, when some are padding
  std::vector<Pass> passes;
  bool empty = false;  // no point to visit: reductions give their identity
};

namespace {

// Writes the identity to each element of the results of an empty reduction.
void write_identities(const RegionProgram& program, void* const* outputs) {
  for (const auto& instr : program.code) {
    if (instr.code != RegionCode::reduce_store) continue;
    const RegionOperand& to = program.outputs[instr.operand];
    const int64_t size = static_cast<int64_t>(size_of(to.dtype));
    Ints sizes, strides;
    for (int d = 0; d < program.dims.ssize(); ++d)
      if (to.strides[d] != 0) sizes.push_back(program.dims[d]), strides.push_back(to.strides[d]);
    const float value = static_cast<float>(identity_of(instr.combine)) * instr.scale;
    const Levels levels = merged_levels(sizes.data(), strides.data(), sizes.ssize());
    char* p = static_cast<char*>(outputs[instr.operand]) + to.offset * size;
    const StoreRun store = store_run_for(to.dtype);
    for (int64_t i = 0; i < numel(sizes); ++i) store_tile(store, size, &value, p, levels, i, 1);
  }
}

}  // namespace

RegionPlan::RegionPlan(RegionProgram program, int threads) {
  validate(program);
  auto impl = std::make_unique<Impl>();
  impl->empty = numel(program.dims) == 0;
  impl->program = std::move(program);
  if (!impl->empty)
    impl->passes = make_passes(lowered(impl->program, impl->mask), std::max(1, threads));
  for (const Pass& pass : impl->passes)
    workspace_bytes_ = std::max(workspace_bytes_, pass.workspace_bytes());
  impl_ = std::move(impl);
}

RegionPlan::~RegionPlan() = default;
RegionPlan::RegionPlan(RegionPlan&&) noexcept = default;
RegionPlan& RegionPlan::operator=(RegionPlan&&) noexcept = default;

const RegionProgram& RegionPlan::program() const { return impl_->program; }

void RegionPlan::run(const void* const* inputs, void* const* outputs, void* workspace) const {
  const Impl& impl = *impl_;
  if (impl.empty) return write_identities(impl.program, outputs);
  char* operands[kMaxRegionOperands];
  size_t count = 0;
  for (size_t i = 0; i < impl.program.inputs.size(); ++i)
    operands[count++] = const_cast<char*>(static_cast<const char*>(inputs[i]));
  if (!impl.mask.empty())
    operands[count++] = const_cast<char*>(reinterpret_cast<const char*>(impl.mask.data()));
  for (size_t i = 0; i < impl.program.outputs.size(); ++i)
    operands[count++] = static_cast<char*>(outputs[i]);
  for (const Pass& pass : impl.passes) run_pass(pass, operands, static_cast<char*>(workspace));
}

}  // namespace cairn::cpu
