// Resizing an axis, and its transpose, against the reference.
#include "compare.h"

namespace cairn::test {
namespace {

void resize(const char* op, const char* mode, int64_t from, int64_t to, bool corners, DType t,
            double tolerance) {
  for (int64_t axis : {0, 1, 2}) {
    Ints shape = {3, 4, 5};
    shape[axis] = std::string_view(op) == "resample" ? from : to;
    compare({op,
             {{"axis", axis},
              {"mode", mode},
              {"from", from},
              {"to", to},
              {"align_corners", int64_t{corners}},
              {"scale", 0.0}},
             {of(t, shape)},
             tolerance});
  }
}

TEST(Resample, EveryModeUpAndDown) {
  for (const char* op : {"resample", "resample_back"})
    for (const char* mode : {"nearest", "nearest_exact", "linear", "cubic", "area"})
      for (auto [from, to] : {std::pair{4, 8}, {5, 13}, {17, 7}, {1, 6}, {6, 1}, {9, 9}})
        for (bool corners : {false, true}) {
          resize(op, mode, from, to, corners, DType::f32, 1e-6);
          resize(op, mode, from, to, corners, DType::f64, 1e-13);
        }
}

TEST(Resample, NarrowAndLarge) {
  for (const char* op : {"resample", "resample_back"}) {
    resize(op, "linear", 5, 11, false, DType::bf16, 1e-2);
    const int64_t size = std::string_view(op) == "resample" ? 40 : 80;
    for (int64_t axis : {1, 2})
      compare({op,
               {{"axis", axis},
                {"mode", "linear"},
                {"from", int64_t{40}},
                {"to", int64_t{80}},
                {"align_corners", int64_t{0}},
                {"scale", 2.0}},
               {f32({40, size, size})},
               1e-6});
  }
  compare({"resample",
           {{"axis", int64_t{1}},
            {"mode", "nearest"},
            {"from", int64_t{3}},
            {"to", int64_t{6}},
            {"align_corners", int64_t{0}},
            {"scale", 2.0}},
           {f32({0, 3, 2})}});
}

}  // namespace
}  // namespace cairn::test
