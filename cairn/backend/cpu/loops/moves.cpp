// Ops that only move elements, for every dtype: copies of views, cat, flip, embed_slice; and those
// that write a pattern: full, arange.
#include <cstring>
#include <vector>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/loops/strided.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

template <class T>
void copy_rows(const StridedLoop<2>& loop, const void* from, void* to) {
  const int64_t step_from = loop.strides[0].back(), step_to = loop.strides[1].back();
  loop.each_row([&](const std::array<int64_t, 2>& at, int64_t length) {
    const T* x = static_cast<const T*>(from) + at[0];
    T* y = static_cast<T*>(to) + at[1];
    if (step_from == 1 && step_to == 1) std::memcpy(y, x, sizeof(T) * static_cast<size_t>(length));
    else
      for (int64_t i = 0; i < length; ++i) y[i * step_to] = x[i * step_from];
  });
}
void copy_elements(const StridedLoop<2>& loop, size_t size, const void* from, void* to) {
  switch (size) {
    case 1: return copy_rows<uint8_t>(loop, from, to);
    case 2: return copy_rows<uint16_t>(loop, from, to);
    case 4: return copy_rows<uint32_t>(loop, from, to);
    default: return copy_rows<uint64_t>(loop, from, to);
  }
}

// One copy an input, after clearing the output where the copies leave gaps.
class MovePlan : public Plan {
 public:
  MovePlan(size_t size, size_t clear_bytes) : size_(size), clear_bytes_(clear_bytes) {}
  void add(StridedLoop<2> loop) {
    loop.merge();
    loops_.push_back(std::move(loop));
  }
  void launch(const Launch& args) const override {
    if (clear_bytes_) std::memset(args.outputs[0], 0, clear_bytes_);
    for (size_t i = 0; i < loops_.size(); ++i)
      copy_elements(loops_[i], size_, args.inputs[i], args.outputs[0]);
  }

 private:
  size_t size_, clear_bytes_;
  std::vector<StridedLoop<2>> loops_;
};

class FillPlan : public Plan {  // one value everywhere
 public:
  explicit FillPlan(const OpCall& call)
      : dtype_(call.out().dtype),
        count_(numel(call.out().shape)),
        value_(call.attrs->number("value")) {}
  // Doubles what is written until all is.
  void launch(const Launch& args) const override {
    char* const out = static_cast<char*>(args.outputs[0]);
    const size_t size = size_of(dtype_);
    if (count_ == 0) return;
    store_element(out, dtype_, value_);
    const size_t bytes = static_cast<size_t>(count_) * size;
    const size_t piece = std::min<size_t>(bytes, 4096);
    for (size_t done = size; done < piece; done *= 2)
      std::memcpy(out + done, out, std::min(done, piece - done));
    const size_t whole = piece / size * size;
    for (size_t done = whole; done < bytes; done += whole)
      std::memcpy(out + done, out, std::min(whole, bytes - done));
  }

 private:
  DType dtype_;
  int64_t count_;
  double value_;
};

class RangePlan : public Plan {  // start, start + step, ...
 public:
  explicit RangePlan(const OpCall& call)
      : dtype_(call.out().dtype),
        count_(numel(call.out().shape)),
        start_(call.attrs->integer("start")),
        step_(call.attrs->integer("step")) {}
  void launch(const Launch& args) const override {
    parallel_for(count_, 16 << 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) put(args.outputs[0], i);
    });
  }

 private:
  void put(void* out, int64_t i) const {
    // Not by f64, which has not every i64.
    if (dtype_ == DType::i64) static_cast<int64_t*>(out)[i] = start_ + i * step_;
    else
      store_element(
          static_cast<char*>(out) + i * static_cast<int64_t>(size_of(dtype_)), dtype_,
          static_cast<double>(start_) + static_cast<double>(i) * static_cast<double>(step_));
  }
  DType dtype_;
  int64_t count_, start_, step_;
};

StridedLoop<2> loop_over(const Shape& dims, const Ints& from, int64_t from_offset, const Ints& to,
                         int64_t to_offset = 0) {
  return {dims, {from, to}, {from_offset, to_offset}};
}

// A view op that has to copy: its view tells the source's strides over the output's shape.
std::unique_ptr<Plan> copy_of_view(const OpCall& call) {
  auto plan = std::make_unique<MovePlan>(size_of(call.dtype()), 0);
  OwnedCall view(call);
  if (call.op->view && call.op->view(*view)) {
    const Layout& source = view->out().layout;
    plan->add(
        loop_over(call.out().shape, source.strides, source.offset, call.out().layout.strides));
  } else {  // reshape of what has gaps, or copy: the same elements in row-major order
    plan->add(loop_over(call.shape(), call.in(0).layout.strides, call.in(0).layout.offset,
                        contiguous_strides(call.shape())));
  }
  return plan;
}

std::unique_ptr<Plan> cat_plan(const OpCall& call) {
  auto plan = std::make_unique<MovePlan>(size_of(call.dtype()), 0);
  const int64_t axis = call.attrs->integer("axis");
  const Ints& to = call.out().layout.strides;
  int64_t start = 0;
  for (const TensorDesc* part : call.inputs) {
    plan->add(
        loop_over(part->shape, part->layout.strides, part->layout.offset, to, start * to[axis]));
    start += part->shape[axis];
  }
  return plan;
}

std::unique_ptr<Plan> embed_plan(const OpCall& call) {
  auto plan = std::make_unique<MovePlan>(size_of(call.dtype()),
                                         numel(call.out().shape) ? call.out().bytes() : 0);
  const int64_t axis = call.attrs->integer("axis");
  Ints to = call.out().layout.strides;
  const int64_t start = call.attrs->integer("start") * to[axis];
  to[axis] *= call.attrs->integer("step");
  plan->add(
      loop_over(call.shape(), call.in(0).layout.strides, call.in(0).layout.offset, to, start));
  return plan;
}

std::unique_ptr<Plan> flip_plan(const OpCall& call) {
  auto plan = std::make_unique<MovePlan>(size_of(call.dtype()), 0);
  Ints from = call.in(0).layout.strides;
  int64_t offset = call.in(0).layout.offset;
  for (int64_t axis : call.attrs->ints("axes"))
    offset += (call.shape()[axis] - 1) * from[axis], from[axis] = -from[axis];
  plan->add(loop_over(call.shape(), from, offset, call.out().layout.strides));
  return plan;
}

bool copies(const OpCall& call) { return is_op(call, "copy") || call.op->is(kView); }

bool supports(const OpCall& call) {
  if (is_op(call, "full") || is_op(call, "arange")) return true;
  return copies(call) || is_op(call, "cat") || is_op(call, "embed_slice") || is_op(call, "flip");
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  for (const TensorDesc* d : call.inputs)
    if (d->layout.blocked()) return nullptr;
  if (!call.out().contiguous()) return nullptr;
  if (is_op(call, "full")) return std::make_unique<FillPlan>(call);
  if (is_op(call, "arange")) return std::make_unique<RangePlan>(call);
  if (is_op(call, "cat")) return cat_plan(call);
  if (is_op(call, "embed_slice")) return embed_plan(call);
  if (is_op(call, "flip")) return flip_plan(call);
  return copy_of_view(call);
}

}  // namespace

Family moves_family() {
  return {"moves", supports, prepare, [](const OpCall&, int) { return true; }};
}

}  // namespace cairn::cpu
