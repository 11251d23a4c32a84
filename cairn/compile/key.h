// What an executable was traced for, and whether a call is that again.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "cairn/graph/recorder.h"
#include "cairn/tensor/tensor.h"

namespace cairn {

struct ArgumentKey {
  enum Kind : uint8_t {
    plain,     // wants no gradient
    leaf,      // wants one
    computed,  // was computed from what wants one
    is_state,  // a State: as if the function had captured it
  };
  Kind kind = plain;
  DType dtype = DType::f32;
  Shape shape;
  Held<TensorImpl> state;  // of kind is_state
  int same_as = -1;        // leaf: the first argument that is the same tensor
  uint64_t behind = 0;     // computed: the leaves that a gradient could reach
};

class Key {
 public:
  Key(std::span<const Tensor> arguments, int threads);
  // What the trace depended on beside its arguments.
  void depends_on(std::vector<Mode> modes, std::vector<GradientMode> gradients);
  // The tensors that it read or wrote are what its variables mean now.
  void variables_hold();

  bool matches(std::span<const Tensor> arguments, int threads) const;
  // Since variables_hold(), a variable was given another tensor that held one of those, or one of
  // those: only another trace can say whether the function reads that variable.
  bool perhaps_rebound() const;
  // Something that the executable reads exists for nobody else any more: no call will match.
  bool forgotten() const;
  const std::vector<ArgumentKey>& arguments() const { return arguments_; }

 private:
  bool modes_hold() const;
  int64_t times_rebound() const;
  bool gradients_hold(std::span<const Tensor> arguments) const;

  std::vector<ArgumentKey> arguments_;
  std::vector<Mode> modes_;
  std::vector<GradientMode> gradients_;
  Backend* backend_;
  bool grad_mode_, autocast_;
  DType autocast_dtype_;
  int threads_;
  mutable uint64_t checked_ = 0;     // mode_changes when the modes were last found to hold
  mutable uint64_t rebindings_ = 0;  // rebindings when the variables were last found to hold
  int64_t times_rebound_ = 0;
};

}  // namespace cairn
