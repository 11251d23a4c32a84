// ONNX files read and run: where others have been wrong (docs/onnx.md has them as a table), and
// what is refused. The ops themselves are tried by tools/onnx_node_tests.py.
#include "cairn/onnx/import.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/compile/compile.h"
#include "cairn/onnx/export.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"
#include "tests/onnx/onnx_file.h"

namespace cairn::onnx {
namespace {

using onnx_proto::TensorProto;

// Op by op, and compiled, which must be the same.
Tensors run(const Made& made, const Tensors& in) {
  const Imported file = made.opened();
  const Tensors eager = file.run(in);
  CompiledFunction compiled([&](std::span<const Tensor> x) { return file.run(x); });
  const Tensors replayed = compiled.call(in);
  EXPECT_EQ(eager.size(), replayed.size());
  for (size_t i = 0; i < eager.size(); ++i) {
    EXPECT_EQ(eager[i].shape(), replayed[i].shape());
    const auto a = cast(eager[i], DType::f64).to_vector<double>(),
               b = cast(replayed[i], DType::f64).to_vector<double>();
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-5) << "output " << i;
  }
  return eager;
}
std::vector<float> numbers(const Tensor& t) { return cast(t, DType::f32).to_vector<float>(); }

std::string error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& e) { return e.what(); }
  return "no error";
}
void expect_in(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(message.find(part), message.npos) << "'" << part << "' in: " << message;
}
Tensor counting(const Shape& shape, float from = 0) {
  std::vector<float> v(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < v.size(); ++i) v[i] = from + static_cast<float>(i);
  return tensor(v, shape);
}

// ---- running

TEST(Import, ComputesAndTakesAnyFreeSize) {
  Made made;
  made.input("x", {-1, 2}).output("y").weight<float>("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  made.weight<float>("b", {3}, {10, 20, 30});
  auto& gemm = made.node("Gemm", {"x", "w", "b"}, {"h"});
  Made::integer(gemm, "transB", 1);
  made.node("Relu", {"h"}, {"y"});
  EXPECT_EQ(numbers(run(made, {tensor(std::vector<float>{1, 1}, {1, 2})})[0]),
            (std::vector<float>{13, 27, 41}));
  EXPECT_EQ(run(made, {counting({5, 2})})[0].shape(), (Shape{5, 3}));
}

TEST(Import, SizesOfTheInputsAreKnownWhileTracing) {
  Made made;  // x as rows of its first size, by way of Shape, Gather and Concat
  made.input("x", {-1, 2, 3}).output("y").weight<int64_t>("zero", {}, {0});
  made.weight<int64_t>("rest", {1}, {-1}).weight<int64_t>("axes", {1}, {0});
  made.node("Shape", {"x"}, {"sizes"});
  made.node("Gather", {"sizes", "zero"}, {"count"});
  made.node("Unsqueeze", {"count", "axes"}, {"counts"});
  Made::integer(made.node("Concat", {"counts", "rest"}, {"shape"}), "axis", 0);
  made.node("Reshape", {"x", "shape"}, {"y"});
  EXPECT_EQ(run(made, {counting({4, 2, 3})})[0].shape(), (Shape{4, 6}));
}

TEST(Import, BranchesWhoseConditionIsKnownAreTaken) {
  Made made;
  made.input("x", {2}).output("y").weight<int64_t>("two", {}, {2}).weight<int64_t>("i", {}, {0});
  made.node("Shape", {"x"}, {"sizes"});
  made.node("Gather", {"sizes", "i"}, {"size"});
  made.node("Equal", {"size", "two"}, {"is two"});
  auto& branch = made.node("If", {"is two"}, {"y"});
  for (const auto& [name, op] : {std::pair{"then_branch", "Neg"}, {"else_branch", "Abs"}}) {
    auto& a = *branch.add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::GRAPH);
    auto& n = *a.mutable_g()->add_node();
    n.set_op_type(op), n.add_input("x"), n.add_output(std::string("of ") + op);
    a.mutable_g()->add_output()->set_name(std::string("of ") + op);
  }
  EXPECT_EQ(numbers(run(made, {tensor({1, 2})})[0]), (std::vector<float>{-1, -2}));
}

