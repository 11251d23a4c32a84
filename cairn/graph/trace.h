// A function of tensors as a graph, for what runs or writes it elsewhere: inference, export.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cairn/graph/graph.h"

namespace cairn {

// A tensor that goes into such a function. Sizes may be free: kAnyBatch, and kAnyLength where it
// takes sequences of any.
inline constexpr int64_t kAnyBatch = -1, kAnyLength = -2;
struct Port {
  std::string name;
  DType dtype;
  Shape shape;
};
// The port's sizes, with the free ones chosen.
Shape sizes_of(const Port& port, int64_t batch, int64_t length);

using TensorFunction = std::function<Tensors(std::span<const Tensor>)>;

// Its graph at these sizes, as it is without gradients: argument i is ports[i]. `expand`: composite
// ops that are recorded as their decomposition. Throws Error when it changes a State or draws
// random numbers.
Graph trace(const std::vector<Port>& ports, int64_t batch, int64_t length,
            const TensorFunction& function,
            const std::function<bool(const OpCall&)>& expand = nullptr);

}  // namespace cairn
