// The CTC kernels against the sum over all alignments, written out, and its finite differences.
#include "cairn/backend/cpu/ctc/ctc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "cairn/base/error.h"
#include "tests/guarded.h"

namespace cairn::cpu {
namespace {

using test::Floats;
using test::Guarded;
using Doubles = std::vector<double>;
using Labels = std::vector<int32_t>;

// Repeats merged, then blanks dropped.
Labels collapse(const Labels& path, int32_t blank) {
  Labels out;
  for (size_t t = 0; t < path.size(); ++t)
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) out.push_back(path[t]);
  return out;
}

// -log of the summed probability of every path of `steps` frames that collapses to the target.
double enumerated_loss(const Doubles& log_probs, int64_t steps, int64_t classes,
                       const Labels& target, int32_t blank) {
  double probability = 0;
  Labels path(steps, 0);
  for (;;) {
    if (collapse(path, blank) == target) {
      double sum = 0;
      for (int64_t t = 0; t < steps; ++t) sum += log_probs[t * classes + path[t]];
      probability += std::exp(sum);
    }
    int64_t t = 0;
    while (t < steps && ++path[t] == classes) path[t++] = 0;
    if (t == steps) return -std::log(probability);
  }
}

struct Problem {
  CtcConfig config;
  Labels targets, input_lengths, target_lengths;
  bool batch_first = false;
  Floats log_probs, losses, dlosses, dx;

  Problem(const CtcConfig& c, Labels targets, Labels inputs, Labels lengths, double scale = 1)
      : config(c),
        targets(std::move(targets)),
        input_lengths(std::move(inputs)),
        target_lengths(std::move(lengths)),
        log_probs(size(), scale, 3),
        losses(c.batch),
        dlosses(c.batch, 1, 5),
        dx(size()) {
    for (int64_t row = 0; row < c.steps * c.batch; ++row) {
      float* x = log_probs.floats() + row * c.classes;
      double sum = 0;
      for (int64_t k = 0; k < c.classes; ++k) sum += std::exp(x[k]);
      for (int64_t k = 0; k < c.classes; ++k) x[k] -= static_cast<float>(std::log(sum));
    }
  }

  size_t size() const { return config.steps * config.batch * config.classes; }
  int64_t step_stride() const { return config.classes * (batch_first ? 1 : config.batch); }
  int64_t item_stride() const { return config.classes * (batch_first ? config.steps : 1); }
  float& at(Floats& sequence, int64_t t, int64_t n, int64_t k) {
    return sequence.floats()[t * step_stride() + n * item_stride() + k];
  }
  Doubles item(int64_t n) {
    Doubles out;
    for (int64_t t = 0; t < input_lengths[n]; ++t)
      for (int64_t k = 0; k < config.classes; ++k) out.push_back(at(log_probs, t, n, k));
    return out;
  }
  Labels target(int64_t n) const {
    const auto from = targets.begin() + n * config.target;
    return Labels(from, from + target_lengths[n]);
  }

  void run() {
    const CtcSizes sizes = ctc_sizes(config);
    const CtcInput input = {log_probs.floats(), step_stride(),        item_stride(),
                            targets.data(),     input_lengths.data(), target_lengths.data()};
    Guarded reserve(sizes.reserve_bytes);
    Guarded forward(sizes.workspace_bytes), backward(sizes.workspace_bytes);
    ctc_forward(config, input, losses.floats(), reserve.get(), forward.get());
    ctc_backward(config, input, reserve.get(), dlosses.floats(), dx.floats(), step_stride(),
                 item_stride(), backward.get());
  }

