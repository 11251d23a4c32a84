// Regions: the one engine behind every elementwise, broadcast, reduction, softmax and normalisation
// computation on the CPU, fused or single. A RegionProgram is plain data: an iteration space,
// operands described by strides, and a straight-line program in SSA registers. A RegionPlan is that
// program made ready for a number of threads; running it never allocates.
//
// Meaning: for every point of `dims` the program computes one f32 value a register. `load` reads
// input[offset + sum(index * stride)], `store` writes likewise. row_reduce combines a register over
// the innermost `row_rank` dims; every point of the row then sees the result. reduce_store combines
// a register over all points that share an output element (the dims where the output's stride is 0)
// and writes scale * result. A `store` to an output with stride 0 in the row dims is allowed for a
// register that is the same for the whole row.
//
// Results do not depend on the number of threads, and a fused program gives the same bits as its
// instructions run one by one over the same dims (unless allow_fma is set; and in a program of
// rows, sums over anything but all the leading dims may be added in another order).
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "cairn/backend/cpu/region/tile_functions.h"
#include "cairn/tensor/dtype.h"
#include "cairn/tensor/shape.h"

namespace cairn::cpu {

inline constexpr int kMaxRegionRegisters = 128;
inline constexpr int kMaxRegionOperands = 64;  // inputs and outputs together

struct RegionOperand {
  DType dtype =
      DType::f32;        // f32, bf16, f16, i8, u8, i32, i64 or boolean in memory; f32 in registers
  Ints strides;          // one a dim, in elements; 0: broadcast (input) or reduced (output)
  int64_t offset = 0;    // of the first element, in elements
  int in_place_of = -1;  // output: index of the input whose memory it may share, if any

  friend bool operator==(const RegionOperand&, const RegionOperand&) = default;
};

enum class RegionCode : uint8_t {
  load,          // out = inputs[operand]
  constant,      // out = p0
  compute,       // out = fn(a, b, c; p0, p1)
  row_reduce,    // out = scale * combine of a over the row
  store,         // outputs[operand] = a
  reduce_store,  // outputs[operand] = scale * combine of a over the dims of stride 0
};

enum class Combine : uint8_t { sum, max, min, prod };  // max and min propagate NaN

struct RegionInstr {
  RegionCode code = RegionCode::load;
  Combine combine = Combine::sum;
  int16_t out = -1, a = -1, b = -1, c = -1;  // registers; every register is written once
  int16_t operand = -1;                      // index into inputs (load) or outputs (stores)
  const TileFunction* fn = nullptr;
  float p0 = 0, p1 = 0;
  float scale = 1;

  friend bool operator==(const RegionInstr&, const RegionInstr&) = default;
};

// Channel-blocked tensors: channel = index[block_dim] * dims[lane_dim] + index[lane_dim]. Points
// with channel >= channels are padding: stores write 0 there, reductions skip them.
struct ChannelPadding {
  int block_dim = -1;  // -1: no padding
  int lane_dim = -1;
  int64_t channels = 0;

  friend bool operator==(const ChannelPadding&, const ChannelPadding&) = default;
};

struct RegionProgram {
  Ints dims;         // iteration space, outermost first; {} is one point
  int row_rank = 0;  // innermost dims that form a row of row_reduce
  std::vector<RegionOperand> inputs, outputs;
  std::vector<RegionInstr> code;
  ChannelPadding padding;
  bool allow_fma = false;  // may round mul + add once instead of twice

  friend bool operator==(const RegionProgram&, const RegionProgram&) = default;
};

size_t hash_of(const RegionProgram& program);

// Writes instructions of a program; returns the new register.
//   RegionBuilder r(dims);
//   r.store(r.compute("relu", r.load({DType::f32, strides})), {DType::f32, strides});
class RegionBuilder {
 public:
  explicit RegionBuilder(Ints dims, int row_rank = 0);
  int load(RegionOperand input);  // inputs are numbered in the order of these calls
  int constant(float value);
  int compute(const TileFunction* fn, int a, int b = -1, int c = -1, float p0 = 0, float p1 = 0);
  int compute(std::string_view fn, int a, int b = -1, int c = -1, float p0 = 0, float p1 = 0);
  int row_reduce(Combine combine, int a, float scale = 1);
  void store(int a, RegionOperand output);  // so are outputs
  void reduce_store(Combine combine, int a, RegionOperand output, float scale = 1);
  RegionProgram& program() { return program_; }

 private:
  int push(RegionInstr instr);
  RegionProgram program_;
  int registers_ = 0;
};

// A program ready to run. Immutable: may run in several threads at once, each with its own
// workspace.
class RegionPlan {
 public:
  // Throws Error when the program is malformed (names the instruction). `threads`: the most it
  // uses.
  explicit RegionPlan(RegionProgram program, int threads = 1);
  ~RegionPlan();
  RegionPlan(RegionPlan&&) noexcept;
  RegionPlan& operator=(RegionPlan&&) noexcept;

  size_t workspace_bytes() const {
    return workspace_bytes_;
  }  // aligned to 64 bytes; 0: none needed
  const RegionProgram& program() const;

  // One pointer an input and output, to the tensor's memory (the operand's offset is added to it).
  // Outputs may share memory with an input only where in_place_of says so, with equal strides.
  void run(const void* const* inputs, void* const* outputs, void* workspace) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
  size_t workspace_bytes_ = 0;
};

}  // namespace cairn::cpu
