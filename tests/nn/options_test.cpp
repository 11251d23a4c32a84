// Options of layers, and layers made of functions, against PyTorch's.
#include <gtest/gtest.h>

#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "tests/nn/like_pytorch.h"

namespace cairn::nn {
namespace {

TEST(LayerOptions, AttentionOfOtherWidthsAndItsWeights) {
  const Case widths("attention_widths");
  const auto wide = widths(MultiheadAttention(8, 2, {.kdim = 6, .vdim = 4}));
  const AttentionResult r = wide.with_weights(widths.in(0), widths.in(1), widths.in(2));
  widths.expect(r.output), widths.expect(r.weights, 1);
  widths.expect(wide(widths.in(0), widths.in(1), widths.in(2)));  // by the fused op

  const Case heads("attention_per_head");
  const auto bare = heads(MultiheadAttention(8, 2, {.bias = false}));
  const AttentionResult each = bare.with_weights(heads.in(0), heads.in(1), heads.in(2), {}, false);
  heads.expect(each.output), heads.expect(each.weights, 1);
}

TEST(LayerOptions, AttentionWithKeysAdded) {
  const Case added("attention_added");
  const auto layer = added(MultiheadAttention(8, 2, {.add_bias_kv = true, .add_zero_attn = true}));
  const AttentionResult r = layer.with_weights(added.in(0), added.in(1), added.in(2));
  added.expect(r.output), added.expect(r.weights, 1);
  added.expect(layer(added.in(0), added.in(1), added.in(2)));

  const Case masked("attention_added_mask");
  const auto batch = masked(MultiheadAttention(8, 2, {.batch_first = true, .add_zero_attn = true}));
  const Tensor x = masked.in(0);
  const AttentionResult m = batch.with_weights(x, x, x, {.mask = masked.in(1)});
  masked.expect(m.output), masked.expect(m.weights, 1);
}

// Lengths and the causal diagonal hide the same keys with an added one as a mask does.
TEST(LayerOptions, AddedKeysKeepLengthsAndDiagonal) {
  const MultiheadAttention layer(8, 2, {.batch_first = true, .add_zero_attn = true});
  layer.eval();
  const Tensor x = randn({2, 4, 8}), lengths = tensor({3, 4});
  const Tensor places = arange(0, 4);
  const Tensor mask = logical_and(le(unsqueeze(places, 0), unsqueeze(places, 1)),
                                  lt(places, reshape(lengths, {2, 1, 1, 1})));
  const auto a = layer(x, x, x, {.lengths = lengths, .causal = true}).to_vector<float>(),
             b = layer(x, x, x, {.mask = mask}).to_vector<float>();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

TEST(LayerOptions, StacksAndMissingBiases) {
  Case("encoder").expect_same(
      TransformerEncoder(8, 2, 2, {.dim_feedforward = 12, .bias = false}, true));
  const Case decoder("decoder");
  decoder.expect(
      decoder(TransformerDecoder(8, 2, 2, {.dim_feedforward = 12}))(decoder.in(0), decoder.in(1)));
  Case("group_norm_no_bias").expect_same(GroupNorm(2, 6, {.bias = false}));
  Case("batch_norm_no_bias").expect_same(BatchNorm2d(3, {.bias = false}));
  Case("instance_norm_running")
      .expect_same(InstanceNorm(3, {.affine = true, .track_running_stats = true}));
  Case("rms_norm_two").expect_same(RMSNorm(Shape{3, 4}, {.eps = 1e-5}));
  const Case pair("bilinear");
  pair.expect(pair(Bilinear(3, 4, 5))(pair.in(0), pair.in(1)));
}

TEST(LayerOptions, Pools) {
  Case("pool_ceil")
      .expect_same(MaxPool2d(3, {.stride = 2, .padding = 1, .dilation = 2, .ceil_mode = true}));
  Case("pool_average")
      .expect_same(
          AvgPool2d(3, {.stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false}));
}

TEST(LayerOptions, RunningStatisticsOfSeveralBatches) {
  for (const bool compiled : {false, true}) {
    const Case batch("batch_norm_cumulative"), instance("instance_norm_followed");
    BatchNorm1d all(2, {.momentum = std::nullopt});
    InstanceNorm followed(2, {.track_running_stats = true, .momentum = 0.3});
    auto step = compile([&](Tensor x) { return all(x); });
    auto other = compile([&](Tensor x) { return followed(x); });
    for (int i = 0; i < 3; ++i) {
      compiled ? step(batch.in(i)) : all(batch.in(i));
      compiled ? other(instance.in(i)) : followed(instance.in(i));
    }
    batch.expect(all.running_mean), batch.expect(all.running_var, 1);
    instance.expect(followed.running_mean), instance.expect(followed.running_var, 1);
  }
}

// Layers are their functions; a few that have options.
TEST(LayerOptions, LossesAndActivations) {
  const Tensor x = randn({4, 3}), t = cast(gt(randn({4, 3}), 0), DType::f32),
               label = tensor({0, 2, 1, 1}), w = tensor({1, 2, 3});
  const auto same = [](const Tensor& a, const Tensor& b) {
    EXPECT_EQ(a.to_vector<float>(), b.to_vector<float>());
  };
  const Tensor index = cast(label, DType::i64);
  same(BCEWithLogitsLoss({.pos_weight = w})(x, t),
       binary_cross_entropy_with_logits(x, t, {.pos_weight = w}));
  same(CrossEntropyLoss({.weight = w, .label_smoothing = 0.1})(x, index),
       cross_entropy(x, index, {.weight = w, .label_smoothing = 0.1}));
  same(KLDivLoss(Reduction::batchmean)(log_softmax(x, 1), softmax(t, 1)),
       kl_div(log_softmax(x, 1), softmax(t, 1), Reduction::batchmean));
  same(TripletMarginLoss({.swap = true})(x, t, x * 2.0),
       triplet_margin_loss(x, t, x * 2.0, {.swap = true}));
  same(SoftMarginLoss()(x, t), soft_margin_loss(x, t));
  same(Softplus(2, 5)(x), softplus(x, 2, 5));
  same(Hardtanh(-0.5, 2)(x), hardtanh(x, -0.5, 2));
  same(ReflectionPad2d(1)(reshape(x, {1, 1, 4, 3})),
       pad(reshape(x, {1, 1, 4, 3}), {1, 1, 1, 1}, PadMode::reflect));
  same(Upsample({.size = {2, 2}, .mode = Interpolation::linear, .antialias = true})(
           reshape(x, {1, 1, 4, 3})),
       interpolate(reshape(x, {1, 1, 4, 3}),
                   {.size = {2, 2}, .mode = Interpolation::linear, .antialias = true}));
  EXPECT_EQ(Unflatten(1, {3, 1})(x).shape(), (Shape{4, 3, 1}));
}

TEST(LayerOptions, WhatDoesNotFitIsSaid) {
  const Tensor x = randn({4, 3});
  EXPECT_THROW(mse_loss(x, randn({4})), Error);
  EXPECT_THROW(mse_loss(randn({4}), randn({4, 1})), Error);
  EXPECT_THROW(mse_loss(x, x, Reduction::batchmean), Error);
  EXPECT_THROW(mse_loss(x, x, Reduction::mean, randn({3})), Error);
  EXPECT_THROW(binary_cross_entropy_with_logits(x, x, {.pos_weight = randn({2, 4, 3})}), Error);
  EXPECT_THROW(binary_cross_entropy(sigmoid(x), sigmoid(x), {.pos_weight = ones({3})}), Error);
  const Tensor picture = randn({1, 1, 5, 5});
  EXPECT_THROW(max_pool(picture, {.kernel = {2}, .padding = {1}, .dilation = {7}}), Error);
  EXPECT_THROW(avg_pool(picture, {.kernel = {2}, .dilation = {2}}), Error);
  EXPECT_THROW(interpolate(picture, {.size = {2}, .antialias = true}), Error);
  EXPECT_THROW(multi_margin_loss(x, tensor({0, 1, 2, 3})), Error);
  EXPECT_THROW(MultiheadAttention(8, 2, {.kdim = -1}), Error);
}

}  // namespace
}  // namespace cairn::nn
