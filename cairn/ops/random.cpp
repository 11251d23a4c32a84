#include "cairn/ops/random.h"

#include <cmath>
#include <mutex>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void infer_random(OpCall& c) {
  if (c.dtype() != DType::i64 || c.shape() != Shape{2})
    c.error("wants the generator's i64 {{seed, offset}}");
  c.set(0, static_cast<DType>(c.attrs->integer("dtype")), c.attrs->ints("shape"));
}

// The input is the generator; "number" is the op's own, counted from the generator's offset.
const OpDef kOps[] = {
    OpDef{"random_uniform", "uniform numbers in [0, 1), times scale, plus shift", 1, 1,
          infer_random, kRandom, nullptr, "has no differentiable input"}
        .with_onnx("RandomUniform"),
    OpDef{"random_normal", "standard normal numbers, times scale, plus shift", 1, 1, infer_random,
          kRandom, nullptr, "has no differentiable input"}
        .with_onnx("RandomNormal"),
};

// The generator's words are remembered on the host, so that nobody waits for a device to read them;
// they are read again after anyone else assigned the State (a checkpoint).
class Generator {
 public:
  const Tensor& state() const { return state_; }

  void seed(uint64_t seed) {
    const std::lock_guard lock(mutex_);
    write({static_cast<int64_t>(seed), 0});
  }
  GeneratorWords take(int64_t ops) {
    const std::lock_guard lock(mutex_);
    const GeneratorWords before = words();
    write({before[0], before[1] + ops});
    return before;
  }
  void give_back(const GeneratorWords& before, int64_t ops) {
    const std::lock_guard lock(mutex_);
    if (words() == GeneratorWords{before[0], before[1] + ops}) write(before);
  }

 private:
  GeneratorWords words() {
    if (version_ == state_.impl()->version) return words_;
    const RecorderScope eager(nullptr);
    copy_to_host(state_, words_.data());
    version_ = state_.impl()->version;
    return words_;
  }
  void write(const GeneratorWords& words) {
    TensorImpl& impl = *state_.impl();
    words_ = words;
    if (impl.buffer->use_count() > 1 || !impl.desc.contiguous()) {  // someone keeps the old value
      impl.desc = TensorDesc(DType::i64, {2});
      impl.buffer = new Buffer(impl.buffer->backend(), impl.desc.bytes());
    }
    impl.buffer->backend().copy_from_host(impl.buffer->data(), words_.data(), sizeof words_);
    version_ = ++impl.version;
  }
  static Tensor fresh() {
    const RecorderScope eager(nullptr);
    return cairn::state(from_host(GeneratorWords{0, 0}.data(), {2}, DType::i64));
  }

  std::mutex mutex_;
  Tensor state_ = fresh();
  GeneratorWords words_ = {0, 0};
  uint64_t version_ = 0;  // of the State, that the words are of
};
Generator& the_generator() {
  static Generator* instance = new Generator;  // never destroyed: back ends may go first
  return *instance;
}

// "scale" and "shift" are 1 and 0 where they are left out.
Tensor draw(const char* name, const Shape& shape, DType dtype, Loc loc, double scale = 1,
            double shift = 0) {
  const RandomKey key = next_random_key();
  Attrs attrs = {{"shape", shape}, {"dtype", static_cast<int64_t>(dtype)}, {"number", key.number}};
  if (scale != 1) attrs.set("scale", scale);
  if (shift != 0) attrs.set("shift", shift);
  return apply(op_named(name), {key.generator}, attrs, loc);
}

// Eagerly each op has the next offset; in a trace its number counts from the offset at the step's
// start.
RandomKey fresh_key() {
  if (Recorder* recorder = context().recorder) return {generator(), recorder->next_random()};
  return {from_host(take_random(1).data(), {2}, DType::i64), 0};
}
thread_local RandomKeys* current_keys = nullptr;

}  // namespace

std::span<const OpDef> random_ops() { return kOps; }

GeneratorWords take_random(int64_t ops) { return the_generator().take(ops); }
void return_random(const GeneratorWords& before, int64_t ops) {
  the_generator().give_back(before, ops);
}

RandomKey next_random_key() {
  RandomKeys* keys = current_keys;
  if (!keys) return fresh_key();
  if (keys->mode_ == RandomKeys::replay) {
    check(keys->next_ < keys->keys_.size(),
          "a function that is run again draws more random numbers than the first time");
    return keys->keys_[keys->next_++];
  }
  current_keys = keys->outer_;  // an outer record sees the key too, an outer replay gives it
  const RandomKey key = next_random_key();
  current_keys = keys;
  keys->keys_.push_back(key);
  return key;
}
RandomKeys::RandomKeys(std::vector<RandomKey>& keys, Mode mode)
    : keys_(keys), mode_(mode), outer_(current_keys) {
  current_keys = this;
}
RandomKeys::~RandomKeys() { current_keys = outer_; }

