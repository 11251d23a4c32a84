#include "cairn/ops/index.h"

#include <string_view>

#include "cairn/ops/context.h"
#include "cairn/ops/dynamic_slice.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void want_index(OpCall& c, int i) {
  if (c.dtype(i) != DType::i32 && c.dtype(i) != DType::i64) c.error("indices must be i32 or i64");
}
void infer_embedding(OpCall& c) {
  want_index(c, 1);
  if (c.rank(0) != 2) c.error("the weight must be [rows, width]");
  Shape out = c.shape(1);
  out.push_back(c.shape(0)[1]);
  c.set(0, c.dtype(0), out);
}
void infer_embedding_grad(OpCall& c) {  // (gradient [..., D], indices [...]) -> [rows, D]
  want_index(c, 1);
  c.set(0, c.dtype(0), {c.attrs->integer("rows"), c.shape(0)[c.rank(0) - 1]});
}
void check_along(OpCall& c, const Shape& x, const Shape& index, int64_t axis) {
  if (x.size() != index.size()) c.error("index and input differ in their number of dimensions");
  for (int d = 0; d < x.ssize(); ++d)
    if (d != axis && index[d] > x[d]) c.error("index is larger than the input in dimension {}", d);
}
void infer_gather(OpCall& c) {
  want_index(c, 1);
  check_along(c, c.shape(0), c.shape(1), c.attrs->integer("axis"));
  c.set(0, c.dtype(0), c.shape(1));
}
void infer_scatter_add(OpCall& c) {
  want_index(c, 1);
  check_along(c, c.shape(0), c.shape(1), c.attrs->integer("axis"));
  if (c.shape(1) != c.shape(2)) c.error("index and source differ in shape");
  if (c.dtype(0) != c.dtype(2)) c.error("input and source differ in dtype");
  c.set(0, c.dtype(0), c.shape(0));
}
// (x, start []) -> `length` elements of x from start on; (x, update, start) -> x with those
// replaced.
void want_start(OpCall& c, int i) {
  if ((c.dtype(i) != DType::i32 && c.dtype(i) != DType::i64) || c.rank(i) != 0)
    c.error("the start must be one i32 or i64");
}
void infer_dynamic_slice(OpCall& c) {
  want_start(c, 1);
  const int64_t axis = c.attrs->integer("axis"), length = c.attrs->integer("length");
  Shape out = c.shape(0);
  if (length < 0 || length > out[axis])
    c.error("{} elements do not lie in dimension {}", length, axis);
  out[axis] = length;
  c.set(0, c.dtype(0), out);
}
void infer_dynamic_update_slice(OpCall& c) {
  want_start(c, 2);
  const int64_t axis = c.attrs->integer("axis");
  const Shape &x = c.shape(0), &update = c.shape(1);
  if (c.dtype(0) != c.dtype(1) || x.size() != update.size())
    c.error("input and update differ in dtype or number of dimensions");
  for (int d = 0; d < x.ssize(); ++d)
    if (d == axis ? update[d] > x[d] : update[d] != x[d])
      c.error("the update does not fit dimension {}", d);
  c.set(0, c.dtype(0), x);
}
void infer_same(OpCall& c) { c.set(0, c.dtype(0), c.shape(0)); }
void infer_check_index(OpCall& c) {
  want_index(c, 0);
  c.set(0, c.dtype(0), c.shape(0));
}

