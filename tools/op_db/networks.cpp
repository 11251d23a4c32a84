// Layers and losses.
#include "cairn/ops/linear_cross_entropy.h"
#include "tools/op_db/op_calls.h"

namespace cairn::op_db {
namespace {

using C = const Call&;
Reduction reduction_of(C c) {
  const std::string r = c.text("reduction", "mean");
  return r == "mean"   ? Reduction::mean
         : r == "sum"  ? Reduction::sum
         : r == "none" ? Reduction::none
                       : Reduction::batchmean;
}
PoolOptions pool_of(C c) {
  return {.kernel = c.ints("kernel"),
          .stride = c.ints("stride"),
          .padding = c.ints("padding", {0}),
          .count_padding = c.whole("count_padding", 1) != 0,
          .ceil_mode = c.flag("ceil_mode"),
          .dilation = c.ints("dilation", {1}),
          .divisor = c.whole("divisor")};
}
UnfoldOptions unfold_of(C c) {
  return {.kernel = c.ints("kernel"),
          .stride = c.ints("stride", {1}),
          .padding = c.ints("padding", {0}),
          .dilation = c.ints("dilation", {1})};
}
Shape shape_of(const Ints& i) { return Shape(i.begin(), i.end()); }

void add_losses(Functions& f) {
  f["cross_entropy"] = [](C c) {
    return Tensors{cross_entropy(c[0], c[1],
                                 {.weight = c[2],
                                  .ignore_index = c.whole("ignore_index", -100),
                                  .label_smoothing = c.num("label_smoothing"),
                                  .reduction = reduction_of(c)})};
  };
  f["nll_loss"] = [](C c) {
    return Tensors{nll_loss(c[0], c[1],
                            {.weight = c[2],
                             .ignore_index = c.whole("ignore_index", -100),
                             .reduction = reduction_of(c)})};
  };
  f["mse_loss"] = [](C c) { return Tensors{mse_loss(c[0], c[1], reduction_of(c), c[2])}; };
  f["l1_loss"] = [](C c) { return Tensors{l1_loss(c[0], c[1], reduction_of(c), c[2])}; };
  f["huber_loss"] = [](C c) {
    return Tensors{huber_loss(c[0], c[1], c.num("delta", 1), reduction_of(c), c[2])};
  };
  f["smooth_l1_loss"] = [](C c) {
    return Tensors{smooth_l1_loss(c[0], c[1], c.num("beta", 1), reduction_of(c))};
  };
  f["binary_cross_entropy"] = [](C c) {
    return Tensors{
        binary_cross_entropy(c[0], c[1], {.weight = c[2], .reduction = reduction_of(c)})};
  };
  f["binary_cross_entropy_with_logits"] = [](C c) {
    return Tensors{binary_cross_entropy_with_logits(
        c[0], c[1], {.weight = c[2], .pos_weight = c[3], .reduction = reduction_of(c)})};
  };
  f["kl_div"] = [](C c) {
    return Tensors{kl_div(c[0], c[1], reduction_of(c), c.flag("log_target"))};
  };
  f["cosine_embedding_loss"] = [](C c) {
    return Tensors{cosine_embedding_loss(c[0], c[1], c[2], c.num("margin"), reduction_of(c))};
  };
  f["triplet_margin_loss"] = [](C c) {
    return Tensors{triplet_margin_loss(c[0], c[1], c[2],
                                       {.margin = c.num("margin", 1),
                                        .p = c.num("p", 2),
                                        .eps = c.num("eps", 1e-6),
                                        .swap = c.flag("swap"),
                                        .reduction = reduction_of(c)})};
  };
  f["margin_ranking_loss"] = [](C c) {
    return Tensors{margin_ranking_loss(c[0], c[1], c[2], c.num("margin"), reduction_of(c))};
  };
  f["hinge_embedding_loss"] = [](C c) {
    return Tensors{hinge_embedding_loss(c[0], c[1], c.num("margin", 1), reduction_of(c))};
  };
  f["soft_margin_loss"] = [](C c) {
    return Tensors{soft_margin_loss(c[0], c[1], reduction_of(c))};
  };
  f["gaussian_nll_loss"] = [](C c) {
    return Tensors{
        gaussian_nll_loss(c[0], c[1], c[2], c.num("eps", 1e-6), reduction_of(c), c.flag("full"))};
  };
  f["poisson_nll_loss"] = [](C c) {
    return Tensors{poisson_nll_loss(c[0], c[1],
                                    {.log_input = c.whole("log_input", 1) != 0,
                                     .full = c.flag("full"),
                                     .eps = c.num("eps", 1e-8),
                                     .reduction = reduction_of(c)})};
  };
  f["multilabel_soft_margin_loss"] = [](C c) {
    return Tensors{multilabel_soft_margin_loss(c[0], c[1], c[2], reduction_of(c))};
  };
  f["multi_margin_loss"] = [](C c) {
    return Tensors{multi_margin_loss(c[0], c[1],
                                     {.p = c.whole("p", 1),
                                      .margin = c.num("margin", 1),
                                      .weight = c[2],
                                      .reduction = reduction_of(c)})};
  };
  f["ctc_loss"] = [](C c) {
    return Tensors{ctc_loss(c[0], c[1], c[2], c[3],
                            {.blank = c.whole("blank"),
                             .reduction = reduction_of(c),
                             .zero_infinity = c.flag("zero_infinity")})};
  };
  f["linear_cross_entropy"] = [](C c) {
    return Tensors{linear_cross_entropy(c[0], c[1], c[2], c[3],
                                        {.ignore_index = c.whole("ignore_index", -100),
                                         .label_smoothing = c.num("label_smoothing")})};
  };
}

}  // namespace

void add_networks(Functions& f) {
  add_losses(f);
  f["conv"] = [](C c) {
    return Tensors{conv(c[0], c[1], c[2],
                        {.stride = c.ints("stride", {1}),
                         .padding = c.ints("padding", {0}),
                         .dilation = c.ints("dilation", {1}),
                         .groups = c.whole("groups", 1)})};
  };
  f["conv_transpose"] = [](C c) {
    return Tensors{conv_transpose(c[0], c[1], c[2],
                                  {.stride = c.ints("stride", {1}),
                                   .padding = c.ints("padding", {0}),
                                   .output_padding = c.ints("output_padding", {0}),
                                   .dilation = c.ints("dilation", {1}),
                                   .groups = c.whole("groups", 1)})};
  };
  f["max_pool"] = [](C c) {
    const MaxPooled p = max_pool_with_indices(c[0], pool_of(c));
    return Tensors{p.values, p.indices};
  };
  f["avg_pool"] = [](C c) { return Tensors{avg_pool(c[0], pool_of(c))}; };
  f["lp_pool"] = [](C c) { return Tensors{lp_pool(c[0], c.num("p"), pool_of(c))}; };
  f["max_unpool"] = [](C c) { return Tensors{max_unpool(c[0], c[1], c.ints("spatial"))}; };
  f["adaptive_avg_pool"] = [](C c) { return Tensors{adaptive_avg_pool(c[0], c.ints("size"))}; };
  f["adaptive_max_pool"] = [](C c) { return Tensors{adaptive_max_pool(c[0], c.ints("size"))}; };
  f["unfold"] = [](C c) { return Tensors{unfold(c[0], unfold_of(c))}; };
  f["fold"] = [](C c) { return Tensors{fold(c[0], c.ints("spatial"), unfold_of(c))}; };
  f["pixel_shuffle"] = [](C c) { return Tensors{pixel_shuffle(c[0], c.whole("factor"))}; };
  f["pixel_unshuffle"] = [](C c) { return Tensors{pixel_unshuffle(c[0], c.whole("factor"))}; };
  f["channel_shuffle"] = [](C c) { return Tensors{channel_shuffle(c[0], c.whole("groups"))}; };
  f["interpolate"] = [](C c) {
    const std::string m = c.text("mode");
    return Tensors{interpolate(c[0], {.size = c.ints("size"),
                                      .scale = c.numbers("scale"),
                                      .mode = m == "nearest"         ? Interpolation::nearest
                                              : m == "nearest-exact" ? Interpolation::nearest_exact
                                              : m == "bicubic"       ? Interpolation::cubic
                                              : m == "area"          ? Interpolation::area
                                                                     : Interpolation::linear,
                                      .align_corners = c.flag("align_corners"),
                                      .antialias = c.flag("antialias")})};
  };
  f["affine_grid"] = [](C c) {
    return Tensors{affine_grid(c[0], shape_of(c.ints("size")), c.flag("align_corners"))};
  };
  f["grid_sample"] = [](C c) {
    const std::string m = c.text("mode"), p = c.text("padding");
    return Tensors{grid_sample(c[0], c[1],
                               {.mode = m == "bilinear"  ? GridSample::bilinear
                                        : m == "nearest" ? GridSample::nearest
                                                         : GridSample::bicubic,
                                .padding = p == "zeros"    ? GridPadding::zeros
                                           : p == "border" ? GridPadding::border
                                                           : GridPadding::reflection,
                                .align_corners = c.flag("align_corners")})};
  };
  f["batch_norm"] = [](C c) {
    // The running values are States here, and results.
    Tensor mean = c[1], variance = c[2];
    return Tensors{batch_norm(c[0], mean, variance, c[3], c[4], c.flag("training"),
                              c.num("momentum", 0.1), c.num("eps", 1e-5))};
  };
  f["instance_norm"] = [](C c) {
    return Tensors{instance_norm(c[0], c[1], c[2], c[3], c[4], c.flag("training"),
                                 c.num("momentum", 0.1), c.num("eps", 1e-5))};
  };
  f["layer_norm"] = [](C c) {
    return Tensors{layer_norm(c[0], shape_of(c.ints("shape")), c[1], c[2], c.num("eps", 1e-5))};
  };
  f["rms_norm"] = [](C c) {
    return Tensors{rms_norm_over(c[0], shape_of(c.ints("shape")), c[1], c.num("eps"))};
  };
  f["group_norm"] = [](C c) {
    return Tensors{group_norm(c[0], c.whole("groups"), c[1], c[2], c.num("eps", 1e-5))};
  };
  f["local_response_norm"] = [](C c) {
    return Tensors{local_response_norm(c[0], c.whole("size"), c.num("alpha", 1e-4),
                                       c.num("beta", 0.75), c.num("k", 1))};
  };
  f["normalize"] = [](C c) {
    return Tensors{normalize(c[0], c.num("p", 2), c.whole("axis", 1), c.num("eps", 1e-12))};
  };
  f["cosine_similarity"] = [](C c) {
    return Tensors{cosine_similarity(c[0], c[1], c.whole("axis", 1), c.num("eps", 1e-8))};
  };
  f["pairwise_distance"] = [](C c) {
    return Tensors{
        pairwise_distance(c[0], c[1], c.num("p", 2), c.num("eps", 1e-6), c.flag("keepdim"))};
  };
  f["cdist"] = [](C c) { return Tensors{cdist(c[0], c[1], c.num("p", 2))}; };
  f["attention"] = [](C c) {
    return Tensors{attention(c[0], c[1], c[2],
                             {.mask = c[3], .causal = c.flag("causal"), .scale = c.num("scale")})};
  };
}

}  // namespace cairn::op_db
