#include <cmath>

#include "cairn/autograd/autograd.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

struct Window {
  Shape x;
  Ints kernel, stride, pads, dilation = {};
  bool ceil = false;
  Attrs attrs() const {
    Attrs a = {{"kernel", kernel}, {"stride", stride}, {"pads", pads}};
    if (!dilation.empty()) a.set("dilation", dilation);
    if (ceil) a.set("ceil", int64_t{1});
    return a;
  }
  Shape y() const {
    Shape out = {x[0], x[1]};
    for (size_t d = 0; d < kernel.size(); ++d) {
      const int64_t reach = (kernel[d] - 1) * (dilation.empty() ? 1 : dilation[d]) + 1;
      const int64_t room = x[d + 2] + 2 * pads[d] - reach;
      int64_t count = (room + (ceil ? stride[d] - 1 : 0)) / stride[d] + 1;
      if ((count - 1) * stride[d] >= x[d + 2] + pads[d]) --count;
      out.push_back(count);
    }
    return out;
  }
  Ints spatial() const { return Ints(x.begin() + 2, x.end()); }
};
const std::vector<Window> kWindows = {
    {{2, 3, 7}, {2}, {2}, {0}},
    {{1, 2, 6}, {3}, {1}, {1}},
    {{1, 2, 4, 4}, {2, 2}, {2, 2}, {0, 0}},
    {{2, 1, 5, 4}, {3, 2}, {2, 1}, {1, 1}},
    {{1, 3, 3, 3}, {3, 3}, {1, 1}, {1, 1}},
    {{1, 1, 4, 3, 4}, {2, 2, 2}, {2, 1, 2}, {0, 0, 1}},
    {{0, 2, 4, 4}, {2, 2}, {2, 2}, {0, 0}},
    {{1, 17, 4, 4}, {2, 2}, {2, 2}, {0, 0}},
    {{2, 1, 5, 45}, {2, 2}, {2, 2}, {0, 0}},
    {{1, 2, 3, 4, 11}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}},
    {{1, 1, 1}, {1}, {1}, {0}},
    {{2, 2, 17}, {5}, {3}, {2}},
    {{1, 3, 33}, {2}, {1}, {1}},
    {{1, 2, 9}, {3}, {4}, {1}},
    {{1, 2, 5, 7}, {3, 3}, {2, 2}, {1, 1}},
    {{2, 3, 6, 5}, {1, 3}, {1, 2}, {0, 1}},
    {{1, 2, 6, 5}, {3, 1}, {2, 1}, {1, 0}},
    {{1, 9, 5, 5}, {3, 3}, {1, 1}, {0, 0}},
    {{1, 2, 5, 5}, {5, 5}, {1, 1}, {2, 2}},
    {{1, 2, 5, 5}, {5, 5}, {1, 1}, {0, 0}},
    {{1, 33, 3, 4}, {2, 2}, {1, 1}, {0, 0}},
    {{2, 8, 4, 6}, {2, 3}, {2, 3}, {1, 0}},
    {{1, 2, 8, 9}, {2, 2}, {3, 3}, {0, 1}},
    {{2, 2, 3, 3, 3}, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},
    {{1, 17, 2, 4, 3}, {1, 2, 3}, {1, 2, 1}, {0, 1, 1}},
    {{1, 2, 2, 17}, {2, 2}, {2, 2}, {0, 1}},
    {{1, 2, 8}, {3}, {2}, {1}, {}, true},
    {{1, 17, 6, 7}, {2, 3}, {3, 2}, {1, 0}, {}, true},
    {{1, 2, 4, 3, 5}, {2, 2, 2}, {2, 2, 2}, {0, 0, 1}, {}, true},
};
const std::vector<Window> kSpaced = {
    {{2, 3, 9}, {3}, {1}, {1}, {2}},
    {{1, 17, 7, 8}, {2, 3}, {2, 1}, {0, 1}, {3, 2}},
    {{1, 2, 7, 9}, {2, 2}, {2, 2}, {1, 0}, {2, 3}, true},
    {{1, 1, 4, 5, 3}, {2, 2, 1}, {1, 1, 1}, {0, 1, 0}, {2, 2, 1}},
};
Tensor positions_of(const Window& w, const Tensor& x) {  // where max_pool finds its maxima
  Tensor out[2];
  apply(op_named("max_pool"), {&x, 1}, w.attrs(), out);
  return out[1].detach();
}
Row max_row() {
  Row row{"max_pool", {}};
  for (const auto& windows : {kWindows, kSpaced})
    for (const Window& w : windows) row.cases.push_back(of("max_pool", {distinct(w.x)}, w.attrs()));
  return row;
}
// Its helpers, with positions that a pooling of another tensor found.
Arg source_of(const Window& w) {
  Arg source = fixed(w.x, {}, DType::f32);
  for (int64_t i = 0; i < numel(w.x); ++i)
    source.given.push_back(static_cast<double>((i * 7) % 11));
  return source;
}
Row helper_row(const char* name, bool scatter) {
  Row row{name, {}};
  for (const Window& w : kWindows) {
    Attrs attrs = w.attrs();
    if (scatter) attrs.set("spatial", w.spatial());
    row.cases.push_back(call(to_string(w.x) + " " + to_string(attrs),
                             {numbers(scatter ? w.y() : w.x), source_of(w)},
                             [=](const Tensors& in) {
                               return apply(op_named(name), {in[0], positions_of(w, in[1])}, attrs);
                             }));
  }
  return row;
}
Row average_row(bool spread) {
  const char* name = spread ? "avg_pool_spread" : "avg_pool";
  Row row{name, {}};
  for (const Window& w : kWindows)
    for (const int64_t count : {0, 1}) {
      Attrs attrs = w.attrs();
      attrs.set("count_padding", count);
      if (spread) attrs.set("spatial", w.spatial());
      row.cases.push_back(of(name, {numbers(spread ? w.y() : w.x)}, attrs));
    }
  return row;
}

}  // namespace

