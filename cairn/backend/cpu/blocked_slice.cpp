// Slices of channel-blocked tensors along any axis but the channels: ranges of whole blocks,
// copied.
#include <cstring>

#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {
namespace {

bool supports(const OpCall& call) {
  return std::strcmp(call.op->name, "slice") == 0 &&
         call.in(0).layout.kind == LayoutKind::channel_block && call.attrs->integer("axis") != 1;
}

// outer ranges of `count` pieces of `bytes`, `stride` apart.
class SlicePlan : public Plan {
 public:
  explicit SlicePlan(const OpCall& call) {
    const Shape dims = physical_of(call.in(0)).dims;
    const int64_t axis = call.attrs->integer("axis");
    bytes_ = static_cast<int64_t>(size_of(call.dtype()));
    for (int d = 0; d < dims.ssize(); ++d) {
      if (d < axis) outer_ *= dims[d];
      if (d > axis) bytes_ *= dims[d];
    }
    range_ = dims[axis] * bytes_;
    first_ = call.attrs->integer("start") * bytes_;
    stride_ = call.attrs->integer("step") * bytes_;
    count_ = call.attrs->integer("length");
  }
  void launch(const Launch& args) const override {
    const char* in = static_cast<const char*>(args.inputs[0]);
    char* out = static_cast<char*>(args.outputs[0]);
    for (int64_t o = 0; o < outer_; ++o)
      for (int64_t i = 0; i < count_; ++i, out += bytes_)
        std::memcpy(out, in + o * range_ + first_ + i * stride_, bytes_);
  }

 private:
  int64_t outer_ = 1, bytes_, range_, first_, stride_, count_;
};

bool layouts(OpCall& call) {
  call.outputs[0]->layout = call.in(0).layout;
  return true;
}

}  // namespace

Family blocked_slice_family() {
  return {"blocked slice", supports,
          [](const OpCall& call) -> std::unique_ptr<Plan> {
            if (!supports(call) || !(call.out().layout == call.in(0).layout)) return nullptr;
            return std::make_unique<SlicePlan>(call);
          },
          nullptr, layouts};
}

}  // namespace cairn::cpu
