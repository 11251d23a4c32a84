#include "cairn/ops/linear_cross_entropy.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

template <class F>
Row pairwise(const char* name, Arg x, Arg target, F f) {
  Row row{name, {}};
  for (const Shape& shape : {Shape{}, {5}, {2, 3}, {0, 3}, {33}, {2, 1, 3, 2}, {9, 17}})
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
      if (numel(shape) == 0 && reduction == Reduction::mean) continue;
      x.shape = target.shape = shape;
      row.cases.push_back(
          call(to_string(shape) + " " + std::to_string(static_cast<int>(reduction)), {x, target},
               [f, reduction](const Tensors& in) { return f(in[0], in[1], reduction); }));
    }
  return row;
}
Arg fixed_signs() { return integers({}, 0, 2, DType::i32); }
Row cross_entropy_row() {
  Row row{"cross_entropy", {}};
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{4, 3}, {4}}, {{2, 3, 2}, {2, 2}}, {{1, 5}, {1}}};
  for (const auto& [logits, target] : shapes)
    for (const double smoothing : {0.0, 0.2})
      for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
        row.cases.push_back(call(to_string(logits) + " smoothing " + std::to_string(smoothing) +
                                     " " + std::to_string(static_cast<int>(reduction)),
                                 {numbers(logits), integers(target, 0, 3)}, [=](const Tensors& in) {
                                   return cross_entropy(
                                       in[0], in[1],
                                       {.label_smoothing = smoothing, .reduction = reduction});
                                 }));
  for (const double smoothing : {0.0, 0.3})
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
      for (const bool weighted : {false, true})
        for (const int64_t classes : {2, 17, 33}) {
          const std::string title =
              fmt::format("{} classes, some ignored, {}smoothing {}, {}", classes,
                          weighted ? "weights, " : "", smoothing, static_cast<int>(reduction));
          const double last = static_cast<double>(classes - 1);
          std::vector<double> weights(classes);
          for (int64_t i = 0; i < classes; ++i)
            weights[i] = 0.5 + 0.125 * static_cast<double>(i % 7);
          row.cases.push_back(call(
              title,
              {numbers({5, classes}), fixed({5}, {0, -7, last, 1, -7}, DType::i32),
               fixed({classes}, weights, DType::f32)},
              [=](const Tensors& in) {
                return cross_entropy(in[0], in[1],
                                     {.weight = weighted ? cast(in[2], in[0].dtype()) : Tensor(),
                                      .ignore_index = -7,
                                      .label_smoothing = smoothing,
                                      .reduction = reduction});
              }));
        }
  row.cases.push_back(call("ignored", {numbers({4, 3}), fixed({4}, {0, -100, 2, 1})},
                           [](const Tensors& in) { return cross_entropy(in[0], in[1]); }));
  row.cases.push_back(call(
      "weights",
      {numbers({4, 3}), integers({4}, 0, 3, DType::i32), fixed({3}, {0.5, 2, 1.25}, DType::f32)},
      [](const Tensors& in) {
        return cross_entropy(in[0], in[1],
                             {.weight = cast(in[2], in[0].dtype()), .label_smoothing = 0.1});
      }));
  return row;
}

Row cosine_embedding_row() {
  Row row{"cosine_embedding_loss", {}};
  for (const double margin : {0.0, 0.1, 0.5})
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
      for (const int64_t width : {3, 17})
        row.cases.push_back(
            call(fmt::format("{} wide, margin {}, {}", width, margin, static_cast<int>(reduction)),
                 {numbers({4, width}), numbers({4, width}), fixed({4}, {1, -1, -1, 1}, DType::f32)},
                 [=](const Tensors& in) {
                   return cosine_embedding_loss(in[0], in[1], in[2], margin, reduction);
                 }));
  return row;
}
Row triplet_row() {
  Row row{"triplet_margin_loss", {}};
  for (const double p : {1.0, 2.0, 3.0})
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
      for (const int64_t width : {3, 17})
        row.cases.push_back(
            call(fmt::format("{} wide, p {}, {}", width, p, static_cast<int>(reduction)),
                 {numbers({4, width}), numbers({4, width}), numbers({4, width})},
                 [=](const Tensors& in) {
                   return triplet_margin_loss(in[0], in[1], in[2], 2, p, reduction);
                 }));
  return row;
}
Row nll_row() {
  Row row{"nll_loss", {}};
  for (const auto& [x, target] : std::vector<std::pair<Shape, Shape>>{{{4, 3}, {4}},
                                                                      {{2, 3, 2}, {2, 2}},
                                                                      {{1, 33}, {1}},
                                                                      {{9, 17}, {9}},
                                                                      {{2, 3, 2, 2}, {2, 2, 2}}})
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
      for (const DType dtype : {DType::i64, DType::i32})
        row.cases.push_back(
            call(fmt::format("{} {} {}", to_string(x), static_cast<int>(reduction), name_of(dtype)),
                 {numbers(x), integers(target, 0, static_cast<double>(x[1]), dtype)},
                 [=](const Tensors& in) {
                   return nll_loss(in[0], in[1], {.ignore_index = 1, .reduction = reduction});
                 }));
  return row;
}

