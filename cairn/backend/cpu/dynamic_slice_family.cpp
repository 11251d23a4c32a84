// Ranges whose start is a tensor: read, or written into a copy; into the input itself where the
// planner gives the output its place.
#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;

bool updates(const OpCall& call) { return is_op(call, "dynamic_update_slice"); }
bool supports(const OpCall& call) { return updates(call) || is_op(call, "dynamic_slice"); }

// `rows` of x; of each, `part` bytes in a whole of `whole` bytes.
class DynamicSlicePlan : public Plan {
 public:
  explicit DynamicSlicePlan(const OpCall& call)
      : update_(updates(call)), wide_start_(call.inputs.back()->dtype == DType::i64) {
    const int64_t axis = call.attrs->integer("axis");
    const Shape &x = call.shape(), &range = update_ ? call.shape(1) : call.out().shape;
    step_ = static_cast<int64_t>(size_of(call.dtype()));
    for (int d = 0; d < x.ssize(); ++d) {
      if (d < axis) rows_ *= x[d];
      if (d > axis) step_ *= x[d];
    }
    whole_ = x[axis] * step_, part_ = range[axis] * step_;
    last_start_ = x[axis] - range[axis];
  }
  void launch(const Launch& args) const override {
    const int64_t start = start_of(args.inputs[update_ ? 2 : 1]) * step_;
    const char* x = static_cast<const char*>(args.inputs[0]);
    char* out = static_cast<char*>(args.outputs[0]);
    if (update_) {
      if (x != out) copy(x, whole_, out, whole_, whole_);
      copy(static_cast<const char*>(args.inputs[1]), part_, out + start, whole_, part_);
    } else {
      copy(x + start, whole_, out, part_, part_);
    }
  }

 private:
  int64_t start_of(const void* data) const {
    int64_t start = 0;
    if (wide_start_) std::memcpy(&start, data, sizeof start);
    else start = *static_cast<const int32_t*>(data);
    return std::clamp<int64_t>(start, 0, last_start_);
  }
  void copy(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t bytes) const {
    if (bytes == 0) return;
    parallel_for(rows_, kGrainBytes / bytes + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        std::memcpy(to + row * to_step, from + row * from_step, static_cast<size_t>(bytes));
    });
  }

  bool update_, wide_start_;
  int64_t rows_ = 1, step_ = 1, whole_ = 0, part_ = 0, last_start_ = 0;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  for (const auto* list : {&call.inputs, &call.outputs})
    for (const TensorDesc* d : *list)
      if (!d->contiguous()) return nullptr;
  return std::make_unique<DynamicSlicePlan>(call);
}

}  // namespace

Family dynamic_slice_family() { return {"dynamic slices", supports, prepare}; }

}  // namespace cairn::cpu
