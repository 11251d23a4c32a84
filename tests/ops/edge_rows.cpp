#include <cmath>

#include "tests/ops/edges.h"

namespace cairn::edges {
namespace {

constexpr double kInfinity = INFINITY;

template <class F>
Row one(const char* name, F f, double tolerance = 2e-5) {
  return {name, [f](const Tensors& in) { return f(in[0]); }, tolerance};
}
template <class F>
Row two(const char* name, F f, double tolerance = 2e-5) {
  return {name, [f](const Tensors& in) { return f(in[0], in[1]); }, tolerance};
}

std::vector<Row> elementwise() {
#define ONE(f) one(#f, [](In x) { return f(x); })
#define TWO(f) two(#f, [](In a, In b) { return f(a, b); })
  std::vector<Row> rows = {
      ONE(neg),        ONE(abs),         ONE(sign),      ONE(square),     ONE(sqrt),
      ONE(rsqrt),      ONE(reciprocal),  ONE(exp),       ONE(exp2),       ONE(expm1),
      ONE(log),        ONE(log1p),       ONE(log2),      ONE(sin),        ONE(cos),
      ONE(tan),        ONE(asin),        ONE(acos),      ONE(atan),       ONE(sinh),
      ONE(cosh),       ONE(tanh),        ONE(erf),       ONE(erfc),       ONE(erfinv),
      ONE(log10),      ONE(asinh),       ONE(acosh),     ONE(atanh),      ONE(floor),
      ONE(ceil),       ONE(round),       ONE(trunc),     ONE(relu),       ONE(leaky_relu),
      ONE(elu),        ONE(selu),        ONE(celu),      ONE(softplus),   ONE(softsign),
      ONE(sigmoid),    ONE(silu),        ONE(mish),      ONE(gelu),       ONE(hardtanh),
      ONE(relu6),      ONE(hardsigmoid), ONE(hardswish), ONE(hardshrink), ONE(softshrink),
      ONE(tanhshrink), ONE(log_sigmoid), TWO(add),       TWO(sub),        TWO(mul),
      TWO(div),        TWO(pow),         TWO(maximum),   TWO(minimum),    TWO(fmod),
      TWO(remainder),  TWO(atan2),       TWO(logaddexp), TWO(eq),         TWO(ne),
      TWO(lt),         TWO(le),          TWO(gt),        TWO(ge),         TWO(prelu)};
#undef ONE
#undef TWO
  rows.push_back(two("prelu_at_0", [](In a, In b) { return prelu(a, b); }));
  rows.push_back(one("gelu_tanh", [](In x) { return gelu(x, Gelu::tanh); }));
  rows.push_back(one("elu_half", [](In x) { return elu(x, 0.5); }));
  rows.push_back(one("celu_half", [](In x) { return celu(x, 0.5); }));
  rows.push_back(one("softplus_steep", [](In x) { return softplus(x, 2, 30); }));
  rows.push_back(one("threshold", [](In x) { return threshold(x, 1, 7); }));
  rows.push_back(one("clamp", [](In x) { return clamp(x, -1, 2); }));
  rows.push_back(one("clamp_min", [](In x) { return clamp_min(x, 1); }));
  rows.push_back(one("clamp_max", [](In x) { return clamp_max(x, 1); }));
  for (const auto& [name, p] : std::vector<std::pair<const char*, double>>{{"pow_0", 0},
                                                                           {"pow_0.5", 0.5},
                                                                           {"pow_1", 1},
                                                                           {"pow_2", 2},
                                                                           {"pow_3", 3},
                                                                           {"pow_-1", -1},
                                                                           {"pow_-0.5", -0.5},
                                                                           {"pow_2.5", 2.5}})
    rows.push_back(one(name, [p = p](In x) { return pow(x, p); }));
  for (const auto& [name, w] : std::vector<std::pair<const char*, double>>{
           {"lerp_0", 0}, {"lerp_0.25", 0.25}, {"lerp_1", 1}})
    rows.push_back(two(name, [w = w](In a, In b) { return lerp(a, b, w); }));
  return rows;
}

std::vector<Row> along_rows() {
  std::vector<Row> rows = {
      one("sum", [](In x) { return sum(x, {1}); }),
      one("mean", [](In x) { return mean(x, {1}); }),
      one("var", [](In x) { return var(x, {1}); }),
      one("stddev", [](In x) { return stddev(x, {1}); }),
      one("norm", [](In x) { return norm(x, {1}); }),
      one("amax", [](In x) { return amax(x, {1}); }),
      one("amin", [](In x) { return amin(x, {1}); }),
      one("prod", [](In x) { return prod(x, {1}); }),
      one("logsumexp", [](In x) { return logsumexp(x, {1}); }),
      one("median", [](In x) { return median(x, 1).values; }),
      one("cumsum", [](In x) { return cumsum(x, 1); }),
      one("cumprod", [](In x) { return cumprod(x, 1); }),
      one("softmax", [](In x) { return softmax(x, 1); }),
      one("log_softmax", [](In x) { return log_softmax(x, 1); }),
      one("softmin", [](In x) { return softmin(x, 1); }),
      one("glu", [](In x) { return glu(x, 1); }),
      one("normalize_1", [](In x) { return normalize(x, 1, 1); }),
      one("normalize_2", [](In x) { return normalize(x, 2, 1); }),
      one("normalize_3", [](In x) { return normalize(x, 3, 1); }),
      one("normalize_inf", [](In x) { return normalize(x, kInfinity, 1); }),
      one("layer_norm", [](In x) { return layer_norm(x, {4}); }),
      one("rms_norm", [](In x) { return rms_norm(x, Tensor(), 1e-6); }),
      one("group_norm",
          [](In x) {
            return group_norm(reshape(x, {-1, 2, 2}), 1);
          }),
      one("instance_norm",
          [](In x) {
            return instance_norm(reshape(x, {1, -1, 4}));
          }),
      one("batch_norm", [](In x) { return batch_norm(transpose(x, 0, 1), {}, {}, {}, {}, true); }),
      one("argmax", [](In x) { return argmax(x, 1); }),
      one("argmin", [](In x) { return argmin(x, 1); }),
      one("mean_all", [](In x) { return mean(x); }),
      one("amax_all", [](In x) { return amax(x); }),
      one("sum_all", [](In x) { return sum(x); }),
      one("prod_all", [](In x) { return prod(x); }),
      one("sum_of_bool", [](In x) { return sum(x); }),
      one("prod_of_bool", [](In x) { return prod(x); }),
      one("any_of_bool", [](In x) { return any(x); }),
      one("all_of_bool", [](In x) { return all(x); }),
      one("logsumexp_of_bool", [](In x) { return logsumexp(x, {0}); }),
      two("pairwise_distance_equal", [](In a, In b) { return pairwise_distance(a, b, 2, 0); }),
      two("cosine_similarity", [](In a, In b) { return cosine_similarity(a, b, 1); }),
      two("cosine_similarity_equal", [](In a, In b) { return cosine_similarity(a, b, 1); }),
  };
  for (const auto& [name, p] :
       std::vector<std::pair<const char*, double>>{{"pairwise_distance_1", 1},
                                                   {"pairwise_distance_2", 2},
                                                   {"pairwise_distance_3", 3},
                                                   {"pairwise_distance_inf", kInfinity}})
    rows.push_back(two(name, [p = p](In a, In b) { return pairwise_distance(a, b, p); }));
  return rows;
}

std::vector<Row> losses() {
  constexpr Reduction kNone = Reduction::none;
  std::vector<Row> rows = {
      two("mse_loss", [](In x, In t) { return mse_loss(x, t, kNone); }),
      two("l1_loss", [](In x, In t) { return l1_loss(x, t, kNone); }),
      two("huber_loss", [](In x, In t) { return huber_loss(x, t, 0.5, kNone); }),
      two("smooth_l1_loss", [](In x, In t) { return smooth_l1_loss(x, t, 0.5, kNone); }),
      two("soft_margin_loss", [](In x, In t) { return soft_margin_loss(x, t, kNone); }),
      two("poisson_nll_loss", [](In x, In t) { return poisson_nll_loss(x, t, kNone); }),
      one("huber_loss_kinks", [](In x) { return huber_loss(x, zeros(x->shape()), 1, kNone); }),
      one("smooth_l1_loss_kinks",
          [](In x) { return smooth_l1_loss(x, zeros(x->shape()), 1, kNone); }),
      two("kl_div", [](In x, In t) { return kl_div(x, t, kNone); }),
      two("kl_div_of_logarithms", [](In x, In t) { return kl_div(x, t, kNone, true); }),
      two("hinge_embedding_loss", [](In x, In t) { return hinge_embedding_loss(x, t, 1, kNone); }),
      two("gaussian_nll_loss",
          [](In x, In v) { return gaussian_nll_loss(x, ones(x->shape()), v, 1e-6, kNone); }),
      {"margin_ranking_loss",
       [](const Tensors& in) { return margin_ranking_loss(in[0], in[1], in[2], 0.5, kNone); }},
      {"cosine_embedding_loss",
       [](const Tensors& in) { return cosine_embedding_loss(in[0], in[1], in[2], 0.1, kNone); }},
      {"cosine_embedding_loss_equal",
       [](const Tensors& in) { return cosine_embedding_loss(in[0], in[1], in[2], 0, kNone); }},
  };
  for (const char* t : {"0", "0.25", "1"}) {
    const std::string name = "binary_cross_entropy_";
    rows.push_back(
        {name + t, [](const Tensors& in) { return binary_cross_entropy(in[0], in[1], kNone); }});
    rows.push_back({name + "with_logits_" + t, [](const Tensors& in) {
                      return binary_cross_entropy_with_logits(in[0], in[1], kNone);
                    }});
  }
  for (const auto& [p, order] :
       std::vector<std::pair<const char*, double>>{{"1", 1}, {"2", 2}, {"inf", kInfinity}})
    rows.push_back({std::string("triplet_margin_loss_") + p, [order = order](const Tensors& in) {
                      return triplet_margin_loss(in[0], in[1], in[2], 1, order, kNone);
                    }});
  for (const auto& [name, r] : std::vector<std::pair<std::string, Reduction>>{
           {"none", kNone}, {"mean", Reduction::mean}, {"sum", Reduction::sum}}) {
    for (const auto& [text, smoothing] :
         std::vector<std::pair<std::string, double>>{{"0", 0}, {"0.25", 0.25}})
      rows.push_back(
          {"cross_entropy_" + name + "_" + text, [r = r, s = smoothing](const Tensors& in) {
             return cross_entropy(in[0], in[1], {.label_smoothing = s, .reduction = r});
           }});
    for (const char* kind : {"", "ignored_"})
      rows.push_back({std::string("nll_loss_") + kind + name, [r = r](const Tensors& in) {
                        return nll_loss(in[0], in[1], {.reduction = r});
                      }});
    rows.push_back({"cross_entropy_ignored_" + name, [r = r](const Tensors& in) {
                      return cross_entropy(in[0], in[1], {.reduction = r});
                    }});
    rows.push_back({"cross_entropy_weightless_" + name, [r = r](const Tensors& in) {
                      const double smoothing = r == Reduction::sum ? 0.25 : 0;
                      return cross_entropy(
                          in[0], in[1],
                          {.weight = in[2], .label_smoothing = smoothing, .reduction = r});
                    }});
  }
  for (const char* mask : {"lowest", "infinite", "large"})
    rows.push_back(
        {std::string("attention_") + mask,
         [](const Tensors& in) { return attention(in[0], in[1], in[2], {.mask = in[3]}); }, 1e-4,
         1e-6});
  return rows;
}

// Where Cairn gives something else on purpose, or neither gives more than rounding.
struct Difference {
  const char* name;
  std::set<std::string> parts;
  bool (*may)(double got, double expected);
  size_t places;  // at most so many of a part
  const char* why;
};
const std::vector<Difference>& differences() {
  const auto if_nan = [](double, double b) { return std::isnan(b); };
  const auto unless_finite = [](double a, double b) {
    return !std::isfinite(a) || !std::isfinite(b);
  };
  static const std::vector<Difference> list = {
      {"gelu",
       {"out"},
       [](double a, double b) {
         return std::isnan(b) || std::fabs(a - b) < 2e-4 * std::fabs(b) + 1e-7;
       },
       4,
       "PyTorch's 1 + erf(x) cancels below 0, and 0.5 x (1 + erf) of infinity is NaN there"},
      {"gelu_tanh",
       {"out"},
       [](double a, double b) { return std::fabs(a - b) < 1e-9; },
       1,
       "PyTorch's 1 + tanh cancels below 0"},
      {"fmod", {"out"}, if_nan, 4, "exact here where the quotient overflows"},
      {"remainder",
       {"out", "first"},
       [](double a, double b) { return std::isnan(b) || a == 0; },
       13,
       "the divisor's slope, -floor(x / y), where the quotient underflows"},
      {"stddev",
       {"out", "first", "second"},
       [](double a, double b) { return std::fabs(b) > 1e19 || a == 0 || std::fabs(a) < 1e-37; },
       12,
       "PyTorch squares in double here, Cairn in f32: beyond 1e19 and below 1e-19 the squares "
       "leave it"},
      {"norm", {"second"}, unless_finite, 8, "as stddev"},
      {"normalize_2", {"second"}, unless_finite, 4, "as stddev"},
      {"cosine_similarity",
       {"second"},
       [](double, double b) { return std::fabs(b) > 1e14; },
       4,
       "as stddev"},
      {"cosine_similarity_equal", {"second"}, unless_finite, 4, "as stddev"},
      {"instance_norm",
       {"out", "first", "second"},
       [](double a, double b) { return std::isnan(a) || std::fabs(a - b) < 4e-5; },
       12,
       "PyTorch sums in double, and is off by 3e-5 at equal values"},
      {"batch_norm",
       {"out", "first", "second"},
       [](double a, double) { return std::isnan(a); },
       8,
       "as stddev"},
      {"prod",
       {"out", "second"},
       unless_finite,
       2,
       "a product that overflows on the way, in another order"},
      {"cumprod", {"second"}, unless_finite, 8, "as prod"},
      {"glu", {"second"}, unless_finite, 3, "infinity"},
      {"logsumexp",
       {"first", "second"},
       [](double a, double b) { return std::fabs(a) <= std::fabs(b); },
       4,
       "equal largest elements share the gradient here; PyTorch takes e^(x - result), whose "
       "difference rounds away at 1e30"},
      {"pairwise_distance_3",
       {"second"},
       [](double a, double b) { return std::fabs(a - b) < 1; },
       8,
       "terms of 1e6 that cancel"},
      {"soft_margin_loss",
       {"out"},
       [](double, double b) { return std::isinf(b); },
       28,
       "PyTorch's exp overflows"},
      {"binary_cross_entropy_0",
       {"second"},
       [](double a, double b) {
         return b == 0 || std::fabs(b) > 1e20 || b < 1e-10 || std::fabs(a - 1) < 1e-5;
       },
       5,
       "PyTorch limits p (1 - p) twice; at p = 1e-7 its rounding leaves 7/8 of 1, and so does this "
       "one where GCC compiled it"},
      {"binary_cross_entropy_0.25",
       {"second"},
       [](double, double b) { return std::fabs(b) > 1e20; },
       4,
       "as above"},
      {"binary_cross_entropy_1",
       {"second"},
       [](double, double b) { return b == 0 || std::fabs(b) > 1e20; },
       4,
       "as above"},
      {"binary_cross_entropy_with_logits_0",
       {"out"},
       [](double a, double b) { return std::fabs(a - b) < 4e-5; },
       5,
       "PyTorch's x + log_sigmoid(x) cancels; Loss.BinaryCrossEntropyIsPrecise holds the digits"},
      {"binary_cross_entropy_with_logits_0.25",
       {"out"},
       if_nan,
       1,
       "infinity less infinity in PyTorch"},
      {"binary_cross_entropy_with_logits_1",
       {"out"},
       if_nan,
       1,
       "infinity less infinity in PyTorch"},
  };
  return list;
}

}  // namespace

std::vector<Row> all_rows() {
  std::vector<Row> rows = elementwise();
  for (const auto& more : {along_rows(), losses(), form_rows(), option_rows()})
    rows.insert(rows.end(), more.begin(), more.end());
  for (Row& row : rows)
    for (const Difference& d : differences())
      if (row.name == d.name)
        row.differs = d.parts, row.may_differ = d.may, row.places = d.places, row.why = d.why;
  return rows;
}

}  // namespace cairn::edges
