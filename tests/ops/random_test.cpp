#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row drawn(const char* name) {
  Row row{name, {}, kExact};
  for (const Shape& shape : {Shape{}, {0}, {3}, {4}, {5, 7}, {2, 3, 5}})
    for (const DType dtype : {DType::f32, DType::f64})
      row.cases.push_back(of(name, {seed()}, {{"shape", shape}, {"dtype", static_cast<int64_t>(dtype)}, {"number", int64_t{3}}}));
  return row;
}

}  // namespace

std::vector<Row> random_rows() {
  return {drawn("random_uniform"), drawn("random_normal")};
}

}  // namespace cairn::cases
