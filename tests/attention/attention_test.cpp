// The attention kernels against plain loops in double, over shapes that do not fit any block, with
// layouts as models have them, and with memory that is poisoned wherever the kernels must not look
// or write.
#include "cairn/backend/cpu/attention/attention.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "reference.h"

namespace cairn::cpu::attention_testing {
namespace {

constexpr float kCanary = 12345.5f;
const float kNaN = std::numeric_limits<float>::quiet_NaN();

enum class Layout { heads_first, tokens_first, wide };  // [B,H,T,D], [B,T,H,D], [B,T,3,H,D + 5]

// A tensor of f32 in some layout; everything between and around its elements is poison.
struct Array {
  int64_t batch, heads, tokens, dim;
  TokenStrides strides;
  std::vector<float> memory;
  float poison;
  static constexpr int64_t kMargin = 64;

  Array(int64_t b, int64_t h, int64_t t, int64_t d, Layout layout, float fill)
      : batch(b), heads(h), tokens(t), dim(d), poison(fill) {
    if (layout == Layout::heads_first) strides = {h * t * d, t * d, d};
    if (layout == Layout::tokens_first) strides = {t * h * d, d, h * d};
    if (layout == Layout::wide) strides = {t * 3 * h * (d + 5), d + 5, 3 * h * (d + 5)};
    memory.assign(b * strides.batch + 2 * kMargin, fill);
  }
  float* data() { return memory.data() + kMargin; }
  float& at(int64_t b, int64_t h, int64_t t, int64_t d) {
    return data()[b * strides.batch + h * strides.head + t * strides.token + d];
  }
  template <class F>
  void for_each(F f) {
    int64_t i = 0;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t d = 0; d < dim; ++d) f(at(b, h, t, d), i++);
  }
  // Fails where the gap between elements was written.
  void expect_gaps_untouched(const char* what) {
    std::vector<float> copy = memory;
    for_each([&](float& x, int64_t) { copy[&x - memory.data()] = poison; });
    for (float x : copy)
      ASSERT_EQ(std::memcmp(&x, &poison, sizeof x), 0) << what << " was written outside";
  }
};

struct Workspace {
  std::vector<float> memory;
  size_t count;
  explicit Workspace(size_t bytes) : count((bytes + 3) / 4) {
    memory.assign(count + 16, kNaN);
    std::fill(memory.begin() + count, memory.end(), kCanary);
  }
  void* data() { return memory.data(); }
  void expect_canary() const {
    for (size_t i = count; i < memory.size(); ++i)
      ASSERT_EQ(memory[i], kCanary) << "workspace overrun";
  }
};

void fill_random(std::vector<double>& x, int64_t count, PhiloxStream& random) {
  x.resize(count);
  for (double& value : x)
    value = random.normal();  // f32 values, so that both sides read the same numbers
}

Case make_case(const AttentionShape& s, const AttentionOptions& o = {}, bool lengths = false,
               bool mask = false) {
  Case c{.shape = s, .options = o, .seed = 0x123456789abcull, .offset = 0x1'0000'0007ull};
  PhiloxStream random(s.queries * 1000 + s.keys * 10 + s.dim);
  fill_random(c.q, s.batch * s.heads * s.queries * s.dim, random);
  fill_random(c.k, s.batch * s.kv_heads * s.keys * s.dim, random);
  fill_random(c.v, s.batch * s.kv_heads * s.keys * s.dim, random);
  if (lengths)
    for (int64_t b = 0; b < s.batch; ++b)
      c.lengths.push_back(static_cast<int32_t>((s.keys * (b + 1)) / (s.batch + 1)));
  if (mask) {
    fill_random(c.mask, s.batch * s.heads * s.queries * s.keys, random);
    for (double& m : c.mask)
      if (m > 1) m = -INFINITY;
  }
  return c;
}

// Relative to the largest value, or to the inputs (of order 1) where the true result cancels to
// nothing.
void expect_near(Array& got, const std::vector<double>& want, double tolerance, const char* what) {
  double top = 1;
  for (double w : want) top = std::max(top, std::abs(w));
  int bad = 0;
  got.for_each([&](float& x, int64_t i) {
    if (!(std::abs(x - want[i]) <= tolerance * top) && bad++ < 3)
      ADD_FAILURE() << what << " element " << i << ": " << x << " instead of " << want[i];
  });
  ASSERT_EQ(bad, 0) << what;
}

struct Trial {
  Case c;
  Layout layout;
  int threads;
  Array q, k, v, out;
  std::vector<float> lse, mask;
  AttentionInputs in;
  AttentionPlan plan;

