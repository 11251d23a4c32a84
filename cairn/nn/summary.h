// A table of a network: layers, output shapes, parameters, multiply-adds. Nothing is computed: the
// network is traced.
#pragma once
#include <string>
#include <vector>

#include "cairn/nn/module.h"

namespace cairn::nn {

struct SummaryRow {
  std::string name, type;  // "body.0.c1", "Conv2d"
  Shape output;            // {} when the layer was not called with tensors
  int64_t parameters = 0;  // its own, without its children's
  double multiply_adds = 0;
};
struct Summary {
  std::vector<SummaryRow> rows;
  int64_t parameters = 0, trainable = 0;
  double multiply_adds = 0;
};

Summary summarize(const Module& module, const Tensors& inputs);
Summary summarize(const Module& module, const Shape& input, DType dtype = DType::f32);
std::string to_text(const Summary& summary);
// The table for one input of this shape, the batch included.
std::string summary(const Module& module, const Shape& input, DType dtype = DType::f32);

}  // namespace cairn::nn
