// The recurrent kernels against plain loops in double, and those against finite differences.
#include "cairn/backend/cpu/rnn/rnn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "tests/guarded.h"
#include "tests/rnn/reference.h"
#include "tests/targets.h"

namespace cairn::cpu {
namespace {

using test::expect_near;
using test::Floats;
using test::Guarded;

struct Case {
  RnnCell cell;
  int64_t steps, batch, input, hidden;
  int directions = 1;
  bool reverse = false, batch_first = false, lengths = false, states = true, bias = true;
  bool bf16 = false;  // products
};

// All buffers of one call, the kernels' results in them.
struct Call {
  Case c;
  RnnPlan plan;
  int G, D;
  std::vector<int32_t> lengths;
  std::vector<std::unique_ptr<Floats>> w_ih, w_hh, b_ih, b_hh, dw_ih, dw_hh, db_ih, db_hh;
  Floats x, h0, c0, dy, dh_final, dc_final, y, h_final, c_final, dx, dh0, dc0;

  explicit Call(const Case& k)
      : c(k),
        plan(plan_rnn({k.cell, k.steps, k.batch, k.input, k.hidden, k.directions, k.reverse, true,
                       false, k.bf16})),
        G(gates_of(k.cell)),
        D(k.directions),
        x(k.steps * k.batch * k.input, 1, 1),
        h0(states(), 1, 2),
        c0(states(), 1, 3),
        dy(outputs(), 1, 4),
        dh_final(states(), 1, 5),
        dc_final(states(), 1, 6),
        y(outputs()),
        h_final(states()),
        c_final(states()),
        dx(k.steps * k.batch * k.input),
        dh0(states()),
        dc0(states()) {
    const double scale = 1.5 / std::sqrt(static_cast<double>(c.hidden));
    const auto add = [](auto& list, size_t count, double s, unsigned seed) {
      list.push_back(std::make_unique<Floats>(count, s, seed));
    };
    for (int d = 0; d < D; ++d) {
      add(w_ih, G * c.hidden * c.input, scale, 10 + d),
          add(w_hh, G * c.hidden * c.hidden, scale, 12 + d);
      add(b_ih, G * c.hidden, scale, 14 + d), add(b_hh, G * c.hidden, scale, 16 + d);
      add(dw_ih, G * c.hidden * c.input, 0, 0), add(dw_hh, G * c.hidden * c.hidden, 0, 0);
      add(db_ih, G * c.hidden, 0, 0), add(db_hh, G * c.hidden, 0, 0);
    }
    std::mt19937 engine(7);
    for (int64_t n = 0; n < c.batch; ++n)
      lengths.push_back(!c.lengths ? c.steps : n % 5 == 1 ? 0 : engine() % (c.steps + 1));
    if (c.lengths) lengths[0] = c.steps;
  }

  size_t states() const { return c.directions * c.batch * c.hidden; }
  size_t outputs() const { return c.steps * c.batch * c.directions * c.hidden; }
  RnnStrides strides(int64_t width) const {
    return c.batch_first ? RnnStrides{width, c.steps * width} : RnnStrides{c.batch * width, width};
  }
  RnnWeights weights(int d) {
    return {w_ih[d]->floats(), w_hh[d]->floats(), c.bias ? b_ih[d]->floats() : nullptr,
            c.bias ? b_hh[d]->floats() : nullptr};
  }

  RnnForward forward_args() {
    RnnForward f{};
    f.x = x.floats(), f.x_strides = strides(c.input);
    f.y = y.floats(), f.y_strides = strides(D * c.hidden);
    if (c.states) f.h0 = h0.floats(), f.c0 = c0.floats();
    f.h_final = h_final.floats();
    if (c.cell == RnnCell::kLstm) f.c_final = c_final.floats();
    if (c.lengths) f.lengths = lengths.data();
    for (int d = 0; d < D; ++d) f.weights[d] = weights(d);
    return f;
  }

