// A module of the library as Python holds it.
#pragma once
#include <functional>
#include <memory>

#include "cairn/nn/nn.h"
#include "python/arguments.h"

namespace cairn::python {

struct Layer {
  std::shared_ptr<nn::Module> module;
  // How it is called, where that is not with one to three tensors.
  std::function<py::object(const py::args& arguments, const py::kwargs& options)> call = {};
};

// The layer of that name with its options by PyTorch's names. Throws ValueError for no such layer.
Layer make_layer(const std::string& name, const py::dict& options);  // layer_table.cpp
std::vector<std::string> layer_names();

}  // namespace cairn::python
