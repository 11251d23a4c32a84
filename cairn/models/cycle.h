// CycleGAN (Zhu et al. 2017): pictures of one kind become pictures of another and back, learned
// from two folders without pairs. The generators are Johnson et al.'s networks (style.h), the
// discriminators pix2pix's patches.
#pragma once
#include "cairn/models/pix2pix.h"
#include "cairn/models/style.h"

namespace cairn::models {

// Two pictures in one tensor: x [N, 6, H, W] from 0 to 1, the source's channels before the
// target's.
struct CyclePainters : nn::Module {
  CyclePainters(int64_t width, int64_t blocks);
  // What each becomes: [N, 6, H, W], made of the source's kind (from the target) before made of the
  // target's (from the source).
  Tensor forward(Tensor x) override;

  Styler to_target, to_source;
};

// Scores of the patches of both, flat.
struct CycleCritics : nn::Module {
  CycleCritics(int64_t width, int64_t strided);
  Tensor forward(Tensor x) override;

  PatchDiscriminator source, target;
};

// The mean absolute difference of each picture and what it becomes there and back, and of each and
// what the generator makes of it that should leave it as it is. `made`: painters(x).
struct CycleErrors {
  Tensor cycle, identity;  // scalars
};
CycleErrors cycle_errors(const CyclePainters& painters, const Tensor& x, const Tensor& made);

}  // namespace cairn::models
