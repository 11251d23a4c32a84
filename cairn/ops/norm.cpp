#include "cairn/ops/norm.h"

#include <algorithm>
#include <limits>

#include "cairn/ops/collective.h"
#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// Each row has a decomposition in basic ops and a gradient written with ops: compile() expands and
// fuses both into passes over memory; nothing here needs a backward kernel of its own.
namespace cairn {
namespace {

void infer_axis(OpCall& c) {
  if (!is_float(c.dtype())) c.error("wants floats");
  c.set(0, c.dtype(), c.shape());
}
Ints axis_of(const Attrs& a) { return {a.integer("axis")}; }

// An empty axis has no largest element, and nothing to compute.
bool empty_along(const Tensor& x, const Attrs& a) {
  return x.shape().ssize() > 0 && x.shape()[a.integer("axis")] == 0;
}
void softmax_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  if (empty_along(in[0], a)) return void(out[0] = exp(in[0]));
  const Tensor e = exp(in[0] - amax(in[0], axis_of(a), true).detach());
  out[0] = e / sum(e, axis_of(a), true);
}
void log_softmax_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  if (empty_along(in[0], a)) return void(out[0] = exp(in[0]));
  const Tensor shifted = in[0] - amax(in[0], axis_of(a), true).detach();
  out[0] = shifted - log(sum(exp(shifted), axis_of(a), true));
}

void infer_row(OpCall& c) {
  infer_axis(c);
  Shape kept = c.shape();
  kept[c.attrs->integer("axis")] = 1;
  c.set(0, c.dtype(), kept);
}
void logsumexp_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  if (empty_along(in[0], a)) return void(out[0] = log(sum(in[0], axis_of(a), true)));  // log 0
  const Tensor top = amax(in[0], axis_of(a), true).detach();
  const Tensor shift = where(isfinite(top), top, full({}, 0, top.dtype()));
  out[0] = log(sum(exp(in[0] - shift), axis_of(a), true)) + shift;
}
// The slope is softmax; of nothing but -infinity, whose sum is 0, it is 0.
void vjp_logsumexp(VjpCall& c) {
  const Tensor& y = c.outputs[0];
  const Tensor nothing = eq(y, -std::numeric_limits<double>::infinity());
  const Tensor base = where(nothing, full({}, 0, y.dtype()), y);
  c.results[0] = c.grad() * exp(c.inputs[0] - base);
}

// Normalisation over "axes": outputs y, mean and 1 / sqrt(var + eps), the latter two with the axes
// kept.
void infer_normalize(OpCall& c) {
  if (!is_float(c.dtype())) c.error("wants floats");
  Shape kept = c.shape();
  for (int64_t axis : c.attrs->ints("axes")) kept[axis] = 1;
  c.set(0, c.dtype(), c.shape());
  c.set(1, c.dtype(), kept);
  c.set(2, c.dtype(), kept);
}
double count_of(const Shape& shape, const Ints& axes) {
  double n = 1;
  for (int64_t axis : axes) n *= static_cast<double>(shape[axis]);
  return n;
}
// One pass for both sums: around the first element of each group, so that a large mean does not
// cancel.
void normalize_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const Ints& axes = a.ints("axes");
  const double n = count_of(in[0].shape(), axes);
  Tensor first = in[0];
  for (int64_t axis : axes)
    first = slice(first, axis, 0, std::min<int64_t>(1, first.shape()[axis]));
  first = contiguous(first.detach());
  const Tensor shifted = in[0] - first;
  const Tensor offset = sum(shifted, axes, true) * (1 / n);
  const Tensor variance = clamp_min(sum(square(shifted), axes, true) * (1 / n) - square(offset), 0);
  const Tensor mean = first + offset;
  const Tensor rstd = rsqrt(variance + a.number("eps"));
  out[0] = (in[0] - mean) * rstd;
  out[1] = mean;
  out[2] = rstd;
}
// With y the normalised value: dx = rstd (g - mean(g) - y mean(g y)); mean and rstd pass gradients
// too.
void vjp_normalize(VjpCall& c) {
  const Ints& axes = c.attrs.ints("axes");
  const double n = count_of(c.input_shapes[0], axes);
  const Tensor &y = c.outputs[0], &rstd = c.outputs[2];
  Tensor result;
  if (c.grads[0].defined()) {
    const Tensor g = c.grads[0];
    const Tensor g_mean = sum(g, axes, true) * (1 / n), gy_mean = sum(g * y, axes, true) * (1 / n);
    result = rstd * (g - g_mean - y * gy_mean);
  }
  auto add_to = [&](const Tensor& t) {
    result = result.defined() ? result + t : expand(t, c.input_shapes[0]);
  };
  if (c.grads[1].defined()) add_to(c.grads[1] * (1 / n));
  if (c.grads[2].defined()) add_to(c.grads[2] * square(rstd) * y * (-1 / n));
  c.results[0] = result;
}

