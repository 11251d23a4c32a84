// bf16 products on processors that multiply it, tiny ones and batches.
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu::onednn {
namespace {

class MatmulPrimitivePlan : public Plan {
 public:
  explicit MatmulPrimitivePlan(const OpCall& call)
      : threads_(num_threads()),
        a_offset_(call.in(0).layout.offset),
        b_offset_(call.in(1).layout.offset) {
    const auto a = onednn::describe(call.in(0)), b = onednn::describe(call.in(1)),
               y = onednn::describe(call.out());
    onednn::ThreadScope scope(threads_);
    product_ = onednn::Primitive(onednn::matmul(onednn::engine(), a, b, y));
    product_.add(DNNL_ARG_SRC, a), product_.add(DNNL_ARG_WEIGHTS, b), product_.add(DNNL_ARG_DST, y);
    workspace_bytes = product_.scratch_bytes();
  }
  void launch(const Launch& args) const override {
    onednn::ThreadScope scope(threads_);
    product_.bind(DNNL_ARG_SRC, static_cast<const uint16_t*>(args.inputs[0]) + a_offset_);
    product_.bind(DNNL_ARG_WEIGHTS, static_cast<const uint16_t*>(args.inputs[1]) + b_offset_);
    product_.bind(DNNL_ARG_DST, args.outputs[0]);
    product_.bind(DNNL_ARG_SCRATCHPAD, args.workspace);
    product_.run();
  }

 private:
  int threads_;
  int64_t a_offset_, b_offset_;
  mutable onednn::Primitive product_;
};

}  // namespace

std::unique_ptr<Plan> bf16_product(const OpCall& call) try {
  return std::make_unique<MatmulPrimitivePlan>(call);
} catch (const dnnl::error&) {  // strides that the primitive refuses
  return nullptr;
}

}  // namespace cairn::cpu::onednn
