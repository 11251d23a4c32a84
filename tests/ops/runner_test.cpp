#include <algorithm>
#include <cmath>
#include <set>

#include "cairn/autograd/autograd.h"
#include "cairn/base/philox.h"
#include "cairn/compile/compile.h"
#include "cairn/compile/dump.h"
#include "cairn/ops/context.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

using Values = std::vector<double>;

bool is_number(const Arg& a) { return a.kind == Arg::number || a.kind == Arg::distinct; }
DType dtype_of(const Arg& a, DType run) { return is_number(a) ? run : a.dtype; }

// Differentiable inputs are the numbers.
bool differentiable(const Row& row, const Case& c) {
  bool any = false;
  for (const Arg& a : c.args) any |= is_number(a);
  for (const OpDef* def : all_ops())
    if (row.op == def->name && def->no_gradient) return false;
  return any;
}

bool is_narrow(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16; }
double rounded(double value, DType dtype) {
  char bytes[8];
  store_element(bytes, dtype, value);
  return load_element(bytes, dtype);
}

// The values of an argument, in logical order; the same for every layout but `expanded`.
Values draw(const Case& c, size_t index, DType run) {
  const Arg& a = c.args[index];
  if (a.kind == Arg::fixed) return a.given;
  const int64_t count = numel(a.shape);
  PhiloxStream random(std::hash<std::string>()(c.name), index);
  Values values(count);
  for (int64_t i = 0; i < count; ++i) {
    const double u = random.uniform();
    switch (a.kind) {
      case Arg::truth: values[i] = u < 0.5; break;
      case Arg::integer: values[i] = std::floor(a.low + u * (a.high - a.low)); break;
      case Arg::distinct:
        values[i] =
            a.low + (a.high - a.low) * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
        break;
      default: values[i] = a.low + u * (a.high - a.low);
    }
    if (is_number(a) && is_integer(run))
      values[i] = std::floor(values[i] * 4) + (std::floor(values[i] * 4) == 0);
    // Single precision throughout, so that all dtypes but the narrow ones see the same numbers.
    if (is_number(a)) values[i] = rounded(values[i], is_narrow(run) ? run : DType::f32);
  }
  if (a.kind == Arg::distinct)
    for (int64_t i = count - 1; i > 0; --i)
      std::swap(values[i], values[random.below(static_cast<uint32_t>(i + 1))]);
  return values;
}

Tensor on_device(const Values& values, const Shape& shape, DType dtype) {
  std::vector<char> raw(values.size() * size_of(dtype) + 8);
  for (size_t i = 0; i < values.size(); ++i)
    store_element(raw.data() + i * size_of(dtype), dtype, values[i]);
  return from_host(raw.data(), shape, dtype);
}

bool expandable(const Arg& a) { return !a.shape.empty() && a.shape[0] > 1; }

// The argument as a view of other memory: with its last axes swapped, as every second element of a
// larger tensor, or repeated along its first axis.
Tensor make(const Case& c, size_t index, DType run, Check::Layout layout) {
  const Arg& a = c.args[index];
  const DType dtype = dtype_of(a, run);
  const Values values = draw(c, index, run);
  const int rank = a.shape.ssize();
  if (layout == Check::transposed && rank >= 2) {
    const Tensor t = on_device(values, a.shape, dtype);
    return transpose(contiguous(transpose(t, -1, -2)), -1, -2);
  }
  if (layout == Check::sliced && rank >= 1) {
    Shape larger = a.shape;
    larger.back() = 2 * larger.back() + 1;
    Values spread(numel(larger), a.kind == Arg::number || a.kind == Arg::distinct ? NAN : 1);
    const int64_t width = a.shape.back();
    for (int64_t i = 0; i < static_cast<int64_t>(values.size()); ++i)
      spread[i / width * larger.back() + 1 + 2 * (i % width)] = values[i];
    if (is_number(a) && is_integer(run))
      std::replace_if(
          spread.begin(), spread.end(), [](double v) { return std::isnan(v); }, 1.0);
    return slice(on_device(spread, larger, dtype), -1, 1, width, 2);
  }
  if (layout == Check::expanded && expandable(a)) {
    Shape first = a.shape;
    first[0] = 1;
    return expand(on_device(Values(values.begin(), values.begin() + numel(first)), first, dtype),
                  a.shape);
  }
  return on_device(values, a.shape, dtype);
}

