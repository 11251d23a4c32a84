// From ops to a region: a straight-line list of elementwise ops and reductions over tensors becomes
// one RegionProgram, plain or channel-blocked. The eager families compose one op at a time, the
// fuse pass many.
//
//   RegionComposer c(shape_of_space, LayoutKind::channel_block, 8);
//   int x = c.input(x_desc), b = c.input(bias_desc);
//   int y = c.apply(op_named("relu"), {}, {c.apply(op_named("add"), {}, {x, b})});
//   c.output(y, y_desc);
//   ComposedRegion region = c.finish(num_threads());      // region.run(inputs, outputs, workspace)
#pragma once
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cairn/backend/cpu/region/region.h"
#include "cairn/ops/op.h"

namespace cairn::cpu {

// What a region loads and stores: registers are f32.
inline bool region_dtype(DType t) {
  return t != DType::f64 && t != DType::f8e4m3 && t != DType::f8e5m2;
}

// A region ready to run. Plain tensors whose channels do not fill whole blocks pass through padded
// copies in the workspace. For one thread at a time or many, each with a workspace of its own.
class ComposedRegion {
 public:
  size_t workspace_bytes() const { return workspace_bytes_; }
  const RegionProgram& program() const { return plan_->program(); }
  // One pointer an input() and output(), in the order of those calls.
  void run(const void* const* inputs, void* const* outputs, void* workspace) const;

 private:
  friend class RegionComposer;
  struct Staged {
    int operand;
    size_t offset;  // in the workspace
    RegionPlan copy;
  };
  std::optional<RegionPlan> plan_;
  std::vector<Staged> staged_inputs_, staged_outputs_;
  std::vector<float> mask_;  // of padded weights: 1 inside
  int inputs_ = 0, outputs_ = 0;
  size_t scratch_ = 0, workspace_bytes_ = 0;
};

class RegionComposer {
 public:
  // The iteration space: a logical shape to which every input broadcasts, visited in the order of a
  // layout kind (block 0: strided). Reductions whose results are used further run over `row_axes`.
  explicit RegionComposer(Shape space, LayoutKind kind = LayoutKind::strided, int block = 0,
                          Ints row_axes = {});
  // The space of tensors of this description.
  explicit RegionComposer(const TensorDesc& like, Ints row_axes = {})
      : RegionComposer(like.shape, like.layout.kind, like.layout.block, std::move(row_axes)) {}

  // These return the number of a value, or -1 where a region cannot do it; -1 as an argument gives
  // -1.
  int input(const TensorDesc& desc);
  int constant(float value);
  // Elementwise ops (any row with kElementwise that has a tile function), and sum, prod, amax,
  // amin, any and all over axes of the space. A reduction's value may be an output, or, over
  // row_axes, an argument.
  int apply(const OpDef& op, const Attrs& attrs, std::span<const int> arguments);
  int apply(const OpDef& op, const Attrs& attrs, std::initializer_list<int> arguments) {
    return apply(op, attrs, std::span<const int>(arguments.begin(), arguments.size()));
  }
  int compute(std::string_view tile_function, int a, int b = -1, int c = -1, float p0 = 0,
              float p1 = 0);
  int row(Combine combine, int value, float scale = 1);  // over row_axes

  // Writes a value. Its description has the shape of the space, or, for a reduction over axes, a
  // shape with these kept as 1 or left out; for a value that is the same in a whole row, 1 in the
  // row axes. `in_place_of`: the input (in the order of input() calls) whose memory it may share.
  // False: cannot.
  bool output(int value, const TensorDesc& desc, int in_place_of = -1);

  bool allow_fma = false;
  ComposedRegion finish(int threads);

 private:
  struct Value {
    int reg = -1;          // of the program; reductions: of what is reduced
    bool reduces = false;  // over `axes`, not yet in a register
    Combine combine = Combine::sum;
    float scale = 1;
    Ints axes;
    bool truth = false;              // holds 0 or 1
    const char* rounding = nullptr;  // the tile function to go through before it is computed with
  };
  int add(Value value);
  int reg_of(int value);  // emits the row reduction where the value is one; -1: cannot
  bool operand_of(const TensorDesc& desc, const Ints& left_out, RegionOperand& operand);
  bool needs_staging(const TensorDesc& desc, const RegionOperand& operand) const;
  bool ragged() const;  // some lanes of the space are padding
  int masked(int reg, float outside);

  Shape space_;
  LayoutKind kind_;
  int block_;
  Ints row_axes_;
  Ints order_;  // physical dims of the space in the order of the program's
  Shape physical_;
  RegionBuilder builder_;
  std::vector<Value> values_;
  struct Stage {
    int operand;
    bool input;
    TensorDesc desc, padded;
  };
  std::vector<Stage> stages_;
  std::vector<float> mask_;
  bool uses_mask_ = false;
  int mask_register_ = -1;
  int inputs_ = 0;
};

// The tile function and parameters of an elementwise op; nullptr where there is none.
struct TileCall {
  const TileFunction* fn = nullptr;
  float p0 = 0, p1 = 0;
};
TileCall tile_call_of(const OpDef& op, const Attrs& attrs);

}  // namespace cairn::cpu