// What is the extreme at a place shares its gradient. A factor's is the product of the others:
// where it is the only 0, that of the rest.
void vjp_scatter_reduce(VjpCall& c) {
  const int64_t axis = c.attrs.integer("axis");
  const Tensor &x = c.inputs[0], &index = c.inputs[1], &src = c.inputs[2], &y = c.outputs[0],
               &g = c.grad();
  const DType dtype = g.dtype();
  if (std::string_view(c.attrs.text("reduce")) != "prod") {
    const Tensor own = cast(eq(x, y), dtype), given = cast(eq(src, gather(y, axis, index)), dtype);
    const Tensor share = g / scatter_add(own, axis, index, given).detach();
    if (c.needs[0]) c.results[0] = share * own.detach();
    if (c.needs[2]) c.results[2] = gather(share, axis, index) * given.detach();
    return;
  }
  const Tensor one = full({}, 1, dtype), zero = full({}, 0, dtype);
  if (c.needs[0])
    c.results[0] =
        g * apply(op_named("scatter_reduce"), {full(x.shape(), 1, dtype), index, src}, c.attrs);
  if (!c.needs[2]) return;
  const Tensor none = eq(src, 0), factor = where(none, one, src);
  const auto met = [&](const Tensor& v) {  // the sum of what meets at each source's place
    return gather(scatter_add(full(x.shape(), 0, dtype), axis, index, v), axis, index);
  };
  const Tensor zeros = met(cast(none, dtype)), zero_value = met(where(none, src, zero));
  const Tensor rest =
      gather(apply(op_named("scatter_reduce"), {x, index, factor}, c.attrs), axis, index);
  // The zeros' own values stay factors where one of them is left: worth 0, but not their slope.
  const Tensor of_zero =
      where(eq(zeros, 1), rest, where(eq(zeros, 2), rest * (zero_value - src), zero));
  const Tensor of_number = where(eq(zeros, 0), one, where(eq(zeros, 1), zero_value, zero));
  const Tensor others = where(none, of_zero, rest / factor * of_number);
  c.results[2] = gather(g, axis, index) * others;
}

const OpDef kOps[] = {
    OpDef{"embedding", "rows of a table by index", 2, 1, infer_embedding, kSaveInputs | kMayFault,
          [](VjpCall& c) {
            if (c.needs[0])
              c.results[0] = apply(op_named("embedding_grad"), {c.grad(), c.inputs[1]},
                                   {{"rows", c.input_shapes[0][0]}});
          }}
        .with_onnx("Gather"),
    OpDef{"embedding_grad", "rows added into a table by index", 2, 1, infer_embedding_grad,
          kSaveInputs | kMayFault,
          [](VjpCall& c) {
            if (c.needs[0]) c.results[0] = embedding(c.grad(), c.inputs[1]);
          }},
    OpDef{"gather", "elements by index along an axis", 2, 1, infer_gather, kSaveInputs | kMayFault,
          [](VjpCall& c) {
            if (c.needs[0])
              c.results[0] = scatter_add(zeros(c.input_shapes[0], c.grad().dtype()),
                                         c.attrs.integer("axis"), c.inputs[1], c.grad());
          }}
        .with_onnx("GatherElements"),
    OpDef{"scatter_add", "a source added at indices along an axis", 3, 1, infer_scatter_add,
          kSaveInputs | kMayFault,
          [](VjpCall& c) {
            if (c.needs[0]) c.results[0] = c.grad();
            if (c.needs[2]) c.results[2] = gather(c.grad(), c.attrs.integer("axis"), c.inputs[1]);
          }},
    OpDef{"check_finite", "x, after a check that no value is NaN or infinite", 1, 1, infer_same,
          kMayFault, [](VjpCall& c) { c.results[0] = c.grad(); }},
    OpDef{"scatter", "a source written at indices along an axis", 3, 1, infer_scatter_add,
          kSaveInputs | kMayFault,
          [](VjpCall& c) {
            const int64_t axis = c.attrs.integer("axis");
            if (c.needs[0])
              c.results[0] =
                  scatter(c.grad(), axis, c.inputs[1], zeros(c.input_shapes[2], c.grad().dtype()));
            if (c.needs[2]) c.results[2] = gather(c.grad(), axis, c.inputs[1]);
          }}
        .with_onnx("ScatterElements"),
    OpDef{"scatter_reduce",
          "the largest, smallest or product of x and a source at indices along an axis", 3, 1,
          infer_scatter_add, kSaveInputs | kSaveOutputs | kMayFault, vjp_scatter_reduce},
    OpDef{"dynamic_slice", "a range along one axis, from a start that is a tensor", 2, 1,
          infer_dynamic_slice, kSaveInputs,
          [](VjpCall& c) {
            if (c.needs[0])
              c.results[0] = dynamic_update_slice(zeros(c.input_shapes[0], c.grad().dtype()),
                                                  c.grad(), c.inputs[1], c.attrs.integer("axis"));
          }},
    OpDef{"dynamic_update_slice",
          "x with a range along one axis replaced, from a start that is a tensor", 3, 1,
          infer_dynamic_update_slice, kSaveInputs,
          [](VjpCall& c) {
            const int64_t axis = c.attrs.integer("axis");
            if (c.needs[0])
              c.results[0] = dynamic_update_slice(
                  c.grad(), zeros(c.input_shapes[1], c.grad().dtype()), c.inputs[2], axis);
            if (c.needs[1])
              c.results[1] = dynamic_slice(c.grad(), c.inputs[2], axis, c.input_shapes[1][axis]);
          }},
    // An index that the fault word reports when it lies outside [low, high); the index itself
    // otherwise.
    OpDef{"check_index", "the indices, checked against a range", 1, 1, infer_check_index, kMayFault,
          nullptr, "an index"},
};

}  // namespace

