// softmax, log_softmax, logsumexp and normalize over the last dimensions, f32: the kernels of rows/
// as rows of the op table. Other axes are left to the ops' decompositions.
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/rows/rows.h"

namespace cairn::cpu {
namespace {

enum class Rows { none, softmax, log_softmax, logsumexp, normalize, normalize_groups };
Rows kind_of(const OpCall& call) {
  return is_op(call, "softmax")            ? Rows::softmax
         : is_op(call, "log_softmax")      ? Rows::log_softmax
         : is_op(call, "logsumexp")        ? Rows::logsumexp
         : is_op(call, "normalize")        ? Rows::normalize
         : is_op(call, "normalize_groups") ? Rows::normalize_groups
                                           : Rows::none;
}

// How many of the last dimensions a row is of (of which groups cut the first); 0: the axes are
// others.
int row_dimensions(const OpCall& call) {
  if (kind_of(call) == Rows::normalize_groups) return call.rank() - 1;
  const bool one = kind_of(call) != Rows::normalize;
  const Ints axes = one ? Ints{call.attrs->integer("axis")} : call.attrs->ints("axes");
  const int rank = call.rank(), first = rank - axes.ssize();
  for (int i = 0; i < axes.ssize(); ++i)
    if (axes[i] != first + i) return 0;
  return axes.ssize();
}

bool supports(const OpCall& call) {
  return kind_of(call) != Rows::none && call.dtype() == DType::f32 && numel(call.shape(0)) > 0 &&
         row_dimensions(call) > 0;
}

class RowsPlan : public Plan {
 public:
  explicit RowsPlan(const OpCall& call) : kind_(kind_of(call)) {
    const Shape& shape = call.shape(0);
    for (int d = shape.ssize() - row_dimensions(call); d < shape.ssize(); ++d) count_ *= shape[d];
    if (kind_ == Rows::normalize_groups) count_ /= call.attrs->integer("groups");
    rows_ = numel(shape) / count_;
    if (kind_ == Rows::normalize || kind_ == Rows::normalize_groups)
      eps_ = static_cast<float>(call.attrs->number("eps"));
  }
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto out = [&](int i) { return static_cast<float*>(args.outputs[i]); };
    switch (kind_) {
      case Rows::softmax: return rows::softmax(x, rows_, count_, out(0));
      case Rows::log_softmax: return rows::log_softmax(x, rows_, count_, out(0));
      case Rows::logsumexp: return rows::logsumexp(x, rows_, count_, out(0));
      case Rows::normalize:
      case Rows::normalize_groups:
        return rows::normalize(x, rows_, count_, eps_, out(0), out(1), out(2));
      case Rows::none: return;
    }
  }

 private:
  Rows kind_;
  int64_t rows_ = 0, count_ = 1;
  float eps_ = 0;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  for (const auto* list : {&call.inputs, &call.outputs})
    for (const TensorDesc* d : *list)
      if (!d->contiguous()) return nullptr;
  return std::make_unique<RowsPlan>(call);
}

}  // namespace

Family rows_family() { return {"rows", supports, prepare}; }

}  // namespace cairn::cpu
