// 8-bit inference: integer sums in i64, real arithmetic as cairn/ops/qlinear_math.h has it.
#include "cairn/backend/reference/kernels.h"
#include "cairn/ops/qlinear_math.h"

namespace cairn::reference {
namespace {

using qlinear::Line;

struct Params {
  double scale;
  int64_t zero;
};
Params params(const Call& c, const char* scale, const char* zero) {
  return {c.attrs().number(scale), c.attrs().integer(zero)};
}
Line between(const Params& from, const Params& to) {
  return qlinear::line_between(from.scale, from.zero, to.scale, to.zero);
}
float low_of(const Call& c, const Params& y) {
  return c.attrs().integer("relu") ? static_cast<float>(y.zero) : 0.0f;
}

// Visits (place in [N, C, spatial...], place in [N, spatial..., C]) as flat indices.
template <class F>
void each_place(const Shape& channels_first, F visit) {
  if (numel(channels_first) == 0) return;
  Shape last = {channels_first[0]};
  for (size_t d = 2; d < channels_first.size(); ++d) last.push_back(channels_first[d]);
  last.push_back(channels_first[1]);
  Ints at(channels_first.size(), 0);
  int64_t flat = 0;
  do {
    Ints moved = {at[0]};
    for (size_t d = 2; d < at.size(); ++d) moved.push_back(at[d]);
    moved.push_back(at[1]);
    visit(flat++, flat_index(moved, last));
  } while (next(at, channels_first));
}

void quantize(const Call& c) {
  const View x = c.in(0), y = c.out();
  const Line line = qlinear::line_to(c.attrs().number("scale"), c.attrs().integer("zero"));
  each_place(x.shape(), [&](int64_t from, int64_t to) {
    const float value = static_cast<float>(x.get(from));
    if (std::isnan(value)) return c.not_finite(from);
    y.set_integer(to, qlinear::to_u8(line(value), 0));
  });
}
void dequantize(const Call& c) {
  const View x = c.in(0), y = c.out();
  const Line line = qlinear::line_from(c.attrs().number("scale"), c.attrs().integer("zero"));
  each_place(y.shape(),
             [&](int64_t to, int64_t from) { y.set(to, line(static_cast<float>(x.get(from)))); });
}
void requantize(const Call& c) {
  const View x = c.in(0), y = c.out();
  const Line line = between(params(c, "x_scale", "x_zero"), params(c, "y_scale", "y_zero"));
  for (int64_t i = 0; i < x.count(); ++i)
    y.set_integer(i, qlinear::to_u8(line(static_cast<float>(x.get(i))), 0));
}
void add(const Call& c) {
  const View a = c.in(0), b = c.in(1), y = c.out();
  const Params to = params(c, "y_scale", "y_zero");
  const Line first = between(params(c, "a_scale", "a_zero"), to);
  const Line second = between(params(c, "b_scale", "b_zero"), {to.scale, 0});
  for (int64_t i = 0; i < a.count(); ++i) {
    const float part =
        std::fma(static_cast<float>(a.get(i)), first.factor, first.offset + second.offset);
    y.set_integer(i, qlinear::to_u8(std::fma(static_cast<float>(b.get(i)), second.factor, part),
                                    low_of(c, to)));
  }
}

// The sum of (x - zero) * w under the window of output pixel `at` [n, h, w, o].
int64_t conv_sum(const Call& c, const View& x, const View& w, const Ints& at, int64_t zero) {
  const Ints &stride = c.attrs().ints("stride"), &pads = c.attrs().ints("pads"),
             &dilation = c.attrs().ints("dilation");
  const int64_t per_group = w.shape()[0] / c.attrs().integer("groups"), depth = w.shape()[3];
  int64_t sum = 0;
  Ints k(3, 0);
  const Shape kernel = {w.shape()[1], w.shape()[2], depth};
  do {
    const int64_t h = at[1] * stride[0] - pads[0] + k[0] * dilation[0],
                  v = at[2] * stride[1] - pads[2] + k[1] * dilation[1];
    if (h < 0 || v < 0 || h >= x.shape()[1] || v >= x.shape()[2]) continue;
    sum += (x.get_integer(flat_index({at[0], h, v, at[3] / per_group * depth + k[2]}, x.shape())) -
            zero) *
           w.get_integer(flat_index({at[3], k[0], k[1], k[2]}, w.shape()));
  } while (next(k, kernel));
  return sum;
}

void conv(const Call& c) {
  const View x = c.in(0), w = c.in(1), scale = c.in(2), bias = c.in(3), y = c.out();
  if (y.count() == 0) return;
  const bool residual = c.op.inputs.size() == 5, floats = c.attrs().integer("floats") != 0;
  const Params from = params(c, "x_scale", "x_zero"), to = params(c, "y_scale", "y_zero");
  Line other{0, 0};
  double offset = static_cast<double>(to.zero);
  if (residual) {
    const Params r = params(c, "residual_scale", "residual_zero");
    other = between(r, to);
    offset -= static_cast<double>(r.zero) * (r.scale / to.scale);
  }
  Ints at(4, 0);
  int64_t flat = 0;
  do {
    const Line line =
        qlinear::line_of_channel(from.scale, static_cast<float>(scale.get(at[3])),
                                 static_cast<float>(bias.get(at[3])), to.scale, offset);
    float v =
        numel(w.shape()) ? line(static_cast<float>(conv_sum(c, x, w, at, from.zero))) : line.offset;
    if (residual) v = std::fma(static_cast<float>(c.in(4).get(flat)), other.factor, v);
    if (floats) y.set(flat, c.attrs().integer("relu") ? std::max(v, 0.0f) : v);
    else y.set_integer(flat, qlinear::to_u8(v, low_of(c, to)));
    ++flat;
  } while (next(at, y.shape()));
}

// Calls visit(value) for the places of x under the window of pixel `at` that are inside.
template <class F>
void each_in_window(const Call& c, const View& x, const Ints& at, F visit) {
  const Ints &kernel = c.attrs().ints("kernel"), &stride = c.attrs().ints("stride"),
             &pads = c.attrs().ints("pads");
  for (int64_t i = 0; i < kernel[0]; ++i)
    for (int64_t j = 0; j < kernel[1]; ++j) {
      const int64_t h = at[1] * stride[0] - pads[0] + i, v = at[2] * stride[1] - pads[1] + j;
      if (h >= 0 && v >= 0 && h < x.shape()[1] && v < x.shape()[2])
        visit(x.get_integer(flat_index({at[0], h, v, at[3]}, x.shape())));
    }
}

void max_pool(const Call& c) {
  const View x = c.in(0), y = c.out();
  if (y.count() == 0) return;
  Ints at(4, 0);
  int64_t flat = 0;
  do {
    int64_t most = 0;
    each_in_window(c, x, at, [&](int64_t q) { most = std::max(most, q); });
    y.set_integer(flat++, most);
  } while (next(at, y.shape()));
}
void average_pool(const Call& c) {
  const View x = c.in(0), y = c.out();
  if (y.count() == 0) return;
  const Params from = params(c, "x_scale", "x_zero"), to = params(c, "y_scale", "y_zero");
  const int64_t window = numel(c.attrs().ints("kernel"));
  Ints at(4, 0);
  int64_t flat = 0;
  do {
    int64_t sum = 0, count = 0;
    each_in_window(c, x, at, [&](int64_t q) { sum += q, ++count; });
    if (c.attrs().integer("count_padding")) sum += (window - count) * from.zero, count = window;
    const Line line = qlinear::line_of_mean(from.scale, from.zero, to.scale, to.zero, count);
    y.set_integer(flat++, qlinear::to_u8(line(static_cast<float>(sum)), 0));
  } while (next(at, y.shape()));
}

const Row kRows[] = {{"quantize_linear", quantize},
                     {"dequantize_linear", dequantize},
                     {"requantize_linear", requantize},
                     {"qlinear_add", add},
                     {"qlinear_conv", conv},
                     {"qlinear_max_pool", max_pool},
                     {"qlinear_average_pool", average_pool}};

}  // namespace

std::span<const Row> qlinear_kernels() { return kRows; }

}  // namespace cairn::reference
