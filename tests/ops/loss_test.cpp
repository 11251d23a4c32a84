#include "cairn/ops/linear_cross_entropy.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

template <class F>
Row pairwise(const char* name, Arg x, Arg target, F f) {
  Row row{name, {}};
  for (const Shape& shape : {Shape{}, {5}, {2, 3}, {0, 3}})
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
      if (numel(shape) == 0 && reduction == Reduction::mean) continue;
      x.shape = target.shape = shape;
      row.cases.push_back(call(to_string(shape) + " " + std::to_string(static_cast<int>(reduction)), {x, target},
                               [f, reduction](const Tensors& in) { return f(in[0], in[1], reduction); }));
    }
  return row;
}
Arg fixed_signs() { return integers({}, 0, 2, DType::i32); }
Row cross_entropy_row() {
  Row row{"cross_entropy", {}};
  const std::vector<std::pair<Shape, Shape>> shapes = {{{4, 3}, {4}}, {{2, 3, 2}, {2, 2}}, {{1, 5}, {1}}};
  for (const auto& [logits, target] : shapes)
    for (const double smoothing : {0.0, 0.2})
      for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
        row.cases.push_back(call(to_string(logits) + " smoothing " + std::to_string(smoothing) + " " + std::to_string(static_cast<int>(reduction)),
                                 {numbers(logits), integers(target, 0, 3)}, [=](const Tensors& in) {
                                   return cross_entropy(in[0], in[1], {.label_smoothing = smoothing, .reduction = reduction});
                                 }));
  row.cases.push_back(call("ignored", {numbers({4, 3}), fixed({4}, {0, -100, 2, 1})}, [](const Tensors& in) { return cross_entropy(in[0], in[1]); }));
  row.cases.push_back(call("weights", {numbers({4, 3}), integers({4}, 0, 3, DType::i32), fixed({3}, {0.5, 2, 1.25}, DType::f32)}, [](const Tensors& in) {
    return cross_entropy(in[0], in[1], {.weight = cast(in[2], in[0].dtype()), .label_smoothing = 0.1});
  }));
  return row;
}

Row linear_cross_entropy_row() {
  Row row{"linear_cross_entropy", {}, {DType::f32, DType::f64}};
  auto attrs = [](bool bias, bool training, double smoothing) {
    return Attrs{{"bias", int64_t{bias}}, {"training", int64_t{training}}, {"ignore_index", int64_t{-100}}, {"label_smoothing", smoothing}};
  };
  const Arg hidden = numbers({5, 3}), weight = numbers({7, 3}), bias = numbers({7}), target = fixed({5}, {0, 6, -100, 3, 3});
  for (const bool training : {false, true}) {
    row.cases.push_back(of("linear_cross_entropy", {hidden, weight, target}, attrs(false, training, 0)));
    row.cases.push_back(of("linear_cross_entropy", {hidden, weight, bias, target}, attrs(true, training, 0.1)));
    row.cases.push_back(of("linear_cross_entropy", {numbers({1, 9}), numbers({33, 9}), fixed({1}, {32})}, attrs(false, training, 0)));
  }
  return row;
}

}  // namespace

std::vector<Row> loss_rows() {
  return {
      cross_entropy_row(),
      linear_cross_entropy_row(),
      Row{"linear_cross_entropy_function", {call("", {numbers({2, 3, 4}), numbers({6, 4}), numbers({6}), integers({2, 3}, 0, 6, DType::i32)}, [](const Tensors& in) { return linear_cross_entropy(in[0], in[1], in[2], in[3]); })}, {DType::f32, DType::f64}},
      Row{"nll_loss", {call("mean", {numbers({4, 3}), integers({4}, 0, 3)}, [](const Tensors& in) { return nll_loss(in[0], in[1]); }),
                       call("pixels", {numbers({2, 3, 2}), integers({2, 2}, 0, 3)}, [](const Tensors& in) { return nll_loss(in[0], in[1], {.reduction = Reduction::sum}); })}},
      pairwise("huber_loss", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return huber_loss(x, t, 0.7, r); }),
      pairwise("smooth_l1_loss", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return smooth_l1_loss(x, t, 0.5, r); }),
      pairwise("binary_cross_entropy", numbers({}, 0.1, 0.9), numbers({}, 0, 1), [](In x, const Tensor& t, Reduction r) { return binary_cross_entropy(x, t, r); }),
      pairwise("kl_div", numbers({}), positive({}), [](In x, const Tensor& t, Reduction r) { return kl_div(x, t, r); }),
      pairwise("kl_div_of_logarithms", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return kl_div(x, t, r, true); }),
      pairwise("hinge_embedding_loss", numbers({}), fixed_signs(), [](In x, const Tensor& t, Reduction r) { return hinge_embedding_loss(x, sign(t - 0.5), 1, r); }),
      pairwise("soft_margin_loss", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return soft_margin_loss(x, t, r); }),
      pairwise("poisson_nll_loss", numbers({}), positive({}), [](In x, const Tensor& t, Reduction r) { return poisson_nll_loss(x, t, r); }),
      pairwise("gaussian_nll_loss", numbers({}), positive({}), [](In x, const Tensor& v, Reduction r) { return gaussian_nll_loss(x, square(x), v, 1e-6, r); }),
      pairwise("margin_ranking_loss", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return margin_ranking_loss(x, t, full({}, 1, t.dtype()), 0.3, r); }),
      Row{"cosine_embedding_loss", {call("", {numbers({4, 3}), numbers({4, 3}), fixed({4}, {1, -1, -1, 1}, DType::f32)}, [](const Tensors& in) { return cosine_embedding_loss(in[0], in[1], in[2], 0.1); })}},
      Row{"triplet_margin_loss", {call("", {numbers({4, 3}), numbers({4, 3}), numbers({4, 3})}, [](const Tensors& in) { return triplet_margin_loss(in[0], in[1], in[2], 2); })}},
      pairwise("mse_loss", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return mse_loss(x, t, r); }),
      pairwise("l1_loss", numbers({}), numbers({}), [](In x, const Tensor& t, Reduction r) { return l1_loss(x, t, r); }),
      pairwise("binary_cross_entropy_with_logits", numbers({}), numbers({}, 0, 1), [](In x, const Tensor& t, Reduction r) { return binary_cross_entropy_with_logits(x, t, r); }),
  };
}

}  // namespace cairn::cases
