#include "cairn/backend/cpu/region/composer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cairn/base/error.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

// A physical dim of a layout: which logical dim it is part of, and how many of that dim's elements
// one step is.
struct Part {
  int logical;
  int64_t step;
};
std::vector<Part> parts_of(LayoutKind kind, int rank, int block) {
  std::vector<Part> parts;
  for (int d = 0; d < rank; ++d) parts.push_back({d, 1});
  if (kind == LayoutKind::strided) return parts;
  parts[1].step = block;
  if (kind == LayoutKind::channel_block) {
    parts.push_back({1, 1});
    return parts;
  }
  parts[0].step = block;
  const bool io = kind == LayoutKind::weight_io;
  parts.push_back({io ? 1 : 0, 1}), parts.push_back({io ? 0 : 1, 1});
  return parts;
}

int64_t whole_blocks(int64_t size, int block) { return round_up(size, block); }

bool contains(const Ints& list, int64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Copies a tensor between two strided descriptions of the same shape.
RegionPlan copy_plan(const TensorDesc& from, const TensorDesc& to, int threads) {
  RegionBuilder r(from.shape);
  r.store(r.load({from.dtype, from.layout.strides, from.layout.offset}),
          {to.dtype, to.layout.strides, to.layout.offset});
  return RegionPlan(std::move(r.program()), threads);
}

float number_or_zero(const Attrs& attrs, const char* name) {
  return static_cast<float>(attrs.number_or(name, 0));
}

}  // namespace

TileCall tile_call_of(const OpDef& op, const Attrs& attrs) {
  const std::string_view name = op.name;
  TileCall call;
  call.fn = find_tile_function(name);
  if (name == "clamp")
    call.p0 = number_or_zero(attrs, "low"), call.p1 = number_or_zero(attrs, "high");
  else if (name == "clamp_min") call.p0 = number_or_zero(attrs, "low");
  else if (name == "clamp_max") call.p0 = number_or_zero(attrs, "high");
  else if (name == "leaky_relu") call.p0 = number_or_zero(attrs, "negative_slope");
  else if (name == "elu") call.p0 = number_or_zero(attrs, "alpha");
  else if (name == "softplus")
    call.p0 = number_or_zero(attrs, "beta"), call.p1 = number_or_zero(attrs, "threshold");
  else call.p0 = number_or_zero(attrs, "value");
  return call;
}

RegionComposer::RegionComposer(Shape space, LayoutKind kind, int block, Ints row_axes)
    : space_(std::move(space)),
      kind_(kind),
      block_(block),
      row_axes_(std::move(row_axes)),
      builder_({}) {
  TensorDesc like(DType::f32, space_);
  like.layout.kind = kind_, like.layout.block = block_;
  physical_ = physical_of(like).dims;
  const auto parts = parts_of(kind_, space_.ssize(), block_);
  int row_rank = 0;
  for (const bool rows : {false, true})
    for (int p = 0; p < physical_.ssize(); ++p)
      if (contains(row_axes_, parts[p].logical) == rows) order_.push_back(p), row_rank += rows;
  Shape dims;
  for (int64_t p : order_) dims.push_back(physical_[p]);
  builder_ = RegionBuilder(dims, row_rank);
  if (!ragged()) return;
  auto place = [&](int physical) {
    return static_cast<int>(std::find(order_.begin(), order_.end(), physical) - order_.begin());
  };
  if (kind_ == LayoutKind::channel_block) {
    builder_.program().padding = {place(1), place(physical_.ssize() - 1), space_[1]};
    return;
  }
  // Weights are padded in two dims: a mask over both.
  uses_mask_ = true;
  const int64_t rows = whole_blocks(space_[0], block_), columns = whole_blocks(space_[1], block_);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      mask_.push_back(r < space_[0] && c < space_[1] ? 1.0f : 0.0f);
  Ints strides;
  for (int64_t p : order_)
    strides.push_back(parts[p].logical == 0   ? columns * parts[p].step
                      : parts[p].logical == 1 ? parts[p].step
                                              : 0);
  mask_register_ = builder_.load({DType::f32, strides});
}

