#include "compare.h"

namespace cairn::test {
namespace {

const DType kAll[] = {DType::f32, DType::f64, DType::bf16, DType::i8,
                      DType::u8,  DType::i32, DType::i64};
double small(int, std::mt19937& r) { return static_cast<double>(r() % 20); }

TEST(Loops, Moves) {
  for (DType t : kAll) {
    compare({"cat",
             {{"axis", int64_t{1}}},
             {of(t, {3, 2, 4}), of(t, {3, 5, 4}), of(t, {3, 0, 4})},
             0,
             small});
    compare(
        {"cat", {{"axis", int64_t{0}}}, {strided({3, 4}, {1, 3}, 2, t), of(t, {1, 4})}, 0, small});
    compare({"flip", {{"axes", Ints{0, 2}}}, {of(t, {3, 2, 5})}, 0, small});
    compare({"flip", {{"axes", Ints{1}}}, {of(t, {3, 0})}, 0, small});
    compare({"embed_slice",
             {{"axis", int64_t{1}},
              {"start", int64_t{1}},
              {"length", int64_t{3}},
              {"step", int64_t{2}},
              {"size", int64_t{8}}},
             {of(t, {2, 3, 5})},
             0,
             small});
    compare({"copy", {}, {strided({4, 5, 3}, {1, 4, 20}, 1, t)}, 0, small});
    compare({"permute", {{"order", Ints{2, 0, 1}}}, {of(t, {4, 5, 3})}, 0, small});
    compare({"expand", {{"shape", Ints{3, 4, 5}}}, {of(t, {4, 1})}, 0, small});
    compare({"slice",
             {{"axis", int64_t{0}},
              {"start", int64_t{1}},
              {"length", int64_t{2}},
              {"step", int64_t{2}}},
             {of(t, {5, 3})},
             0,
             small});
    compare({"reshape", {{"shape", Ints{6, 2}}}, {strided({3, 4}, {1, 3}, 0, t)}, 0, small});
    compare({"full",
             {{"shape", Ints{3, 777}}, {"value", 3.0}, {"dtype", static_cast<int64_t>(t)}},
             {},
             0});
    compare(
        {"full", {{"shape", Ints{0}}, {"value", 3.0}, {"dtype", static_cast<int64_t>(t)}}, {}, 0});
  }
  compare({"full",
           {{"shape", Ints{5000}}, {"value", 1.0}, {"dtype", static_cast<int64_t>(DType::boolean)}},
           {},
           0});
  for (DType t : {DType::i32, DType::i64, DType::f32})
    compare({"arange",
             {{"start", int64_t{-3}},
              {"step", int64_t{2}},
              {"count", int64_t{70}},
              {"dtype", static_cast<int64_t>(t)}},
             {},
             0});
}

TEST(Loops, WholeNumbersAndDoubles) {
  for (DType t : {DType::i32, DType::i64, DType::u8, DType::i8, DType::f64}) {
    for (const char* op :
         {"add", "mul", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"}) {
      const Fill fill = [](int, std::mt19937& r) { return static_cast<double>(r() % 11); };
      compare({op, {}, {of(t, {4, 33}), of(t, {33})}, 0, fill});
      compare({op, {}, {strided({6, 5}, {1, 6}, 0, t), of(t, {6, 1})}, 0, fill});
      compare({op, {}, {of(t, {}), of(t, {0, 3})}, 0, fill});
    }
    compare({"where", {}, {of(DType::boolean, {4, 1}), of(t, {5}), of(t, {4, 5})}, 0, small});
    for (const char* op : {"sum", "amax", "amin"})
      for (Ints axes : {Ints{0}, Ints{1, 2}, Ints{0, 1, 2}})
        compare({op,
                 {{"axes", axes}, {"keepdim", int64_t{0}}},
                 {of(t, {2, 3, 4})},
                 0,
                 [](int, std::mt19937& r) { return static_cast<double>(r() % 5); }});
  }
  const Fill large = [](int, std::mt19937& r) {
    return std::ldexp(1.0, 24) + static_cast<double>(r() % 2);
  };  // beyond f32
  compare({"eq", {}, {of(DType::i64, {100}), of(DType::i64, {100})}, 0, large});
  for (const char* op : {"sub", "div"})
    compare({op, {}, {of(DType::f64, {9}), of(DType::f64, {9})}, 1e-15});
  for (const char* op : {"neg", "abs", "square", "exp", "tanh"})
    compare({op, {}, {of(DType::f64, {9})}, 1e-15});
  compare({"add_scalar", {{"value", -3.0}}, {of(DType::i64, {9})}, 0, small});
  compare({"mul_scalar", {{"value", 0.5}}, {of(DType::f64, {9})}, 1e-15});
}

TEST(Loops, AlongAnAxis) {
  const Fill fill = [](int input, std::mt19937& r) {
    return input == 1 ? static_cast<double>(r() % 4) : static_cast<double>(r() % 100) / 8;
  };
  for (DType index : {DType::i32, DType::i64}) {
    compare({"gather", {{"axis", int64_t{1}}}, {f32({3, 4, 5}), of(index, {3, 7, 5})}, 0, fill});
    compare({"gather", {{"axis", int64_t{2}}}, {f32({3, 4, 5}), of(index, {2, 4, 1})}, 0, fill});
    compare({"gather",
             {{"axis", int64_t{0}}},
             {strided({4, 6}, {1, 4}), strided({9, 6}, {1, 0}, 0, index)},
             0,
             fill});
    compare({"gather", {{"axis", int64_t{0}}}, {of(DType::i64, {4}), of(index, {0})}, 0, small});
    compare({"gather",
             {{"axis", int64_t{0}}},
             {f32({4, 3, 5}), strided({9, 3, 5}, {1, 0, 0}, 0, index)},
             0,
             fill});  // index_select
    // Rows, far more than are asked for ahead; columns, by one index for all rows.
    compare({"gather",
             {{"axis", int64_t{0}}},
             {f32({4, 37}), strided({50, 37}, {1, 0}, 0, index)},
             0,
             fill});
    compare({"gather",
             {{"axis", int64_t{1}}},
             {f32({40, 9}), strided({40, 7}, {0, 1}, 0, index)},
             0,
             fill});
    compare({"gather",
             {{"axis", int64_t{1}}},
             {strided({40, 9}, {1, 40}), strided({40, 7}, {0, 1}, 0, index)},
             0,
             fill});
    compare({"scatter_add",
             {{"axis", int64_t{1}}},
             {f32({3, 4}), of(index, {3, 6}), f32({3, 6})},
             1e-6,
             fill});
    compare({"scatter_add",
             {{"axis", int64_t{0}}},
             {f32({4, 3}), of(index, {9, 2}), strided({9, 2}, {1, 9})},
             1e-6,
             fill});
    compare({"check_index",
             {{"low", int64_t{0}}, {"high", int64_t{20}}},
             {of(index, {3, 5})},
             0,
             small});
  }
  const Fill ties = [](int, std::mt19937& r) {
    return r() % 13 ? static_cast<double>(r() % 5) : NAN;
  };
  for (const char* op : {"argmax", "argmin"})
    for (int64_t axis : {0, 1, 2})
      compare({op, {{"axes", Ints{axis}}, {"keepdim", int64_t{0}}}, {f32({5, 6, 7})}, 0, ties});
  for (const char* op : {"cumsum", "cumprod"})
    for (int64_t axis : {0, 1}) {
      compare({op, {{"axis", axis}}, {f32({5, 6})}, 1e-6});
      compare({op, {{"axis", axis}}, {of(DType::i64, {5, 6})}, 0, [](int, std::mt19937& r) {
                 return static_cast<double>(r() % 4);
               }});
    }
}

TEST(Loops, Orders) {
  const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, -1e-40f, 1, -1};
  const Fill ties = [&](int, std::mt19937& r) {
    return r() % 2 ? odd[r() % 9] : static_cast<double>(r() % 50) - 25;
  };
  for (DType t : {DType::f32, DType::bf16, DType::f64})
    for (const Shape& shape : {Shape{1000}, Shape{3, 40, 5}, Shape{7, 1}, Shape{0, 4}})
      for (int64_t axis = 0; axis < shape.ssize(); ++axis)
        for (int64_t descending : {0, 1})
          for (int64_t count : {int64_t{0}, int64_t{1}, shape[axis] / 100, shape[axis] / 7,
                                shape[axis] / 2, shape[axis]})
            if (count <= shape[axis])
              compare({"argsort",
                       {{"axis", axis}, {"descending", descending}, {"count", count}},
                       {of(t, shape)},
                       0,
                       ties});
}

TEST(Loops, BadIndicesOfRowsAndColumnsAreReportedByPlace) {
  const std::vector<int64_t> picks = {0, 2, 1, 3, 0, 2};  // 3 is none of 3
  for (int64_t axis : {0, 1}) {
    const Attrs attrs = {{"axis", axis}};
    const Shape shape = axis == 0 ? Shape{6, 40} : Shape{40, 6};
    TensorDesc x = axis == 0 ? f32({3, 40}) : f32({40, 3});
    TensorDesc index = strided(shape, axis == 0 ? Ints{1, 0} : Ints{0, 1}, 0, DType::i64);
    TensorDesc y;
    OpCall call{&op_named("gather"), &attrs, {&x, &index}, {&y}};
    call.op->infer(call);
    const std::vector<float> values(120, 5.0f);
    std::vector<float> out(240);
    const void* in[] = {values.data(), picks.data()};
    void* to[] = {out.data()};
    Fault fault;
    backend_named("cpu").prepare(call)->launch({in, to, nullptr, &fault});
    EXPECT_EQ(fault.kind, Fault::bad_index);
    EXPECT_EQ(fault.position, axis == 0 ? 3 * 40 : 3);
    EXPECT_EQ(fault.value, 3);
    EXPECT_EQ(out[0], 5.0f);
  }
}

TEST(Loops, BadIndicesAreReportedByPlace) {
  const Attrs attrs = {{"axis", int64_t{0}}};
  TensorDesc x = f32({3}), index = of(DType::i64, {4}), y;
  OpCall call{&op_named("gather"), &attrs, {}, {}};
  call.inputs.push_back(&x), call.inputs.push_back(&index), call.outputs.push_back(&y);
  call.op->infer(call);
  const float values[3] = {1, 2, 3};
  const int64_t indices[4] = {0, 2, 7, -1};
  float out[4];
  const void* in[] = {values, indices};
  void* to[] = {out};
  Fault fault;
  backend_named("cpu").prepare(call)->launch({in, to, nullptr, &fault});
  EXPECT_EQ(fault.kind, Fault::bad_index);
  EXPECT_EQ(fault.position, 2);
  EXPECT_EQ(fault.value, 7);
}

TEST(Loops, RandomBitsAreTheReferences) {
  const Fill generator = [](int, std::mt19937& r) { return static_cast<double>(r()); };
  for (const char* op : {"random_uniform", "random_normal"})
    for (int64_t count : {0, 1, 5, 255, 256, 257, 5000})
      for (double scale : {1.0, 0.37})
        compare({op,
                 {{"shape", Ints{count}},
                  {"dtype", int64_t{0}},
                  {"number", int64_t{3}},
                  {"scale", scale},
                  {"shift", scale - 1}},
                 {of(DType::i64, {2})},
                 0,
                 generator});
}

}  // namespace
}  // namespace cairn::test
