#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

// Visits every product of a convolution: visit(input place, weight place, output place).
template <class F>
void each_product(const Call& c, const Shape& x, const Shape& w, const Shape& y, F visit) {
  const Ints &stride = c.attrs().ints("stride"), &pads = c.attrs().ints("pads"),
             &dilation = c.attrs().ints("dilation");
  const int64_t groups = c.attrs().integer("groups"), per_group = w[0] / groups;
  if (numel(w) == 0 || numel(y) == 0) return;
  Ints out(y.size(), 0);
  do {
    Ints inner(w.begin() + 1, w.end()), k(inner.size(), 0);  // channel in the group, then kernel
    do {
      Ints in(x.size(), 0), weight(w.size(), 0);
      in[0] = out[0];
      in[1] = out[1] / per_group * w[1] + k[0];
      weight[0] = out[1], weight[1] = k[0];
      bool inside = true;
      for (int d = 2; d < x.ssize(); ++d) {
        in[d] = out[d] * stride[d - 2] - pads[2 * (d - 2)] + k[d - 1] * dilation[d - 2];
        weight[d] = k[d - 1];
        inside &= in[d] >= 0 && in[d] < x[d];
      }
      if (inside) visit(in, weight, out);
    } while (next(k, inner));
  } while (next(out, y));
}

void store(const View& y, const std::vector<double>& sums) {
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, sums[i]);
}

void conv(const Call& c) {
  const View x = c.in(0), w = c.in(1), y = c.out();
  std::vector<double> sums(y.count(), 0);
  each_product(c, x.shape(), w.shape(), y.shape(),
               [&](const Ints& i, const Ints& k, const Ints& o) {
                 sums[flat_index(o, y.shape())] += x.get(i) * w.get(k);
               });
  store(y, sums);
}
void conv_grad_input(const Call& c) {
  const View gy = c.in(0), w = c.in(1), gx = c.out();
  std::vector<double> sums(gx.count(), 0);
  each_product(c, gx.shape(), w.shape(), gy.shape(),
               [&](const Ints& i, const Ints& k, const Ints& o) {
                 sums[flat_index(i, gx.shape())] += gy.get(o) * w.get(k);
               });
  store(gx, sums);
}
void conv_grad_weight(const Call& c) {
  const View x = c.in(0), gy = c.in(1), gw = c.out();
  std::vector<double> sums(gw.count(), 0);
  each_product(c, x.shape(), gw.shape(), gy.shape(),
               [&](const Ints& i, const Ints& k, const Ints& o) {
                 sums[flat_index(k, gw.shape())] += x.get(i) * gy.get(o);
               });
  store(gw, sums);
}

const Row kRows[] = {
    {"conv", conv}, {"conv_grad_input", conv_grad_input}, {"conv_grad_weight", conv_grad_weight}};

}  // namespace

std::span<const Row> conv_kernels() { return kRows; }

}  // namespace cairn::reference
