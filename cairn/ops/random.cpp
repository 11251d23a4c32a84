#include "cairn/ops/random.h"

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void infer_random(OpCall& c) {
  if (c.dtype() != DType::i64 || c.shape() != Shape{2}) c.error("wants the generator's i64 {{seed, offset}}");
  c.set(0, static_cast<DType>(c.attrs->integer("dtype")), c.attrs->ints("shape"));
}

// The input is the generator; "number" is the op's own, counted from the generator's offset.
const OpDef kOps[] = {
    OpDef{"random_uniform", "uniform numbers in [0, 1)", 1, 1, infer_random, kRandom, nullptr, "has no differentiable input"}.with_onnx("RandomUniform"),
    OpDef{"random_normal", "standard normal numbers", 1, 1, infer_random, kRandom, nullptr, "has no differentiable input"}.with_onnx("RandomNormal"),
};

Tensor make_generator(uint64_t seed) {
  RecorderScope eager(nullptr);
  const int64_t words[2] = {static_cast<int64_t>(seed), 0};
  return state(from_host(words, {2}, DType::i64));
}
Tensor& thread_generator() {
  thread_local Tensor instance = make_generator(0);
  return instance;
}

Tensor draw(const char* name, const Shape& shape, DType dtype) {
  const RandomKey key = next_random_key();
  return apply(op_named(name), {key.generator},
               {{"shape", shape}, {"dtype", static_cast<int64_t>(dtype)}, {"number", key.number}});
}

// Eagerly each op has the next offset; in a trace its number counts from the offset at the step's start.
RandomKey fresh_key() {
  const Tensor& gen = thread_generator();
  if (Recorder* recorder = context().recorder) return {gen, recorder->next_random()};
  const RandomKey key{gen.detach(), 0};
  advance_generator(1);
  return key;
}
thread_local RandomKeys* current_keys = nullptr;

}  // namespace

std::span<const OpDef> random_ops() { return kOps; }

void advance_generator(int64_t ops) {
  const Tensor& gen = thread_generator();
  int64_t words[2];
  copy_to_host(gen, words);
  words[1] += ops;
  assign(gen, from_host(words, {2}, DType::i64));
}

RandomKey next_random_key() {
  RandomKeys* keys = current_keys;
  if (!keys) return fresh_key();
  if (keys->mode_ == RandomKeys::replay) {
    check(keys->next_ < keys->keys_.size(), "a function that is run again draws more random numbers than the first time");
    return keys->keys_[keys->next_++];
  }
  current_keys = keys->outer_;  // an outer record sees the key too, an outer replay gives it
  const RandomKey key = next_random_key();
  current_keys = keys;
  keys->keys_.push_back(key);
  return key;
}
RandomKeys::RandomKeys(std::vector<RandomKey>& keys, Mode mode) : keys_(keys), mode_(mode), outer_(current_keys) {
  current_keys = this;
}
RandomKeys::~RandomKeys() { current_keys = outer_; }

void manual_seed(uint64_t seed) { thread_generator() = make_generator(seed); }
const Tensor& generator() { return thread_generator(); }

Tensor rand(const Shape& shape, DType dtype) { return draw("random_uniform", shape, dtype); }
Tensor randn(const Shape& shape, DType dtype) { return draw("random_normal", shape, dtype); }
Tensor uniform(const Shape& shape, double low, double high) { return rand(shape) * (high - low) + low; }
Tensor bernoulli(In probability) { return cast(lt(rand(probability.t.shape()), probability), probability.t.dtype()); }
Tensor randint(int64_t high, const Shape& shape) {
  check(high > 0, "randint: the bound {} must be positive", high);
  return cast(floor(rand(shape, high > (1 << 24) ? DType::f64 : DType::f32) * static_cast<double>(high)), DType::i64);
}
Tensor dropout(In x, double p, bool training) {
  check(p >= 0 && p <= 1, "dropout: probability {} is not in [0, 1]{}", p, where(x.loc));
  if (!training || p == 0) return x.t;
  if (p == 1) return mul(x, 0.0);
  const Tensor keep = cast(ge(rand(x.t.shape()), p), x.t.dtype());
  return mul(In(mul(x, keep), x.loc), 1 / (1 - p));
}

}  // namespace cairn
