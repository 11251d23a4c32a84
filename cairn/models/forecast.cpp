#include "cairn/models/forecast.h"

#include "cairn/metrics/forecast.h"
#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

constexpr int64_t kLevels = metrics::kLevelCount;

Tensor levels() { return arange(1, kLevels + 1, 1, DType::f32) / double(kLevels + 1); }

}  // namespace

Forecaster::Forecaster(const ForecasterOptions& o) : options_(o) {
  linear = buffer("linear", zeros({o.horizon, o.context}));
  corrects = buffer("corrects", ones({1}));
  calibration = buffer("calibration", ones({1}));
  offsets = param("offsets", zeros({o.horizon, o.targets, kLevels}));
  baselines = buffer("baselines", zeros({o.baselines, o.horizon, o.targets, kLevels}));
  smoothing = buffer("smoothing", zeros({o.targets, 2}));
  if (o.judges) {
    error_scale = buffer("error_scale", ones({o.horizon, o.targets}));
    threshold = buffer("threshold", ones({1}));
  }
  if (o.model == "linear") return;
  check(o.patch > 0 && o.patch <= o.context, "forecaster: patches of {} rows in a context of {}",
        o.patch, o.context);
  const int64_t count = o.context / o.patch, others = o.features - o.targets;
  embed_.emplace(child("embed", nn::Linear(o.patch * (1 + others), o.width)));
  which_ = param("which", zeros({o.targets, 1, o.width}));
  const nn::RecurrentOptions stack{
      .num_layers = o.layers, .batch_first = true, .dropout = o.dropout};
  if (o.model == "lstm") lstm_.emplace(child("rnn", nn::LSTM(o.width, o.width, stack)));
  else if (o.model == "gru") gru_.emplace(child("rnn", nn::GRU(o.width, o.width, stack)));
  else if (o.model == "rnn") rnn_.emplace(child("rnn", nn::RNN(o.width, o.width, stack)));
  else {
    check(o.model == "patch", "forecaster: no model '{}'", o.model);
    place_ = param("place", randn({count, o.width}) * 0.02);
    blocks_.emplace(child("blocks", nn::ModuleList<Block>()));
    for (int64_t i = 0; i < o.layers; ++i)
      blocks_->push_back(Block(o.width, o.heads, 2 * o.width, {.dropout = o.dropout}));
    norm_.emplace(child("norm", nn::LayerNorm(o.width)));
  }
  head_.emplace(child("head", nn::Linear(blocks_ ? count * o.width : o.width, o.horizon)));
  assign(head_->weight, zeros(head_->weight.shape()));
  assign(head_->bias, zeros(head_->bias.shape()));
}

Tensor Forecaster::forward(Tensor x) {
  check(x.rank() == 3 && x.size(1) == options_.context && x.size(2) == options_.features,
        "forecaster: x {}; want [N, {}, {}]", to_string(x.shape()), options_.context,
        options_.features);
  const Tensor values = slice(x, 2, 0, options_.targets);         // [N, context, targets]
  const Tensor last = slice(values, 1, options_.context - 1, 1);  // [N, 1, targets]
  const Tensor before = transpose(values - last, 1, 2);           // [N, targets, context]
  Tensor change = matmul(before, transpose(linear, 0, 1));        // [N, targets, horizon]
  if (head_) {
    const Tensor by = correction(x, last);
    change = change + (training() ? by : by * corrects);
  }
  return last + transpose(change, 1, 2);
}

// [N * targets, patches, patch * (1 + other features)]: the last whole patches of the context.
Tensor Forecaster::patches(const Tensor& x, const Tensor& last) const {
  const auto& o = options_;
  const int64_t n = x.size(0), count = o.context / o.patch, rows = count * o.patch;
  const int64_t others = o.features - o.targets;
  const Tensor recent = slice(x, 1, o.context - rows, rows);
  const Tensor own =
      transpose(slice(recent, 2, 0, o.targets) - last, 1, 2) / transpose(unit(x), 1, 2);
  Tensor cut = reshape(own, {n * o.targets, count, o.patch});
  if (others == 0) return cut;
  const Tensor beside =
      reshape(slice(recent, 2, o.targets, others), {n, 1, count, o.patch * others});
  const Tensor for_each = expand(beside, {n, o.targets, count, o.patch * others});
  return cat({cut, reshape(for_each, {n * o.targets, count, o.patch * others})}, 2);
}

Tensor Forecaster::encoded(const Tensor& h) {
  const int64_t count = h.size(1);
  if (blocks_) {
    Tensor y = h + place_;
    for (Block& block : *blocks_) y = block(y, false);
    return flatten((*norm_)(y), 1);
  }
  const Tensor y = lstm_ ? (*lstm_)(h).output : gru_ ? (*gru_)(h).output : (*rnn_)(h).output;
  return select(y, 1, count - 1);
}

// [N, targets, horizon].
Tensor Forecaster::correction(const Tensor& x, const Tensor& last) {
  const int64_t n = x.size(0), targets = options_.targets,
                count = options_.context / options_.patch;
  const Tensor h =
      reshape((*embed_)(patches(x, last)), {n, targets, count, options_.width}) + which_;
  const Tensor y = encoded(reshape(h, {n * targets, count, options_.width}));
  const Tensor dropped = dropout(y, options_.dropout, options_.dropout > 0 && training());
  return reshape((*head_)(dropped), {n, targets, options_.horizon}) * transpose(unit(x), 1, 2);
}

Tensor Forecaster::unit(const Tensor& x) const {
  return sqrt(var(slice(x, 2, 0, options_.targets), {1}, 0, true) + 1e-4);
}

Tensor Forecaster::quantiles(const Tensor& x, const Tensor& point) const {
  const Tensor rising = sort(offsets, 2).values;  // (Chernozhukov et al. 2010)
  return unsqueeze(point, 3) + unsqueeze(unit(x), 3) * rising * calibration;
}

Tensor Forecaster::quantile_loss(const Tensor& x, const Tensor& point, const Tensor& y,
                                 const Tensor& mask) const {
  const Tensor guess = unsqueeze(point.detach(), 3) + unsqueeze(unit(x), 3) * offsets;
  const Tensor over = unsqueeze(y, 3) - guess, level = levels();
  const Tensor pinball = maximum(level * over, (level - 1.0) * over);
  return sum(mean(pinball, {3}) * mask) * 2.0 / clamp_min(sum(mask), 1);
}

}  // namespace cairn::models