  Trial(const Case& c, Layout layout, int threads = 2)
      : c(c),
        layout(layout),
        threads(threads),
        q(c.shape.batch, c.shape.heads, c.shape.queries, c.shape.dim, layout, kNaN),
        k(c.shape.batch, c.shape.kv_heads, c.shape.keys, c.shape.dim, layout, kNaN),
        v(c.shape.batch, c.shape.kv_heads, c.shape.keys, c.shape.dim, layout, kNaN),
        out(c.shape.batch, c.shape.heads, c.shape.queries, c.shape.dim, layout, kCanary),
        lse(c.shape.batch * c.shape.heads * c.shape.queries + 1, kCanary),
        mask(c.mask.begin(), c.mask.end()) {
    q.for_each([&](float& x, int64_t i) { x = static_cast<float>(c.q[i]); });
    k.for_each([&](float& x, int64_t i) { x = key_exists(i) ? static_cast<float>(c.k[i]) : kNaN; });
    v.for_each([&](float& x, int64_t i) { x = key_exists(i) ? static_cast<float>(c.v[i]) : kNaN; });
    const AttentionShape& s = c.shape;
    in = {.q = q.data(),
          .k = k.data(),
          .v = v.data(),
          .q_strides = q.strides,
          .k_strides = k.strides,
          .v_strides = v.strides,
          .lengths = c.lengths.empty() ? nullptr : this->c.lengths.data(),
          .mask = mask.empty() ? nullptr : mask.data(),
          .mask_strides = {s.heads * s.queries * s.keys, s.queries * s.keys, s.keys},
          .seed = c.seed,
          .offset = c.offset};
    set_num_threads(threads);
    plan = plan_attention(s, c.options, threads);
  }
  // Beyond a length memory is poison: reading it would show as NaN.
  bool key_exists(int64_t i) const {
    const AttentionShape& s = c.shape;
    return i / s.dim % s.keys < c.length(i / (s.dim * s.keys * s.kv_heads));
  }
  void forward() {
    Workspace work(plan.forward_workspace);
    attention_forward(plan, in, out.data(), out.strides, lse.data(), work.data());
    work.expect_canary();
    out.expect_gaps_untouched("out");
    ASSERT_EQ(lse.back(), kCanary);
  }
  void check_forward() {
    forward();
    const Result want = attention_testing::forward(c);
    const bool bf16 = plan.options.bf16;
    expect_near(out, want.out, bf16 ? 2e-2 : 2e-6, "out");
    for (size_t i = 0; i < want.lse.size(); ++i) {
      if (want.lse[i] == -INFINITY) ASSERT_EQ(lse[i], -INFINITY);
      else
        ASSERT_NEAR(lse[i], want.lse[i],
                    (bf16 ? 4e-2 : 5e-6) * std::max(1.0, std::abs(want.lse[i])));
    }
  }
  struct Grads {
    Array dq, dk, dv;
  };
  std::vector<double> upstream() {
    std::vector<double> dout;
    PhiloxStream random(77);
    fill_random(dout, static_cast<int64_t>(c.q.size()), random);
    return dout;
  }
  Grads backward(const std::vector<double>& upstream) {
    const AttentionShape& s = c.shape;
    Array dout(s.batch, s.heads, s.queries, s.dim, layout, kNaN);
    dout.for_each([&](float& x, int64_t i) { x = static_cast<float>(upstream[i]); });
    Grads g{Array(s.batch, s.heads, s.queries, s.dim, layout, kCanary),
            Array(s.batch, s.kv_heads, s.keys, s.dim, layout, kCanary),
            Array(s.batch, s.kv_heads, s.keys, s.dim, layout, kCanary)};
    Workspace work(plan.backward_workspace);
    attention_backward(plan, in,
                       {.out = out.data(),
                        .lse = lse.data(),
                        .dout = dout.data(),
                        .out_strides = out.strides,
                        .dout_strides = dout.strides,
                        .dq = g.dq.data(),
                        .dk = g.dk.data(),
                        .dv = g.dv.data(),
                        .dq_strides = g.dq.strides,
                        .dk_strides = g.dk.strides,
                        .dv_strides = g.dv.strides},
                       work.data());
    work.expect_canary();
    g.dq.expect_gaps_untouched("dq"), g.dk.expect_gaps_untouched("dk"),
        g.dv.expect_gaps_untouched("dv");
    return g;
  }
  void check_backward() {
    const std::vector<double> dout = upstream();
    const Gradients want = attention_testing::backward(c, attention_testing::forward(c), dout);
    Grads got = backward(dout);
    // What is rounded adds up over queries, also where the true sum is nothing.
    const double rounding =
        1e-2 * std::sqrt(static_cast<double>(std::max<int64_t>(16, c.shape.queries)));
    const double tolerance = plan.options.bf16 ? rounding : 1e-5;
    expect_near(got.dq, want.dq, tolerance, "dq");
    expect_near(got.dk, want.dk, tolerance, "dk");
    expect_near(got.dv, want.dv, tolerance, "dv");
  }
  void check() {
    SCOPED_TRACE(describe());
    check_forward();
    if (!::testing::Test::HasFatalFailure()) check_backward();
  }
  std::string describe() const {
    const AttentionShape& s = c.shape;
    return fmt::format(
        "B {} Hq {} Hkv {} Tq {} Tk {} D {} causal {} dropout {} lengths {} mask {} layout {}",
        s.batch, s.heads, s.kv_heads, s.queries, s.keys, s.dim, c.options.causal, c.options.dropout,
        !c.lengths.empty(), !c.mask.empty(), static_cast<int>(layout));
  }
};

using Sizes = std::tuple<int64_t, int64_t, int64_t>;  // Tq, Tk, D
class AttentionSizes : public ::testing::TestWithParam<Sizes> {};

// In f32, and in bf16 with its rounding of operands.
void check_agreement(const Sizes& sizes, bool bf16) {
  const auto [tq, tk, d] = sizes;
  const AttentionShape one{
      .batch = 1, .heads = 2, .kv_heads = 2, .queries = tq, .keys = tk, .dim = d};
  const AttentionShape grouped{
      .batch = 2, .heads = 4, .kv_heads = 2, .queries = tq, .keys = tk, .dim = d};
  const auto check = [&](const AttentionShape& shape, AttentionOptions options, Layout layout,
                         bool lengths = false, bool mask = false) {
    options.bf16 = bf16;
    Trial(make_case(shape, options, lengths, mask), layout).check();
  };
  check(one, {}, Layout::heads_first);
  check(one, {.causal = true}, Layout::wide);
  check(grouped, {.scale = 0.3f}, Layout::tokens_first, true);
  check(grouped, {.causal = true}, Layout::wide, true, true);
  check(grouped, {.causal = true, .causal_from_length = true}, Layout::heads_first, true);
  check(one, {.dropout = 0.3f}, Layout::tokens_first, false, true);
  check(grouped, {.causal = true, .dropout = 0.1f}, Layout::wide, true);
}
TEST_P(AttentionSizes, AgreesWithLoopsInDouble) { check_agreement(GetParam(), false); }
TEST_P(AttentionSizes, AgreesInBf16) {
  if (!attention_multiplies_bf16()) GTEST_SKIP() << "this processor has no AMX";
  check_agreement(GetParam(), true);
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionSizes,
                         ::testing::Combine(::testing::Values(1, 3, 17, 65, 130),
                                            ::testing::Values(1, 5, 64, 131),
                                            ::testing::Values(1, 8, 20, 40, 64, 80)));

TEST(Attention, ManySmallAndOneLargeHead) {
  Trial(make_case({.batch = 5, .heads = 3, .kv_heads = 1, .queries = 33, .keys = 33, .dim = 16},
                  {.causal = true}),
        Layout::wide, 3)
      .check();
  Trial(make_case({.batch = 1, .heads = 1, .kv_heads = 1, .queries = 300, .keys = 420, .dim = 64},
                  {.causal = true}),
        Layout::heads_first, 4)
      .check();
}

TEST(Attention, NothingToDo) {
  Trial(make_case({.batch = 0, .heads = 2, .kv_heads = 2, .queries = 3, .keys = 3, .dim = 8}),
        Layout::heads_first)
      .check();
  Trial(make_case({.batch = 2, .heads = 2, .kv_heads = 2, .queries = 0, .keys = 3, .dim = 8}),
        Layout::heads_first)
      .check();
  Trial(make_case({.batch = 2, .heads = 2, .kv_heads = 2, .queries = 20, .keys = 0, .dim = 8}),
        Layout::heads_first)
      .check();
}

// Queries that see no key: a zero length, a mask of -infinity, a causal diagonal that starts below
// them.
TEST(Attention, RowsWithoutKeysGiveZeros) {
  for (int64_t queries : {2, 40}) {
    Case c =
        make_case({.batch = 2, .heads = 2, .kv_heads = 2, .queries = queries, .keys = 7, .dim = 16},
                  {.causal = true}, true, true);
    c.lengths = {0, 7};
    for (int64_t i = 0; i < 7; ++i) c.mask[c.mask.size() - 1 - i] = -INFINITY;
    Trial run(c, Layout::wide);
    run.check();
    for (int64_t d = 0; d < 16; ++d) {
      EXPECT_EQ(run.out.at(0, 1, queries - 1, d), 0);
      EXPECT_EQ(run.out.at(1, 1, queries - 1, d), 0);
    }
  }
}

// A mask of finite huge numbers: where it covers all keys they share the row evenly, and so do the
// gradients.
TEST(Attention, RowsUnderAFiniteHugeMask) {
  for (const double low : {-1e30, -1e20, -3.4e38, 1e30})
    for (int64_t queries : {2, 70})
      for (float dropout : {0.0f, 0.3f})
        for (bool causal : {false, true}) {
          Case c = make_case(
              {.batch = 2, .heads = 4, .kv_heads = 2, .queries = queries, .keys = 131, .dim = 20},
              {.causal = causal, .dropout = dropout}, causal, true);
          const auto row = [&](int64_t i) { return c.mask.begin() + i * 131; };
          for (const int64_t i : {int64_t{0}, queries - 1, queries, 5 * queries})
            std::fill(row(i), row(i + 1), low);
          std::fill(row(queries + 1) + 3, row(queries + 2), low);
          SCOPED_TRACE(low);
          Trial run(c, Layout::wide, 3);
          run.forward();  // lse of -3.4e38 is limited, see scaled_mask
          expect_near(run.out, attention_testing::forward(c).out, 2e-6, "out");
          run.check_backward();
        }
}

TEST(Attention, MaskBroadcastsByZeroStrides) {
  const AttentionShape s{
      .batch = 2, .heads = 3, .kv_heads = 3, .queries = 21, .keys = 70, .dim = 24};
  for (int kept = 0; kept < 8; ++kept) {  // which of batch, head and query the mask has
    Case c = make_case(s, {}, false, true);
    const auto source = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
      return ((b * (kept & 1) * s.heads + h * (kept >> 1 & 1)) * s.queries + i * (kept >> 2 & 1)) *
                 s.keys +
             j;
    };
    std::vector<double> full(c.mask.size());
    size_t at = 0;
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t h = 0; h < s.heads; ++h)
        for (int64_t i = 0; i < s.queries; ++i)
          for (int64_t j = 0; j < s.keys; ++j) full[at++] = c.mask[source(b, h, i, j)];
    const std::vector<float> compact(c.mask.begin(), c.mask.end());
    c.mask = full;
    Trial run(c, Layout::heads_first);
    run.in.mask = compact.data();
    run.in.mask_strides = {(kept & 1) * s.heads * s.queries * s.keys,
                           (kept >> 1 & 1) * s.queries * s.keys, (kept >> 2 & 1) * s.keys};
    run.check();
  }
}