  RnnBackward backward_args() {
    RnnBackward b{};
    b.x = x.floats(), b.x_strides = strides(c.input);
    b.y = y.floats(), b.y_strides = strides(D * c.hidden);
    if (c.states) b.h0 = h0.floats(), b.c0 = c0.floats();
    if (c.lengths) b.lengths = lengths.data();
    b.dy = dy.floats(), b.dy_strides = strides(D * c.hidden);
    if (c.states) b.dh_final = dh_final.floats(), b.dc_final = dc_final.floats();
    b.dx = dx.floats(), b.dx_strides = strides(c.input);
    b.dh0 = dh0.floats();
    if (c.cell == RnnCell::kLstm) b.dc0 = dc0.floats();
    for (int d = 0; d < D; ++d) {
      b.weights[d] = weights(d);
      b.gradients[d] = {dw_ih[d]->floats(), dw_hh[d]->floats(), db_ih[d]->floats(),
                        db_hh[d]->floats()};
    }
    return b;
  }

  void forward_and_backward() {
    Guarded reserve(plan.reserve_bytes);
    {
      Guarded workspace(plan.forward_bytes);
      RnnForward f = forward_args();
      f.reserve = reserve.get(), f.workspace = workspace.get();
      rnn_forward(plan, f);
    }
    Guarded workspace(plan.backward_bytes);
    RnnBackward b = backward_args();
    b.reserve = reserve.get(), b.workspace = workspace.get();
    rnn_backward(plan, b);
  }

  // A sequence of ours as [T][N][width], its columns from `first`.
  Doubles sequence(Floats& from, int64_t width, int64_t first, int64_t columns) {
    Doubles out(c.steps * c.batch * columns);
    for (int64_t t = 0; t < c.steps; ++t)
      for (int64_t n = 0; n < c.batch; ++n)
        for (int64_t k = 0; k < columns; ++k)
          out[(t * c.batch + n) * columns + k] =
              from.floats()[t * strides(width).step + n * strides(width).item + first + k];
    return out;
  }

  Doubles direction(Floats& all, int d, bool given = true) {
    const size_t size = c.batch * c.hidden;
    if (!given) return Doubles(size, 0.0);
    return Doubles(all.floats() + d * size, all.floats() + (d + 1) * size);
  }

