// The functions whose options are more than an axis: making tensors, indices, layers' functions,
// losses.
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/linalg.h"
#include "cairn/ops/numeric.h"
#include "cairn/ops/pick.h"
#include "python/binding.h"

namespace cairn::python {
namespace {

using py::arg;
using Optional = std::optional<Tensor>;

void add_makers(py::module_& m) {
  const auto dtype = arg("dtype") = DType::f32;
  m.def(
      "zeros", [](const Shape& s, DType d) { return zeros(s, d, Loc()); }, arg("shape"), dtype);
  m.def(
      "ones", [](const Shape& s, DType d) { return ones(s, d, Loc()); }, arg("shape"), dtype);
  m.def(
      "full", [](const Shape& s, double v, DType d) { return full(s, v, d, Loc()); }, arg("shape"),
      arg("value"), dtype);
  m.def(
      "eye", [](int64_t n, DType d) { return eye(n, d, Loc()); }, arg("n"), dtype);
  m.def(
      "arange",
      [](int64_t start, std::optional<int64_t> end, int64_t step, DType d) {
        return end ? arange(start, *end, step, d, Loc()) : arange(0, start, step, d, Loc());
      },
      arg("start"), arg("end") = py::none(), arg("step") = 1, arg("dtype") = DType::i64);
  m.def(
      "rand", [](const Shape& s, DType d) { return rand(s, d, Loc()); }, arg("shape"), dtype);
  m.def(
      "randn", [](const Shape& s, DType d) { return randn(s, d, Loc()); }, arg("shape"), dtype);
  m.def("randint", &randint, arg("high"), arg("shape"));
  m.def("permutation", &permutation, arg("n"));
  m.def(
      "multinomial", [](In w, int64_t n, bool again) { return multinomial(w, n, again); },
      arg("weights"), arg("count"), arg("replacement") = false);
  m.def("manual_seed", &manual_seed, arg("seed"));
}

// A number of a tensor's dtype, where that has it.
Tensor number_beside(const In& x, double value) {
  const DType dtype = x.t.dtype();
  const bool fits = is_float(dtype) ||
                    (dtype == DType::boolean ? value == 0 || value == 1
                                             : std::isfinite(value) && std::trunc(value) == value);
  return full({}, value, fits ? dtype : DType::f32, Loc());
}

void add_indices(py::class_<Tensor>& c, py::module_& m) {
  m.def(
      "where", [](In condition, In a, In b) { return where(condition, a, b); }, arg("condition"),
      arg("a"), arg("b"), Unlocked());
  m.def(
      "where", [](In c, In a, double b) { return where(c, a, number_beside(a, b)); },
      arg("condition"), arg("a"), arg("b"), Unlocked());
  m.def(
      "where", [](In c, double a, In b) { return where(c, number_beside(b, a), b); },
      arg("condition"), arg("a"), arg("b"), Unlocked());
  const auto both = [&](const char* name, auto f, auto... extra) {
    m.def(name, f, arg("x"), extra..., Unlocked());
    c.def(name, f, extra..., Unlocked());
  };
  using Indexed = Tensor(In, int64_t, const Tensor&);
  both("gather", static_cast<Indexed*>(gather), arg("axis"), arg("index"));
  both("index_select", static_cast<Indexed*>(index_select), arg("axis"), arg("index"));
  using Placed = Tensor(In, int64_t, const Tensor&, const Tensor&);
  for (const auto& [name, f] :
       std::initializer_list<std::pair<const char*, Placed*>>{{"scatter", scatter},
                                                              {"scatter_add", scatter_add},
                                                              {"index_add", index_add},
                                                              {"index_copy", index_copy}})
    both(name, f, arg("axis"), arg("index"), arg("src"));
  using Filled = Tensor(In, const Tensor&, double);
  both("masked_fill", static_cast<Filled*>(masked_fill), arg("mask"), arg("value"));
  both("lerp", static_cast<Filled*>(lerp), arg("y"), arg("weight"));
  m.def(
      "one_hot", [](In index, int64_t n, DType d) { return one_hot(index, n, d); }, arg("index"),
      arg("classes"), arg("dtype") = DType::f32, Unlocked());
  m.def(
      "embedding", [](const Tensor& weight, In index) { return embedding(weight, index); },
      arg("weight"), arg("indices"), Unlocked());
  both(
      "to", [](In x, DType d) { return cast(x, d); }, arg("dtype"));
  m.def(
      "allclose", [](In a, In b, double rtol, double atol) { return allclose(a, b, rtol, atol); },
      arg("a"), arg("b"), arg("rtol") = 1e-5, arg("atol") = 1e-8);
}

void add_layer_functions(py::class_<Tensor>& c, py::module_& m) {
  const auto gelu_of = [](In x, py::object approximate) {
    const int way = named_value("approximate", approximate,
                                {{"none", int(Gelu::exact)}, {"tanh", int(Gelu::tanh)}});
    return gelu(x, static_cast<Gelu>(way));
  };
  m.def("gelu", gelu_of, arg("x"), arg("approximate") = "none");
  c.def("gelu", gelu_of, arg("approximate") = "none");
  m.def(
      "linear",
      [](In x, const Tensor& weight, const Optional& bias) {
        return linear(x, weight, or_none(bias));
      },
      arg("x"), arg("weight"), arg("bias") = py::none(), Unlocked());
  m.def(
      "conv",
      [](In x, const Tensor& weight, const Optional& bias, const Ints& stride, const Ints& padding,
         const Ints& dilation, int64_t groups) {
        return conv(x, weight, or_none(bias), {stride, padding, dilation, groups});
      },
      arg("x"), arg("weight"), arg("bias") = py::none(), arg("stride") = Ints{1},
      arg("padding") = Ints{0}, arg("dilation") = Ints{1}, arg("groups") = 1, Unlocked());
  m.def(
      "conv_transpose",
      [](In x, const Tensor& weight, const Optional& bias, const Ints& stride, const Ints& padding,
         const Ints& output_padding, const Ints& dilation, int64_t groups) {
        return conv_transpose(x, weight, or_none(bias),
                              {stride, padding, output_padding, dilation, groups});
      },
      arg("x"), arg("weight"), arg("bias") = py::none(), arg("stride") = Ints{1},
      arg("padding") = Ints{0}, arg("output_padding") = Ints{0}, arg("dilation") = Ints{1},
      arg("groups") = 1, Unlocked());
  const auto pooled = [](Tensor (*pool)(In, const PoolOptions&)) {
    return
        [pool](In x, const Ints& kernel, const Ints& stride, const Ints& padding, bool ceil_mode) {
          PoolOptions options;
          options.kernel = kernel, options.stride = stride, options.padding = padding;
          options.ceil_mode = ceil_mode;
          return pool(x, options);
        };
  };
  for (const auto& [name, f] : {std::pair("max_pool", &max_pool), std::pair("avg_pool", &avg_pool)})
    m.def(name, pooled(f), arg("x"), arg("kernel"), arg("stride") = Ints{},
          arg("padding") = Ints{0}, arg("ceil_mode") = false, Unlocked());
  m.def(
      "layer_norm",
      [](In x, const Shape& shape, const Optional& weight, const Optional& bias, double eps) {
        return layer_norm(x, shape, or_none(weight), or_none(bias), eps);
      },
      arg("x"), arg("shape"), arg("weight") = py::none(), arg("bias") = py::none(),
      arg("eps") = 1e-5, Unlocked());
  m.def(
      "attention",
      [](In q, const Tensor& k, const Tensor& v, const Optional& mask, const Optional& lengths,
         bool causal, double dropout, double scale) {
        AttentionOptions options;
        options.mask = or_none(mask), options.lengths = or_none(lengths), options.causal = causal;
        options.dropout = dropout, options.scale = scale;
        return attention(q, k, v, options);
      },
      arg("q"), arg("k"), arg("v"), arg("mask") = py::none(), arg("lengths") = py::none(),
      arg("causal") = false, arg("dropout") = 0.0, arg("scale") = 0.0, Unlocked());
}

}  // namespace

void add_functions(py::class_<Tensor>& c, py::module_& m) {
  add_makers(m);
  add_indices(c, m);
  add_layer_functions(c, m);
}

void add_losses(py::module_& m) {
  const auto reduction = arg("reduction") = py::str("mean");
  using R = Reduction;
  const auto classes = [](Tensor (*loss)(In, const Tensor&, const CrossEntropyOptions&)) {
    return [loss](In x, const Tensor& target, const Optional& weight, int64_t ignore_index,
                  double label_smoothing, R r) {
      return loss(x, target, {or_none(weight), ignore_index, label_smoothing, r});
    };
  };
  m.def("cross_entropy", classes(cross_entropy), arg("logits"), arg("target"),
        arg("weight") = py::none(), arg("ignore_index") = -100, arg("label_smoothing") = 0.0,
        reduction, Unlocked());
  m.def(
      "nll_loss",
      [](In x, const Tensor& target, const Optional& weight, int64_t ignore_index, R r) {
        return nll_loss(x, target, {or_none(weight), ignore_index, 0, r});
      },
      arg("log_probs"), arg("target"), arg("weight") = py::none(), arg("ignore_index") = -100,
      reduction, Unlocked());
  for (const auto& [name, f] : {std::pair("mse_loss", &mse_loss), std::pair("l1_loss", &l1_loss)})
    m.def(
        name,
        [f](In x, const Tensor& target, R r, const Optional& weight) {
          return f(x, target, r, or_none(weight));
        },
        arg("x"), arg("target"), reduction, arg("weight") = py::none(), Unlocked());
  m.def(
      "huber_loss",
      [](In x, const Tensor& t, double delta, R r) { return huber_loss(x, t, delta, r); }, arg("x"),
      arg("target"), arg("delta") = 1.0, reduction, Unlocked());
  m.def(
      "smooth_l1_loss",
      [](In x, const Tensor& t, double beta, R r) { return smooth_l1_loss(x, t, beta, r); },
      arg("x"), arg("target"), arg("beta") = 1.0, reduction, Unlocked());
  m.def(
      "binary_cross_entropy",
      [](In x, const Tensor& t, const Optional& w, R r) {
        return binary_cross_entropy(x, t, BceOptions{or_none(w), {}, r});
      },
      arg("probability"), arg("target"), arg("weight") = py::none(), reduction, Unlocked());
  m.def(
      "binary_cross_entropy_with_logits",
      [](In x, const Tensor& t, const Optional& w, const Optional& positive, R r) {
        return binary_cross_entropy_with_logits(x, t, BceOptions{or_none(w), or_none(positive), r});
      },
      arg("logits"), arg("target"), arg("weight") = py::none(), arg("pos_weight") = py::none(),
      reduction, Unlocked());
  m.def(
      "kl_div",
      [](In x, const Tensor& t, R r, bool log_target) { return kl_div(x, t, r, log_target); },
      arg("log_q"), arg("target"), reduction, arg("log_target") = false, Unlocked());
  m.def(
      "ctc_loss",
      [](In x, const Tensor& targets, const Tensor& input_lengths, const Tensor& target_lengths,
         int64_t blank, R r, bool zero_infinity) {
        return ctc_loss(x, targets, input_lengths, target_lengths, {blank, r, zero_infinity});
      },
      arg("log_probs"), arg("targets"), arg("input_lengths"), arg("target_lengths"),
      arg("blank") = 0, reduction, arg("zero_infinity") = false, Unlocked());
}

}  // namespace cairn::python
