// Sums over ranks inside a step. They are no rows of the table: nobody calls them but a training
// over several processes (dist/world.h), and batch normalisation in one.
#pragma once
#include "cairn/dist/bucket.h"
#include "cairn/ops/op.h"

namespace cairn {

// While alive, collective ops of this thread form chains, so that every rank comes to them in the
// same order, however its step was compiled.
class CollectiveScope {
 public:
  CollectiveScope();
  ~CollectiveScope();
  CollectiveScope(const CollectiveScope&) = delete;
  CollectiveScope& operator=(const CollectiveScope&) = delete;

 private:
  friend Tensor& chain_of(dist::Lane lane);
  Tensor chains_[dist::kLanes];
  CollectiveScope* outer_;
};

// x f32, of the same shape on each rank: the sum, which is waited for. Differentiable.
Tensor all_reduce(In x);

// Starts the sums of tensors (f32), which go on while what follows is computed. The tensors are
// those of dist::add_bucket(). The result is wanted by finish_sums.
Tensor start_sums(int64_t bucket, const Tensors& tensors);
bool starts_sums(const OpDef& op);  // it is that one
// The sums over `divisor` (f32 [1]), of the shapes of `like`.
Tensors finish_sums(int64_t bucket, const Tensor& started, const Tensor& divisor,
                    const Tensors& like);

}  // namespace cairn