// Normalisation over "groups" of the channels of [N, C, spatial...] and all that lies below:
// outputs y, mean and 1 / sqrt(var + eps), the latter two [N, groups].
void infer_normalize_groups(OpCall& c) {
  if (!is_float(c.dtype())) c.error("wants floats");
  const int64_t groups = c.attrs->integer("groups");
  if (c.rank() < 2 || groups < 1 || c.shape()[1] == 0 || c.shape()[1] % groups != 0)
    c.error("channels of {} do not divide into {} groups", to_string(c.shape()), groups);
  c.set(0, c.dtype(), c.shape());
  c.set(1, c.dtype(), {c.shape()[0], groups});
  c.set(2, c.dtype(), {c.shape()[0], groups});
}
// Between values of groups [N, G] and of channels [N, C, 1...].
struct Grouping {
  Shape x;
  int64_t groups, each;  // channels of a group
  Ints spatial;
  double count = 1;  // numbers of a group
  Grouping(const Shape& x, const Attrs& a)
      : x(x), groups(a.integer("groups")), each(x[1] / groups), count(static_cast<double>(each)) {
    for (int d = 2; d < x.ssize(); ++d) spatial.push_back(d), count *= static_cast<double>(x[d]);
  }
  Tensor of_channels(const Tensor& t) const {
    Shape kept(static_cast<size_t>(x.ssize()), 1);
    kept[0] = x[0], kept[1] = x[1];
    return reshape(expand(unsqueeze(t, 2), {x[0], groups, each}), kept);
  }
  // The mean over each group. Channels alone first: they may lie in blocks.
  Tensor mean_of(const Tensor& t) const {
    const Tensor sums = spatial.empty() ? t : sum(t, spatial, true);
    return sum(reshape(sums, {x[0], groups, each}), {2}) * (1 / count);
  }
};
void normalize_groups_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const Grouping g(in[0].shape(), a);
  Tensor first = in[0];  // of each group, as above
  for (int64_t axis : g.spatial)
    first = slice(first, axis, 0, std::min<int64_t>(1, first.shape()[axis]));
  first = numel(first.shape()) == 0
              ? zeros({g.x[0], g.groups}, in[0].dtype())
              : select(reshape(contiguous(first.detach()), {g.x[0], g.groups, g.each}), 2, 0);
  const Tensor shifted = in[0] - g.of_channels(first);
  const Tensor offset = g.mean_of(shifted);
  const Tensor variance = clamp_min(g.mean_of(square(shifted)) - square(offset), 0);
  out[1] = first + offset;
  out[2] = rsqrt(variance + a.number("eps"));
  out[0] = (in[0] - g.of_channels(out[1])) * g.of_channels(out[2]);
}
void vjp_normalize_groups(VjpCall& c) {
  const Grouping g(c.input_shapes[0], c.attrs);
  const Tensor &y = c.outputs[0], &rstd = c.outputs[2];
  Tensor result;
  if (c.grads[0].defined()) {
    const Tensor& dy = c.grads[0];
    result = g.of_channels(rstd) *
             (dy - g.of_channels(g.mean_of(dy)) - y * g.of_channels(g.mean_of(dy * y)));
  }
  auto add_to = [&](const Tensor& t) {
    result = result.defined() ? result + t : expand(t, c.input_shapes[0]);
  };
  if (c.grads[1].defined()) add_to(g.of_channels(c.grads[1] * (1 / g.count)));
  if (c.grads[2].defined()) add_to(g.of_channels(c.grads[2] * square(rstd) * (-1 / g.count)) * y);
  c.results[0] = result;
}

