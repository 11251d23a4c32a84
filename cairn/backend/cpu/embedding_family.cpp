// Embedding tables, f32: the kernels of embedding/ as rows of the op table.
#include "cairn/backend/cpu/embedding/embedding.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

bool is_backward(const OpCall& call) { return is_op(call, "embedding_grad"); }

bool supports(const OpCall& call) {
  return (is_op(call, "embedding") || is_backward(call)) && call.dtype() == DType::f32;
}

class EmbeddingKernel : public Plan {
 public:
  explicit EmbeddingKernel(const OpCall& call) : call_(call) {}
  void launch(const Launch& args) const override {
    const int64_t bad = call_->dtype(1) == DType::i32 ? run<int32_t>(args) : run<int64_t>(args);
    if (bad < 0 || !args.fault || args.fault->kind != Fault::none) return;
    const int64_t value = call_->dtype(1) == DType::i32
                              ? static_cast<const int32_t*>(args.inputs[1])[bad]
                              : static_cast<const int64_t*>(args.inputs[1])[bad];
    *args.fault = {Fault::bad_index, bad, value};
  }

 private:
  template <class Index>
  int64_t run(const Launch& args) const {
    const auto* from = static_cast<const float*>(args.inputs[0]);
    const auto* indices = static_cast<const Index*>(args.inputs[1]);
    auto* to = static_cast<float*>(args.outputs[0]);
    const Shape& table = is_backward(*call_) ? call_->out().shape : call_->shape(0);
    const int64_t count = numel(call_->shape(1));
    return is_backward(*call_) ? embedding_backward(from, indices, count, table[0], table[1],
                                                    int64_t{-1}, false, to)
                               : embedding_forward(from, table[0], table[1], indices, count, to);
  }
  OwnedCall call_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  return std::make_unique<EmbeddingKernel>(call);
}

}  // namespace

Family embedding_family() { return {"embedding", supports, prepare}; }

}  // namespace cairn::cpu
