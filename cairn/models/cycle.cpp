#include "cairn/models/cycle.h"

#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

constexpr int64_t kColours = 3;

Tensor source_of(const Tensor& x) { return contiguous(slice(x, 1, 0, kColours)); }
Tensor target_of(const Tensor& x) { return contiguous(slice(x, 1, kColours, kColours)); }

}  // namespace

CyclePainters::CyclePainters(int64_t width, int64_t blocks)
    : to_target(child("to_target", Styler(width, blocks))),
      to_source(child("to_source", Styler(width, blocks))) {}

Tensor CyclePainters::forward(Tensor x) {
  return cat({to_source(target_of(x)), to_target(source_of(x))}, 1);
}

CycleCritics::CycleCritics(int64_t width, int64_t strided)
    : source(child("source", PatchDiscriminator(kColours, width, strided))),
      target(child("target", PatchDiscriminator(kColours, width, strided))) {}

Tensor CycleCritics::forward(Tensor x) {
  const Tensor centred = x * 2 - 1;
  return cat({flatten(source(source_of(centred))), flatten(target(target_of(centred)))}, 0);
}

CycleErrors cycle_errors(const CyclePainters& painters, const Tensor& x, const Tensor& made) {
  const Tensor a = source_of(x), b = target_of(x);
  const Tensor a_again = painters.to_source(target_of(made)),
               b_again = painters.to_target(source_of(made));
  return {l1_loss(a_again, a) + l1_loss(b_again, b),
          l1_loss(painters.to_source(a), a) + l1_loss(painters.to_target(b), b)};
}

}  // namespace cairn::models
