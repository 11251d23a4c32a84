// Random numbers: Philox, a pure function of (seed, step offset, number of the op, logical index),
// so that a run is the same bits whatever the number of threads, eagerly and compiled.
//
// There is one generator in the process. Every draw, of any thread, back end or compiled function,
// takes the next offsets from it; which thread comes first is then the threads' affair.
#pragma once
#include <array>

#include "cairn/ops/op.h"

namespace cairn {

// Starts the generator anew, for functions that were compiled before it too. Not inside compile().
void manual_seed(uint64_t seed);
// The generator: the State i64 {seed, offset}, always the same one, saved in checkpoints. assign()
// moves it.
const Tensor& generator();

using GeneratorWords = std::array<int64_t, 2>;  // seed, offset
// Takes the next `ops` offsets: what the generator was before.
GeneratorWords take_random(int64_t ops);
// Puts back what was taken and not used, if nobody has drawn since.
void return_random(const GeneratorWords& before, int64_t ops);

// What one random op draws from: the generator (while tracing the State, else its words) and the
// op's number. Each call gives the next.
struct RandomKey {
  Tensor generator;
  int64_t number = 0;
};
RandomKey next_random_key();

// While alive, the calling thread's keys are written to `keys`, or, when replaying, taken from
// there in order: a function that is run again (recompute()) draws the same numbers.
class RandomKeys {
 public:
  enum Mode { record, replay };
  RandomKeys(std::vector<RandomKey>& keys, Mode mode);
  ~RandomKeys();
  RandomKeys(const RandomKeys&) = delete;
  RandomKeys& operator=(const RandomKeys&) = delete;

 private:
  friend RandomKey next_random_key();
  std::vector<RandomKey>& keys_;
  Mode mode_;
  size_t next_ = 0;
  RandomKeys* outer_;
};

Tensor rand(const Shape& shape, DType dtype = DType::f32,
            Loc loc = Loc::current());  // uniform in [0, 1)
Tensor randn(const Shape& shape, DType dtype = DType::f32,
             Loc loc = Loc::current());  // standard normal
Tensor uniform(const Shape& shape, double low, double high, Loc loc = Loc::current());
Tensor normal(const Shape& shape, double mean, double deviation, Loc loc = Loc::current());
Tensor exponential(const Shape& shape, double rate = 1);  // rate > 0
Tensor gumbel(const Shape& shape);  // -log(-log(u)): adding it to logits and taking the largest
                                    // draws from softmax
Tensor bernoulli(
    In probability);  // 0 or 1, of probability's shape; an error where one is not in [0, 1]
Tensor randint(int64_t high, const Shape& shape);  // i64 in [0, high)
Tensor permutation(int64_t n);                     // 0 ... n - 1 in random order, i64
// `count` places along the last axis, each drawn with a probability in proportion to its weight
// (finite, >= 0, not all 0: otherwise an error, also from a compiled step): i64
// [..., count]. Without replacement no place is drawn twice.
Tensor multinomial(In weights, int64_t count, bool replacement = false);
// Zeroes elements with probability p and scales the rest by 1 / (1 - p); the input itself when not
// training.
Tensor dropout(In x, double p, bool training = true);
Tensor feature_dropout(In x, double p,
                       bool training = true);  // whole channels of [N, C, ...] (dropout1d, 2d, 3d)

}  // namespace cairn
