// Linear layer with cross-entropy against loops in double: several blocks of rows, smoothing,
// ignored rows.
#include "cairn/backend/cpu/xent/xent.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"

namespace cairn::cpu {
namespace {

constexpr float kCanary = 777;

struct Problem {
  LinearXentPlan plan;
  std::vector<float> hidden, weight, bias, dloss;
  std::vector<int64_t> targets;
  bool with_bias;

  Problem(int64_t rows, int64_t dim, int64_t vocabulary, float smoothing, bool with_bias,
          bool uniform_dloss)
      : plan(plan_linear_xent(rows, dim, vocabulary, smoothing)), with_bias(with_bias) {
    PhiloxStream random(11);
    const auto fill = [&](std::vector<float>& x, int64_t count) {
      x.resize(count);
      for (float& value : x) value = random.normal();
    };
    fill(hidden, rows * dim), fill(weight, vocabulary * dim), fill(bias, vocabulary),
        fill(dloss, rows);
    if (uniform_dloss) std::fill(dloss.begin(), dloss.end(), 0.25f);
    for (int64_t m = 0; m < rows; ++m)
      targets.push_back(
          m % 5 == 3 ? -100
                     : static_cast<int64_t>(random.below(static_cast<uint32_t>(vocabulary))));
  }
  LinearXentInputs inputs() const {
    return {hidden.data(), weight.data(), with_bias ? bias.data() : nullptr, targets.data()};
  }
};

struct Result {
  std::vector<double> loss, lse, dhidden, dweight, dbias;
};

Result reference(const Problem& p) {
  const auto [rows, dim, v] = std::tuple(p.plan.rows, p.plan.dim, p.plan.vocabulary);
  const double s = p.plan.label_smoothing;
  Result r{std::vector<double>(rows), std::vector<double>(rows), std::vector<double>(rows * dim),
           std::vector<double>(v * dim), std::vector<double>(v)};
  std::vector<double> logits(v);
  for (int64_t m = 0; m < rows; ++m) {
    double sum = 0, total = 0;
    for (int64_t c = 0; c < v; ++c) {
      logits[c] = p.with_bias ? p.bias[c] : 0;
      for (int64_t d = 0; d < dim; ++d)
        logits[c] += double(p.hidden[m * dim + d]) * p.weight[c * dim + d];
      sum += std::exp(logits[c]), total += logits[c];
    }
    r.lse[m] = std::log(sum);
    const int64_t target = p.targets[m];
    if (target == p.plan.ignore_index) continue;
    r.loss[m] = (1 - s) * (r.lse[m] - logits[target]) + s * (r.lse[m] - total / v);
    for (int64_t c = 0; c < v; ++c) {
      const double g =
          p.dloss[m] * (std::exp(logits[c] - r.lse[m]) - s / v - (c == target ? 1 - s : 0));
      r.dbias[c] += g;
      for (int64_t d = 0; d < dim; ++d) {
        r.dhidden[m * dim + d] += g * p.weight[c * dim + d];
        r.dweight[c * dim + d] += g * p.hidden[m * dim + d];
      }
    }
  }
  return r;
}

void expect_near(const std::vector<float>& got, const std::vector<double>& want, const char* what) {
  double top = 1e-2;  // a probability of 1 may be an ulp or two from it
  for (double w : want) top = std::max(top, std::abs(w));
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 1e-5 * top) << what << " element " << i;
  ASSERT_EQ(got[want.size()], kCanary) << what << " was written outside";
}

struct Outputs {
  std::vector<float> loss, lse, dhidden, dweight, dbias, work;
  size_t work_floats;