TEST(Attention, DecodesFromALongCache) {
  for (int threads : {1, 2, 5})
    for (int64_t queries : {1, 3})
      for (auto layout : {Layout::heads_first, Layout::tokens_first}) {
        Case c = make_case(
            {.batch = 2, .heads = 4, .kv_heads = 2, .queries = queries, .keys = 1000, .dim = 80},
            {.causal = true, .causal_from_length = true}, true);
        c.lengths = {389, 5};
        Trial run(c, layout, threads);
        EXPECT_TRUE(run.plan.decode);
        run.check_forward();
      }
}

std::vector<float> bits_of(const Case& c, int threads) {
  Trial run(c, Layout::tokens_first, threads);
  run.forward();
  Trial::Grads g = run.backward(run.upstream());
  std::vector<float> all = run.out.memory;
  for (const Array* a : {&g.dq, &g.dk, &g.dv})
    all.insert(all.end(), a->memory.begin(), a->memory.end());
  return all;
}

TEST(Attention, SameBitsEveryTimeWithAnyThreads) {
  const Case c =
      make_case({.batch = 3, .heads = 4, .kv_heads = 2, .queries = 150, .keys = 150, .dim = 40},
                {.causal = true, .dropout = 0.2f}, true);
  const std::vector<float> first = bits_of(c, 1);
  for (int threads : {1, 2, 2, 3}) {
    const std::vector<float> again = bits_of(c, threads);
    ASSERT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(float)), 0)
        << threads << " threads";
  }
}