bool RegionComposer::ragged() const {
  if (kind_ == LayoutKind::strided) return false;
  return space_[1] % block_ != 0 || (kind_ != LayoutKind::channel_block && space_[0] % block_ != 0);
}

int RegionComposer::add(Value value) {
  values_.push_back(std::move(value));
  return static_cast<int>(values_.size()) - 1;
}

// The operand's strides over the program's dims. `left_out`: axes of the space that the tensor
// lacks.
bool RegionComposer::operand_of(const TensorDesc& desc, const Ints& left_out,
                                RegionOperand& operand) {
  if (!region_dtype(desc.dtype)) return false;
  const int rank = space_.ssize();
  Ints dim_of(rank, -1);  // the tensor's dimension for each of the space's
  if (desc.shape.ssize() + left_out.ssize() == rank && !left_out.empty()) {
    for (int d = 0, t = 0; d < rank; ++d)
      if (!contains(left_out, d)) dim_of[d] = t++;
  } else {
    const int extra = rank - desc.shape.ssize();
    if (extra < 0) return false;
    for (int d = extra; d < rank; ++d) dim_of[d] = d - extra;
  }
  const bool blocked = desc.layout.blocked();
  if (blocked &&
      (desc.layout.kind != kind_ || desc.layout.block != block_ || desc.shape.ssize() != rank))
    return false;
  for (int d = 0; d < rank; ++d) {
    if (dim_of[d] < 0) continue;
    const int64_t size = desc.shape[dim_of[d]];
    if (size != space_[d] && size != 1) return false;
    if (size == 1 && space_[d] != 1) dim_of[d] = -1;
  }
  const Ints physical_strides = blocked ? physical_of(desc).strides : Ints();
  const auto parts = parts_of(kind_, rank, block_);
  operand.dtype = desc.dtype;
  operand.offset = blocked ? 0 : desc.layout.offset;
  operand.strides.clear();
  for (int64_t p : order_) {
    const int64_t from = dim_of[parts[p].logical];
    operand.strides.push_back(from < 0  ? 0
                              : blocked ? physical_strides[p]
                                        : desc.layout.strides[from] * parts[p].step);
  }
  return true;
}

// A plain tensor does not reach into the padded lanes of the space: a padded copy stands for it.
bool RegionComposer::needs_staging(const TensorDesc& desc, const RegionOperand& operand) const {
  if (!ragged() || desc.layout.blocked()) return false;
  const auto parts = parts_of(kind_, space_.ssize(), block_);
  for (size_t i = 0; i < order_.size(); ++i) {
    const int logical = parts[order_[i]].logical;
    const bool padded = logical == 1 || (logical == 0 && kind_ != LayoutKind::channel_block);
    if (padded && space_[logical] % block_ != 0 && operand.strides[i] != 0) return true;
  }
  return false;
}

namespace {
// The padded copy: the dims that match blocked ones of the space, rounded up.
TensorDesc padded_desc(const TensorDesc& desc, const Ints& left_out, const Shape& space,
                       LayoutKind kind, int block) {
  Shape shape = desc.shape;
  int t = desc.shape.ssize() == space.ssize() ? 0 : -1;
  for (int d = 0; d < space.ssize(); ++d) {
    const bool padded = d == 1 || (d == 0 && kind != LayoutKind::channel_block);
    int at = t == 0 ? d : d - (space.ssize() - desc.shape.ssize());
    if (t != 0 && !left_out.empty()) {
      at = 0;
      for (int e = 0; e < d; ++e) at += contains(left_out, e) ? 0 : 1;
      if (contains(left_out, d)) continue;
    }
    if (padded && at >= 0 && shape[at] == space[d]) shape[at] = whole_blocks(space[d], block);
  }
  return TensorDesc(desc.dtype, shape);
}
}  // namespace

