// Shapes, places, indices and padding.
#include "tools/op_db/op_calls.h"

namespace cairn::op_db {
namespace {

using C = const Call&;
Shape shape_of(C c, const char* name = "shape") {
  const Ints i = c.ints(name);
  return Shape(i.begin(), i.end());
}

}  // namespace

void add_shapes(Functions& f) {
  f["reshape"] = [](C c) { return Tensors{reshape(c[0], shape_of(c))}; };
  f["flatten"] = [](C c) { return Tensors{flatten(c[0], c.whole("start"), c.whole("end", -1))}; };
  f["permute"] = [](C c) { return Tensors{permute(c[0], c.ints("axes"))}; };
  f["transpose"] = [](C c) { return Tensors{transpose(c[0], c.whole("a"), c.whole("b"))}; };
  f["expand"] = [](C c) { return Tensors{expand(c[0], shape_of(c))}; };
  f["squeeze"] = [](C c) { return Tensors{squeeze(c[0], c.ints("axes"))}; };
  f["unsqueeze"] = [](C c) { return Tensors{unsqueeze(c[0], c.whole("axis"))}; };
  f["slice"] = [](C c) {
    return Tensors{
        slice(c[0], c.whole("axis"), c.whole("start"), c.whole("length"), c.whole("step", 1))};
  };
  f["select"] = [](C c) { return Tensors{select(c[0], c.whole("axis"), c.whole("index"))}; };
  f["split"] = [](C c) { return split(c[0], c.ints("sizes"), c.whole("axis")); };
  f["chunk"] = [](C c) { return chunk(c[0], c.whole("count"), c.whole("axis")); };
  f["cat"] = [](C c) { return Tensors{cat(c.all(), c.whole("axis"))}; };
  f["stack"] = [](C c) { return Tensors{stack(c.all(), c.whole("axis"))}; };
  f["flip"] = [](C c) { return Tensors{flip(c[0], c.ints("axes"))}; };
  f["roll"] = [](C c) {
    Tensor y = c[0];
    const Ints shifts = c.ints("shifts"), axes = c.ints("axes");
    if (axes.empty()) return Tensors{reshape(roll(flatten(y), shifts[0], 0), y.shape())};
    for (size_t i = 0; i < axes.size(); ++i) y = roll(y, shifts[i], axes[i]);
    return Tensors{y};
  };
  f["repeat"] = [](C c) { return Tensors{repeat(c[0], c.ints("times"))}; };
  f["tril"] = [](C c) { return Tensors{tril(c[0], c.whole("diagonal"))}; };
  f["triu"] = [](C c) { return Tensors{triu(c[0], c.whole("diagonal"))}; };
  f["diag"] = [](C c) { return Tensors{diag(c[0])}; };
  f["diagonal"] = [](C c) { return Tensors{diagonal(c[0], c.whole("offset"))}; };
  f["trace"] = [](C c) { return Tensors{trace(c[0])}; };
  f["diff"] = [](C c) { return Tensors{diff(c[0], c.whole("n", 1), c.whole("axis", -1))}; };
  f["pad"] = [](C c) {
    const std::string mode = c.text("mode", "constant");
    return Tensors{pad(c[0], c.ints("pads"),
                       mode == "constant"    ? PadMode::constant
                       : mode == "reflect"   ? PadMode::reflect
                       : mode == "replicate" ? PadMode::replicate
                                             : PadMode::circular,
                       c.num("value"))};
  };
  f["full"] = [](C c) { return Tensors{full(shape_of(c), c.num("value"))}; };
  f["eye"] = [](C c) { return Tensors{eye(c.whole("n"))}; };
  f["arange"] = [](C c) {
    return Tensors{arange(c.whole("start"), c.whole("end"), c.whole("step", 1))};
  };
  f["linspace"] = [](C c) {
    return Tensors{linspace(c.num("start"), c.num("end"), c.whole("steps"))};
  };
  f["meshgrid"] = [](C c) {
    return meshgrid(c.all(), c.text("indexing") == "xy" ? Indexing::xy : Indexing::ij);
  };
  f["sum_to"] = [](C c) { return Tensors{sum_to(c[0], shape_of(c))}; };

  f["gather"] = [](C c) { return Tensors{gather(c[0], c.whole("axis"), c[1])}; };
  f["scatter"] = [](C c) { return Tensors{scatter(c[0], c.whole("axis"), c[1], c[2])}; };
  f["scatter_number"] = [](C c) {
    return Tensors{
        scatter(c[0], c.whole("axis"), c[1], full(c[1].shape(), c.num("value"), c[0].dtype()))};
  };
  f["scatter_add"] = [](C c) { return Tensors{scatter_add(c[0], c.whole("axis"), c[1], c[2])}; };
  f["scatter_reduce"] = [](C c) {
    const std::string r = c.text("reduce");
    return Tensors{scatter_reduce(c[0], c.whole("axis"), c[1], c[2],
                                  r == "sum"    ? ScatterReduce::sum
                                  : r == "mean" ? ScatterReduce::mean
                                  : r == "prod" ? ScatterReduce::prod
                                  : r == "amax" ? ScatterReduce::amax
                                                : ScatterReduce::amin,
                                  c.whole("include_self", 1) != 0)};
  };
  f["index_select"] = [](C c) { return Tensors{index_select(c[0], c.whole("axis"), c[1])}; };
  f["index_add"] = [](C c) {
    return Tensors{index_add(c[0], c.whole("axis"), c[1], c[2] * c.num("alpha", 1))};
  };
  f["index_fill"] = [](C c) {
    return Tensors{index_fill(c[0], c.whole("axis"), c[1], c.num("value"))};
  };
  f["index_copy"] = [](C c) { return Tensors{index_copy(c[0], c.whole("axis"), c[1], c[2])}; };
  f["index_put"] = [](C c) {
    const Tensors indices(c.all().begin() + 2, c.all().end());
    return Tensors{index_put(c[0], indices, c[1], c.flag("accumulate"))};
  };
  f["repeat_interleave"] = [](C c) {
    return Tensors{repeat_interleave(c[0], c.whole("times"), c.whole("axis"))};
  };
  f["one_hot"] = [](C c) { return Tensors{one_hot(c[0], c.whole("classes"), DType::i64)}; };
  f["embedding"] = [](C c) { return Tensors{embedding(c[0], c[1])}; };
}

}  // namespace cairn::op_db
