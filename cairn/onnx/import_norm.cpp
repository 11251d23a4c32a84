// Normalisation.
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "cairn/ops/pick.h"

namespace cairn::onnx {
namespace {

// [C] along axis 1 of a tensor of that rank.
Tensor along_channels(const Tensor& t, int rank) {
  Shape line(static_cast<size_t>(rank), 1);
  line[1] = t.numel();
  return reshape(t, line);
}

void read_batch_norm(NodeCall& c) {
  const Tensor& x = c.in(0);
  const double eps = c.number("epsilon", 1e-5);
  const bool training = c.integer("training_mode", 0) != 0;
  check(x.rank() >= 2, "of a tensor of {} dimensions", x.rank());
  if (!training) {
    // As a factor and a shift, which are known, so that they join the convolution before.
    const DType dtype = c.in(1).dtype();
    const bool known =
        is_known(c.in(1)) && is_known(c.in(2)) && is_known(c.in(3)) && is_known(c.in(4));
    Tensor factor, shift;
    {
      const RecorderScope scope(known ? nullptr : context().recorder);
      factor = c.in(1) * rsqrt(cast(c.in(4), dtype) + eps);
      shift = c.in(2) - cast(c.in(3), dtype) * factor;
      factor = along_channels(factor, x.rank()), shift = along_channels(shift, x.rank());
    }
    return c.give(cast(x * factor + shift, x.dtype()));
  }
  const double momentum = c.number("momentum", 0.9);
  Ints others;
  for (int d = 0; d < x.rank(); ++d)
    if (d != 1) others.push_back(d);
  const Tensor average = mean(x, others), spread = var(x, others, 0);
  const Tensor y = (x - along_channels(average, x.rank())) *
                       along_channels(rsqrt(spread + eps) * c.in(1), x.rank()) +
                   along_channels(c.in(2), x.rank());
  c.give(cast(y, x.dtype()));
  c.give(c.in(3) * momentum + average * (1 - momentum), 1);
  c.give(c.in(4) * momentum + spread * (1 - momentum), 2);
}

void read_instance_norm(NodeCall& c) {
  c.give(instance_norm(c.in(0), c.in(1), c.in(2), c.number("epsilon", 1e-5)));
}

Shape shape_from(const Tensor& x, int64_t axis) {
  return Shape(x.shape().begin() + axis, x.shape().end());
}

void read_layer_norm(NodeCall& c) {
  const Tensor& x = c.in(0);
  const double eps = c.number("epsilon", 1e-5);
  const int64_t axis = c.axis(c.integer("axis", -1), x.rank());
  const Shape last = shape_from(x, axis);
  const auto fits = [&](const Tensor& t) { return !t.defined() || t.shape() == last; };
  if (fits(c.maybe(1)) && fits(c.maybe(2))) {
    c.give(layer_norm(x, last, c.maybe(1), c.maybe(2), eps));
  } else {  // which broadcast
    Tensor y = layer_norm(x, last, {}, {}, eps) * c.in(1);
    c.give(c.has(2) ? y + c.in(2) : y);
  }
  if (!c.wants(1) && !c.wants(2)) return;
  Ints axes;
  for (int d = static_cast<int>(axis); d < x.rank(); ++d) axes.push_back(d);
  c.give(mean(x, axes, true), 1);
  c.give(rsqrt(var(x, axes, 0, true) + eps), 2);
}

void read_rms_norm(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", -1), x.rank());
  const Shape last = shape_from(x, axis);
  const Tensor y = rms_norm_over(x, last, {}, c.number("epsilon", 1e-5));
  c.give(cast(y * c.in(1), x.dtype()));
}

void read_group_norm(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t groups = c.integer("num_groups", 1);
  check(groups > 0 && x.size(1) % groups == 0, "{} channels in {} groups", x.size(1), groups);
  const auto by_channel = [&](const Tensor& t) {  // before opset 21 one a group
    return t.numel() == x.size(1) ? t : repeat_interleave(t, x.size(1) / groups, 0);
  };
  c.give(
      group_norm(x, groups, by_channel(c.in(1)), by_channel(c.in(2)), c.number("epsilon", 1e-5)));
}

// The squares of the channels around, which are fewer at the ends, over `size` all the same.
void read_lrn(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t size = c.integer("size", 1);
  const double alpha = c.number("alpha", 1e-4), beta = c.number("beta", 0.75),
               bias = c.number("bias", 1);
  check(size > 0 && x.rank() >= 2 && size < (1 << 16), "a size of {} over {}", size,
        to_string(x.shape()));
  const int64_t before = (size - 1) / 2;
  Ints pads(2 * static_cast<size_t>(x.rank() - 1), 0);
  pads[pads.size() - 2] = before, pads[pads.size() - 1] = size - 1 - before;
  const Tensor squares = pad(x * x, pads);
  Tensor total;
  for (int64_t i = 0; i < size; ++i) {
    const Tensor part = slice(squares, 1, i, x.size(1));
    total = total.defined() ? total + part : part;
  }
  c.give(x / pow(total * (alpha / static_cast<double>(size)) + bias, beta));
}

// 0 where the norm is 0.
void read_lp_normalization(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", -1), x.rank());
  const Tensor size =
      c.integer("p", 2) == 1 ? sum(abs(x), {axis}, true) : sqrt(sum(x * x, {axis}, true));
  const Tensor zero = eq(size, 0.0);
  c.give(where(zero, scalar(0, x.dtype()), x / where(zero, scalar(1, x.dtype()), size)));
}

void read_mean_variance(NodeCall& c) {
  const Ints axes = c.ints("axes", {0, 2, 3});
  const Tensor centred = c.in(0) - mean(c.in(0), axes, true);
  c.give(centred / (sqrt(mean(centred * centred, axes, true)) + 1e-9));
}

constexpr OpRow kNorms[] = {
    {"BatchNormalization", read_batch_norm},           {"GroupNormalization", read_group_norm},
    {"InstanceNormalization", read_instance_norm},     {"LRN", read_lrn},
    {"LayerNormalization", read_layer_norm},           {"LpNormalization", read_lp_normalization},
    {"MeanVarianceNormalization", read_mean_variance}, {"RMSNormalization", read_rms_norm},
};

}  // namespace

OpRows norm_rows() { return kNorms; }

}  // namespace cairn::onnx
