#include "cairn/ops/unfold.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

struct Windows {
  int dims;
  Ints kernel, stride, padding, dilation, counts;  // counts: windows along each dimension
  Windows(const char* name, const Ints& spatial, const UnfoldOptions& o, Loc loc)
      : dims(spatial.ssize()) {
    auto each = [&](const Ints& given) {
      check(given.size() == 1 || given.ssize() == dims, "{}: {} numbers for {} dimensions{}", name,
            given.size(), dims, where(loc));
      return given.size() == 1 ? Ints(static_cast<size_t>(dims), given[0]) : given;
    };
    kernel = each(o.kernel), stride = each(o.stride), padding = each(o.padding),
    dilation = each(o.dilation);
    for (int d = 0; d < dims; ++d) {
      check(kernel[d] > 0 && stride[d] > 0 && dilation[d] > 0 && padding[d] >= 0,
            "{}: kernel, stride and dilation must be positive{}", name, where(loc));
      const int64_t room = spatial[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1;
      check(room >= 0, "{}: the kernel {} is larger than the padded size {}{}", name, kernel[d],
            spatial[d] + 2 * padding[d], where(loc));
      counts.push_back(room / stride[d] + 1);
    }
  }
  // Steps through the kernel's elements in row-major order; false after the last.
  bool next(Ints& k) const {
    for (int d = dims - 1; d >= 0; --d) {
      if (++k[d] < kernel[d]) return true;
      k[d] = 0;
    }
    return false;
  }
};

}  // namespace

Tensor unfold(In x, const UnfoldOptions& options) {
  check(x.t.rank() >= 3, "unfold: wants [N, C, spatial...], not {}{}", to_string(x.t.shape()),
        where(x.loc));
  const Windows w("unfold", Ints(x.t.shape().begin() + 2, x.t.shape().end()), options, x.loc);
  Ints pads;
  for (int d = w.dims - 1; d >= 0; --d) pads.push_back(w.padding[d]), pads.push_back(w.padding[d]);
  const Tensor padded = pad(x, pads);
  Tensors parts;
  Ints k(static_cast<size_t>(w.dims), 0);
  do {
    Tensor part = padded;
    for (int d = 0; d < w.dims; ++d)
      part = slice(part, d + 2, k[d] * w.dilation[d], w.counts[d], w.stride[d]);
    parts.push_back(part);
  } while (w.next(k));
  const Tensor all = stack(parts, 2);  // [N, C, kernel elements, windows...]
  return reshape(all, {all.shape()[0], all.shape()[1] * all.shape()[2], numel(w.counts)});
}

Tensor fold(In columns, const Ints& spatial, const UnfoldOptions& options) {
  const Windows w("fold", spatial, options, columns.loc);
  const int64_t elements = numel(w.kernel), windows = numel(w.counts);
  check(columns.t.rank() == 3 && columns.t.shape()[1] % elements == 0 &&
            columns.t.shape()[2] == windows,
        "fold: wants columns [N, C * {}, {}], not {}{}", elements, windows,
        to_string(columns.t.shape()), where(columns.loc));
  Shape apart = {columns.t.shape()[0], columns.t.shape()[1] / elements, elements};
  for (int64_t n : w.counts) apart.push_back(n);
  const Tensor all = reshape(columns, apart);
  Tensor image;
  Ints k(static_cast<size_t>(w.dims), 0);
  int64_t number = 0;
  do {
    Tensor part = select(all, 2, number++);
    for (int d = 0; d < w.dims; ++d)
      part = apply(op_named("embed_slice"), {part},
                   {{"axis", int64_t{d + 2}},
                    {"start", k[d] * w.dilation[d]},
                    {"length", w.counts[d]},
                    {"step", w.stride[d]},
                    {"size", spatial[d] + 2 * w.padding[d]}},
                   columns.loc);
    image = image.defined() ? image + part : part;
  } while (w.next(k));
  for (int d = 0; d < w.dims; ++d) image = slice(image, d + 2, w.padding[d], spatial[d]);
  return image;
}

Tensor pixel_shuffle(In x, int64_t f) {
  check(x.t.rank() == 4 && f > 0 && x.t.shape()[1] % (f * f) == 0,
        "pixel_shuffle: the channels of {} do not divide by {} squared{}", to_string(x.t.shape()),
        f, where(x.loc));
  const Shape& s = x.t.shape();
  const Tensor apart = reshape(x, {s[0], s[1] / (f * f), f, f, s[2], s[3]});
  return reshape(permute(apart, {0, 1, 4, 2, 5, 3}), {s[0], s[1] / (f * f), s[2] * f, s[3] * f});
}
Tensor pixel_unshuffle(In x, int64_t f) {
  check(x.t.rank() == 4 && f > 0 && x.t.shape()[2] % f == 0 && x.t.shape()[3] % f == 0,
        "pixel_unshuffle: {} does not divide by {}{}", to_string(x.t.shape()), f, where(x.loc));
  const Shape& s = x.t.shape();
  const Tensor apart = reshape(x, {s[0], s[1], s[2] / f, f, s[3] / f, f});
  return reshape(permute(apart, {0, 1, 3, 5, 2, 4}), {s[0], s[1] * f * f, s[2] / f, s[3] / f});
}

Tensor channel_shuffle(In x, int64_t groups) {
  check(x.t.rank() >= 2 && groups > 0 && x.t.shape()[1] % groups == 0,
        "channel_shuffle: {} groups for {}{}", groups, to_string(x.t.shape()), where(x.loc));
  const Shape& s = x.t.shape();
  Shape apart = {s[0], groups, s[1] / groups};
  for (int d = 2; d < s.ssize(); ++d) apart.push_back(s[d]);
  return reshape(transpose(reshape(x, apart), 1, 2), s);
}

}  // namespace cairn