  explicit Outputs(const LinearXentPlan& p)
      : loss(p.rows + 1, kCanary),
        lse(p.rows + 1, kCanary),
        dhidden(p.rows * p.dim + 1, kCanary),
        dweight(p.vocabulary * p.dim + 1, kCanary),
        dbias(p.vocabulary + 1, kCanary),
        work_floats(p.workspace / 4) {
    work.assign(work_floats + 16, std::numeric_limits<float>::quiet_NaN());
    std::fill(work.begin() + work_floats, work.end(), kCanary);
  }
  LinearXentGradients gradients() { return {dhidden.data(), dweight.data(), dbias.data()}; }
  void expect_work_canary() const {
    for (size_t i = work_floats; i < work.size(); ++i) ASSERT_EQ(work[i], kCanary);
  }
};

using Sizes = std::tuple<int64_t, int64_t, int64_t>;
const std::vector<Sizes> kSizes = {{1, 1, 1}, {7, 5, 13}, {33, 40, 101}, {150, 8, 20011}};

TEST(LinearXent, AgreesWithLoopsInDouble) {
  for (int threads : {1, 3})
    for (auto [rows, dim, v] : kSizes)
      for (float smoothing : {0.0f, 0.1f})
        for (bool bias : {false, true}) {
          set_num_threads(threads);
          Problem p(rows, dim, v, smoothing, bias, false);
          const Result want = reference(p);
          Outputs o(p.plan);
          ASSERT_EQ(
              linear_xent_forward(p.plan, p.inputs(), o.loss.data(), o.lse.data(), o.work.data()),
              -1);
          expect_near(o.loss, want.loss, "loss"), expect_near(o.lse, want.lse, "lse");
          ASSERT_EQ(linear_xent_backward(p.plan, p.inputs(), o.lse.data(), p.dloss.data(),
                                         o.gradients(), o.work.data()),
                    -1);
          expect_near(o.dhidden, want.dhidden, "dhidden"),
              expect_near(o.dweight, want.dweight, "dweight");
          expect_near(o.dbias, want.dbias, "dbias");
          o.expect_work_canary();
        }
}

TEST(LinearXent, LossAndGradientsInOnePass) {
  for (auto [rows, dim, v] : kSizes) {
    Problem p(rows, dim, v, 0.1f, true, true);
    const Result want = reference(p);
    Outputs o(p.plan);
    ASSERT_EQ(linear_xent_forward_backward(p.plan, p.inputs(), 0.25f, o.loss.data(), o.lse.data(),
                                           o.gradients(), o.work.data()),
              -1);
    expect_near(o.loss, want.loss, "loss"), expect_near(o.lse, want.lse, "lse");
    expect_near(o.dhidden, want.dhidden, "dhidden"),
        expect_near(o.dweight, want.dweight, "dweight");
    expect_near(o.dbias, want.dbias, "dbias");
    o.expect_work_canary();
  }
}

TEST(LinearXent, NoRowsGiveNoGradient) {
  Problem p(0, 4, 9, 0, true, true);
  Outputs o(p.plan);
  ASSERT_EQ(linear_xent_forward_backward(p.plan, p.inputs(), 1, o.loss.data(), nullptr,
                                         o.gradients(), o.work.data()),
            -1);
  expect_near(o.dweight, std::vector<double>(36, 0.0), "dweight");
  expect_near(o.dbias, std::vector<double>(9, 0.0), "dbias");
}

TEST(LinearXent, CountsAndNamesTargets) {
  Problem p(10, 4, 9, 0, true, true);
  EXPECT_EQ(count_targets(p.plan, p.targets.data()), 8);
  for (int64_t wrong : {int64_t{-1}, int64_t{9}}) {
    p.targets[6] = wrong;
    Outputs o(p.plan);
    EXPECT_EQ(linear_xent_forward(p.plan, p.inputs(), o.loss.data(), o.lse.data(), o.work.data()),
              6);
    EXPECT_EQ(o.loss[0], kCanary);
  }
}

TEST(LinearXent, NaNShowsAndBlocksStaySmall) {
  Problem p(3, 4, 9, 0, true, true);
  p.hidden[5] = std::numeric_limits<float>::quiet_NaN();
  Outputs o(p.plan);
  linear_xent_forward(p.plan, p.inputs(), o.loss.data(), o.lse.data(), o.work.data());
  EXPECT_FALSE(std::isnan(o.loss[0]));
  EXPECT_TRUE(std::isnan(o.loss[1]));
  // A block of logits and the weight in two packings.
  EXPECT_LT(plan_linear_xent(16384, 768, 50257).workspace,
            (32u << 20) + 2u * 50257 * 776 * sizeof(float));
  EXPECT_THROW(plan_linear_xent(4, 0, 9), Error);
  EXPECT_THROW(plan_linear_xent(4, 4, 9, 1.5f), Error);
}

}  // namespace
}  // namespace cairn::cpu