  Reference reference(int d) {
    Reference r{};
    r.cell = c.cell, r.T = c.steps, r.N = c.batch, r.I = c.input, r.H = c.hidden;
    r.reverse = d == 1 || c.reverse, r.lengths = lengths;
    r.w_ih = w_ih[d]->doubles(), r.w_hh = w_hh[d]->doubles();
    r.b_ih = c.bias ? b_ih[d]->doubles() : Doubles(G * c.hidden, 0.0);
    r.b_hh = c.bias ? b_hh[d]->doubles() : Doubles(G * c.hidden, 0.0);
    r.x = sequence(x, c.input, 0, c.input);
    r.h0 = direction(h0, d, c.states), r.c0 = direction(c0, d, c.states);
    r.dy = sequence(dy, D * c.hidden, d * c.hidden, c.hidden);
    r.dh_final = direction(dh_final, d, c.states), r.dc_final = direction(dc_final, d, c.states);
    return r;
  }
};

// NaN where NaN is wanted, infinity where infinity is, else a number.
void expect_same_kind(const Doubles& want, Floats& got, double, const char* name) {
  ASSERT_EQ(want.size(), got.size()) << name;
  for (size_t i = 0; i < want.size(); ++i) {
    const double have = got.floats()[i];
    const bool same = std::isnan(want[i])   ? std::isnan(have)
                      : std::isinf(want[i]) ? have == want[i]
                                            : std::isfinite(have);
    ASSERT_TRUE(same) << name << "[" << i << "]: " << have << ", expected " << want[i];
  }
}

// Writes the references' parts where the kernel's lie, and compares.
void expect_equal(Call& run,
                  void (*expect)(const Doubles&, Floats&, double, const char*) = expect_near) {
  const auto& c = run.c;
  const bool lstm = c.cell == RnnCell::kLstm;
  Doubles y(run.outputs()), dx(run.dx.size(), 0.0), h_final, c_final, dh0, dc0;
  const auto append = [](Doubles& to, const Doubles& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  const double tolerance = c.bf16 ? 3e-2 : 1e-5;
  for (int d = 0; d < run.D; ++d) {
    Reference r = run.reference(d);
    r.forward();
    const Doubles r_y = r.y;
    // relu's slope jumps at 0: it is asked on the side where the kernel's sum of bf16 products
    // lies.
    if (c.bf16 && c.cell == RnnCell::kRelu)
      r.y = run.sequence(run.y, run.D * c.hidden, d * c.hidden, c.hidden);
    r.backward();
    for (int64_t t = 0; t < c.steps; ++t)
      for (int64_t n = 0; n < c.batch; ++n) {
        const auto out = run.strides(run.D * c.hidden), in = run.strides(c.input);
        for (int64_t j = 0; j < c.hidden; ++j)
          y[t * out.step + n * out.item + d * c.hidden + j] = r_y[(t * c.batch + n) * c.hidden + j];
        for (int64_t k = 0; k < c.input; ++k)
          dx[t * in.step + n * in.item + k] += r.dx[(t * c.batch + n) * c.input + k];
      }
    append(h_final, r.h_final), append(c_final, r.c_final);
    append(dh0, r.dh0), append(dc0, r.dc0);
    expect(r.dw_ih, *run.dw_ih[d], tolerance, "dW_ih");
    expect(r.dw_hh, *run.dw_hh[d], tolerance, "dW_hh");
    expect(r.db_ih, *run.db_ih[d], tolerance, "db_ih");
    expect(r.db_hh, *run.db_hh[d], tolerance, "db_hh");
  }
  expect(y, run.y, tolerance, "y");
  expect(dx, run.dx, tolerance, "dx");
  expect(h_final, run.h_final, tolerance, "h_final");
  expect(dh0, run.dh0, tolerance, "dh0");
  if (lstm) expect(c_final, run.c_final, tolerance, "c_final");
  if (lstm) expect(dc0, run.dc0, tolerance, "dc0");
}

std::string describe(const Case& c) {
  return fmt::format(
      "cell {} T {} N {} I {} H {} directions {} reverse {} batch_first {} lengths {}"
      " states {} bias {} threads {}",
      static_cast<int>(c.cell), c.steps, c.batch, c.input, c.hidden, c.directions, c.reverse,
      c.batch_first, c.lengths, c.states, c.bias, num_threads());
}

void compare(const Case& c) {
  SCOPED_TRACE(describe(c));
  Call run(c);
  run.forward_and_backward();
  expect_equal(run);
}

struct Threads {  // for the scope
  explicit Threads(int count) : before(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  int before;
};

constexpr RnnCell kCells[] = {RnnCell::kLstm, RnnCell::kGru, RnnCell::kTanh, RnnCell::kRelu};

class RnnCells : public testing::TestWithParam<RnnCell> {};

TEST_P(RnnCells, OddSizesEqualTheReference) {
  for (int64_t hidden : {1, 7, 128})
    for (int64_t batch : {1, 3, 33})
      for (int64_t input : {1, 7})
        for (int64_t steps : {1, 5})
          compare({GetParam(), steps, batch, input, hidden, 1, steps + batch > 5, input == 7});
}

TEST_P(RnnCells, LengthsAndDirections) {
  for (int threads : {1, 2, 4}) {
    const Threads scope(threads);
    for (int directions : {1, 2})
      for (int64_t batch : {1, 3, 33})
        for (bool batch_first : {false, true}) {
          if (threads == 4 && batch_first) continue;  // slow where there are fewer processors
          compare({GetParam(), 5, batch, 7, 40, directions, false, batch_first, true});
          compare({GetParam(), 9, batch, 20, 33, directions, directions == 1, batch_first, true,
                   false, false});
        }
  }
}

TEST_P(RnnCells, SeveralChunksOfTime) {
  for (int threads : {1, 2}) {
    const Threads scope(threads);
    compare({GetParam(), 13, 150, 33, 24, 2, false, false, true});
    compare({GetParam(), 110, 5, 3, 48, 2, false, true, true});
    compare({GetParam(), 260, 2, 3, 40, 1, true, true, true});
    compare({GetParam(), 40, 70, 50, 49, 1, false, false, false, false});
  }
}

TEST_P(RnnCells, ProductsInBf16) {
  if (!rnn_multiplies_bf16()) GTEST_SKIP() << "this processor has no AVX-512 BF16";
  for (int threads : {1, 2, 3}) {
    const Threads scope(threads);
    for (int64_t hidden : {1, 7, 33, 128})
      for (int64_t batch : {1, 3, 33})
        compare({GetParam(), 5, batch, 7, hidden, 1, batch == 3, false, false, true, true, true});
    compare({GetParam(), 9, 33, 20, 40, 2, false, true, true, true, true, true});
    compare({GetParam(), 13, 150, 33, 24, 2, false, false, true, true, true, true});
    compare({GetParam(), 9, 3, 20, 33, 1, true, false, true, false, false, true});
  }
}

TEST_P(RnnCells, AllLengthsZero) {
  Call run({GetParam(), 4, 3, 5, 6, 2, false, false, true});
  run.lengths = {0, 0, 0};
  run.forward_and_backward();
  expect_equal(run);
}

TEST_P(RnnCells, BackwardOfTheReferenceEqualsFiniteDifferences) {
  Call run({GetParam(), 4, 3, 2, 5, 1, true, false, true});
  Reference r = run.reference(0);
  const auto loss = [](Reference& at) {
    at.forward();
    double sum = 0;
    for (size_t i = 0; i < at.y.size(); ++i) sum += at.y[i] * at.dy[i];
    for (size_t i = 0; i < at.h_final.size(); ++i)
      sum += at.h_final[i] * at.dh_final[i] + at.c_final[i] * at.dc_final[i];
    return sum;
  };
  if (GetParam() != RnnCell::kLstm) r.dc_final.assign(r.dc_final.size(), 0);
  r.forward();
  r.backward();
  const auto compare_slopes = [&](Doubles Reference::*value, const Doubles& gradient,
                                  const char* name) {
    for (size_t i = 0; i < gradient.size(); ++i) {
      Reference up = r, down = r;
      (up.*value)[i] += 1e-5, (down.*value)[i] -= 1e-5;
      EXPECT_NEAR((loss(up) - loss(down)) / 2e-5, gradient[i], 1e-7) << name << i;
    }
  };
  compare_slopes(&Reference::x, r.dx, "x");
  compare_slopes(&Reference::w_ih, r.dw_ih, "w_ih");
  compare_slopes(&Reference::w_hh, r.dw_hh, "w_hh");
  compare_slopes(&Reference::b_ih, r.db_ih, "b_ih");
  compare_slopes(&Reference::b_hh, r.db_hh, "b_hh");
  compare_slopes(&Reference::h0, r.dh0, "h0");
  if (GetParam() == RnnCell::kLstm) compare_slopes(&Reference::c0, r.dc0, "c0");
}

// Weights of one direction as rnn_pack leaves them.
struct Packed {
  Packed(const RnnConfig& c, const RnnWeights& plain)
      : ih(rnn_packed_bytes(c.cell, c.hidden, c.input)),
        hh(rnn_packed_bytes(c.cell, c.hidden, c.hidden)),
        weights(plain) {
    rnn_pack(c.cell, c.hidden, c.input, plain.weight_ih, static_cast<float*>(ih.get()));
    rnn_pack(c.cell, c.hidden, c.hidden, plain.weight_hh, static_cast<float*>(hh.get()));
    weights.weight_ih = static_cast<const float*>(ih.get());
    weights.weight_hh = static_cast<const float*>(hh.get());
  }
  Guarded ih, hh;
  RnnWeights weights;
};

// Inference saves nothing, may use weights packed before, and gives the same bits.
TEST_P(RnnCells, InferenceEqualsTraining) {
  for (int64_t batch : {1, 19}) {
    Call run({GetParam(), 41, batch, 9, 50, 2, false, false, true});
    run.forward_and_backward();
    const Doubles y = run.y.doubles(), h = run.h_final.doubles();
    RnnConfig config = run.plan.config;
    config.training = false, config.prepacked = true;
    const RnnPlan plan = plan_rnn(config);
    EXPECT_EQ(plan.reserve_bytes, 0u);
    Guarded workspace(plan.forward_bytes);
    const Packed packed[2] = {{config, run.weights(0)}, {config, run.weights(1)}};
    RnnForward f = run.forward_args();
    f.workspace = workspace.get();
    for (int d = 0; d < 2; ++d) f.weights[d] = packed[d].weights;
    memset(run.y.get(), 0xFF, run.y.size() * sizeof(float));
    rnn_forward(plan, f);
    EXPECT_EQ(y, run.y.doubles());
    EXPECT_EQ(h, run.h_final.doubles());
  }
}

// A sequence walked step by step with carried states (generation) is the sequence in one call.
TEST_P(RnnCells, SingleStepsEqualASequence) {
  Call run({GetParam(), 6, 1, 70, 130});
  run.forward_and_backward();
  RnnConfig config = run.plan.config;
  config.steps = 1, config.training = false, config.prepacked = true;
  const RnnPlan plan = plan_rnn(config);
  Guarded workspace(plan.forward_bytes);
  const Packed packed(config, run.weights(0));
  Floats h(run.c.hidden), c(run.c.hidden), y(run.y.size());
  memcpy(h.get(), run.h0.get(), h.size() * sizeof(float));
  memcpy(c.get(), run.c0.get(), c.size() * sizeof(float));
  for (int64_t t = 0; t < run.c.steps; ++t) {
    RnnForward f = run.forward_args();
    f.x += t * run.c.input, f.y = y.floats() + t * run.c.hidden;
    f.h0 = f.h_final = h.floats();  // in place
    f.c0 = c.floats();
    if (f.c_final) f.c_final = c.floats();
    f.weights[0] = packed.weights, f.workspace = workspace.get();
    rnn_forward(plan, f);
  }
  expect_near(run.y.doubles(), y, 1e-6, "y");
}

TEST_P(RnnCells, SameBitsEveryTimeAndInsideASerialScope) {
  for (int64_t batch : {3, 20}) {
    const Threads scope(2);
    Call first({GetParam(), 30, batch, 11, 60, 2, false, false, true});
    Call second(first.c), serial(first.c);
    first.forward_and_backward();
    second.forward_and_backward();
    {
      const SerialScope one;  // planned for two threads, run by one
      serial.forward_and_backward();
    }
    for (Call* other : {&second, &serial})
      for (int d = 0; d < 2; ++d) {
        EXPECT_EQ(first.y.doubles(), other->y.doubles());
        EXPECT_EQ(first.dx.doubles(), other->dx.doubles());
        EXPECT_EQ(first.dw_ih[d]->doubles(), other->dw_ih[d]->doubles());
        EXPECT_EQ(first.dw_hh[d]->doubles(), other->dw_hh[d]->doubles());
        EXPECT_EQ(first.db_ih[d]->doubles(), other->db_ih[d]->doubles());
      }
  }
}

// Gradients that nobody wants may be null; the others do not change.
TEST_P(RnnCells, UnwantedGradients) {
  Call run({GetParam(), 12, 5, 6, 40, 2});
  run.forward_and_backward();
  const Doubles dx = run.dx.doubles(), dw_hh = run.dw_hh[1]->doubles();
  Guarded reserve(run.plan.reserve_bytes), forward(run.plan.forward_bytes);
  RnnForward f = run.forward_args();
  f.reserve = reserve.get(), f.workspace = forward.get();
  rnn_forward(run.plan, f);
  const auto backward = [&](auto&& change) {
    Guarded workspace(run.plan.backward_bytes);
    RnnBackward b = run.backward_args();
    b.reserve = reserve.get(), b.workspace = workspace.get();
    b.dh0 = b.dc0 = nullptr;
    change(b);
    rnn_backward(run.plan, b);
  };
  memset(run.dx.get(), 0xFF, run.dx.size() * sizeof(float));
  backward([](RnnBackward& b) { b.gradients[0] = b.gradients[1] = {}; });
  EXPECT_EQ(dx, run.dx.doubles());
  memset(run.dw_hh[1]->get(), 0xFF, dw_hh.size() * sizeof(float));
  backward([](RnnBackward& b) {
    float* wanted = b.gradients[1].weight_hh;
    b.dx = nullptr, b.gradients[0] = b.gradients[1] = {};
    b.gradients[1].weight_hh = wanted;
  });
  EXPECT_EQ(dw_hh, run.dw_hh[1]->doubles());
  backward([](RnnBackward& b) { b.dy = b.dh_final = b.dc_final = nullptr; });
  for (double g : run.dx.doubles()) EXPECT_EQ(g, 0.0);
  for (double g : run.dw_hh[0]->doubles()) EXPECT_EQ(g, 0.0);
}

INSTANTIATE_TEST_SUITE_P(All, RnnCells, testing::ValuesIn(kCells), [](const auto& info) {
  return std::string(info.param == RnnCell::kLstm   ? "lstm"
                     : info.param == RnnCell::kGru  ? "gru"
                     : info.param == RnnCell::kTanh ? "tanh"
                                                    : "relu");
});

// What is no number, or infinite, or saturates every gate, goes through as the equations say; so do
// its gradients.
TEST_P(RnnCells, NaNAndInfinityPass) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  test::for_each_target([] {
    for (const int threads : {1, 2})
      for (const int64_t hidden : {7, 32})
        for (const float value :
             {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1e30f})
          for (const int place : {0, 1, 2}) {
            if (place == 2 && GetParam() != RnnCell::kLstm) continue;
            const Case c{GetParam(), 5, 9, 3, hidden, 2};
            set_num_threads(threads);
            SCOPED_TRACE(fmt::format("{}, {} in {}", describe(c), value,
                                     place == 0   ? "x"
                                     : place == 1 ? "h0"
                                                  : "c0"));
            Call run(c);
            if (place == 0)
              run.x.floats()[(2 * c.batch + 4) * c.input + 1] = value;  // item 4 at step 2
            else (place == 1 ? run.h0 : run.c0).floats()[4 * hidden + 3] = value;
            run.forward_and_backward();
            expect_equal(run, expect_same_kind);
            if (std::isnan(value)) {
              EXPECT_TRUE(std::isnan(run.y.floats()[(2 * c.batch + 4) * 2 * hidden + 3]));
            }
          }
  });
}

// sigmoid and tanh as one step of a cell with no recurrence shows them, over the range of f32.
TEST(RnnGates, RelativeErrorOfTanhAndSigmoid) {
  const int64_t count = 20'000;
  Floats x(count), y(count), h0(count), ones(3), zeros(3);
  for (int64_t i = 0; i < count; ++i) {
    const double power = std::pow(10.0, -6 + 8.0 * (i / 2) / count * 2);  // 1e-6 .. 1e2
    x.floats()[i] = static_cast<float>(i % 2 ? power : -power);
    h0.floats()[i] = 1.0f;
  }
  const float gate_weights[3] = {0, 1, 0}, zero_weights[3] = {0, 0, 0}, one = 1, zero = 0;
  const auto run = [&](RnnCell cell, const float* w_ih, const float* w_hh) {
    const RnnPlan plan = plan_rnn({cell, 1, count, 1, 1, 1, false, false});
    Guarded workspace(plan.forward_bytes);
    RnnForward f{};
    f.x = x.floats(), f.x_strides = {count, 1}, f.y = y.floats(), f.y_strides = {count, 1};
    f.h0 = h0.floats(), f.weights[0] = {w_ih, w_hh}, f.workspace = workspace.get();
    rnn_forward(plan, f);
  };
  run(RnnCell::kTanh, &one, &zero);
  for (int64_t i = 0; i < count; ++i) {
    const double want = std::tanh(static_cast<double>(x.floats()[i]));
    ASSERT_NEAR(y.floats()[i] / want, 1.0, 3e-7) << x.floats()[i];
  }
  run(RnnCell::kGru, gate_weights, zero_weights);  // n = 0, so h = z h0 = sigmoid(x)
  for (int64_t i = 0; i < count; ++i) {
    const double in = x.floats()[i];
    if (in < -80) continue;
    ASSERT_NEAR(y.floats()[i] * (1 + std::exp(-in)), 1.0, 3e-7) << in;
  }
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) { return error.what(); }
  return "no error";
}

TEST(RnnErrors, SayWhatIsWrong) {
  const auto plan_error = [](RnnConfig config) { return error_of([&] { plan_rnn(config); }); };
  EXPECT_EQ(plan_error({RnnCell::kLstm, 0, 2, 3, 4}),
            "rnn: steps 0, batch 2, input 3 and hidden 4 must all be at least 1");
  EXPECT_EQ(plan_error({RnnCell::kLstm, 1, 2, 3, 4, 3}), "rnn: directions must be 1 or 2, not 3");
  Call run({RnnCell::kLstm, 4, 2, 3, 4, 1, false, false, true});
  run.lengths = {2, 5};
  EXPECT_EQ(error_of([&] { run.forward_and_backward(); }),
            "rnn: length 5 of item 1 is outside 0..4, the steps of the sequence");
}

}  // namespace
}  // namespace cairn::cpu