  // Losses against the enumeration, gradients against its central differences.
  void expect_enumerated() {
    run();
    const int64_t C = config.classes;
    for (int64_t n = 0; n < config.batch; ++n) {
      SCOPED_TRACE(n);
      Doubles x = item(n);
      const auto loss = [&] {
        return enumerated_loss(x, input_lengths[n], C, target(n), config.blank);
      };
      EXPECT_NEAR(losses.floats()[n], loss(), 2e-6 * (1 + loss()));
      for (int64_t t = 0; t < config.steps; ++t)
        for (int64_t k = 0; k < C; ++k) {
          double want = 0;
          if (t < input_lengths[n]) {
            double& value = x[t * C + k];
            const double middle = value;
            value = middle + 1e-5;
            const double up = loss();
            value = middle - 1e-5;
            want = (up - loss()) / 2e-5;
            value = middle;
            if (config.through_softmax) want += std::exp(middle);
          }
          EXPECT_NEAR(at(dx, t, n, k), want * dlosses.floats()[n], 2e-6) << t << "," << k;
        }
    }
  }
};

TEST(Ctc, EqualsTheSumOverAllAlignments) {
  for (bool through_softmax : {false, true})
    for (int32_t blank : {0, 2}) {
      const int32_t a = blank == 0 ? 1 : 0, b = blank == 0 ? 2 : 1;
      Problem p({6, 5, 3, 3, blank, false, through_softmax},
                {a, b, a, a, a, b, b, a, -7, -7, -7, -7, a, b, -7}, {6, 5, 4, 6, 3},
                {3, 3, 2, 0, 2});
      p.expect_enumerated();
    }
}

TEST(Ctc, BatchFirstAndManyStates) {
  // 9 blanks are more than one vector of 8; two classes keep the enumeration small.
  Problem p({16, 1, 2, 8, 0}, {1, 1, 1, 1, 1, 1, 1, 1}, {16}, {8});
  p.batch_first = true;
  p.expect_enumerated();
}

TEST(Ctc, EmptyTargetAndNoFrames) {
  Problem p({4, 3, 3, 2, 0}, {1, 2, 1, 1, 2, 2}, {4, 0, 1}, {0, 0, 1});
  p.run();
  double blanks = 0;
  for (int64_t t = 0; t < 4; ++t) blanks -= p.at(p.log_probs, t, 0, 0);
  EXPECT_NEAR(p.losses.floats()[0], blanks, 1e-6);
  EXPECT_EQ(p.losses.floats()[1], 0.0f);
  EXPECT_NEAR(p.losses.floats()[2], -p.at(p.log_probs, 0, 2, 2), 1e-6);
  EXPECT_NEAR(p.at(p.dx, 3, 0, 0), -p.dlosses.floats()[0], 1e-6);
  for (int64_t t = 0; t < 4; ++t) EXPECT_EQ(p.at(p.dx, t, 1, 1), 0.0f);
}

TEST(Ctc, ImpossibleAlignments) {
  for (bool zero_infinity : {false, true}) {
    // Too few frames; a repeat that needs a blank between; no frames at all; a possible one.
    Problem p({4, 4, 3, 3, 0, zero_infinity}, {1, 2, 1, 1, 1, 2, 1, 2, 1, 1, 1, 2}, {2, 3, 0, 4},
              {3, 3, 1, 3});
    p.run();
    for (int64_t n = 0; n < 3; ++n) {
      if (zero_infinity) EXPECT_EQ(p.losses.floats()[n], 0.0f);
      else EXPECT_EQ(p.losses.floats()[n], std::numeric_limits<float>::infinity());
      for (int64_t t = 0; t < 4; ++t)
        for (int64_t k = 0; k < 3; ++k) {
          const float dx = p.at(p.dx, t, n, k);
          if (zero_infinity || t >= p.input_lengths[n]) EXPECT_EQ(dx, 0.0f);
          else EXPECT_TRUE(std::isnan(dx));
        }
    }
    EXPECT_NEAR(p.losses.floats()[3], enumerated_loss(p.item(3), 4, 3, {1, 1, 2}, 0), 1e-5);
  }
}

TEST(Ctc, ForbiddenLabelsAndNaN) {
  Problem p({3, 2, 3, 1, 0}, {1, 1}, {3, 3}, {1, 1});
  for (int64_t t = 0; t < 3; ++t)
    p.at(p.log_probs, t, 0, 1) = -std::numeric_limits<float>::infinity();
  p.at(p.log_probs, 1, 1, 0) = std::numeric_limits<float>::quiet_NaN();
  p.run();
  EXPECT_EQ(p.losses.floats()[0], std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(p.losses.floats()[1]));
  EXPECT_TRUE(std::isnan(p.at(p.dx, 0, 1, 0)));
  // Infinite probabilities leave no number either.
  Problem r({3, 2, 3, 1, 0}, {1, 1}, {3, 3}, {1, 1});
  r.at(r.log_probs, 0, 0, 1) = r.at(r.log_probs, 2, 1, 0) = std::numeric_limits<float>::infinity();
  r.run();
  EXPECT_TRUE(std::isnan(r.losses.floats()[0]));
  EXPECT_TRUE(std::isnan(r.losses.floats()[1]));
  // Forbidden at one frame only: the others carry it.
  Problem q({3, 1, 3, 1, 0}, {1}, {3}, {1});
  q.at(q.log_probs, 1, 0, 1) = -std::numeric_limits<float>::infinity();
  q.run();
  EXPECT_NEAR(q.losses.floats()[0], enumerated_loss(q.item(0), 3, 3, {1}, 0), 1e-6);
  EXPECT_EQ(q.at(q.dx, 1, 0, 1), 0.0f);
}

// The textbook recursion in double, for sizes that cannot be enumerated.
double recursive_loss(const Doubles& x, int64_t steps, int64_t classes, const Labels& target,
                      int32_t blank) {
  const double none = -std::numeric_limits<double>::infinity();
  const auto add = [&](double a, double b) {
    if (a == none) return b;
    return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)));
  };
  const int64_t states = 2 * target.size() + 1;
  const auto label = [&](int64_t s) { return s % 2 ? target[s / 2] : blank; };
  Doubles alpha(states, none);
  alpha[0] = 0;  // before the first frame: as if on the first blank
  for (int64_t t = 0; t < steps; ++t) {
    Doubles next(states, none);
    for (int64_t s = 0; s < states; ++s) {
      double sum = t == 0 ? none : alpha[s];
      if (t == 0 && s < 2) sum = 0;
      if (t > 0 && s > 0 && alpha[s - 1] != none) sum = add(sum, alpha[s - 1]);
      if (t > 0 && s > 1 && s % 2 && label(s) != label(s - 2) && alpha[s - 2] != none)
        sum = add(sum, alpha[s - 2]);
      if (sum != none) next[s] = sum + x[t * classes + label(s)];
    }
    alpha = next;
  }
  return -add(alpha[states - 1], states > 1 ? alpha[states - 2] : none);
}

