// Draws pictures with a generator: sample i of a seed is a function of both alone.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/pictures.h"
#include "cairn/models/gan.h"

namespace cairn::models {

// Rows first ... first + count - 1 of the endless noise of a seed: [count, z].
Tensor noise_rows(uint64_t seed, int64_t first, int64_t count, int64_t z);
// 0, 1, ..., classes - 1, 0, ... ; zeros without classes.
std::vector<int64_t> labels_in_turn(int64_t count, int64_t classes);

// The generator is in evaluation mode; compiled once.
class Painter {
 public:
  explicit Painter(const Generator& generator);
  data::Pictures draw(uint64_t seed, int64_t first, const std::vector<int64_t>& labels);
  data::Pictures draw(const Tensor& noise, const std::vector<int64_t>& labels);

 private:
  Generator generator_;
  CompiledFunction images_;
};

}  // namespace cairn::models