Row linear_cross_entropy_row() {
  Row row{"linear_cross_entropy", {}, {DType::f32, DType::f64}};
  auto attrs = [](bool bias, bool training, double smoothing) {
    return Attrs{{"bias", int64_t{bias}},
                 {"training", int64_t{training}},
                 {"ignore_index", int64_t{-100}},
                 {"label_smoothing", smoothing}};
  };
  const Arg hidden = numbers({5, 3}), weight = numbers({7, 3}), bias = numbers({7}),
            target = fixed({5}, {0, 6, -100, 3, 3});
  for (const bool training : {false, true}) {
    row.cases.push_back(
        of("linear_cross_entropy", {hidden, weight, target}, attrs(false, training, 0)));
    row.cases.push_back(
        of("linear_cross_entropy", {hidden, weight, bias, target}, attrs(true, training, 0.1)));
    row.cases.push_back(of("linear_cross_entropy",
                           {numbers({1, 9}), numbers({33, 9}), fixed({1}, {32})},
                           attrs(false, training, 0)));
    // Around the tiles of its products; all rows but one ignored; classes that no row has.
    for (const auto& [rows, classes, depth] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
             {9, 2, 1}, {17, 33, 8}, {2, 130, 3}, {33, 5, 17}})
      for (const bool biased : {false, true}) {
        std::vector<double> targets(rows, -100);
        for (int64_t i = 0; i < rows; i += 2) targets[i] = static_cast<double>(i % classes);
        std::vector<Arg> args = {numbers({rows, depth}), numbers({classes, depth})};
        if (biased) args.push_back(numbers({classes}));
        args.push_back(fixed({rows}, targets));
        row.cases.push_back(
            of("linear_cross_entropy", args, attrs(biased, training, biased ? 0.2 : 0)));
      }
  }
  return row;
}

}  // namespace

std::vector<Row> loss_rows() {
  return {
      cross_entropy_row(),
      linear_cross_entropy_row(),
      Row{"linear_cross_entropy_function",
          {call(
              "",
              {numbers({2, 3, 4}), numbers({6, 4}), numbers({6}),
               integers({2, 3}, 0, 6, DType::i32)},
              [](const Tensors& in) { return linear_cross_entropy(in[0], in[1], in[2], in[3]); })},
          {DType::f32, DType::f64}},
      nll_row(),
      pairwise("huber_loss", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) { return huber_loss(x, t, 0.7, r); }),
      pairwise("smooth_l1_loss", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) { return smooth_l1_loss(x, t, 0.5, r); }),
      pairwise("binary_cross_entropy", numbers({}, 0.1, 0.9), numbers({}, 0, 1),
               [](In x, const Tensor& t, Reduction r) { return binary_cross_entropy(x, t, r); }),
      pairwise("kl_div", numbers({}), positive({}),
               [](In x, const Tensor& t, Reduction r) { return kl_div(x, t, r); }),
      pairwise("kl_div_of_logarithms", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) { return kl_div(x, t, r, true); }),
      pairwise("hinge_embedding_loss", numbers({}), fixed_signs(),
               [](In x, const Tensor& t, Reduction r) {
                 return hinge_embedding_loss(x, sign(t - 0.5), 1, r);
               }),
      pairwise("soft_margin_loss", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) { return soft_margin_loss(x, t, r); }),
      pairwise("poisson_nll_loss", numbers({}), positive({}),
               [](In x, const Tensor& t, Reduction r) { return poisson_nll_loss(x, t, r); }),
      pairwise("gaussian_nll_loss", numbers({}), positive({}),
               [](In x, const Tensor& v, Reduction r) {
                 return gaussian_nll_loss(x, square(x), v, 1e-6, r);
               }),
      pairwise("margin_ranking_loss", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) {
                 return margin_ranking_loss(x, t, full({}, 1, t.dtype()), 0.3, r);
               }),
      cosine_embedding_row(),
      triplet_row(),
      pairwise("mse_loss", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) { return mse_loss(x, t, r); }),
      pairwise("l1_loss", numbers({}), numbers({}),
               [](In x, const Tensor& t, Reduction r) { return l1_loss(x, t, r); }),
      pairwise("binary_cross_entropy_with_logits", numbers({}), numbers({}, 0, 1),
               [](In x, const Tensor& t, Reduction r) {
                 return binary_cross_entropy_with_logits(x, t, r);
               }),
  };
}

// As PyTorch has it: a target that is neither 1 nor -1 counts as both.
TEST(Loss, HingeOfOtherTargets) {
  const auto loss = hinge_embedding_loss(tensor({-8.5f, 0.25f, 0.25f, 3}),
                                         tensor({-1.75f, 0, 1, -1}), 1, Reduction::none)
                        .to_vector<float>();
  EXPECT_EQ(loss, (std::vector<float>{1, 1, 0.25f, 0}));
}

// Digits that PyTorch loses: the loss of a sure and right answer is e^-|x|, not 0.
TEST(Loss, BinaryCrossEntropyIsPrecise) {
  for (const double t : {0.0, 0.25, 1.0})
    for (const double x : {-104.0, -89.0, -16.0, -10.0, -1.0, 0.0, 1.0, 10.0, 16.0, 89.0, 104.0}) {
      const Tensor loss =
          binary_cross_entropy_with_logits(full({3}, x), full({3}, t), Reduction::none);
      const double plus = std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));  // softplus(x)
      const double expected =
          (1 - t) * plus + t * (std::max(-x, 0.0) + std::log1p(std::exp(-std::fabs(x))));
      EXPECT_NEAR(loss.to_vector<float>()[0], expected, 3e-7 * expected + 1e-44)
          << x << ", target " << t;
    }
}

}  // namespace cairn::cases