int RegionComposer::input(const TensorDesc& desc) {
  RegionOperand operand;
  if (!operand_of(desc, {}, operand)) return -1;
  if (builder_.program().inputs.size() + builder_.program().outputs.size() + 2 >=
      kMaxRegionOperands)
    return -1;
  if (needs_staging(desc, operand)) {
    TensorDesc padded = padded_desc(desc, {}, space_, kind_, block_);
    TensorDesc view(desc.dtype, desc.shape, padded.layout);
    operand_of(view, {}, operand);
    stages_.push_back({inputs_, true, desc, padded});
  }
  ++inputs_;
  return add({.reg = builder_.load(operand), .truth = desc.dtype == DType::boolean});
}

int RegionComposer::constant(float value) { return add({.reg = builder_.constant(value)}); }

int RegionComposer::reg_of(int value) {
  if (value < 0) return -1;
  if (values_[value].reduces) {
    const Value v = values_[value];
    Ints axes = v.axes, rows = row_axes_;
    std::sort(axes.begin(), axes.end()), std::sort(rows.begin(), rows.end());
    if (!(axes == rows)) return -1;
    int reg = builder_.row_reduce(v.combine, v.reg, v.scale);
    if (v.truth && v.combine == Combine::sum)
      reg = builder_.compute("ne", reg, builder_.constant(0));  // a count: any
    values_[value].reg = reg;
    values_[value].reduces = false;
  }
  if (const char* name = std::exchange(values_[value].rounding, nullptr))
    values_[value].reg = builder_.compute(find_tile_function(name), values_[value].reg, -1, -1);
  return values_[value].reg;
}

int RegionComposer::compute(std::string_view name, int a, int b, int c, float p0, float p1) {
  const TileFunction* fn = find_tile_function(name);
  const int values[3] = {a, b, c};
  int regs[3] = {-1, -1, -1};
  if (!fn) return -1;
  for (int i = 0; i < fn->arity; ++i)
    if ((regs[i] = reg_of(values[i])) < 0) return -1;
  return add({.reg = builder_.compute(fn, regs[0], regs[1], regs[2], p0, p1)});
}

int RegionComposer::row(Combine combine, int value, float scale) {
  const int reg = reg_of(value);
  return reg < 0 ? -1 : add({.reg = builder_.row_reduce(combine, reg, scale)});
}

int RegionComposer::apply(const OpDef& op, const Attrs& attrs, std::span<const int> arguments) {
  for (int a : arguments)
    if (a < 0) return -1;
  if (builder_.program().code.size() + 8 >= kMaxRegionRegisters) return -1;
  const std::string_view name = op.name;
  if (op.is(kReduction)) {
    const int reg = reg_of(arguments[0]);
    if (reg < 0) return -1;
    const Combine combine = name == "amax"                    ? Combine::max
                            : name == "amin" || name == "all" ? Combine::min
                            : name == "prod"                  ? Combine::prod
                                                              : Combine::sum;
    return add({.reg = reg,
                .reduces = true,
                .combine = combine,
                .axes = attrs.ints("axes"),
                .truth = name == "any" || name == "all"});
  }
  if (name == "cast") {
    const auto to = static_cast<DType>(attrs.integer("dtype"));
    if (!region_dtype(to)) return -1;
    if (to == DType::bf16 || to == DType::f16) {  // a store rounds by itself
      const int reg = reg_of(arguments[0]);
      if (reg < 0) return -1;
      return add({.reg = reg, .rounding = to == DType::bf16 ? "round_bf16" : "round_f16"});
    }
    if (is_float(to) || values_[arguments[0]].truth) return compute("identity", arguments[0]);
    if (to == DType::boolean) return compute("ne", arguments[0], constant(0));
    return compute("trunc", arguments[0]);
  }
  const TileCall call = tile_call_of(op, attrs);
  if (!op.is(kElementwise) || !call.fn || call.fn->arity != static_cast<int>(arguments.size()))
    return -1;
  int regs[3] = {-1, -1, -1};
  for (size_t i = 0; i < arguments.size(); ++i)
    if ((regs[i] = reg_of(arguments[i])) < 0) return -1;
  return add({.reg = builder_.compute(call.fn, regs[0], regs[1], regs[2], call.p0, call.p1)});
}