Tensors make_all(const Case& c, DType run, Check::Layout layout = Check::plain) {
  NoGrad no_grad;
  Tensors inputs;
  for (size_t i = 0; i < c.args.size(); ++i) inputs.push_back(make(c, i, run, layout));
  return inputs;
}

Tensors wanted(const Case& c, Tensors& inputs) {  // the leaves
  Tensors leaves;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (is_number(c.args[i])) leaves.push_back(inputs[i].set_requires_grad());
  return leaves;
}

Tensor coefficients(const Shape& shape, DType dtype, uint64_t stream) {
  PhiloxStream random(99, stream);
  Values values(numel(shape));
  for (double& v : values) v = rounded(random.uniform(0.5f, 1.5f), DType::bf16);
  return on_device(values, shape, dtype);
}

// A scalar of all float results, curved so that the second gradient also passes through what comes
// in from above: sum of w y + v y^2.
Tensor loss_of(const Tensors& outputs) {
  Tensor loss;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    if (!y.defined() || !is_float(y.dtype())) continue;
    const Tensor term = sum(y * coefficients(y.shape(), y.dtype(), 2 * i) +
                            square(y) * coefficients(y.shape(), y.dtype(), 2 * i + 1) * 0.25);
    loss = loss.defined() ? loss + term : term;
  }
  return loss;
}
Tensor zeros_like(const Tensor& t) { return full(t.shape(), 0, t.dtype()); }
Tensors gradients(const Tensor& of, const Tensors& leaves, bool create_graph) {
  Tensors g;
  if (of.defined() && of.requires_grad())
    g = grad({of}, leaves, {.create_graph = create_graph, .allow_unused = true});
  g.resize(leaves.size());
  for (size_t i = 0; i < g.size(); ++i)
    if (!g[i].defined()) g[i] = zeros_like(leaves[i]);
  return g;
}
// The first gradients in one number: sum of u g.
Tensor slope_of(const Case& c, const Tensors& inputs, const Tensors& leaves) {
  const Tensors g = gradients(loss_of(c.run(inputs)), leaves, true);
  Tensor total;
  for (size_t i = 0; i < g.size(); ++i) {
    const Tensor term = sum(g[i] * coefficients(g[i].shape(), g[i].dtype(), 100 + i));
    total = total.defined() ? total + term : term;
  }
  return total;
}

// `size`: of the numbers that a and b come from, 1 or more.
bool close(double a, double b, double tolerance, double size = 1) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= tolerance * (size + std::fabs(b));
}

// Gradients are sums of terms that cancel: their errors are measured by the largest of them.
void expect_equal(const Tensor& got, const Tensor& expected, double tolerance,
                  const std::string& what, bool by_largest = false) {
  ASSERT_EQ(got.shape(), expected.shape()) << what;
  const Values a = got.to_vector<double>(), b = expected.to_vector<double>();
  const double allowed = is_float(got.dtype()) ? tolerance : 0;
  double size = 1;
  for (double v : b)
    if (by_largest && std::isfinite(v)) size = std::max(size, std::fabs(v));
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_TRUE(close(a[i], b[i], allowed, size))
        << what << ", element " << i << ": " << a[i] << ", expected " << b[i];
}

double tolerance_of(const Row& row, DType dtype) {
  switch (dtype) {
    case DType::bf16: return 0.04;
    case DType::f16: return 0.005;
    case DType::f64: return std::min(row.tolerance, 1e-9);
    default: return row.tolerance;
  }
}

