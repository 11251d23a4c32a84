// Draws pictures with a function of noise and labels: sample i of a seed is a function of both
// alone.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/pictures.h"
#include "cairn/models/gan.h"

namespace cairn::models {

// Rows first ... first + count - 1 of the endless noise of a seed: [count, z].
Tensor noise_rows(uint64_t seed, int64_t first, int64_t count, int64_t z);
// 0, 1, ..., classes - 1, 0, ... ; zeros without classes.
std::vector<int64_t> labels_in_turn(int64_t count, int64_t classes);

class Painter {
 public:
  // Pictures [N, C, H, W] in [-1, 1] of noise [N, z] and labels i64 [N]; called without gradients.
  using Draw = std::function<Tensor(const Tensor& noise, const Tensor& labels)>;
  Painter(const data::ImageShape& shape, int64_t z, Draw draw);
  // The same of a network that draws at once, which is compiled; noise and labels are its inputs.
  Painter(const data::ImageShape& shape, int64_t z, CompiledFunction::Body network);
  // The generator is in evaluation mode.
  explicit Painter(const Generator& generator);

  data::Pictures draw(uint64_t seed, int64_t first, const std::vector<int64_t>& labels) const;
  data::Pictures draw(const Tensor& noise, const std::vector<int64_t>& labels) const;
  int64_t noise() const { return z_; }  // numbers a picture

 private:
  data::ImageShape shape_;
  int64_t z_;
  Draw draw_;
};

}  // namespace cairn::models
