// Reading and writing by index, sorting and choosing.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "cairn/ops/pick.h"

namespace cairn::onnx {
namespace {

// Negative ones count from the end.
Tensor from_front(const Tensor& index, int64_t size) {
  const Tensor i = index.dtype() == DType::i64 ? index : cast(index, DType::i64);
  if (is_known(i)) {
    const auto values = integers_of(i);
    if (std::none_of(values.begin(), values.end(), [](int64_t v) { return v < 0; })) return i;
  }
  return where(lt(i, 0.0), i + static_cast<double>(size), i);
}

void read_gather(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", 0), x.rank()), size = x.size(axis);
  const Tensor index = from_front(c.in(1), size);
  if (is_known(index) && index.numel() == 1) {  // a place, as of a shape
    const int64_t at = integers_of(index)[0];
    check(at >= 0 && at < size, "index {} of {}", at, size);
    if (index.rank() == 0) return c.give(select(x, axis, at));
  }
  Shape shape(x.shape().begin(), x.shape().begin() + axis);
  for (int64_t d : index.shape()) shape.push_back(d);
  for (int d = static_cast<int>(axis) + 1; d < x.rank(); ++d) shape.push_back(x.size(d));
  if (axis == 0 && is_float(x.dtype())) {
    const int64_t width = size ? x.numel() / size : 1;
    return c.give(reshape(embedding(reshape(x, {size, width}), index), shape));
  }
  c.give(reshape(index_select(x, axis, reshape(index, {index.numel()})), shape));
}

void read_gather_elements(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", 0), x.rank());
  Tensor data = x;  // no larger than the index elsewhere
  for (int d = 0; d < x.rank(); ++d)
    if (d != axis && data.size(d) > c.in(1).size(d)) data = slice(data, d, 0, c.in(1).size(d));
  c.give(gather(data, axis, from_front(c.in(1), x.size(axis))));
}

// Indices [..., k] of the first k dimensions of `shape` (after `skip`) as places in them, flat.
Tensor flat_places(const Tensor& indices, const Shape& shape, int64_t skip) {
  const int64_t k = indices.size(-1);
  Tensor places;
  for (int64_t d = 0; d < k; ++d) {
    const int64_t size = shape[static_cast<size_t>(skip + d)];
    const Tensor i = from_front(select(indices, indices.rank() - 1, d), size);
    places = places.defined() ? places * static_cast<double>(size) + i : i;
  }
  return places;
}

void read_gather_nd(NodeCall& c) {
  const Tensor &x = c.in(0), indices = cast(c.in(1), DType::i64);
  const int64_t skip = c.integer("batch_dims", 0), k = indices.size(-1);
  check(skip >= 0 && skip + k <= x.rank(), "indices of {} for {}", k, to_string(x.shape()));
  int64_t batch = 1, picked = 1, rest = 1;
  for (int d = 0; d < x.rank(); ++d) (d < skip ? batch : d < skip + k ? picked : rest) *= x.size(d);
  Tensor places = reshape(flat_places(indices, x.shape(), skip), {batch, -1});
  places = places + reshape(arange(0, batch), {batch, 1}) * static_cast<double>(picked);
  Shape shape(indices.shape().begin(), indices.shape().end() - 1);
  for (int d = static_cast<int>(skip + k); d < x.rank(); ++d) shape.push_back(x.size(d));
  const Tensor rows = reshape(x, {batch * picked, rest});
  c.give(reshape(index_select(rows, 0, reshape(places, {places.numel()})), shape));
}

// x with values of src at places along axis 0 or `axis`, put or combined.
Tensor put_at(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& src,
              const std::string& how) {
  if (how == "none") return scatter(x, axis, index, src);
  if (how == "add") return scatter_add(x, axis, index, src);
  const auto reduce = how == "mul"   ? ScatterReduce::prod
                      : how == "max" ? ScatterReduce::amax
                      : how == "min" ? ScatterReduce::amin
                                     : throw Error("reduction '" + how + "' is not read");
  return scatter_reduce(x, axis, index, src, reduce);
}

void read_scatter_nd(NodeCall& c) {
  const Tensor &x = c.in(0), indices = cast(c.in(1), DType::i64);
  const int64_t k = indices.size(-1);
  check(k <= x.rank(), "indices of {} for {}", k, to_string(x.shape()));
  int64_t picked = 1, rest = 1;
  for (int d = 0; d < x.rank(); ++d) (d < k ? picked : rest) *= x.size(d);
  const Tensor places = k == 0 ? integers({0}, {1}) : flat_places(indices, x.shape(), 0);
  const int64_t count = places.numel();
  const Tensor index = expand(reshape(places, {count, 1}), {count, rest});
  const Tensor result = put_at(reshape(x, {picked, rest}), 0, contiguous(index),
                               reshape(c.in(2), {count, rest}), c.text("reduction", "none"));
  c.give(reshape(result, x.shape()));
}

void read_scatter_elements(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", 0), x.rank());
  c.give(put_at(x, axis, from_front(c.in(1), x.size(axis)), c.in(2), c.text("reduction", "none")));
}

void read_one_hot(NodeCall& c) {
  const double given = c.host_number(1);
  check(given >= 0 && given < kMostWhole, "a depth of {}", given);
  const auto depth = static_cast<int64_t>(given);
  const Tensor index = from_front(c.in(0), depth), &values = c.in(2);
  const int64_t axis = c.axis(c.integer("axis", -1), index.rank() + 1);
  Shape line(static_cast<size_t>(index.rank() + 1), 1);
  line[static_cast<size_t>(axis)] = depth;
  const Tensor hit = eq(unsqueeze(index, axis), reshape(arange(0, depth), line));
  c.give(where(hit, select(values, 0, 1), select(values, 0, 0)));
}

void read_top_k(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t k = c.has(1) ? c.host_integer(1) : c.integer("k", 1),
                axis = c.axis(c.integer("axis", -1), x.rank());
  check(k >= 0 && k <= x.size(axis), "the {} largest of {}", k, x.size(axis));
  const Sorted best = topk(x, k, axis, c.integer("largest", 1) != 0);
  c.give(best.values, 0), c.give(best.indices, 1);
}

void read_non_zero(NodeCall& c) {
  if (!is_known(c.in(0))) integers_of(c.in(0));  // says why
  c.give(transpose(nonzero(c.in(0)), 0, 1));
}

void read_compress(NodeCall& c) {
  const auto kept = integers_of(c.in(1));
  const bool flat = !c.gives_attribute("axis");
  const Tensor x = flat ? reshape(c.in(0), {c.in(0).numel()}) : c.in(0);
  const int64_t axis = flat ? 0 : c.axis(c.integer("axis", 0), x.rank());
  std::vector<int64_t> places;
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i]) places.push_back(static_cast<int64_t>(i));
  c.give(index_select(x, axis, integers(places, {static_cast<int64_t>(places.size())})));
}

