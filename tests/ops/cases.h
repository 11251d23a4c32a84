// The table of op cases: one row an op (or a function composed of ops), with the inputs it is tried
// on. runner_test.cpp walks it: every case is run on each back end, in several dtypes and memory
// layouts, and its first and second gradients are held against finite differences.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "cairn/ops/functions.h"

namespace cairn::cases {

// How to draw one input. Floats take the dtype of the run; the others keep theirs.
struct Arg {
  enum Kind { number, integer, truth, distinct, fixed } kind = number;
  Shape shape;
  double low = -2, high = 2;
  DType dtype = DType::f32;        // of integer and fixed
  std::vector<double> given = {};  // fixed
};
inline Arg numbers(Shape shape, double low = -2, double high = 2) {
  return {Arg::number, shape, low, high};
}
inline Arg positive(Shape shape) { return {Arg::number, shape, 0.3, 3}; }
inline Arg distinct(Shape shape) {
  return {Arg::distinct, shape, -2, 2};
}  // no ties, apart by much more than epsilon
inline Arg truths(Shape shape) { return {Arg::truth, shape, 0, 1, DType::boolean}; }
inline Arg integers(Shape shape, double low, double high,
                    DType dtype = DType::i64) {  // in [low, high)
  return {Arg::integer, shape, low, high, dtype};
}
inline Arg fixed(Shape shape, std::vector<double> values, DType dtype = DType::i64) {
  return {Arg::fixed, shape, 0, 0, dtype, std::move(values)};
}
inline Arg seed() { return fixed({2}, {1234, 56}); }  // a generator's state

using Function = std::function<Tensors(const Tensors&)>;

struct Case {
  std::string name;
  std::vector<Arg> args;
  Function run;
};

struct Row {
  std::string op;  // its name in the table, or that of a function composed of ops
  std::vector<Case> cases;
  std::vector<DType> dtypes = {DType::f32, DType::f64, DType::bf16,
                               DType::f16};  // of the floats, or of `number` args in general
  double tolerance = 1e-5;                   // of f32, relative to 1 + |expected|
  bool repeats =
      true;  // false: equal elements are no valid input (the slope is infinite or undecided)
  bool jumps = false;  // narrow floats that are rounded elsewhere fall on the other side of a step
};

// Calls the op of the table as it is.
inline Function op(const char* name, Attrs attrs = {}) {
  return [name, attrs](const Tensors& in) {
    const OpDef& def = op_named(name);
    Tensors out(def.outputs);
    apply(def, in, attrs, out);
    return out;
  };
}
inline Case of(const char* name, std::vector<Arg> args, Attrs attrs = {}) {
  std::string title;
  for (const Arg& a : args) title += (title.empty() ? "" : " ") + to_string(a.shape);
  if (!attrs.empty()) title += "; " + to_string(attrs);
  return {title, std::move(args), op(name, attrs)};
}
// A function of the library: run(inputs) -> one tensor.
template <class F>
Case call(std::string name, std::vector<Arg> args, F run) {
  return {std::move(name), std::move(args), [run](const Tensors& in) { return Tensors{run(in)}; }};
}

const std::vector<DType> kNumbers = {DType::f32, DType::f64, DType::bf16,
                                     DType::f16, DType::i32, DType::i64};
const std::vector<DType> kExact = {
    DType::f32};  // results that do not depend on the dtype of the run

// One list a family, each defined beside its tests.
std::vector<Row> elementwise_rows();
std::vector<Row> reduce_rows();
std::vector<Row> view_rows();
std::vector<Row> product_rows();  // matmul, convolution
std::vector<Row> pool_rows();
std::vector<Row> index_rows();
std::vector<Row> norm_rows();
std::vector<Row> random_rows();
std::vector<Row> loss_rows();
std::vector<Row> sort_rows();      // also interpolation
std::vector<Row> sequence_rows();  // attention, recurrent layers, CTC
std::vector<Row> qlinear_rows();
std::vector<Row> linalg_rows();  // also Fourier transforms, searchsorted
std::vector<Row> all_rows();

// One check of one case, as the runner carries it out.
struct Check {
  enum What { forward, gradient, numeric_gradient, numeric_second, compiled, compiled_among } what;
  enum Layout { plain, transposed, sliced, expanded } layout = plain;
  DType dtype = DType::f32;
};
std::vector<Check> checks_of(const Row& row, const Case& c);
void run_check(const Row& row, const Case& c, const Check& check);

class Ops : public testing::TestWithParam<Row> {};
inline std::string row_name(const testing::TestParamInfo<Row>& info) { return info.param.op; }
inline void PrintTo(const Row& row, std::ostream* out) { *out << row.op; }

}  // namespace cairn::cases