// Both back ends in the dtype of the run.
void check_forward(const Row& row, const Case& c, const Check& check) {
  auto run = [&](const char* backend) {
    BackendScope scope(backend_named(backend));
    return c.run(make_all(c, check.dtype, check.layout));
  };
  const Tensors got = run("cpu"), expected = run("reference");
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].dtype(), expected[i].dtype());
    expect_equal(got[i], expected[i], tolerance_of(row, check.dtype),
                 "output " + std::to_string(i));
  }
}

// The CPU's gradients in f32 against the reference's in f64.
void check_gradient(const Row& row, const Case& c, const Check& check) {
  auto run = [&](const char* backend, DType dtype) {
    BackendScope scope(backend_named(backend));
    Tensors inputs = make_all(c, dtype, check.layout);
    const Tensors leaves = wanted(c, inputs);
    return gradients(loss_of(c.run(inputs)), leaves, false);
  };
  const Tensors got = run("cpu", check.dtype), expected = run("reference", DType::f64);
  for (size_t i = 0; i < got.size(); ++i)
    expect_equal(got[i], expected[i], 10 * row.tolerance, "gradient " + std::to_string(i), true);
}

// Directions in the space of all differentiable elements: each axis when they are few, else random
// ones.
std::vector<Values> directions(size_t elements) {
  std::vector<Values> list;
  if (elements <= 12) {
    for (size_t i = 0; i < elements; ++i) {
      list.push_back(Values(elements, 0));
      list.back()[i] = 1;
    }
    return list;
  }
  PhiloxStream random(5);
  for (int k = 0; k < 6; ++k) {
    list.push_back(Values(elements));
    for (double& v : list.back()) v = random.uniform(-1, 1);
  }
  return list;
}

// f(leaves moved by step * direction), on the reference back end in f64.
template <class F>
double at(const Case& c, const Values& direction, double step, F f) {
  Tensors inputs;
  size_t used = 0;
  for (size_t i = 0; i < c.args.size(); ++i) {
    Values values = draw(c, i, DType::f64);
    if (is_number(c.args[i]))
      for (double& v : values) v += step * direction[used++];
    inputs.push_back(on_device(values, c.args[i].shape, dtype_of(c.args[i], DType::f64)));
  }
  const Tensor result = f(inputs);
  return result.defined() ? result.item() : 0;
}

template <class F>
void check_numeric(const Case& c, double tolerance, F f, const Tensors& analytic) {
  Values slopes;
  for (const Tensor& g : analytic) {
    const Values values = g.to_vector<double>();
    slopes.insert(slopes.end(), values.begin(), values.end());
  }
  constexpr double kStep = 1e-5;
  for (const Values& direction : directions(slopes.size())) {
    double expected = 0;
    for (size_t i = 0; i < slopes.size(); ++i) expected += slopes[i] * direction[i];
    const double numeric = (at(c, direction, kStep, f) - at(c, direction, -kStep, f)) / (2 * kStep);
    ASSERT_TRUE(close(expected, numeric, tolerance))
        << "gradient " << expected << ", finite difference " << numeric;
  }
}

void check_numeric_gradient(const Case& c) {
  BackendScope scope(backend_named("reference"));
  Tensors inputs = make_all(c, DType::f64);
  const Tensors leaves = wanted(c, inputs);
  auto loss = [&](const Tensors& in) {
    NoGrad no_grad;
    return loss_of(c.run(in));
  };
  check_numeric(c, 1e-5, loss, gradients(loss_of(c.run(inputs)), leaves, false));
}

void check_numeric_second(const Case& c) {
  BackendScope scope(backend_named("reference"));
  Tensors inputs = make_all(c, DType::f64);
  const Tensors leaves = wanted(c, inputs);
  auto slope = [&](Tensors in) {
    const Tensors moved = wanted(c, in);
    return slope_of(c, in, moved);
  };
  check_numeric(c, 1e-5, slope, gradients(slope_of(c, inputs, leaves), leaves, false));
}

