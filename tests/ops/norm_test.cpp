#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row along(const char* name) {
  Row row{name, {}};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0},
                                                                          {{7}, 0},
                                                                          {{3, 5}, 0},
                                                                          {{3, 5}, 1},
                                                                          {{2, 3, 4}, 1},
                                                                          {{0, 3}, 1},
                                                                          {{2, 2, 2, 3}, 3},
                                                                          {{2, 19}, 1},
                                                                          {{16}, 0},
                                                                          {{33, 2}, 0},
                                                                          {{9, 33}, 1},
                                                                          {{2, 3, 4}, 0},
                                                                          {{2, 3, 4}, 2},
                                                                          {{3, 1, 2}, 1},
                                                                          {{2, 2, 3, 1, 2}, 2},
                                                                          {{2, 130}, 1},
                                                                          {{2, 1030}, 1},
                                                                          {{4, 0}, 0},
                                                                          {{9, 8}, 1}})
    row.cases.push_back(of(name, {numbers(shape, -4, 4)}, {{"axis", axis}}));
  return row;
}
Row normalize_row() {
  Row row{"normalize", {}};
  for (const auto& [shape, axes] :
       std::vector<std::pair<Shape, Ints>>{{{5}, {0}},
                                           {{3, 5}, {1}},
                                           {{4, 3}, {0}},
                                           {{2, 3, 4}, {0, 2}},
                                           {{2, 3, 2, 2}, {0, 2, 3}},
                                           {{2, 3, 4}, {1, 2}},
                                           {{0, 3}, {1}},
                                           {{2, 17}, {1}},
                                           {{9, 33}, {1}},
                                           {{9, 33}, {0}},
                                           {{9, 130}, {1}},
                                           {{2, 1030}, {1}},
                                           {{9, 4, 3}, {1, 2}},
                                           {{2, 3, 4}, {0}},
                                           {{2, 3, 4}, {1}},
                                           {{2, 3, 4}, {2}},
                                           {{2, 3, 4}, {0, 1}},
                                           {{2, 3, 4}, {0, 1, 2}},
                                           {{2, 17, 2, 2}, {0, 2, 3}},
                                           {{2, 3, 2, 2, 2}, {0, 2, 3, 4}},
                                           {{2, 4, 3, 2}, {2, 3}},
                                           {{16, 2}, {1}}})
    row.cases.push_back(of("normalize", {numbers(shape)}, {{"axes", axes}, {"eps", 1e-3}}));
  return row;
}
Row normalize_groups_row() {
  Row row{"normalize_groups", {}};
  for (const auto& [shape, groups] : std::vector<std::pair<Shape, int64_t>>{{{2, 4}, 2},
                                                                            {{2, 4}, 1},
                                                                            {{3, 6, 5}, 3},
                                                                            {{1, 4, 2, 3}, 2},
                                                                            {{9, 4, 5}, 2},
                                                                            {{2, 17, 2, 2}, 17},
                                                                            {{2, 20, 3}, 5},
                                                                            {{2, 4, 130}, 2},
                                                                            {{2, 6, 2, 1, 2}, 3},
                                                                            {{0, 4, 3}, 2},
                                                                            {{2, 6, 2, 2}, 1}})
    row.cases.push_back(
        of("normalize_groups", {numbers(shape)}, {{"groups", groups}, {"eps", 1e-3}}));
  return row;
}
template <class F>
Row affine(const char* name, std::vector<Shape> shapes, int64_t parameters, F f) {
  Row row{name, {}};
  for (const Shape& s : shapes) {
    row.cases.push_back(call(to_string(s),
                             {numbers(s), numbers({parameters}), numbers({parameters})},
                             [f](const Tensors& in) { return f(in[0], in[1], in[2]); }));
    if (s.ssize() > 1 && !std::string_view(name).starts_with("rms_norm") &&
        std::string_view(name) != "batch_norm_evaluation")
      row.cases.push_back(call(to_string(s) + ", no parameters", {numbers(s)},
                               [f](const Tensors& in) { return f(in[0], {}, {}); }));
  }
  return row;
}

}  // namespace

