#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row along(const char* name) {
  Row row{name, {}};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0}, {{7}, 0}, {{3, 5}, 0}, {{3, 5}, 1}, {{2, 3, 4}, 1}, {{0, 3}, 1}, {{2, 2, 2, 3}, 3}, {{2, 19}, 1}})
    row.cases.push_back(of(name, {numbers(shape, -4, 4)}, {{"axis", axis}}));
  return row;
}
Row normalize_row() {
  Row row{"normalize", {}};
  for (const auto& [shape, axes] : std::vector<std::pair<Shape, Ints>>{{{5}, {0}}, {{3, 5}, {1}}, {{4, 3}, {0}}, {{2, 3, 4}, {0, 2}}, {{2, 3, 2, 2}, {0, 2, 3}}, {{2, 3, 4}, {1, 2}}, {{0, 3}, {1}}, {{2, 17}, {1}}})
    row.cases.push_back(of("normalize", {numbers(shape)}, {{"axes", axes}, {"eps", 1e-3}}));
  return row;
}
template <class F>
Row affine(const char* name, std::vector<Shape> shapes, int64_t parameters, F f) {
  Row row{name, {}};
  for (const Shape& s : shapes)
    row.cases.push_back(call(to_string(s), {numbers(s), numbers({parameters}), numbers({parameters})}, [f](const Tensors& in) { return f(in[0], in[1], in[2]); }));
  return row;
}

}  // namespace

std::vector<Row> norm_rows() {
  return {
      along("softmax"), along("log_softmax"), normalize_row(),
      affine("batch_norm", {{4, 3}, {2, 3, 5}, {2, 3, 2, 2}}, 3,
             [](In x, const Tensor& w, const Tensor& b) { return batch_norm(x, {}, {}, w, b, true, 0.1, 1e-3); }),
      affine("batch_norm_evaluation", {{4, 3}, {2, 3, 2, 2}}, 3,
             [](In x, const Tensor& w, const Tensor& b) { return batch_norm(x, full({3}, 0.5, w.dtype()), full({3}, 2.0, w.dtype()), w, b, false); }),
      affine("layer_norm", {{3}, {2, 3}, {2, 2, 3}, {0, 3}}, 3, [](In x, const Tensor& w, const Tensor& b) { return layer_norm(x, {3}, w, b, 1e-3); }),
      affine("rms_norm", {{3}, {2, 3}, {2, 2, 3}}, 3, [](In x, const Tensor& w, const Tensor& b) { return rms_norm(x, w) + b; }),
      affine("group_norm", {{2, 4}, {2, 4, 3}, {1, 4, 2, 2}}, 4, [](In x, const Tensor& w, const Tensor& b) { return group_norm(x, 2, w, b, 1e-3); }),
      affine("instance_norm", {{2, 3, 4}, {1, 3, 2, 2}}, 3, [](In x, const Tensor& w, const Tensor& b) { return instance_norm(x, w, b, 1e-3); }),
  };
}

}  // namespace cairn::cases