std::span<const OpDef> index_ops() { return kOps; }

Tensor check_finite(In x) { return apply(op_named("check_finite"), {x.t}, {}, x.loc); }

Tensor embedding(const Tensor& weight, In indices) {
  static const OpDef& op = op_named("embedding");
  return apply(op, {weight, indices.t}, {}, indices.loc);
}
Tensor gather(In x, int64_t axis, const Tensor& index) {
  return apply(op_named("gather"), {x.t, index},
               {{"axis", int64_t{normalize_axis("gather", axis, x.t.rank(), x.loc)}}}, x.loc);
}
Tensor scatter_add(In x, int64_t axis, const Tensor& index, const Tensor& src) {
  return apply(op_named("scatter_add"), {x.t, index, src},
               {{"axis", int64_t{normalize_axis("scatter_add", axis, x.t.rank(), x.loc)}}}, x.loc);
}
Tensor scatter(In x, int64_t axis, const Tensor& index, const Tensor& src) {
  return apply(op_named("scatter"), {x.t, index, src},
               {{"axis", int64_t{normalize_axis("scatter", axis, x.t.rank(), x.loc)}}}, x.loc);
}
Tensor dynamic_slice(In x, const Tensor& start, int64_t axis, int64_t length) {
  const int64_t d = normalize_axis("dynamic_slice", axis, x.t.rank(), x.loc);
  return apply(op_named("dynamic_slice"), {x.t, start}, {{"axis", d}, {"length", length}}, x.loc);
}
Tensor dynamic_update_slice(In x, const Tensor& update, const Tensor& start, int64_t axis) {
  const int64_t d = normalize_axis("dynamic_update_slice", axis, x.t.rank(), x.loc);
  return apply(op_named("dynamic_update_slice"), {x.t, update, start}, {{"axis", d}}, x.loc);
}
Tensor index_add(In x, int64_t axis, const Tensor& index, const Tensor& src) {
  const int d = normalize_axis("index_add", axis, x.t.rank(), x.loc);
  check(index.rank() == 1 && src.rank() == x.t.rank() && src.shape()[d] == index.numel(),
        "index_add: {} indices for a source {}{}", to_string(index.shape()), to_string(src.shape()),
        where(x.loc));
  Shape one(x.t.rank(), 1);
  one[d] = index.numel();
  return scatter_add(x, d, expand(reshape(index, one), src.shape()), src);
}
Tensor index_select(In x, int64_t axis, const Tensor& index) {
  const int d = normalize_axis("index_select", axis, x.t.rank(), x.loc);
  check(index.rank() == 1, "index_select: the index must have one dimension{}", where(x.loc));
  Shape one(x.t.rank(), 1), full_shape = x.t.shape();
  one[d] = full_shape[d] = index.numel();
  return gather(x, d, expand(reshape(index, one), full_shape));
}
Tensor one_hot(In index, int64_t classes, DType dtype) {
  const Tensor checked = apply(op_named("check_index"), {index.t},
                               {{"low", int64_t{0}}, {"high", classes}}, index.loc);
  return cast(eq(unsqueeze(checked, -1), cast(arange(0, classes), index.t.dtype())), dtype);
}

}  // namespace cairn
