// Forecasts of several series: a linear map of what was, and a network that corrects it.
#pragma once
#include <optional>

#include "cairn/models/transformer.h"

namespace cairn::models {

struct ForecasterOptions {
  std::string model = "linear";  // or rnn, lstm, gru, patch: what corrects the linear map
  int64_t context = 512, horizon = 96;
  int64_t targets = 1, features = 1;  // features: targets, then what only helps
  int64_t patch = 16, width = 64, layers = 2, heads = 4;
  double dropout = 0.2;
  int64_t baselines = 0;  // whose quantiles are kept beside
  bool judges = false;    // keeps what finds anomalies
};

// x [N, context, features] standardised -> the next values of the targets [N, horizon, targets].
// Each target is a sequence of its own for the same weights (channel independence), relative to its
// last value, cut into patches of `patch` rows (PatchTST: Nie et al. 2023; for recurrent networks
// SegRNN: Lin et al. 2023) beside those of the other features; a learned vector says which it is.
// The correction begins at zero.
//
// Quantiles are point + unit * offsets, where the unit of a window is the deviation of what was
// read, and offsets are learned for each step and target (see quantile_loss). Buffers, which
// training rows and validation fill: linear [horizon, context]; corrects [1]: 1 when the correction
// counts, 0 when not (outside training); calibration [1]: factor of the offsets; baselines
// [baselines, horizon, targets, levels]: offsets of what it is compared with; smoothing [targets,
// 2]: what exponential smoothing takes of a new value for its level and its season.
class Forecaster : public nn::Module {
 public:
  explicit Forecaster(const ForecasterOptions& options);
  Tensor forward(Tensor x) override;
  // [N, 1, targets], above 0.
  Tensor unit(const Tensor& x) const;
  // [N, horizon, targets, levels], rising along the last axis.
  Tensor quantiles(const Tensor& x, const Tensor& point) const;
  // Mean over the levels of the pinball loss of y where mask is 1, twice, in standardised values.
  // No gradient goes to the point forecast.
  Tensor quantile_loss(const Tensor& x, const Tensor& point, const Tensor& y,
                       const Tensor& mask) const;

  const ForecasterOptions& options() const { return options_; }
  nn::Param linear, corrects, calibration, offsets, baselines, smoothing, error_scale, threshold;

 private:
  Tensor patches(const Tensor& x, const Tensor& last) const;
  Tensor encoded(const Tensor& patches);
  Tensor correction(const Tensor& x, const Tensor& last);

  ForecasterOptions options_;
  std::optional<nn::Linear> embed_, head_;
  std::optional<nn::LSTM> lstm_;
  std::optional<nn::GRU> gru_;
  std::optional<nn::RNN> rnn_;
  std::optional<nn::ModuleList<Block>> blocks_;
  std::optional<nn::LayerNorm> norm_;
  nn::Param which_, place_;
};

}  // namespace cairn::models