// Long, sharp sequences: log probabilities sum to tens of thousands, yet posteriors stay exact.
TEST(Ctc, LongSequencesKeepTheirPrecision) {
  const int64_t T = 900, N = 3, C = 29, S = 120;
  Labels targets(N * S);
  std::mt19937 engine(11);
  for (int32_t& label : targets) label = 1 + engine() % (C - 1);
  for (double scale : {0.5, 40.0}) {
    Problem p({T, N, C, S, 0}, targets, {900, 500, 700}, {120, 77, 1}, scale);
    p.run();
    for (int64_t n = 0; n < N; ++n) {
      Doubles x = p.item(n);
      const auto loss = [&] { return recursive_loss(x, p.input_lengths[n], C, p.target(n), 0); };
      EXPECT_NEAR(p.losses.floats()[n] / loss(), 1.0, 1e-6);
      for (int64_t t = 0; t < p.input_lengths[n]; ++t) {
        double sum = 0;
        for (int64_t k = 0; k < C; ++k) sum += p.at(p.dx, t, n, k);
        ASSERT_NEAR(sum, -p.dlosses.floats()[n], 2e-6);  // posteriors sum to one
      }
      for (int probe = 0; probe < 20; ++probe) {
        const int64_t t = engine() % p.input_lengths[n];
        const int32_t k = probe % 3 ? p.targets[n * S + engine() % p.target_lengths[n]] : 0;
        double& value = x[t * C + k];
        value += 1e-4;
        const double up = loss();
        value -= 2e-4;
        const double slope = (up - loss()) / 2e-4;
        value += 1e-4;
        EXPECT_NEAR(p.at(p.dx, t, n, k), slope * p.dlosses.floats()[n], 5e-5);
      }
    }
  }
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) { return error.what(); }
  return "no error";
}

TEST(CtcErrors, SayWhatIsWrong) {
  const auto run = [](Labels targets, Labels inputs, Labels lengths) {
    Problem p({4, 1, 3, 2, 0}, targets, inputs, lengths);
    return error_of([&] { p.run(); });
  };
  EXPECT_EQ(run({1, 2}, {5}, {2}),
            "ctc_loss: input length 5 of item 0 is outside 0..4, the frames given");
  EXPECT_EQ(run({1, 2}, {4}, {3}),
            "ctc_loss: target length 3 of item 0 is outside 0..2, the labels given");
  EXPECT_EQ(run({1, 3}, {4}, {2}), "ctc_loss: label 1 of item 0 is 3, but there are 3 classes");
  EXPECT_EQ(run({1, 0}, {4}, {2}), "ctc_loss: label 1 of item 0 is 0, the blank");
  EXPECT_EQ(error_of([] {
              ctc_sizes({1, 1, 3, 2, 3});
            }),
            "ctc_loss: blank 3 is none of the 3 classes");
}

}  // namespace
}  // namespace cairn::cpu