TEST(Attention, DropoutDependsOnSeedAndOffsetAndKeepsItsShare) {
  const AttentionShape s{
      .batch = 1, .heads = 1, .kv_heads = 1, .queries = 128, .keys = 131, .dim = 8};
  Case c = make_case(s, {.dropout = 0.25f});
  std::fill(c.q.begin(), c.q.end(),
            0.0);  // uniform weights, values 1: the output counts the kept ones
  std::fill(c.v.begin(), c.v.end(), 1.0);
  const auto mean = [&](uint64_t seed, uint64_t offset) {
    c.seed = seed, c.offset = offset;
    Trial run(c, Layout::heads_first);
    run.check();
    double sum = 0;
    run.out.for_each([&](float& x, int64_t) { sum += x; });
    return sum / (128 * 8);
  };
  EXPECT_NEAR(mean(1, 2), 1, 0.02);
  EXPECT_NE(mean(1, 2), mean(1, 3));
  EXPECT_NE(mean(1, 2), mean(2, 2));
  EXPECT_EQ(mean(5, 6), mean(5, 6));
}

TEST(Attention, GradientsMatchFiniteDifferences) {
  Case c = make_case({.batch = 1, .heads = 2, .kv_heads = 1, .queries = 5, .keys = 6, .dim = 8},
                     {.causal = true, .dropout = 0.2f}, false, true);
  Trial run(c, Layout::wide);
  run.forward();
  const std::vector<double> dout = run.upstream();
  Trial::Grads g = run.backward(dout);
  const auto loss = [&](const Case& at) {
    const Result r = forward(at);
    double sum = 0;
    for (size_t i = 0; i < dout.size(); ++i) sum += dout[i] * r.out[i];
    return sum;
  };
  const auto compare = [&](std::vector<double> Case::*field, Array& grad) {
    grad.for_each([&](float& x, int64_t i) {
      Case plus = c, minus = c;
      (plus.*field)[i] += 1e-5, (minus.*field)[i] -= 1e-5;
      EXPECT_NEAR(x, (loss(plus) - loss(minus)) / 2e-5, 2e-5);
    });
  };
  compare(&Case::q, g.dq), compare(&Case::k, g.dk), compare(&Case::v, g.dv);
}

