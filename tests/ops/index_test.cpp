#include "cairn/base/error.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row embedding_row() {
  Row row{"embedding", {}};
  for (const DType dtype : {DType::i64, DType::i32})
    for (const Shape& index : {Shape{}, {0}, {5}, {2, 3}, {2, 1, 2}})
      for (const Shape& table : {Shape{4, 3}, {1, 1}, {9, 17}, {33, 64}})
        row.cases.push_back(
            of("embedding",
               {numbers(table), integers(index, 0, static_cast<double>(table[0]), dtype)}));
  return row;
}
Row embedding_grad_row() {
  Row row{"embedding_grad", {}};
  for (const DType dtype : {DType::i64, DType::i32})
    for (const auto& [g, index] : std::vector<std::pair<Shape, Shape>>{{{3}, {}},
                                                                       {{0, 3}, {0}},
                                                                       {{5, 3}, {5}},
                                                                       {{2, 3, 2}, {2, 3}},
                                                                       {{9, 17}, {9}},
                                                                       {{3, 64}, {3}},
                                                                       {{33, 1}, {33}},
                                                                       {{2, 1, 3, 5}, {2, 1, 3}}})
      row.cases.push_back(
          of("embedding_grad", {numbers(g), integers(index, 0, 4, dtype)}, {{"rows", int64_t{4}}}));
  return row;
}
struct Along {
  Shape x, index;
  int64_t axis;
};
const std::vector<Along> kAlong = {{{5}, {3}, 0},
                                   {{5}, {9}, 0},
                                   {{3, 4}, {2, 4}, 0},
                                   {{3, 4}, {3, 6}, 1},
                                   {{2, 3, 4}, {2, 5, 4}, 1},
                                   {{2, 3, 4}, {1, 2, 3}, 2},
                                   {{3, 2}, {0, 2}, 0},
                                   {{1}, {7}, 0},
                                   {{33}, {17}, 0},
                                   {{17, 33}, {1, 33}, 0},
                                   {{17, 33}, {17, 1}, 1},
                                   {{3, 1, 2}, {3, 5, 2}, 1},
                                   {{2, 3, 4}, {5, 3, 4}, 0},
                                   {{2, 2, 3, 2}, {2, 2, 3, 5}, 3},
                                   {{2, 2, 3, 1, 2}, {2, 2, 4, 1, 2}, 2}};
Row gather_row() {
  Row row{"gather", {}};
  for (const Along& a : kAlong)
    for (const DType dtype : {DType::i64, DType::i32})
      row.cases.push_back(of(
          "gather", {numbers(a.x), integers(a.index, 0, static_cast<double>(a.x[a.axis]), dtype)},
          {{"axis", a.axis}}));
  return row;
}
Row scatter_add_row() {
  Row row{"scatter_add", {}};
  for (const Along& a : kAlong)
    row.cases.push_back(
        of("scatter_add",
           {numbers(a.x), integers(a.index, 0, static_cast<double>(a.x[a.axis])), numbers(a.index)},
           {{"axis", a.axis}}));
  return row;
}
Row scatter_reduce_row() {
  Row row{"scatter_reduce", {}};
  for (const char* reduce : {"amax", "amin", "prod"})
    for (const Along& a : kAlong)
      row.cases.push_back(call(
          to_string(a.x) + " " + to_string(a.index) + " " + std::to_string(a.axis) + " " + reduce,
          {distinct(a.x), integers(a.index, 0, static_cast<double>(a.x[a.axis])),
           distinct(a.index)},
          [=](const Tensors& in) {  // moved, so that no source equals an element of x
            return apply(op_named("scatter_reduce"), {in[0] * 0.83 + 0.0137, in[1], in[2]},
                         {{"axis", a.axis}, {"reduce", reduce}});
          }));
  return row;
}
Row scatter_row() {
  Row row{"scatter", {}};
  // Places that are each named once along the axis: of repeated ones only the last would have a
  // slope.
  row.cases = {
      of("scatter", {numbers({5}), fixed({3}, {4, 0, 2}), numbers({3})}, {{"axis", int64_t{0}}}),
      of("scatter", {numbers({3, 2}), fixed({2, 2}, {0, 2, 1, 0}), numbers({2, 2})},
         {{"axis", int64_t{0}}}),
      of("scatter", {numbers({2, 4}), fixed({2, 2}, {3, 1, 0, 2}, DType::i32), numbers({2, 2})},
         {{"axis", int64_t{1}}}),
      of("scatter", {numbers({2, 0}), fixed({2, 0}, {}), numbers({2, 0})}, {{"axis", int64_t{0}}})};
  return row;
}
Row dynamic_slice_row() {
  Row row{"dynamic_slice", {}};
  for (const double start : {0.0, 1.0, 9.0, -3.0})  // 9 and -3 are moved to where the range fits
    for (const DType dtype : {DType::i64, DType::i32})
      row.cases.push_back(of("dynamic_slice", {numbers({2, 5, 3}), fixed({}, {start}, dtype)},
                             {{"axis", int64_t{1}}, {"length", int64_t{2}}}));
  row.cases.push_back(of("dynamic_slice", {numbers({4}), fixed({}, {3})},
                         {{"axis", int64_t{0}}, {"length", int64_t{0}}}));
  return row;
}
Row dynamic_update_slice_row() {
  Row row{"dynamic_update_slice", {}};
  for (const double start : {0.0, 2.0, 9.0, -3.0})
    for (const DType dtype : {DType::i64, DType::i32})
      row.cases.push_back(of("dynamic_update_slice",
                             {numbers({2, 5, 3}), numbers({2, 2, 3}), fixed({}, {start}, dtype)},
                             {{"axis", int64_t{1}}}));
  row.cases.push_back(of("dynamic_update_slice", {numbers({4}), numbers({4}), fixed({}, {0})},
                         {{"axis", int64_t{0}}}));
  row.cases.push_back(of("dynamic_update_slice", {numbers({0, 3}), numbers({0, 1}), fixed({}, {1})},
                         {{"axis", int64_t{1}}}));
  return row;
}
struct Picked {
  Shape x;
  int64_t axis, count;
};
const std::vector<Picked> kPicked = {{{4, 3}, 0, 5},     {{2, 3}, 1, 2},     {{5}, 0, 1},
                                     {{17, 33}, 0, 9},   {{3, 17}, 1, 33},   {{2, 3, 4}, 1, 0},
                                     {{2, 3, 4}, -1, 6}, {{2, 3, 4}, -2, 2}, {{1, 3}, 0, 4}};