const OpDef kOps[] = {
    OpDef{"softmax", "e^x over its sum along an axis", 1, 1, infer_axis, kSaveOutputs | kExpand,
          [](VjpCall& c) {
            const Tensor gy = c.grad() * c.outputs[0];
            c.results[0] = gy - c.outputs[0] * sum(gy, axis_of(c.attrs), true);
          },
          nullptr, softmax_in_basics}
        .with_autocast(Autocast::f32)
        .with_onnx("Softmax"),
    OpDef{"log_softmax", "logarithm of softmax", 1, 1, infer_axis, kSaveOutputs | kExpand,
          [](VjpCall& c) {
            c.results[0] = c.grad() - exp(c.outputs[0]) * sum(c.grad(), axis_of(c.attrs), true);
          },
          nullptr, log_softmax_in_basics}
        .with_autocast(Autocast::f32)
        .with_onnx("LogSoftmax"),
    OpDef{"logsumexp", "logarithm of the sum of e^x along an axis", 1, 1, infer_row,
          kSaveInputs | kSaveOutputs | kExpand, vjp_logsumexp, nullptr, logsumexp_in_basics}
        .with_autocast(Autocast::f32),
    OpDef{"normalize", "mean 0 and variance 1 over axes; also the mean and 1 / deviation", 1, 3,
          infer_normalize, kSaveOutputs | kExpand, vjp_normalize, nullptr, normalize_in_basics}
        .with_autocast(Autocast::f32),
    OpDef{"normalize_groups",
          "mean 0 and variance 1 over groups of channels; also the mean and 1 / deviation", 1, 3,
          infer_normalize_groups, kSaveOutputs | kExpand, vjp_normalize_groups, nullptr,
          normalize_groups_in_basics}
        .with_autocast(Autocast::f32),
};

struct Normalized {
  Tensor y, mean, rstd;
};
Normalized normalized(const In& x, const Ints& axes, double eps) {
  Tensor out[3];
  apply(op_named("normalize"), {&x.t, 1}, {{"axes", axes}, {"eps", eps}}, out, x.loc);
  return {out[0], out[1], out[2]};
}
// weight and bias [C] (or undefined) over the channels of y [N, C, ...].
Tensor channel_affine(Tensor y, const Tensor& weight, const Tensor& bias, Loc loc) {
  Shape shape(y.rank() - 1, 1);
  shape[0] = y.shape()[1];
  for (const Tensor* t : {&weight, &bias})
    check(!t->defined() || t->numel() == shape[0],
          "normalisation: {} channels, but a parameter of {}{}", shape[0],
          t->defined() ? to_string(t->shape()) : "", where(loc));
  if (weight.defined()) y = mul(In(y, loc), reshape(weight, shape));
  if (bias.defined()) y = add(In(y, loc), reshape(bias, shape));
  return y;
}
void move_toward(const Tensor& running, const Tensor& now, double momentum) {
  assign(running, running * (1 - momentum) +
                      cast(reshape(now, running.shape()), running.dtype()) * momentum);
}
void move_toward(const Tensor& running, const Tensor& now, const Tensor& momentum) {
  assign(running,
         running + (cast(reshape(now, running.shape()), running.dtype()) - running) * momentum);
}
// Over the rows of all ranks: the mean first, so that squares are of what is left without it.
Normalized normalized_over_ranks(const In& x, const Ints& axes, double n, double eps,
                                 Tensor& count) {
  const Tensor values = cast(x.t, DType::f32);
  const Tensor own = sum(values, axes, true);
  const Tensor all = all_reduce(cat({flatten(own), full({1}, n)}, 0));
  const int64_t channels = own.numel();
  count = slice(all, 0, channels, 1);
  const Tensor mean = reshape(slice(all, 0, 0, channels), own.shape()) / count;
  const Tensor centred = values - mean;
  const Tensor rstd = rsqrt(all_reduce(sum(square(centred), axes, true)) / count + eps);
  return {cast(centred * rstd, x.t.dtype()), mean, rstd};
}