void manual_seed(uint64_t seed) {
  check(!context().recorder, "manual_seed: seed outside compile(): a replay would not do it again");
  the_generator().seed(seed);
}
const Tensor& generator() { return the_generator().state(); }

Tensor rand(const Shape& shape, DType dtype, Loc loc) {
  return draw("random_uniform", shape, dtype, loc);
}
Tensor randn(const Shape& shape, DType dtype, Loc loc) {
  return draw("random_normal", shape, dtype, loc);
}
Tensor uniform(const Shape& shape, double low, double high, Loc loc) {
  return draw("random_uniform", shape, DType::f32, loc, high - low, low);
}
Tensor normal(const Shape& shape, double mean, double deviation, Loc loc) {
  return draw("random_normal", shape, DType::f32, loc, deviation, mean);
}
namespace {
// The numbers, after a check that they can be probabilities or weights; in a compiled step at
// launch.
Tensor checked(const In& x, const Tensor& good, const char* what) {
  if (!context().recorder && all(good).item() == 0) fail("{}{}", what, where(x.loc));
  return check_finite(In(where(good, x, full({}, NAN, x.t.dtype())), x.loc));
}
}  // namespace
Tensor exponential(const Shape& shape, double rate) {
  check(rate > 0, "exponential: the rate {} must be positive", rate);
  return log1p(neg(rand(shape))) * (-1 / rate);
}
Tensor gumbel(const Shape& shape) { return neg(log(clamp_min(exponential(shape), 1e-30))); }
Tensor permutation(int64_t n) {
  // Two draws in one key: 48 bits, so that ties (which would keep their order) do not occur in
  // practice.
  return argsort(rand({n}, DType::f64) + rand({n}, DType::f64) * 0x1p-24);
}
Tensor multinomial(In weights, int64_t count, bool replacement) {
  check(weights.t.rank() >= 1 && is_float(weights.t.dtype()),
        "multinomial: wants float weights of one dimension or more{}", where(weights.loc));
  const int64_t classes = weights.t.size(-1);
  check(count >= 0 && (replacement || count <= classes),
        "multinomial: {} of {} places without replacement{}", count, classes, where(weights.loc));
  check(count == 0 || classes > 0, "multinomial: no place to draw in {}{}",
        to_string(weights.t.shape()), where(weights.loc));
  Tensor w = weights.t.detach();
  // Neither negative, NaN or infinite, nor all zero.
  w = checked(In(w, weights.loc),
              logical_and(logical_and(ge(w, 0), isfinite(w)), gt(sum(w, {-1}, true), 0)),
              "multinomial: a weight is negative, NaN or infinite, or all of a row are 0");
  if (!replacement) return topk(log(w) + cast(gumbel(w.shape()), w.dtype()), count).indices;
  const Tensor bounds = cumsum(w, -1);
  Shape shape = w.shape();
  shape.back() = count;
  // The number of bounds at or below u times the total; a last place of weight 0 is not reached as
  // u < 1.
  const Tensor level = cast(rand(shape), w.dtype()) * slice(bounds, -1, classes - 1, 1);
  const Tensor place = sum(ge(unsqueeze(level, -1), unsqueeze(bounds, -2)), {-1});
  return clamp_max(place, static_cast<double>(classes - 1));
}
Tensor bernoulli(In probability) {
  const Tensor p = checked(In(probability.t.detach(), probability.loc),
                           logical_and(ge(probability, 0), le(probability, 1)),
                           "bernoulli: a probability is not between 0 and 1");
  return cast(lt(rand(p.shape()), p), p.dtype());
}
Tensor randint(int64_t high, const Shape& shape) {
  check(high > 0, "randint: the bound {} must be positive", high);
  return cast(
      floor(rand(shape, high > (1 << 24) ? DType::f64 : DType::f32) * static_cast<double>(high)),
      DType::i64);
}
namespace {
Tensor drop(const char* name, const In& x, double p, bool training, const Shape& mask) {
  check(p >= 0 && p <= 1, "{}: probability {} is not in [0, 1]{}", name, p, where(x.loc));
  if (!training || p == 0) return x.t;
  if (p == 1) return mul(x, 0.0);
  const Tensor keep = cast(ge(rand(mask), p), x.t.dtype());
  return mul(In(mul(x, keep), x.loc), 1 / (1 - p));
}
}  // namespace
Tensor dropout(In x, double p, bool training) {
  return drop("dropout", x, p, training, x.t.shape());
}
Tensor feature_dropout(In x, double p, bool training) {
  check(x.t.rank() >= 2, "feature_dropout: wants [N, C, ...], not {}{}", to_string(x.t.shape()),
        where(x.loc));
  Shape mask(static_cast<size_t>(x.t.rank()), 1);
  mask[0] = x.t.shape()[0], mask[1] = x.t.shape()[1];
  return drop("feature_dropout", x, p, training, mask);
}

}  // namespace cairn
