// Calls of the library's functions as compare_op_db.py writes them: a name, tensors, options.
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "cairn/ops/fourier.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/grid.h"
#include "cairn/ops/linalg.h"
#include "cairn/ops/numeric.h"
#include "cairn/ops/pick.h"

namespace cairn::op_db {

class Call {
 public:
  Call(Tensors tensors, const nlohmann::json& options)
      : tensors_(std::move(tensors)), options_(options) {}
  // Undefined where there is none.
  Tensor operator[](size_t i) const { return i < tensors_.size() ? tensors_[i] : Tensor(); }
  const Tensors& all() const { return tensors_; }
  bool has(const char* name) const { return options_.contains(name); }
  double num(const char* name, double otherwise = 0) const;
  int64_t whole(const char* name, int64_t otherwise = 0) const;
  bool flag(const char* name) const { return whole(name) != 0; }
  Ints ints(const char* name, Ints otherwise = {}) const;
  std::vector<double> numbers(const char* name) const;
  std::string text(const char* name, const char* otherwise = "") const;

 private:
  Tensors tensors_;
  const nlohmann::json& options_;
};
using Function = std::function<Tensors(const Call&)>;
using Functions = std::map<std::string, Function>;

void add_elementwise(Functions& functions);
void add_shapes(Functions& functions);
void add_networks(Functions& functions);
void add_algebra(Functions& functions);

}  // namespace cairn::op_db