// The batch's statistics; the running ones (may be undefined) follow them.
template <class Momentum>
Tensor batch_normalized(const In& x, const Ints& axes, const Tensor& running_mean,
                        const Tensor& running_var, const Momentum& momentum, double eps) {
  const double n = count_of(x.t.shape(), axes);
  check(n > 1,
        "batch_norm: training needs more than one value per channel, got input {}; use a larger "
        "batch or eval mode{}",
        to_string(x.t.shape()), where(x.loc));
  Tensor count;
  const bool together = dist::synchronises_statistics();
  const Normalized normal =
      together ? normalized_over_ranks(x, axes, n, eps, count) : normalized(x, axes, eps);
  if (running_mean.defined()) {
    NoGrad no_grad;
    move_toward(running_mean, normal.mean, momentum);
    const Tensor variance = reciprocal(square(normal.rstd)) + (-eps);
    move_toward(running_var,
                together ? variance * (count / (count - 1.0)) : variance * (n / (n - 1)), momentum);
  }
  return normal.y;
}
Ints all_but_channels(const char* name, const In& x) {
  check(x.t.rank() >= 2, "{}: wants [N, C, ...], not {}{}", name, to_string(x.t.shape()),
        where(x.loc));
  Ints axes = {0};
  for (int d = 2; d < x.t.rank(); ++d) axes.push_back(d);
  return axes;
}

}  // namespace

std::span<const OpDef> norm_ops() { return kOps; }

Tensor softmax(In x, int64_t axis) {
  return apply(op_named("softmax"), {x.t},
               {{"axis", int64_t{normalize_axis("softmax", axis, x.t.rank(), x.loc)}}}, x.loc);
}
Tensor log_softmax(In x, int64_t axis) {
  return apply(op_named("log_softmax"), {x.t},
               {{"axis", int64_t{normalize_axis("log_softmax", axis, x.t.rank(), x.loc)}}}, x.loc);
}

Tensor batch_norm(In x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, bool training, double momentum, double eps) {
  const Ints axes = all_but_channels("batch_norm", x);
  Shape channel(x.t.rank() - 1, 1);
  channel[0] = x.t.shape()[1];
  if (!training) {
    check(running_mean.defined() && running_var.defined(),
          "batch_norm: evaluation needs running statistics{}", where(x.loc));
    Tensor scale = rsqrt(running_var + eps);
    if (weight.defined()) scale = scale * weight;
    Tensor shift = neg(running_mean * scale);
    if (bias.defined()) shift = shift + bias;
    return add(In(mul(x, reshape(scale, channel)), x.loc), reshape(shift, channel));
  }
  return channel_affine(batch_normalized(x, axes, running_mean, running_var, momentum, eps), weight,
                        bias, x.loc);
}
Tensor batch_norm(In x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, const Tensor& momentum, double eps) {
  const Ints axes = all_but_channels("batch_norm", x);
  return channel_affine(batch_normalized(x, axes, running_mean, running_var, momentum, eps), weight,
                        bias, x.loc);
}

Tensor layer_norm(In x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                  double eps) {
  const int rank = x.t.rank(), inner = normalized_shape.ssize();
  bool fits = inner <= rank;
  for (int d = 0; fits && d < inner; ++d)
    fits = x.t.shape()[rank - inner + d] == normalized_shape[d];
  check(fits, "layer_norm: input {} does not end in {}{}", to_string(x.t.shape()),
        to_string(normalized_shape), where(x.loc));
  Ints axes;
  for (int d = rank - inner; d < rank; ++d) axes.push_back(d);
  Tensor y = normalized(x, axes, eps).y;
  if (weight.defined()) y = mul(In(y, x.loc), weight);
  if (bias.defined()) y = add(In(y, x.loc), bias);
  return y;
}