// The passes that may round differently.
constexpr const char* kRounding[] = {"linear_loss", "expand_kernels", "turn",
                                     "fold",        "epilogue",       "layout"};

// What comes before and after an op in a fused region: x itself, so that it stays in its domain, by
// way of an elementwise op; then a curve.
Tensor with_neighbour_before(const Tensor& x) {
  return is_float(x.dtype()) ? maximum(x, x - 1.0) : x;
}
Tensor with_neighbour_after(const Tensor& y) {
  if (!y.defined()) return y;
  return is_float(y.dtype()) ? y * 0.5 + tanh(y) : cast(y, DType::f32) * 2.0;
}

// Results and gradients of one compiled step against the same step run op by op.
void check_compiled(const Row& row, const Case& c, const Check& check) {
  auto run = [&](Tensors inputs) {
    if (check.what == Check::compiled) return c.run(inputs);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (is_number(c.args[i])) inputs[i] = with_neighbour_before(inputs[i]);
    Tensors results = c.run(inputs);
    for (Tensor& y : results) y = with_neighbour_after(y);
    return results;
  };
  auto step = [&](std::span<const Tensor> in) {
    Tensors inputs(in.begin(), in.end());
    if (!differentiable(row, c) || !is_float(check.dtype)) return run(inputs);
    Tensors leaves;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (is_number(c.args[i]))
        leaves.push_back(inputs[i] = inputs[i].detach().set_requires_grad());
    Tensors results = run(inputs);
    for (const Tensor& g : gradients(loss_of(results), leaves, false)) results.push_back(g);
    return results;
  };
  const Tensors inputs = make_all(c, check.dtype, check.layout);
  const Tensors expected = step(inputs);
  auto compare = [&](double tolerance, const char* passes) {
    const Tensors got = CompiledFunction(step).call(inputs);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      // Inside a region narrow values keep their f32 digits.
      const double rounding =
          is_narrow(expected[i].dtype()) ? 10 * tolerance_of(row, expected[i].dtype()) : 0;
      expect_equal(got[i], expected[i], std::max(tolerance, rounding),
                   fmt::format("output or gradient {} with {}", i, passes), true);
    }
  };
  compare(10 * tolerance_of(row, check.dtype), "all passes");
  // Staged arguments are plain, and what has no f64 kernel is decomposed: kernels may add in
  // another order.
  if (check.layout != Check::plain || check.dtype == DType::f64) return;
  for (const char* rounding : kRounding) set_pass(rounding, false);
  compare(0, "exact passes");
  for (const char* rounding : kRounding) set_pass(rounding, true);
}

}  // namespace

std::vector<Check> checks_of(const Row& row, const Case& c) {
  std::vector<Check> checks;
  std::vector<Check::Layout> layouts = {Check::plain};
  int rank = 0;
  bool any_expandable = false;
  for (const Arg& a : c.args)
    if (a.kind != Arg::fixed)
      rank = std::max(rank, a.shape.ssize()), any_expandable |= expandable(a);
  if (rank >= 2) layouts.push_back(Check::transposed);
  if (rank >= 1) layouts.push_back(Check::sliced);
  if (any_expandable && row.repeats) layouts.push_back(Check::expanded);
  int64_t elements = 0;
  for (const Arg& a : c.args) elements += numel(a.shape);
  const bool large =
      elements > 50'000;  // the reference takes seconds for these; smaller cases have all checks
  if (large) layouts.resize(std::min<size_t>(layouts.size(), 2));
  const bool any_number = std::any_of(c.args.begin(), c.args.end(), is_number);
  const std::vector<DType> dtypes(row.dtypes.begin(),
                                  any_number && !large ? row.dtypes.end() : row.dtypes.begin() + 1);
  for (const Check::Layout layout : layouts) {
    for (const DType dtype : dtypes)
      if (layout == Check::plain || dtype == row.dtypes[0])
        checks.push_back({Check::forward, layout, dtype});
    if (differentiable(row, c)) checks.push_back({Check::gradient, layout});
    checks.push_back({Check::compiled, layout});
  }
  checks.push_back({Check::compiled_among});
  if (row.dtypes[0] == DType::f32)
    for (const DType dtype : dtypes)
      if (dtype != DType::f32 && !(row.jumps && is_narrow(dtype)))
        checks.push_back({Check::compiled, Check::plain, dtype});
  if (!differentiable(row, c)) return checks;
  if (large) return checks;
  checks.push_back({Check::numeric_gradient});
  checks.push_back({Check::numeric_second});
  return checks;
}