template <class F>
Row adaptive_row(const char* name, F f) {
  Row row{name, {}};
  for (const auto& [x, size] : std::vector<std::pair<Shape, Ints>>{{{1, 2, 7}, {3}},
                                                                   {{2, 1, 6}, {3}},
                                                                   {{1, 2, 5, 4}, {3, 2}},
                                                                   {{1, 1, 3, 4, 5}, {2}},
                                                                   {{1, 2, 3, 3}, {1}},
                                                                   {{1, 1, 2, 3}, {4, 5}},
                                                                   {{1, 1, 17}, {5}},
                                                                   {{2, 9, 4, 4}, {2}},
                                                                   {{1, 2, 7, 5}, {7, 1}},
                                                                   {{1, 2, 4, 3, 2}, {2, 3, 1}},
                                                                   {{2, 3, 1, 1}, {1}},
                                                                   {{1, 2, 9, 8}, {4, 3}},
                                                                   {{2, 2, 1}, {3}}})
    row.cases.push_back(call(to_string(x) + " to " + to_string(size), {distinct(x)},
                             [f, size = size](const Tensors& in) { return f(in[0], size); }));
  return row;
}

Row lp_row() {
  Row row{"lp_pool", {}};
  for (const double p : {1.0, 2.0, 3.0})
    for (const auto& [x, kernel, stride] :
         std::vector<std::tuple<Shape, int64_t, int64_t>>{{{1, 2, 4, 4}, 2, 2},
                                                          {{1, 1, 7}, 3, 2},
                                                          {{1, 2, 3, 3}, 2, 1},
                                                          {{1, 1, 2, 3, 2}, 2, 1}})
      row.cases.push_back(call(to_string(x) + " p " + std::to_string(static_cast<int>(p)),
                               {positive(x)},
                               [=, kernel = kernel, stride = stride](const Tensors& in) {
                                 return lp_pool(in[0], p, {.kernel = {kernel}, .stride = {stride}});
                               }));
  return row;
}

std::vector<Row> pool_rows() {
  return {adaptive_row("adaptive_avg_pool",
                       [](In x, const Ints& s) { return adaptive_avg_pool(x, s); }),
          adaptive_row("adaptive_max_pool",
                       [](In x, const Ints& s) { return adaptive_max_pool(x, s); }),
          lp_row(),
          max_row(),
          helper_row("max_pool_scatter", true),
          helper_row("max_pool_pick", false),
          average_row(false),
          average_row(true)};
}

// NaN and equal numbers too: the first of the largest is where the gradient goes.
TEST(Pool, PairsOfRowsAsTheReferenceHasThem) {
  std::vector<float> numbers(4 * 46);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = i % 11 == 0 ? NAN : i % 7 == 0 ? INFINITY : static_cast<float>(i * 5 % 3) - 1;
  const auto of = [&](const char* backend) {
    BackendScope scope(backend_named(backend));
    Tensor x = from_host(numbers.data(), {1, 1, 4, 46}, DType::f32);
    x.set_requires_grad();
    const Tensor y = max_pool2d(x, 2);
    const Tensor weights = reshape(arange(1, 47, 1, DType::f32), {1, 1, 2, 23});
    auto all = y.to_vector<float>();
    const auto slopes = grad({sum(where(isfinite(y), y, zeros({})) * weights)}, {x})[0];
    for (float v : slopes.to_vector<float>()) all.push_back(v);
    return all;
  };
  const auto cpu = of("cpu"), reference = of("reference");
  for (size_t i = 0; i < cpu.size(); ++i)
    EXPECT_TRUE(cpu[i] == reference[i] || (std::isnan(cpu[i]) && std::isnan(reference[i])))
        << i << ": " << cpu[i] << ", " << reference[i];
}

}  // namespace cairn::cases
