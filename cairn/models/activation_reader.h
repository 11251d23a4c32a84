// What the last linear layer of a classifier gets, beside what it says: the features by which
// sets of pictures are compared (Frechet distance, precision and recall).
#pragma once
#include "cairn/nn/module.h"

namespace cairn::models {

struct Activations {
  Tensor features, logits;  // [N, features] or [N, channels, 1, 1]; [N, classes]
};

// Looks at that layer while it lives: a hook that is put on inside a compiled function would have
// every call trace again.
class ActivationReader {
 public:
  // `network`: as it takes a batch of inputs; must live as long. Throws Error when it has no
  // Linear.
  explicit ActivationReader(const nn::AnyModule& network);
  ~ActivationReader() { head_.remove_hook(hook_); }
  ActivationReader(const ActivationReader&) = delete;
  ActivationReader& operator=(const ActivationReader&) = delete;

  Activations operator()(const Tensor& inputs);  // under NoGrad

 private:
  const nn::AnyModule& network_;
  nn::Module head_;
  Tensor features_;
  int hook_;
};

}  // namespace cairn::models
