// Weights in the form in which the back end's products read them, made once: for layers that are
// called again and again while nothing is learned, such as a decoder's, which would otherwise pack
// all weights anew for every token.
#pragma once
#include <unordered_map>

#include "cairn/ops/functions.h"

namespace cairn::nn {

class ReadyWeights {
 public:
  // While alive, on this thread, linear layers take their weights from here.
  class Scope {
   public:
    explicit Scope(ReadyWeights& weights);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    ReadyWeights* outer_;
  };

  // x [..., in] weight^T + bias as linear() gives it; bias may be undefined. A weight that was
  // assigned since is made ready again. What is learned, traced, cast, of few rows or of another
  // type than f32 goes to linear() itself.
  Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

 private:
  struct Ready {
    Ref<TensorImpl> weight;  // whose address is the key: it is not another's meanwhile
    uint64_t version;
    Tensor columns;  // [in, out] in the back end's form; undefined: it has none
  };
  const Tensor& columns_of(const Tensor& weight);

  std::unordered_map<const TensorImpl*, Ready> ready_;
};

// linear(), by the ReadyWeights of a scope that is alive on this thread.
Tensor linear_when_ready(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace cairn::nn