std::vector<Row> norm_rows() {
  return {
      along("softmax"),
      along("log_softmax"),
      normalize_row(),
      normalize_groups_row(),
      affine("batch_norm",
             {{4, 3},
              {2, 3, 5},
              {2, 3, 2, 2},
              {33, 3},
              {9, 3},
              {1, 3, 7},
              {2, 3, 2, 1, 3},
              {3, 3, 5, 7}},
             3,
             [](In x, const Tensor& w, const Tensor& b) {
               return batch_norm(x, {}, {}, w, b, true, 0.1, 1e-3);
             }),
      affine("batch_norm_evaluation",
             {{4, 3}, {2, 3, 2, 2}, {1, 3}, {0, 3}, {2, 3, 17}, {2, 3, 2, 1, 3}}, 3,
             [](In x, const Tensor& w, const Tensor& b) {
               return batch_norm(x, full({3}, 0.5, w.dtype()), full({3}, 2.0, w.dtype()), w, b,
                                 false);
             }),
      affine("layer_norm", {{3}, {2, 3}, {2, 2, 3}, {0, 3}, {9, 3}, {33, 3}, {2, 1, 2, 3}}, 3,
             [](In x, const Tensor& w, const Tensor& b) { return layer_norm(x, {3}, w, b, 1e-3); }),
      affine("rms_norm", {{3}, {2, 3}, {2, 2, 3}, {0, 3}, {9, 3}, {33, 3}, {2, 1, 2, 3}}, 3,
             [](In x, const Tensor& w, const Tensor& b) { return rms_norm(x, w) + b; }),
      affine("group_norm",
             {{2, 4}, {2, 4, 3}, {1, 4, 2, 2}, {9, 4, 5}, {5, 4, 17}, {0, 4, 3}, {2, 4, 2, 1, 3}},
             4,
             [](In x, const Tensor& w, const Tensor& b) { return group_norm(x, 2, w, b, 1e-3); }),
      affine("instance_norm", {{2, 3, 4}, {1, 3, 2, 2}, {3, 3, 17}, {0, 3, 4}, {2, 3, 2, 1, 3}}, 3,
             [](In x, const Tensor& w, const Tensor& b) { return instance_norm(x, w, b, 1e-3); }),
      affine("batch_norm_channels", {{2, 17}, {5, 17, 2}, {2, 17, 3, 2}}, 17,
             [](In x, const Tensor& w, const Tensor& b) {
               return batch_norm(x, {}, {}, w, b, true, 0.1, 1e-2);
             }),
      affine(
          "layer_norm_wide", {{33}, {2, 33}, {9, 33}, {2, 5, 33}}, 33,
          [](In x, const Tensor& w, const Tensor& b) { return layer_norm(x, {33}, w, b, 1e-3); }),
      affine(
          "layer_norm_row", {{2, 130}, {9, 130}}, 130,
          [](In x, const Tensor& w, const Tensor& b) { return layer_norm(x, {130}, w, b, 1e-3); }),
      affine("rms_norm_wide", {{33}, {9, 33}, {2, 5, 33}}, 33,
             [](In x, const Tensor& w, const Tensor& b) { return rms_norm(x, w, 1e-3) + b; }),
      affine("group_norm_of_each", {{2, 6, 3}, {9, 6, 2, 2}}, 6,
             [](In x, const Tensor& w, const Tensor& b) { return group_norm(x, 6, w, b, 1e-2); }),
      affine("group_norm_of_all", {{2, 6, 3}, {9, 6, 2, 2}, {2, 6}}, 6,
             [](In x, const Tensor& w, const Tensor& b) { return group_norm(x, 1, w, b, 1e-3); }),
  };
}

}  // namespace cairn::cases
