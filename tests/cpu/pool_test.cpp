#include "cairn/compile/executable.h"
#include "cairn/graph/trace.h"
#include "cairn/ops/functions.h"
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

// What a plan of the call writes over -1 in each output's place.
std::vector<std::vector<float>> written(OpCall& call, const std::vector<float>& x) {
  std::vector<std::vector<float>> all;
  for (const TensorDesc* d : call.outputs) all.emplace_back(numel(d->shape) + 64, -1.0f);
  const void* in[] = {x.data()};
  std::vector<void*> out;
  for (auto& values : all) out.push_back(values.data());
  Fault fault;
  backend_named("cpu").prepare(call)->launch({in, out.data(), nullptr, &fault});
  return all;
}

TEST(Pool, PlacesThatNobodyReadsAreNotWritten) {
  for (const Pool& p : kPools)
    for (const int64_t step : {1, 2}) {
      Attrs attrs = attrs_of(p);
      attrs.set("dilation", Ints(p.kernel.size(), 1));
      if (step == 2 && p.kernel[0] == 3) attrs.set("dilation", Ints(p.kernel.size(), 2));
      TensorDesc x = f32(p.x), y, places;
      OpCall call{&op_named("max_pool"), &attrs, {&x}, {&y, &places}};
      call.op->infer(call);
      std::vector<float> values(static_cast<size_t>(numel(p.x)));
      std::mt19937 random(3);
      for (float& v : values) v = random() % 9 ? static_cast<float>(random() % 7) : NAN;
      const auto all = written(call, values);
      attrs.set("places", int64_t{0});
      const auto some = written(call, values);
      EXPECT_EQ(std::memcmp(all[0].data(), some[0].data(), all[0].size() * sizeof(float)), 0);
      EXPECT_EQ(some[1], std::vector<float>(some[1].size(), -1.0f));
    }
}

// The CPU's, and whether places are wanted of each max_pool.
class Watching : public Backend {
 public:
  std::vector<int64_t> places;
  const char* name() const override { return cpu_.name(); }
  void* allocate(size_t bytes) override { return cpu_.allocate(bytes); }
  void deallocate(void* memory, size_t bytes) override { cpu_.deallocate(memory, bytes); }
  void copy_from_host(void* to, const void* from, size_t bytes) override {
    cpu_.copy_from_host(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, size_t bytes) override {
    cpu_.copy_to_host(to, from, bytes);
  }
  void copy_within(void* to, const void* from, size_t bytes) override {
    cpu_.copy_within(to, from, bytes);
  }
  bool supports(const OpCall& call) const override { return cpu_.supports(call); }
  std::unique_ptr<Plan> prepare(const OpCall& call) override {
    if (std::string_view(call.op->name) == "max_pool")
      places.push_back(call.attrs->integer_or("places", 1));
    return cpu_.prepare(call);
  }

 private:
  Backend& cpu_ = backend_named("cpu");
};

TEST(Pool, PlacesAreWrittenForWhoAsksForThem) {
  const PoolOptions options{.kernel = {2, 2}};
  const std::vector<std::pair<TensorFunction, int64_t>> cases = {
      {[&](std::span<const Tensor> in) -> Tensors { return {max_pool(in[0], options)}; }, 0},
      {[&](std::span<const Tensor> in) -> Tensors {
         const MaxPooled both = max_pool_with_indices(in[0], options);
         return {both.values, both.indices};
       },
       1}};
  for (const auto& [function, expected] : cases) {
    Watching backend;
    const std::vector<Port> ports = {{"x", DType::f32, {kAnyBatch, 2, 4, 4}}};
    const Executable executable(trace(ports, 1, 0, function), backend, std::make_shared<Arena>());
    EXPECT_EQ(backend.places, std::vector<int64_t>{expected});
  }
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