TEST(Import, WhatExportWritesComesBack) {
  const Tensor weight = parameter(counting({4, 3, 3, 3}) * 0.01);
  const Function function{{{"x", DType::f32, {kAnyBatch, 3, 8, 8}}},
                          {"y"},
                          [=](std::span<const Tensor> in) -> Tensors {
                            const Tensor y = relu(conv2d(in[0], weight, {}, {.padding = {1}}));
                            return {softmax(mean(y, {2, 3}), 1)};
                          },
                          {{"conv.weight", weight}}};
  const Imported back(ModelFile(io::bytes_of(to_onnx(function)), "back.onnx", ""));
  const Tensor x = counting({2, 3, 8, 8}) * 0.1;
  const auto ours = numbers(function.run({&x, 1})[0]), theirs = numbers(back.run({&x, 1})[0]);
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-5);
  EXPECT_EQ(back.opset(), kOpset);
}

// ---- external data

TEST(Import, ExternalDataAreReadFromTheFilesFolderAlone) {
  const TemporaryFolder temporary;
  const std::filesystem::path folder = temporary.path();
  const float values[] = {0, 0, 5, 6};
  std::ofstream(folder / "weights.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(values), sizeof values);
  const auto made = [&](const std::string& location, const std::string& length = "8") {
    Made m;
    m.input("x", {2}).output("y").node("Add", {"x", "w"}, {"y"});
    auto& t = *m.graph().add_initializer();
    t.set_name("w"), t.set_data_type(TensorProto::FLOAT), t.add_dims(2);
    t.set_data_location(TensorProto::EXTERNAL);
    for (const auto& [key, value] : {std::pair<std::string, std::string>{"location", location},
                                     {"offset", "8"},
                                     {"length", length}}) {
      auto& entry = *t.add_external_data();
      entry.set_key(key), entry.set_value(value);
    }
    return m;
  };
  const std::string inside = folder.string();
  const Tensor x = tensor({1, 2});
  EXPECT_EQ(numbers(made("weights.bin").opened(inside).run({&x, 1})[0]),
            (std::vector<float>{6, 8}));
  std::filesystem::create_directory(folder / "inner");
  std::filesystem::create_symlink(folder / "weights.bin", folder / "inner/link");
  const std::string inner = (folder / "inner").string();
  for (const std::string& outside :
       {std::string("../weights.bin"), (folder / "weights.bin").string(), std::string("link"),
        std::string("a/../../weights.bin")})
    expect_in(error_of([&] { made(outside).opened(inner); }), {"'w'", "outside the folder"});
  expect_in(error_of([&] { made("no.bin").opened(inside); }), {"'w'", "no.bin", "not there"});
  expect_in(error_of([&] { made("weights.bin", "12").opened(inside); }), {"'w'", "bytes 8 to 20"});
  expect_in(error_of([&] { made("weights.bin", "4").opened(inside); }), {"'w'", "4 bytes"});
  expect_in(error_of([&] { made("weights.bin", "-1").opened(inside); }), {"'w'", "-1"});
}

// ---- where others are wrong

TEST(Import, ARowOfAMaskThatSeesNothingIsWhatTheFileSays) {
  Made made;  // as products and a softmax with the least number, not minus infinity: the mean
  made.input("scores", {1, 2}).input("v", {2, 1}).output("y");
  made.weight<float>("least", {1, 2}, {-3.4028235e38f, -3.4028235e38f});
  made.node("Add", {"scores", "least"}, {"masked"});
  made.node("Softmax", {"masked"}, {"p"});
  made.node("MatMul", {"p", "v"}, {"y"});
  EXPECT_EQ(numbers(run(made, {tensor(std::vector<float>{1, 2}, {1, 2}),
                               tensor(std::vector<float>{4, 8}, {2, 1})})[0]),
            (std::vector<float>{6}));

  Made node(23);  // the op: nothing
  node.input("q", {1, 1, 2, 1}).input("k", {1, 1, 2, 1}).input("v", {1, 1, 2, 1}).output("y");
  auto& mask = *node.graph().add_initializer();
  Made::fill<uint8_t>(mask, "mask", {2, 2}, {0, 0, 1, 1});
  mask.set_data_type(TensorProto::BOOL);
  node.node("Attention", {"q", "k", "v", "mask"}, {"y"});
  const Tensor zero = full({1, 1, 2, 1}, 0), v = tensor(std::vector<float>{4, 8}, {1, 1, 2, 1});
  EXPECT_EQ(numbers(run(node, {zero, zero, v})[0]), (std::vector<float>{0, 6}));
}

TEST(Import, AttentionsOffsetCountsCachedKeysAlone) {
  const auto made = [](bool cached) {
    Made m(23);
    m.input("q", {1, 1, 2, 1}).input("k", {1, 1, cached ? 2 : 3, 1}).output("y");
    std::vector<std::string> inputs = {"q", "k", "k"};
    if (cached) {
      m.weight<float>("past", {1, 1, 1, 1}, {30});
      inputs.insert(inputs.end(), {"", "past", "past"});
    }
    Made::integer(m.node("Attention", inputs, {"y"}), "is_causal", 1);
    return m;
  };
  const Tensor q = full({1, 1, 2, 1}, 0);
  // Without a cache the first query sees the first key alone, though there are more keys.
  EXPECT_EQ(numbers(run(made(false), {q, tensor(std::vector<float>{2, 4, 90}, {1, 1, 3, 1})})[0]),
            (std::vector<float>{2, 3}));
  EXPECT_EQ(numbers(run(made(true), {q, tensor(std::vector<float>{2, 4}, {1, 1, 2, 1})})[0]),
            (std::vector<float>{16, 12}));
}

TEST(Import, SequencesOfTheirLengths) {
  Made made;  // an RNN that adds its input to its state
  made.input("x", {3, 2, 1}).output("y").output("h").weight<float>("w", {1, 1, 1}, {1});
  made.weight<float>("r", {1, 1, 1}, {1}).weight<int32_t>("lengths", {2}, {0, 2});
  made.weight<float>("h0", {1, 2, 1}, {7, 1});
  auto& n = made.node("RNN", {"x", "w", "r", "", "lengths", "h0"}, {"y", "h"});
  Made::integer(n, "hidden_size", 1);
  auto& a = *n.add_attribute();
  a.set_name("activations"), a.set_type(onnx_proto::AttributeProto::STRINGS);
  a.add_strings("Relu");
  const Tensors out = run(made, {tensor(std::vector<float>{1, 1, 1, 1, 1, 1}, {3, 2, 1})});
  EXPECT_EQ(numbers(out[0]), (std::vector<float>{0, 2, 0, 3, 0, 0}));
  EXPECT_EQ(numbers(out[1]), (std::vector<float>{7, 3}));  // of no step: the state that came in
}

TEST(Import, WindowsThatBeginInThePaddingAreDropped) {
  Made made;  // and a shape that the file claims is not believed
  made.input("x", {1, 1, 3}).output("y");
  auto& info = *made.graph().mutable_output(0)->mutable_type()->mutable_tensor_type();
  info.set_elem_type(TensorProto::FLOAT);
  for (int64_t d : {1, 1, 9}) info.mutable_shape()->add_dim()->set_dim_value(d);
  auto& n = made.node("MaxPool", {"x"}, {"y"});
  Made::ints(n, "kernel_shape", {2}), Made::ints(n, "strides", {2}), Made::ints(n, "pads", {1, 1});
  Made::integer(n, "ceil_mode", 1);  // windows at -1, 1 and 3: the last one is padding alone
  EXPECT_EQ(numbers(run(made, {tensor(std::vector<float>{1, 2, 3}, {1, 1, 3})})[0]),
            (std::vector<float>{1, 3}));
}

TEST(Import, MaxPoolThatPadsBeforeWhereItMay) {
  Made made;
  made.input("x", {1, 1, 4}).output("y");
  auto& n = made.node("MaxPool", {"x"}, {"y"});
  Made::ints(n, "kernel_shape", {2}), Made::text(n, "auto_pad", "SAME_LOWER");
  EXPECT_EQ(numbers(run(made, {tensor(std::vector<float>{4, 3, 2, 1}, {1, 1, 4})})[0]),
            (std::vector<float>{4, 4, 3, 2}));
}

std::vector<float> resized(const std::string& place, const std::vector<float>& x, int64_t to) {
  Made made;
  made.input("x", {1, 1, static_cast<int64_t>(x.size())}).output("y");
  made.weight<int64_t>("sizes", {3}, {1, 1, to});
  auto& n = made.node("Resize", {"x", "", "", "sizes"}, {"y"});
  Made::text(n, "mode", "linear"), Made::text(n, "coordinate_transformation_mode", place);
  return numbers(run(made, {tensor(x, {1, 1, static_cast<int64_t>(x.size())})})[0]);
}
TEST(Import, ResizingToOneElement) {
  EXPECT_EQ(resized("pytorch_half_pixel", {1, 2, 3, 4}, 1), (std::vector<float>{1}));
  EXPECT_EQ(resized("half_pixel", {1, 2, 3, 4}, 1), (std::vector<float>{2.5}));
  EXPECT_EQ(resized("align_corners", {1, 2, 3, 4}, 1), (std::vector<float>{1}));
}
TEST(Import, ResizingThatKeepsTheCorners) {
  EXPECT_EQ(resized("align_corners", {0, 3, 6}, 5), (std::vector<float>{0, 1.5, 3, 4.5, 6}));
}

TEST(Import, NormsOfNeighbouringChannelsAndOfVectors) {
  Made lrn;
  lrn.input("x", {1, 3, 1}).output("y");
  auto& n = lrn.node("LRN", {"x"}, {"y"});
  Made::integer(n, "size", 2), Made::number(n, "alpha", 2), Made::number(n, "beta", 1);
  // An even size sees one channel more after than before: 1 + 2 / 2 (1 + 4), ...
  const auto y = numbers(run(lrn, {tensor(std::vector<float>{1, 2, 3}, {1, 3, 1})})[0]);
  EXPECT_NEAR(y[0], 1 / 6.0, 1e-6);
  EXPECT_NEAR(y[1], 2 / 14.0, 1e-6);
  EXPECT_NEAR(y[2], 3 / 10.0, 1e-6);

  Made lp;
  lp.input("x", {2, 2}).output("y");
  Made::integer(lp.node("LpNormalization", {"x"}, {"y"}), "p", 1);
  EXPECT_EQ(numbers(run(lp, {tensor(std::vector<float>{-1, 3, 0, 0}, {2, 2})})[0]),
            (std::vector<float>{-0.25, 0.75, 0, 0}));
}

TEST(Import, BoxesAreSuppressedStrictlyAboveTheThreshold) {
  Made made;  // two boxes that share exactly a half
  made.input("boxes", {1, 2, 4}).input("scores", {1, 1, 2}).output("y");
  made.weight<int64_t>("most", {1}, {10}).weight<float>("iou", {1}, {0.5f});
  made.node("NonMaxSuppression", {"boxes", "scores", "most", "iou"}, {"y"});
  const Imported file = made.opened();
  const Tensor in[] = {tensor(std::vector<float>{0, 0, 1, 1, 0, 0, 1, 0.5f}, {1, 2, 4}),
                       tensor(std::vector<float>{0.9f, 0.8f}, {1, 1, 2})};
  EXPECT_EQ(file.run(in)[0].shape(), (Shape{2, 3}));
  EXPECT_TRUE(file.shapes_follow_values());
}

TEST(Import, WholeNumbersOfAFewBits) {
  Made made;
  made.input("x", {4}).output("y").weight<float>("scale", {}, {0.5f});
  auto& t = *made.graph().add_initializer();  // -8, 7, -1, 2
  t.set_name("q"), t.set_data_type(TensorProto::INT4), t.add_dims(4);
  t.set_raw_data(std::string("\x78\x2f"));
  made.node("DequantizeLinear", {"q", "scale"}, {"w"});
  made.node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(numbers(run(made, {full({4}, 0)})[0]), (std::vector<float>{-4, 3.5f, -0.5f, 1}));
}

TEST(Import, TheDocsListTheOpsThatAreRead) {
  const std::string docs = io::read_text_file(CAIRN_SOURCE_DIR "/docs/onnx.md");
  const std::string reading = docs.substr(docs.find("## Reading"));
  for (const std::string& op : ops_read()) EXPECT_TRUE(reading.find(op) != docs.npos) << op;
  EXPECT_NE(reading.find(fmt::format(" {} ops:", ops_read().size())), docs.npos)
      << ops_read().size();
}

// ---- what is refused

TEST(ImportErrors, OpsThatAreNotRead) {
  Made made;
  made.input("x", {2}).output("y").node("Frobnicate", {"x"}, {"h"});
  made.node("Bernoulli", {"h"}, {"y"});
  expect_in(error_of([&] { made.opened(); }),
            {"made.onnx", "Frobnicate", "Bernoulli", "the Frobnicate", "docs/onnx.md"});
  Made other;
  other.input("x", {2}).output("y").node("Relu", {"x"}, {"y"}).set_domain("com.vendor");
  expect_in(error_of([&] { other.opened(); }), {"com.vendor.Relu"});
}

TEST(ImportErrors, InputsOfAnotherShapeOrType) {
  Made made;
  made.input("x", {-1, 2}).output("y").node("Relu", {"x"}, {"y"});
  const Imported file = made.opened();
  const Tensor wrong = full({1, 3}, 0), whole = full({1, 2}, 0, DType::i64);
  expect_in(error_of([&] { file.run({&wrong, 1}); }), {"made.onnx", "'x'", "[1, 3]", "[n, 2]"});
  expect_in(error_of([&] { file.run({&whole, 1}); }), {"'x'", "i64", "f32"});
  expect_in(error_of([&] { file.run({}); }), {"1 inputs", "0"});
}

TEST(ImportErrors, ANodeSaysWhichOneItIs) {
  Made made;
  made.input("x", {-1, 2}).output("y").weight<float>("w", {3, 3}, std::vector<float>(9));
  made.node("MatMul", {"x", "w"}, {"y"});
  const Imported file = made.opened();
  const Tensor x = full({1, 2}, 0);
  expect_in(error_of([&] { file.run({&x, 1}); }), {"made.onnx", "the MatMul", "[3, 3]"});
}

TEST(ImportErrors, SizesBelowMinusOne) {
  Made made;
  made.input("x", {2, 3}).output("y").weight<int64_t>("shape", {2}, {-2, 3});
  made.node("Reshape", {"x", "shape"}, {"y"});
  const Imported file = made.opened();
  const Tensor x = full({2, 3}, 0);
  expect_in(error_of([&] { file.run({&x, 1}); }), {"the Reshape", "size 0", "is -2"});
}

TEST(ImportErrors, DamagedFiles) {
  const auto error = [](const std::string& bytes) {
    return error_of([&] { ModelFile(io::bytes_of(bytes), "made.onnx", ""); });
  };
  expect_in(error("no ONNX at all"), {"made.onnx", "no ONNX file"});
  expect_in(error(""), {"made.onnx"});
  Made made;
  made.input("x", {2}).output("y").node("Relu", {"x"}, {"y"});
  const std::string whole = made.bytes();
  for (size_t cut = 1; cut < whole.size(); ++cut) error(whole.substr(0, cut));
  made.node("Relu", {"z"}, {"w"});
  expect_in(error(made.bytes()), {"made.onnx", "the Relu", "'z'"});
  Made twice;
  twice.input("x", {2}).output("y").node("Relu", {"x"}, {"y"});
  twice.node("Abs", {"x"}, {"y"});
  expect_in(error(twice.bytes()), {"the Abs", "'y'", "already"});
  Made none;
  none.input("x", {2}).output("q").node("Relu", {"x"}, {"y"});
  expect_in(error(none.bytes()), {"'q'"});
}

TEST(ImportErrors, WeightsThatDoNotFillTheirShape) {
  for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{
           {3}, {1}, {int64_t{1} << 40, int64_t{1} << 40}, {-1}, {int64_t{1} << 35}}) {
    Made made;
    made.input("x", {2}).output("y").node("Add", {"x", "w"}, {"y"});
    made.weight<float>("w", sizes, {1, 2});
    expect_in(error_of([&] { made.opened(); }), {"made.onnx", "'w'"});
  }
}

TEST(ImportErrors, NewerOpsets) {
  Made made(99);
  made.input("x", {2}).output("y").node("Relu", {"x"}, {"y"});
  expect_in(error_of([&] { made.opened(); }), {"opset 99", "older"});
}

TEST(ImportErrors, ShapesThatFollowValuesAreNotTraced) {
  Made made;
  made.input("x", {4}).output("y").node("NonZero", {"x"}, {"y"});
  const Imported file = made.opened();
  const Tensor x = tensor({0, 1, 0, 2});
  EXPECT_EQ(file.run({&x, 1})[0].to_vector<int64_t>(), (std::vector<int64_t>{1, 3}));
  CompiledFunction compiled([&](std::span<const Tensor> in) { return file.run(in); });
  EXPECT_THROW(compiled.call({&x, 1}), DependsOnValues);
}

}  // namespace
}  // namespace cairn::onnx