// Whole numbers in the order of the values: those of floats by their bits, NaN last.
std::vector<int64_t> ordered(const Tensor& t) {
  if (!is_float(t.dtype())) return integers_of(t);
  std::vector<int64_t> keys;
  for (const double v : numbers_of(t)) {
    const auto bits = std::bit_cast<int64_t>(std::isnan(v) ? std::abs(v) : v + 0.0);  // no -0
    keys.push_back(bits < 0 ? bits ^ INT64_MAX : bits);
  }
  return keys;
}

// Slices along an axis that differ; in their order, or in that of their first places.
void read_unique(NodeCall& c) {
  const bool flat = !c.gives_attribute("axis"), sorted = c.integer("sorted", 1) != 0;
  const Tensor x = flat ? reshape(c.in(0), {c.in(0).numel()}) : c.in(0);
  const int64_t axis = flat ? 0 : c.axis(c.integer("axis", 0), x.rank()), count = x.size(axis);
  Ints axis_first = {axis};
  for (int d = 0; d < x.rank(); ++d)
    if (d != axis) axis_first.push_back(d);
  const auto all = ordered(reshape(permute(x, axis_first), {count, count ? x.numel() / count : 0}));
  const size_t width = count ? all.size() / static_cast<size_t>(count) : 0;
  std::map<std::vector<int64_t>, int64_t> number_of;  // in the order of its keys
  std::vector<int64_t> first, inverse, counts;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const std::vector<int64_t> row(all.begin() + i * width, all.begin() + (i + 1) * width);
    const auto [it, is_new] = number_of.emplace(row, static_cast<int64_t>(first.size()));
    if (is_new) first.push_back(static_cast<int64_t>(i)), counts.push_back(0);
    inverse.push_back(it->second), ++counts[static_cast<size_t>(it->second)];
  }
  if (sorted) {
    std::vector<int64_t> place(first.size()), firsts, numbers;
    for (const auto& [row, number] : number_of) {
      place[static_cast<size_t>(number)] = static_cast<int64_t>(firsts.size());
      firsts.push_back(first[static_cast<size_t>(number)]);
      numbers.push_back(counts[static_cast<size_t>(number)]);
    }
    for (int64_t& i : inverse) i = place[static_cast<size_t>(i)];
    first = firsts, counts = numbers;
  }
  const auto list = [](const std::vector<int64_t>& v) {
    return integers(v, {static_cast<int64_t>(v.size())});
  };
  c.give(index_select(x, axis, list(first)), 0);
  c.give(list(first), 1), c.give(list(inverse), 2), c.give(list(counts), 3);
}

