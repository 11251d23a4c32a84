#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/tensor/dtype.h"
#include "cairn/tensor/shape.h"

namespace cairn {

TEST(Errors, NearestNameIsSuggested) {
  const std::vector<std::string> names = {"lenet", "resnet18"};
  EXPECT_EQ(nearest_name("resnt18", names), "resnet18");
  EXPECT_EQ(nearest_name("zzzzzzzzzz", names), "");
}

TEST(DTypes, SmallFloatsRoundTripEveryCode) {
  for (DType t : {DType::f16, DType::bf16, DType::f8e4m3, DType::f8e5m2}) {
    const uint32_t codes = size_of(t) == 1 ? 256 : 65536;
    for (uint32_t code = 0; code < codes; ++code) {
      uint16_t in = code, out = 0;
      const double value = load_element(&in, t);
      if (std::isnan(value)) continue;
      store_element(&out, t, value);
      ASSERT_EQ(in, out) << name_of(t) << " code " << code << " value " << value;
    }
  }
}

TEST(Shapes, BroadcastNamesTheOp) {
  EXPECT_EQ(broadcast_shapes("add", {2, 1}, {3}), (Shape{2, 3}));
  EXPECT_THROW(broadcast_shapes("add", {2}, {3}), Error);
}

}  // namespace cairn
