// Convolution and pooling. Windows are made explicit first: pads of each side, and how many there
// are; one that would begin in the padding after the end is dropped.
#include <algorithm>
#include <limits>

#include "cairn/base/round.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"

namespace cairn::onnx {
namespace {

Ints or_ones(const NodeCall& c, const char* name, size_t count) {
  const Ints given = within_reason(c.ints(name, Ints(count, 1)), name);
  check(given.size() == count, "{} {} for {} spatial dimensions", given.size(), name, count);
  for (int64_t n : given) check(n > 0, "{} of {}", name, n);
  return given;
}

struct Windows {
  Ints kernel, stride, dilation, begin, end, count;
  int64_t reach(size_t d) const { return (kernel[d] - 1) * dilation[d] + 1; }
  bool symmetric() const { return begin == end; }
  // What has to stand around the input so that windows without padding are these; the end may be
  // negative: what no window reaches.
  int64_t end_needed(size_t d, int64_t size) const {
    return (count[d] - 1) * stride[d] + reach(d) - size - begin[d];
  }
};

Windows windows_of(const NodeCall& c, const Shape& x, const Ints& kernel, bool ceils) {
  check(x.size() >= 3 && kernel.size() + 2 == x.size(), "a window of {} over {}", to_string(kernel),
        to_string(x));
  const size_t n = kernel.size();
  Windows w{kernel, or_ones(c, "strides", n), or_ones(c, "dilations", n), {}, {}, {}};
  for (int64_t k : kernel) check(k > 0, "a window of {}", to_string(kernel));
  const Ints pads = within_reason(c.ints("pads", Ints(2 * n, 0)), "pads");
  check(pads.size() == 2 * n, "{} pads for {} spatial dimensions", pads.size(), n);
  const std::string automatic = c.text("auto_pad", "NOTSET");
  for (size_t d = 0; d < n; ++d) {
    const int64_t size = x[d + 2], stride = w.stride[d];
    int64_t begin = pads[d], end = pads[d + n];
    if (automatic.starts_with("SAME")) {
      const int64_t all =
          std::max<int64_t>(0, (ceil_div(size, stride) - 1) * stride + w.reach(d) - size);
      begin = automatic == "SAME_LOWER" ? all - all / 2 : all / 2, end = all - begin;
    } else if (automatic == "VALID") {
      begin = end = 0;
    }
    check(begin >= 0 && end >= 0, "negative pads");
    const int64_t room = size + begin + end - w.reach(d);
    check(room >= 0, "a window of {} over {} with pads {}", to_string(kernel), to_string(x),
          to_string(pads));
    int64_t count = (ceils ? room + stride - 1 : room) / stride + 1;
    if (ceils && (count - 1) * stride >= size + begin) --count;
    w.begin.push_back(begin), w.end.push_back(end), w.count.push_back(count);
  }
  return w;
}

// x with what the windows need around it.
Tensor surrounded(Tensor x, const Windows& w, double value) {
  Ints pads;
  bool any = false;
  for (size_t d = w.kernel.size(); d-- > 0;) {
    const int64_t size = x.size(static_cast<int64_t>(d) + 2), end = w.end_needed(d, size);
    if (end < 0) x = slice(x, static_cast<int64_t>(d) + 2, 0, size + end);
    pads.push_back(w.begin[d]), pads.push_back(std::max<int64_t>(0, end));
    any |= w.begin[d] > 0 || end > 0;
  }
  return any ? pad(x, pads, PadMode::constant, value) : x;
}

// ---- convolution

}  // namespace

Tensor convolved(const NodeCall& c, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(x.rank() >= 3 && weight.rank() == x.rank(), "a kernel {} over {}",
        to_string(weight.shape()), to_string(x.shape()));
  const Ints kernel(weight.shape().begin() + 2, weight.shape().end());
  const Windows w = windows_of(c, x.shape(), kernel, false);
  Ints pads;
  for (size_t d = 0; d < kernel.size(); ++d) pads.push_back(w.begin[d]), pads.push_back(w.end[d]);
  return conv(x, weight, bias, {w.stride, pads, w.dilation, c.integer("group", 1)});
}

namespace {

void read_conv(NodeCall& c) { c.give(convolved(c, c.in(0), c.in(1), c.maybe(2))); }

void read_conv_transpose(NodeCall& c) {
  const Tensor &x = c.in(0), &weight = c.in(1);
  check(x.rank() >= 3 && weight.rank() == x.rank(), "a kernel {} over {}",
        to_string(weight.shape()), to_string(x.shape()));
  const size_t n = static_cast<size_t>(x.rank()) - 2;
  const Ints stride = or_ones(c, "strides", n), dilation = or_ones(c, "dilations", n);
  const Ints extra = within_reason(c.ints("output_padding", Ints(n, 0)), "output_padding"),
             wanted = within_reason(c.ints("output_shape"), "output_shape"),
             pads = within_reason(c.ints("pads", Ints(2 * n, 0)), "pads");
  check(extra.size() == n && pads.size() == 2 * n && (wanted.empty() || wanted.size() >= n),
        "pads, output_padding or output_shape of another number of dimensions");
  const std::string automatic = c.text("auto_pad", "NOTSET");
  Tensor y = conv_transpose(x, weight, {}, {stride, {0}, {0}, dilation, c.integer("group", 1)});
  for (size_t d = 0; d < n; ++d) {
    const auto axis = static_cast<int64_t>(d) + 2;
    const int64_t full = y.size(axis);
    int64_t size = full + extra[d] - pads[d] - pads[d + n], begin = pads[d];
    if (!wanted.empty() || automatic.starts_with("SAME")) {
      size = wanted.empty() ? x.size(axis) * stride[d] : wanted[wanted.size() - n + d];
      const int64_t cut = full + extra[d] - size;
      // As since opset 11; what was written before says the opposite, and nobody does it.
      begin = automatic == "SAME_UPPER" ? cut / 2 : cut - cut / 2;
      if (cut < 0) begin = 0;
    } else if (automatic == "VALID") {
      size = full + extra[d], begin = 0;
    }
    check(size >= 0 && begin >= 0, "nothing is left of {}", full);
    const int64_t missing = begin + size - full;
    if (missing > 0) {
      Ints more(2 * static_cast<size_t>(y.rank() - axis), 0);
      more[more.size() - 1] = missing;
      y = pad(y, more);
    }
    if (begin > 0 || size < y.size(axis)) y = slice(y, axis, begin, size);
  }
  if (c.has(2)) {
    Shape line(n + 2, 1);
    line[1] = c.in(2).numel();
    y = y + reshape(c.in(2), line);
  }
  c.give(y);
}

// ---- pooling

Ints kernel_of(const NodeCall& c) {
  const Ints kernel = within_reason(c.ints("kernel_shape"), "kernel_shape");
  check(!kernel.empty(), "kernel_shape is missing");
  return kernel;
}

// The flat places in a picture with `w.begin` around it, as places in x as a whole.
Tensor places_in(const NodeCall& c, const Tensor& flat, const Windows& w, const Shape& padded,
                 const Shape& x) {
  const bool columns_first = c.integer("storage_order", 0) != 0;
  const size_t n = w.kernel.size();
  const auto number = [](int64_t v) { return scalar(static_cast<double>(v), DType::i64); };
  std::vector<Tensor> at(n);
  Tensor rest = flat;
  for (size_t d = n; d-- > 0;) {
    const Tensor within = remainder(rest, number(padded[d + 2]));
    at[d] = within - static_cast<double>(w.begin[d]);
    rest = cast(cast(rest - within, DType::f64) / static_cast<double>(padded[d + 2]), DType::i64);
  }
  int64_t spatial = 1;
  for (size_t d = 0; d < n; ++d) spatial *= x[d + 2];
  Tensor place = reshape(arange(0, x[0] * x[1]), [&] {
    Shape s(n + 2, 1);
    s[0] = x[0], s[1] = x[1];
    return s;
  }());
  place = place * static_cast<double>(spatial);
  int64_t step = 1;
  for (size_t i = 0; i < n; ++i) {
    const size_t d = columns_first ? i : n - 1 - i;
    place = place + at[d] * static_cast<double>(step);
    step *= x[d + 2];
  }
  return place;
}

void read_max_pool(NodeCall& c) {
  const DType dtype = c.in(0).dtype();
  const Tensor x = is_float(dtype) ? c.in(0) : cast(c.in(0), DType::f32);
  const Windows w = windows_of(c, x.shape(), kernel_of(c), c.integer("ceil_mode", 0) != 0);
  bool plain = w.symmetric() && !c.wants(1) && c.integer("ceil_mode", 0) == 0;
  for (size_t d = 0; d < w.kernel.size(); ++d) plain &= 2 * w.begin[d] <= w.kernel[d];
  if (plain)
    return c.give(cast(
        max_pool(
            x,
            {.kernel = w.kernel, .stride = w.stride, .padding = w.begin, .dilation = w.dilation}),
        dtype));
  const Tensor around = surrounded(x, w, -std::numeric_limits<double>::infinity());
  const PoolOptions options{.kernel = w.kernel, .stride = w.stride, .dilation = w.dilation};
  if (!c.wants(1)) return c.give(cast(max_pool(around, options), dtype));
  const MaxPooled pooled = max_pool_with_indices(around, options);
  c.give(cast(pooled.values, dtype));
  c.give(places_in(c, pooled.indices, w, around.shape(), x.shape()), 1);
}

// Sums over windows.
Tensor window_sums(const Tensor& x, const Windows& w) {
  const Tensor around = surrounded(x, w, 0);
  double places = 1;
  bool dilates = false;
  for (size_t d = 0; d < w.kernel.size(); ++d)
    places *= static_cast<double>(w.kernel[d]), dilates |= w.dilation[d] != 1;
  if (!dilates) return avg_pool(around, {.kernel = w.kernel, .stride = w.stride}) * places;
  Shape kernel = {x.size(1), 1};
  for (int64_t k : w.kernel) kernel.push_back(k);
  return conv(around, full(kernel, 1, x.dtype()), {}, {w.stride, {0}, w.dilation, x.size(1)});
}

// How many places of each window are in the input, or in it and its pads.
Tensor window_counts(const Windows& w, const Shape& x, bool with_pads, DType dtype) {
  Tensor counts;
  const RecorderScope eager(nullptr);
  for (size_t d = 0; d < w.kernel.size(); ++d) {
    std::vector<float> along;
    const int64_t first = with_pads ? -w.begin[d] : 0, last = x[d + 2] + (with_pads ? w.end[d] : 0);
    for (int64_t i = 0; i < w.count[d]; ++i) {
      int64_t inside = 0;
      for (int64_t k = 0; k < w.kernel[d]; ++k) {
        const int64_t at = i * w.stride[d] - w.begin[d] + k * w.dilation[d];
        inside += at >= first && at < last;
      }
      along.push_back(static_cast<float>(std::max<int64_t>(1, inside)));
    }
    Shape line(w.kernel.size(), 1);
    line[d] = w.count[d];
    const Tensor one = from_host(along.data(), line, DType::f32);
    counts = counts.defined() ? counts * one : one;
  }
  return cast(counts, dtype);
}

void read_average_pool(NodeCall& c) {
  const Tensor& x = c.in(0);
  const Windows w = windows_of(c, x.shape(), kernel_of(c), c.integer("ceil_mode", 0) != 0);
  const bool with_pads = c.integer("count_include_pad", 0) != 0;
  bool plain = w.symmetric() && c.integer("ceil_mode", 0) == 0;
  for (size_t d = 0; d < w.kernel.size(); ++d)
    plain &= 2 * w.begin[d] <= w.kernel[d] && w.dilation[d] == 1;
  if (plain)
    return c.give(avg_pool(
        x,
        {.kernel = w.kernel, .stride = w.stride, .padding = w.begin, .count_padding = with_pads}));
  c.give(window_sums(x, w) / window_counts(w, x.shape(), with_pads, x.dtype()));
}

void read_lp_pool(NodeCall& c) {
  const double p = static_cast<double>(c.integer("p", 2));
  const Windows w = windows_of(c, c.in(0).shape(), kernel_of(c), c.integer("ceil_mode", 0) != 0);
  c.give(pow(window_sums(pow(abs(c.in(0)), p), w), 1 / p));
}

Ints spatial_axes(const Tensor& x) {
  Ints axes;
  for (int d = 2; d < x.rank(); ++d) axes.push_back(d);
  return axes;
}
void read_global_average_pool(NodeCall& c) { c.give(mean(c.in(0), spatial_axes(c.in(0)), true)); }
void read_global_max_pool(NodeCall& c) { c.give(amax(c.in(0), spatial_axes(c.in(0)), true)); }
void read_global_lp_pool(NodeCall& c) {
  const double p = static_cast<double>(c.integer("p", 2));
  c.give(pow(sum(pow(abs(c.in(0)), p), spatial_axes(c.in(0)), true), 1 / p));
}

void read_max_unpool(NodeCall& c) {
  const Tensor &x = c.in(0), &places = c.in(1);
  const Ints kernel = kernel_of(c);
  const size_t n = kernel.size();
  const Ints stride = or_ones(c, "strides", n),
             pads = within_reason(c.ints("pads", Ints(2 * n, 0)), "pads");
  check(
      pads.size() == 2 * n && static_cast<size_t>(x.rank()) == n + 2 && places.numel() == x.numel(),
      "{} pads and a window of {} over {} with {} places", pads.size(), to_string(kernel),
      to_string(x.shape()), to_string(places.shape()));
  Ints spatial;  // that the places are of
  for (size_t d = 0; d < n; ++d)
    spatial.push_back((x.size(static_cast<int64_t>(d) + 2) - 1) * stride[d] - pads[d] -
                      pads[d + n] + kernel[d]);
  Shape shape = x.shape();
  for (size_t d = 0; d < n; ++d) shape[d + 2] = spatial[d];
  // Of the whole tensor; one dimension holds it all.
  const Tensor flat = full({numel(shape)}, 0, x.dtype());
  const Tensor at = reshape(cast(places, DType::i64), {x.numel()});
  Tensor y = reshape(scatter(flat, 0, at, reshape(x, {x.numel()})), shape);
  if (c.has(2)) {  // zeros after it
    const Ints wanted = within_reason(c.host(2), "output_shape");
    check(wanted.ssize() == x.rank(), "output_shape {} for {}", to_string(wanted),
          to_string(shape));
    Ints more;
    for (int d = x.rank(); d-- > 0;) more.push_back(0), more.push_back(wanted[d] - shape[d]);
    y = pad(y, more);
  }
  c.give(y);
}

void read_col2im(NodeCall& c) {
  const Ints image = within_reason(c.host(1), "a picture"),
             block = within_reason(c.host(2), "a block");
  const size_t n = image.size();
  const Ints pads = within_reason(c.ints("pads", Ints(2 * n, 0)), "pads"),
             stride = or_ones(c, "strides", n), dilation = or_ones(c, "dilations", n);
  check(pads.size() == 2 * n && block.size() == n, "{} pads and a block of {} for a picture of {}",
        pads.size(), to_string(block), to_string(image));
  Ints around = image;
  for (size_t d = 0; d < n; ++d) around[d] += pads[d] + pads[d + n];
  Tensor y = fold(c.in(0), around, {block, stride, {0}, dilation});
  for (size_t d = 0; d < n; ++d) y = slice(y, static_cast<int64_t>(d) + 2, pads[d], image[d]);
  c.give(y);
}

// Integers: sums are exact in f64.
void read_conv_integer(NodeCall& c) {
  const auto shifted = [&](size_t i) {
    const Tensor x = cast(c.in(i), DType::f64);
    if (!c.has(i + 2)) return x;
    Tensor zero = cast(c.in(i + 2), DType::f64);
    if (zero.numel() > 1) {  // one an output channel
      Shape line(static_cast<size_t>(x.rank()), 1);
      line[0] = zero.numel();
      zero = reshape(zero, line);
    } else {
      zero = reshape(zero, {});
    }
    return x - zero;
  };
  c.give(cast(convolved(c, shifted(0), shifted(1), {}), DType::i32));
}

constexpr OpRow kWindows[] = {
    {"AveragePool", read_average_pool},
    {"Col2Im", read_col2im},
    {"Conv", read_conv},
    {"ConvInteger", read_conv_integer},
    {"ConvTranspose", read_conv_transpose},
    {"GlobalAveragePool", read_global_average_pool},
    {"GlobalLpPool", read_global_lp_pool},
    {"GlobalMaxPool", read_global_max_pool},
    {"LpPool", read_lp_pool},
    {"MaxPool", read_max_pool},
    {"MaxUnpool", read_max_unpool},
};

}  // namespace

OpRows window_rows() { return kWindows; }

}  // namespace cairn::onnx