void read_reverse_sequence(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t time = c.axis(c.integer("time_axis", 0), x.rank()),
                batch = c.axis(c.integer("batch_axis", 1), x.rank());
  check(time != batch && c.in(1).numel() == x.size(batch),
        "{} lengths along axis {} of sequences along axis {} of {}", c.in(1).numel(), batch, time,
        to_string(x.shape()));
  const int64_t steps = x.size(time);
  Shape along_time(static_cast<size_t>(x.rank()), 1), along_batch = along_time;
  along_time[static_cast<size_t>(time)] = steps;
  along_batch[static_cast<size_t>(batch)] = x.size(batch);
  const Tensor at = reshape(arange(0, steps), along_time);
  const Tensor lengths = reshape(cast(c.in(1), DType::i64), along_batch);
  const Tensor from = where(lt(at, lengths), lengths - at - 1.0, at);
  c.give(gather(x, time, contiguous(expand(from, x.shape()))));
}

// The running sum or product, perhaps from the end, perhaps without the element itself.
template <Tensor (*f)(In, int64_t)>
void running(NodeCall& c) {
  Tensor x = c.in(0);
  const DType dtype = x.dtype();
  const double neutral = f == static_cast<Tensor (*)(In, int64_t)>(cumsum) ? 0 : 1;
  const int64_t axis = c.axis(c.host_integer(1), x.rank()), size = x.size(axis);
  const bool backward = c.integer("reverse", 0) != 0;
  if (backward) x = flip(x, {axis});
  if (c.integer("exclusive", 0) != 0) {
    Ints pads(2 * static_cast<size_t>(x.rank() - axis), 0);
    pads[pads.size() - 2] = 1;
    x = slice(pad(x, pads, PadMode::constant, neutral), axis, 0, size);
  }
  x = f(x, axis);
  c.give(cast(backward ? flip(x, {axis}) : x, dtype));
}

// Rows of a cache replaced from write_indices on, in a circle or not.
void read_tensor_scatter(NodeCall& c) {
  const Tensor &past = c.in(0), &update = c.in(1);
  const int64_t axis = c.axis(c.integer("axis", -2), past.rank()), size = past.size(axis),
                steps = update.size(axis), batch = past.size(0);
  const Tensor first = c.has(2) ? cast(c.in(2), DType::i64) : full({batch}, 0, DType::i64);
  Tensor places = reshape(first, {batch, 1}) + reshape(arange(0, steps), {1, steps});
  if (c.text("mode", "linear") == "circular")
    places = remainder(places, scalar(static_cast<double>(size), DType::i64));
  Shape line(static_cast<size_t>(past.rank()), 1);
  line[0] = batch, line[static_cast<size_t>(axis)] = steps;
  c.give(scatter(past, axis, contiguous(expand(reshape(places, line), update.shape())), update));
}

constexpr OpRow kIndexed[] = {
    {"Compress", read_compress},
    {"CumProd", running<cumprod>},
    {"CumSum", running<cumsum>},
    {"Gather", read_gather},
    {"GatherElements", read_gather_elements},
    {"GatherND", read_gather_nd},
    {"NonZero", read_non_zero},
    {"OneHot", read_one_hot},
    {"ReverseSequence", read_reverse_sequence},
    {"Scatter", read_scatter_elements},
    {"ScatterElements", read_scatter_elements},
    {"ScatterND", read_scatter_nd},
    {"TensorScatter", read_tensor_scatter},
    {"TopK", read_top_k},
    {"Unique", read_unique},
};

}  // namespace

OpRows index_rows() { return kIndexed; }

}  // namespace cairn::onnx
