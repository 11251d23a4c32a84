// Linear layers with 8-bit weights, f32: few rows and many.
#include "cairn/backend/cpu/gemm/gemm_i8.h"
#include "cairn/backend/cpu/gemv/gemv.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kFewRows = 16;

bool supports(const OpCall& call) {
  return is_op(call, "linear_int8") && call.dtype() == DType::f32;
}

class LinearInt8Plan : public Plan {
 public:
  explicit LinearInt8Plan(const OpCall& call)
      : rows_(call.shape(0)[0]), outputs_(call.shape(1)[0]), depth_(call.shape(1)[1]) {
    if (rows_ > kFewRows) workspace_bytes = gemm_i8_workspace();
  }
  void launch(const Launch& args) const override {
    if (rows_ * outputs_ == 0) return;
    const float* x = static_cast<const float*>(args.inputs[0]);
    const auto* values = static_cast<const int8_t*>(args.inputs[1]);
    const float* scale = static_cast<const float*>(args.inputs[2]);
    float* y = static_cast<float*>(args.outputs[0]);
    if (rows_ <= kFewRows)
      return gemv_i8(values, scale, outputs_, depth_, x, depth_, rows_, {}, y, outputs_);
    gemm_i8(values, scale, outputs_, depth_, x, rows_, y, args.workspace);
  }

 private:
  int64_t rows_, outputs_, depth_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  for (const TensorDesc* d : call.inputs)
    if (!d->contiguous()) return nullptr;
  return std::make_unique<LinearInt8Plan>(call);
}

}  // namespace

Family linear_int8_family() { return {"linear with 8-bit weights", supports, prepare}; }

}  // namespace cairn::cpu