void run_check(const Row& row, const Case& c, const Check& check) {
  static const char* const kWhat[] = {"forward",
                                      "gradient",
                                      "gradient by differences",
                                      "second gradient by differences",
                                      "compiled",
                                      "compiled among others"};
  static const char* const kLayout[] = {"plain", "transposed", "sliced", "expanded"};
  SCOPED_TRACE(row.op + " (" + c.name + "): " + kWhat[check.what] + ", " + kLayout[check.layout] +
               ", " + name_of(check.dtype));
  try {
    switch (check.what) {
      case Check::forward: return check_forward(row, c, check);
      case Check::gradient: return check_gradient(row, c, check);
      case Check::numeric_gradient: return check_numeric_gradient(c);
      case Check::compiled:
      case Check::compiled_among: return check_compiled(row, c, check);
      case Check::numeric_second: return check_numeric_second(c);
    }
  } catch (const Error& e) { ADD_FAILURE() << e.what(); }
}

TEST_P(Ops, EveryCaseHolds) {
  for (const Case& c : GetParam().cases)
    for (const Check& check : checks_of(GetParam(), c)) run_check(GetParam(), c, check);
}
INSTANTIATE_TEST_SUITE_P(Cases, Ops, testing::ValuesIn(all_rows()), row_name);

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (auto family :
       {elementwise_rows, reduce_rows, view_rows, product_rows, pool_rows, index_rows, norm_rows,
        random_rows, loss_rows, sort_rows, sequence_rows, qlinear_rows, linalg_rows})
    for (Row& row : family()) rows.push_back(std::move(row));
  return rows;
}

TEST(OpTable, EveryOpHasACaseAndAGradientOrAReason) {
  std::set<std::string> covered;
  for (const Row& row : all_rows())
    if (!row.cases.empty()) covered.insert(row.op);
  for (const OpDef* op : all_ops()) {
    EXPECT_TRUE(covered.count(op->name))
        << "no case for op '" << op->name << "': add a row in tests/ops";
    EXPECT_TRUE((op->vjp != nullptr) != (op->no_gradient != nullptr))
        << "op '" << op->name << "' needs a vjp or a reason why it has none";
    EXPECT_TRUE(op->doc && *op->doc) << op->name;
    EXPECT_TRUE(op->infer) << op->name;
  }
}

// A case is its function, its arguments and, in its name, its attributes.
TEST(OpTable, NoCaseTwice) {
  for (const Row& row : all_rows()) {
    std::set<std::string> seen;
    for (const Case& c : row.cases) {
      std::string text = c.name;
      for (const Arg& a : c.args) {
        text += fmt::format("; {} {} {} {} {}", static_cast<int>(a.kind), to_string(a.shape), a.low,
                            a.high, name_of(a.dtype));
        for (double v : a.given) text += fmt::format(" {}", v);
      }
      EXPECT_TRUE(seen.insert(text).second) << row.op << " (" << text << ")";
    }
  }
}

TEST(OpTable, ThousandsOfCases) {
  size_t cases = 0, checks = 0;
  for (const Row& row : all_rows())
    for (const Case& c : row.cases) ++cases, checks += checks_of(row, c).size();
  std::printf("%zu ops and functions, %zu cases, %zu checks\n", all_rows().size(), cases, checks);
  EXPECT_GE(cases, 4000u);
}

}  // namespace cairn::cases
