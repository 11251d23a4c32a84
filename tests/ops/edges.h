// The functions that edges_test.cpp walks, under the names of tools/dump_edges.py.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cairn/ops/functions.h"

namespace cairn::edges {

struct Row {
  std::string name;
  std::function<Tensor(const Tensors&)> run;
  double tolerance = 2e-5;  // relative, of the value; gradients are sums of terms that cancel
  double least = 4e-37;     // absolute, of the value
  // Parts ("out", "first", "second") where Cairn gives another value than PyTorch on purpose, which
  // values those are, and why.
  std::set<std::string> differs = {};
  bool (*may_differ)(double got, double expected) = nullptr;
  const char* why = nullptr;
  size_t places = 0;   // how many of a part may differ so, at most
  bool traced = true;  // false: reads values on the host, so not inside a compiled step
};
std::vector<Row> all_rows();
std::vector<Row> form_rows();    // where the form of the call is the edge
std::vector<Row> option_rows();  // where an option is

}  // namespace cairn::edges