TEST(Attention, NaNAndInfinityShow) {
  for (int64_t queries : {1, 40}) {
    Case c = make_case(
        {.batch = 1, .heads = 2, .kv_heads = 2, .queries = queries, .keys = 70, .dim = 16});
    c.k[5] = kNaN;
    Trial run(c, Layout::heads_first);
    run.forward();
    EXPECT_TRUE(std::isnan(run.out.at(0, 0, 0, 0)));
    EXPECT_FALSE(std::isnan(run.out.at(0, 1, 0, 0)));
  }
}

TEST(Attention, LargeScoresDoNotOverflow) {
  for (int64_t queries : {1, 40}) {
    Case c = make_case(
        {.batch = 1, .heads = 2, .kv_heads = 2, .queries = queries, .keys = 70, .dim = 16},
        {.scale = 50});
    Trial run(c, Layout::heads_first);
    run.forward();
    expect_near(run.out, forward(c).out, 2e-4,
                "out");  // scores of some 1000: their rounding is what remains
  }
}

TEST(Attention, WorkspaceStaysSmall) {
  const AttentionPlan plan = plan_attention(
      {.batch = 1, .heads = 8, .kv_heads = 8, .queries = 8192, .keys = 8192, .dim = 64}, {}, 2);
  EXPECT_LT(plan.forward_workspace, 1u << 20);
  EXPECT_LT(plan.backward_workspace, 1u << 20);
}

TEST(Attention, BadShapesAreNamed) {
  EXPECT_THROW(plan_attention({.heads = 6, .kv_heads = 4, .queries = 1, .keys = 1, .dim = 8}, {}),
               Error);
  EXPECT_THROW(plan_attention({.heads = 1, .kv_heads = 1, .queries = 1, .keys = 1, .dim = 0}, {}),
               Error);
  EXPECT_THROW(plan_attention({.queries = 1, .keys = 1, .dim = 8}, {.dropout = 1}), Error);
}

}  // namespace
}  // namespace cairn::cpu::attention_testing