Shape picked_shape(const Picked& p) {
  Shape shape = p.x;
  shape[p.axis < 0 ? shape.ssize() + p.axis : p.axis] = p.count;
  return shape;
}
Row index_add_row() {
  Row row{"index_add", {}};
  for (const Picked& p : kPicked)
    for (const DType dtype : {DType::i64, DType::i32})
      row.cases.push_back(call(
          fmt::format("{} axis {} {}", to_string(p.x), p.axis, name_of(dtype)),
          {numbers(p.x),
           integers({p.count}, 0,
                    static_cast<double>(p.x[p.axis < 0 ? p.x.ssize() + p.axis : p.axis]), dtype),
           numbers(picked_shape(p))},
          [axis = p.axis](const Tensors& in) { return index_add(in[0], axis, in[1], in[2]); }));
  return row;
}
Row index_select_row() {
  Row row{"index_select", {}};
  for (const Picked& p : kPicked)
    for (const DType dtype : {DType::i64, DType::i32})
      row.cases.push_back(call(
          fmt::format("{} axis {} {}", to_string(p.x), p.axis, name_of(dtype)),
          {numbers(p.x),
           integers({p.count}, 0,
                    static_cast<double>(p.x[p.axis < 0 ? p.x.ssize() + p.axis : p.axis]), dtype)},
          [axis = p.axis](const Tensors& in) { return index_select(in[0], axis, in[1]); }));
  return row;
}
Row check_row() {
  Row row{"check_index", {}, kExact};
  for (const Shape& shape : {Shape{}, {0}, {4}, {2, 3}})
    for (const DType dtype : {DType::i64, DType::i32})
      row.cases.push_back(of("check_index", {integers(shape, 0, 5, dtype)},
                             {{"low", int64_t{0}}, {"high", int64_t{5}}}));
  return row;
}

}  // namespace

std::vector<Row> index_rows() {
  Row finite{"check_finite", {}};
  for (const Shape& shape : {Shape{}, {0}, {5}, {2, 3}})
    finite.cases.push_back(of("check_finite", {numbers(shape)}));
  return {
      finite,
      embedding_row(),
      embedding_grad_row(),
      gather_row(),
      scatter_add_row(),
      scatter_reduce_row(),
      scatter_row(),
      check_row(),
      dynamic_slice_row(),
      dynamic_update_slice_row(),
      index_add_row(),
      index_select_row(),
      Row{"one_hot",
          {call("[5]", {integers({5}, 0, 3)}, [](const Tensors& in) { return one_hot(in[0], 3); })},
          kExact}};
}

}  // namespace cairn::cases