Tensor rms_norm(In x, const Tensor& weight, double eps) {
  return rms_norm_over(x, {x.t.size(-1)}, weight, eps);
}
Tensor rms_norm_over(In x, const Shape& normalized_shape, const Tensor& weight, double eps) {
  const int rank = x.t.rank(), inner = normalized_shape.ssize();
  Ints axes;
  bool fits = inner > 0 && inner <= rank;
  for (int d = 0; fits && d < inner; ++d) {
    fits = x.t.shape()[rank - inner + d] == normalized_shape[d];
    axes.push_back(rank - inner + d);
  }
  check(fits, "rms_norm: input {} does not end in {}{}", to_string(x.t.shape()),
        to_string(normalized_shape), where(x.loc));
  const double n = static_cast<double>(numel(normalized_shape));
  const Tensor scale = rsqrt(sum(square(x), axes, true) * (1 / n) + eps);
  const Tensor y = mul(x, scale);
  return weight.defined() ? mul(In(y, x.loc), weight) : y;
}

Tensor group_norm(In x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  check(x.t.rank() >= 2 && groups > 0 && x.t.shape()[1] > 0 && x.t.shape()[1] % groups == 0,
        "group_norm: channels of {} do not divide into {} groups{}", to_string(x.t.shape()), groups,
        where(x.loc));
  Tensor out[3];
  apply(op_named("normalize_groups"), {&x.t, 1}, {{"groups", groups}, {"eps", eps}}, out, x.loc);
  return channel_affine(out[0], weight, bias, x.loc);
}
Tensor instance_norm(In x, const Tensor& weight, const Tensor& bias, double eps) {
  check(x.t.rank() >= 3, "instance_norm: wants [N, C, spatial...], not {}{}",
        to_string(x.t.shape()), where(x.loc));
  Ints axes;
  for (int d = 2; d < x.t.rank(); ++d) axes.push_back(d);
  return channel_affine(normalized(x, axes, eps).y, weight, bias, x.loc);
}

Tensor instance_norm(In x, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool training, double momentum,
                     double eps) {
  if (!training)
    return batch_norm(x, running_mean, running_var, weight, bias, false, momentum, eps);
  check(x.t.rank() >= 3, "instance_norm: wants [N, C, spatial...], not {}{}",
        to_string(x.t.shape()), where(x.loc));
  Ints axes;
  for (int d = 2; d < x.t.rank(); ++d) axes.push_back(d);
  const double n = count_of(x.t.shape(), axes);
  check(n > 1, "instance_norm: one value a channel has no variance, got input {}{}",
        to_string(x.t.shape()), where(x.loc));
  const Normalized normal = normalized(x, axes, eps);
  if (running_mean.defined()) {
    NoGrad no_grad;
    const Tensor variance = reciprocal(square(normal.rstd)) + (-eps);
    move_toward(running_mean, mean(normal.mean, {0}), momentum);
    move_toward(running_var, mean(variance, {0}) * (n / (n - 1)), momentum);
  }
  return channel_affine(normal.y, weight, bias, x.loc);
}
Tensor local_response_norm(In x, int64_t size, double alpha, double beta, double k) {
  check(x.t.rank() >= 2 && size > 0, "local_response_norm: size {} for {}{}", size,
        to_string(x.t.shape()), where(x.loc));
  const Shape& s = x.t.shape();
  const int64_t rest = s[0] * s[1] > 0 ? x.t.numel() / (s[0] * s[1]) : 0;
  const Tensor squares =
      pad(reshape(square(x), {s[0], 1, s[1], rest}), {0, 0, size / 2, (size - 1) / 2});
  const Tensor means = reshape(avg_pool(squares, {.kernel = {size, 1}, .stride = {1, 1}}), s);
  return div(x, pow(means * alpha + k, beta));
}

}  // namespace cairn
