// Networks that listen: labels for every frame (CTC), and a class for a whole clip.
#pragma once
#include <memory>
#include <optional>

#include "cairn/models/transformer.h"

namespace cairn::models {

struct ListenerOptions {
  std::string model = "bilstm";  // bilstm, conv-bilstm, transformer
  int64_t features = 80, labels = 29;
  int64_t width = 256, layers = 3, heads = 4;
  double dropout = 0.3;
};

// Features [N, T, features] and lengths [N] (what is behind them is not heard) -> log-probabilities
// [N, T, labels]; label 0 is the blank. What a clip becomes does not depend on its batch.
struct Listener : nn::Module {
  explicit Listener(const ListenerOptions& options);
  using Module::operator();
  Tensor forward(Tensor x, Tensor lengths) override;

  ListenerOptions options;
  std::optional<nn::Conv1d> conv1, conv2;
  std::optional<nn::BatchNorm1d> bn1, bn2;
  std::optional<nn::LSTM> rnn;
  std::optional<nn::Linear> in;
  std::optional<nn::ModuleList<Block>> blocks;
  std::optional<nn::LayerNorm> norm;
  nn::Linear head;

 private:
  Tensor convolved(const Tensor& x, const Tensor& mask) const;
};

// Features as a picture [N, T, features], lengths [N] -> scores [N, classes]: four convolutions,
// each with half the frames and features of the one before, and the mean over what was heard.
struct ClipClassifier : nn::Module {
  ClipClassifier(int64_t classes, int64_t width, double dropout);
  using Module::operator();
  Tensor forward(Tensor x, Tensor lengths) override;

  nn::ModuleList<nn::Conv2d> conv;
  nn::ModuleList<nn::BatchNorm2d> norm;
  nn::Linear head;
  double drop;
};

}  // namespace cairn::models