int RegionComposer::masked(int reg, float outside) {
  return uses_mask_ ? builder_.compute("where", mask_register_, reg, builder_.constant(outside))
                    : reg;
}

bool RegionComposer::output(int value, const TensorDesc& desc, int in_place_of) {
  if (value < 0) return false;
  const Value v = values_[value];
  RegionOperand operand;
  const Ints left_out = v.reduces ? v.axes : Ints();
  if (!operand_of(desc, left_out, operand)) return false;
  if (desc.layout.blocked() && desc.shape[1] != space_[1])
    return false;  // nothing here would clear its padding
  const int index = static_cast<int>(builder_.program().outputs.size());
  if (needs_staging(desc, operand)) {
    const TensorDesc padded = padded_desc(desc, left_out, space_, kind_, block_);
    operand_of(TensorDesc(desc.dtype, desc.shape, padded.layout), left_out, operand);
    stages_.push_back({index, false, desc, padded});
    in_place_of = -1;
  }
  if (in_place_of >= 0) operand.in_place_of = in_place_of + (uses_mask_ ? 1 : 0);
  if (!v.reduces) {
    builder_.store(masked(v.reg, 0), operand);
    return true;
  }
  constexpr float kInfinity = __builtin_huge_valf();
  const float nothing = v.combine == Combine::sum    ? 0
                        : v.combine == Combine::prod ? 1
                        : v.combine == Combine::max  ? -kInfinity
                                                     : kInfinity;
  builder_.reduce_store(v.combine, masked(v.reg, nothing), operand, v.scale);
  return true;
}

ComposedRegion RegionComposer::finish(int threads) {
  ComposedRegion region;
  builder_.program().allow_fma = allow_fma;
  region.inputs_ = inputs_, region.outputs_ = static_cast<int>(builder_.program().outputs.size());
  region.plan_.emplace(std::move(builder_.program()), threads);
  region.mask_ = std::move(mask_);
  size_t copy_bytes = region.plan_->workspace_bytes();
  for (const Stage& stage : stages_) {
    const TensorDesc view(stage.desc.dtype, stage.desc.shape, stage.padded.layout);
    RegionPlan copy =
        stage.input ? copy_plan(stage.desc, view, threads) : copy_plan(view, stage.desc, threads);
    copy_bytes = std::max(copy_bytes, copy.workspace_bytes());
    (stage.input ? region.staged_inputs_ : region.staged_outputs_)
        .push_back({stage.operand, region.scratch_, std::move(copy)});
    region.scratch_ += round_up_bytes(stage.padded.bytes(), 64);
  }
  region.workspace_bytes_ = region.scratch_ + copy_bytes;
  return region;
}

void ComposedRegion::run(const void* const* inputs, void* const* outputs, void* workspace) const {
  if (mask_.empty() && staged_inputs_.empty() && staged_outputs_.empty())
    return plan_->run(inputs, outputs, workspace);
  const void* in[kMaxRegionOperands];
  void* out[kMaxRegionOperands];
  char* memory = static_cast<char*>(workspace);
  const int first = mask_.empty() ? 0 : 1;
  if (first) in[0] = mask_.data();
  std::copy(inputs, inputs + inputs_, in + first);
  std::copy(outputs, outputs + outputs_, out);
  for (const Staged& s : staged_inputs_) {
    void* target = memory + s.offset;
    s.copy.run(&inputs[s.operand], &target, memory + scratch_);
    in[first + s.operand] = target;
  }
  for (const Staged& s : staged_outputs_) out[s.operand] = memory + s.offset;
  plan_->run(in, out, memory + scratch_);
  for (const Staged& s : staged_outputs_) {
    const void* source = memory + s.offset;
    s.copy.run(&source, &outputs[s.operand], memory + scratch_);
  }
}

}  // namespace cairn::cpu
