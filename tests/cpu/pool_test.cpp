#include "compare.h"

namespace cairn::test {
namespace {

struct Pool {
  Shape x;
  Ints kernel, stride, pads;
};
const Pool kPools[] = {{{2, 13, 8, 9}, {2, 2}, {2, 2}, {0, 0}},
                       {{1, 8, 7, 9}, {3, 3}, {2, 2}, {1, 1}},
                       {{2, 16, 5, 5}, {5, 5}, {5, 5}, {0, 0}},
                       {{2, 5, 11}, {3}, {1}, {1}},
                       {{1, 9, 4, 5, 6}, {2, 3, 2}, {1, 2, 2}, {1, 0, 1}},
                       {{3, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}}};

Attrs attrs_of(const Pool& p) {
  return {{"kernel", p.kernel}, {"stride", p.stride}, {"pads", p.pads}};
}
Shape pooled(const Pool& p) {
  Shape y = {p.x[0], p.x[1]};
  for (int d = 0; d < p.kernel.ssize(); ++d)
    y.push_back((p.x[d + 2] + 2 * p.pads[d] - p.kernel[d]) / p.stride[d] + 1);
  return y;
}

TEST(Pool, MaximaAndTheirPlaces) {
  const Fill ties = [](int, std::mt19937& r) { return static_cast<double>(r() % 7) - 3; };
  const Fill holes = [](int, std::mt19937& r) {
    return r() % 9 ? static_cast<double>(r() % 7) : NAN;
  };
  for (const Pool& p : kPools)
    for (const Fill& fill : {ties, holes}) {
      compare({"max_pool", attrs_of(p), {f32(p.x)}, 0, fill});
      compare({"max_pool", attrs_of(p), {blocked(p.x)}, 0, fill, blocked_outputs()});
      compare({"max_pool", attrs_of(p), {blocked(p.x, 16)}, 0, fill, blocked_outputs(16)});
    }
  compare({"max_pool", attrs_of(kPools[0]), {of(DType::bf16, kPools[0].x)}, 0});
}

TEST(Pool, ScatterAndPick) {
  for (const Pool& p : kPools) {
    int64_t places = 1;
    for (int d = 2; d < p.x.ssize(); ++d) places *= p.x[d];
    const Fill fill = [places](int input, std::mt19937& r) {
      return static_cast<double>(r() % (input == 1 ? places : 5));
    };
    Attrs attrs = attrs_of(p);
    const Shape y = pooled(p);
    compare({"max_pool_pick", attrs, {f32(p.x), of(DType::i32, y)}, 0, fill});
    compare({"max_pool_pick",
             attrs,
             {blocked(p.x), blocked(y, 8, DType::i32)},
             0,
             fill,
             blocked_outputs()});
    attrs.set("spatial", Ints(p.x.begin() + 2, p.x.end()));
    compare({"max_pool_scatter", attrs, {f32(y), of(DType::i32, y)}, 0, fill});
    compare({"max_pool_scatter",
             attrs,
             {blocked(y), blocked(y, 8, DType::i32)},
             0,
             fill,
             blocked_outputs()});
  }
}

TEST(Pool, Averages) {
  for (const Pool& p : kPools)
    for (int64_t count : {0, 1}) {
      Attrs attrs = attrs_of(p);
      attrs.set("count_padding", count);
      compare({"avg_pool", attrs, {f32(p.x)}});
      compare({"avg_pool", attrs, {blocked(p.x)}, 1e-5, anything, blocked_outputs()});
      attrs.set("spatial", Ints(p.x.begin() + 2, p.x.end()));
      compare({"avg_pool_spread", attrs, {f32(pooled(p))}});
      compare({"avg_pool_spread",
               attrs,
               {blocked(pooled(p), 16)},
               1e-5,
               anything,
               blocked_outputs(16)});
    }
}

}  // namespace
}  // namespace cairn::test
