// ONNX files at the edges of what the specification says: what they compute, by onnxruntime or by
// hand, and what is refused in our words.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/onnx/node_call.h"
#include "cairn/onnx/weights.h"
#include "cairn/ops/functions.h"
#include "tests/onnx/onnx_file.h"

namespace cairn::onnx {
namespace {

using onnx_proto::NodeProto, onnx_proto::TensorProto;
using Numbers = std::vector<double>;

Numbers numbers(const Tensor& t) { return cast(t, DType::f64).to_vector<double>(); }
void expect_near(const Tensor& t, const Numbers& expected, double close = 1e-5) {
  const Numbers got = numbers(t);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], close) << i;
}
std::string error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& e) { return e.what(); }
  return "no error";
}

// A file of one node whose inputs are all in it: computed when it is opened.
struct One {
  explicit One(const std::string& op, int64_t opset = 20) : made(opset) {
    made.output("y");
    made.node(op, {}, {"y"});
  }
  template <class T>
  One& in(const std::vector<int64_t>& sizes, const std::vector<T>& values, int32_t element = 0) {
    const std::string name = "in" + std::to_string(node().input_size());
    made.weight<T>(name, sizes, values);
    if (element) {
      auto& all = *made.graph().mutable_initializer();
      all.Mutable(all.size() - 1)->set_data_type(element);
    }
    node().add_input(name);
    return *this;
  }
  One& none() { return node().add_input(""), *this; }
  One& integer(const std::string& name, int64_t value) {
    return Made::integer(node(), name, value), *this;
  }
  One& number(const std::string& name, float value) {
    return Made::number(node(), name, value), *this;
  }
  One& ints(const std::string& name, const std::vector<int64_t>& values) {
    return Made::ints(node(), name, values), *this;
  }
  One& text(const std::string& name, const std::string& value) {
    return Made::text(node(), name, value), *this;
  }
  One& texts(const std::string& name, const std::vector<std::string>& values) {
    auto& a = *node().add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::STRINGS);
    for (const auto& v : values) a.add_strings(v);
    return *this;
  }
  One& floats(const std::string& name, const std::vector<float>& values) {
    auto& a = *node().add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::FLOATS);
    for (float v : values) a.add_floats(v);
    return *this;
  }
  NodeProto& node() { return *made.graph().mutable_node(0); }
  Tensor y() const { return made.opened().run({})[0]; }
  // Refused with the file, the node and this.
  void expect_refused(const std::string& why = "") {
    const std::string message = error_of([&] { (void)y(); });
    for (const std::string& part : {std::string("made.onnx"), "the " + node().op_type(), why})
      EXPECT_NE(message.find(part), message.npos) << "'" << part << "' in: " << message;
  }
  Made made;
};
using Floats = std::vector<float>;
using Whole = std::vector<int64_t>;

// ---- what hostile or slipped files ask for

TEST(ImportEdges, NodesWithTooFewInputsAreRefused) {
  One("CastLike").in<float>({1}, {1}).expect_refused("input 1 is not given");
  One("BitwiseNot").expect_refused("input 0 is not given");
  One("Concat").expect_refused("input 0 is not given");
  One few("QLinearMatMul");
  for (int i = 0; i < 7; ++i) few.in<uint8_t>({1, 1}, {1});
  few.expect_refused("input 7 is not given");
}

TEST(ImportEdges, EmptyTensorsWhereANumberIsWantedAreRefused) {
  One("TopK").in<float>({2}, {1, 2}).in<int64_t>({0}, {}).expect_refused("0 numbers, not one");
  One("CumSum").in<float>({2}, {1, 2}).in<int64_t>({0}, {}).expect_refused("0 numbers, not one");
  One("Trilu").in<float>({1, 1}, {1}).in<int64_t>({0}, {}).expect_refused("0 numbers, not one");
  One range("Range");
  range.in<int64_t>({}, {0}).in<int64_t>({0}, {}).in<int64_t>({}, {1});
  range.expect_refused("0 numbers, not one");
  One("Clip").in<float>({1}, {1}).in<float>({0}, {}).expect_refused();
}

TEST(ImportEdges, SizesThatCannotBeAreRefused) {
  const auto channels = [](int64_t f) {
    One one("DepthToSpace");
    one.in<float>({1, 4, 1, 1}, {1, 2, 3, 4}).integer("blocksize", f);
    return one;
  };
  channels(int64_t{1} << 32).expect_refused("blocks of");  // its square is 0 in 64 bits
  EXPECT_EQ(numbers(channels(2).y()), (Numbers{1, 2, 3, 4}));
  One("Conv").in<float>({1, 1, 3}, {1, 2, 3}).in<float>({1}, {1}).expect_refused("a kernel");
  One("Split")
      .in<float>({2}, {1, 2})
      .integer("num_outputs", 1'000'000'000'000)
      .expect_refused("into 1000000000000 parts");
  One unpool("MaxUnpool");
  unpool.in<float>({1, 1, 1}, {1}).in<int64_t>({1, 1, 1}, {0});
  unpool.ints("kernel_shape", {2}).ints("pads", {0}).expect_refused("1 pads");
  One dequantize("DequantizeLinear", 21);  // a scale of one dimension for blocks of two
  dequantize.in<int8_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}).in<float>({2}, {1, 2});
  dequantize.integer("axis", 1).integer("block_size", 2).expect_refused("blocks of 2");
}

TEST(ImportEdges, SequencesTurnedRoundByAxesFromTheEnd) {
  One one("ReverseSequence");
  one.in<float>({2, 3}, {1, 2, 3, 4, 5, 6}).in<int64_t>({2}, {2, 3});
  one.integer("time_axis", -1).integer("batch_axis", -2);
  EXPECT_EQ(numbers(one.y()), (Numbers{2, 1, 3, 6, 5, 4}));
  One same("ReverseSequence");
  same.in<float>({2, 2}, {1, 2, 3, 4}).in<int64_t>({2}, {1, 1});
  same.integer("time_axis", 1).integer("batch_axis", -1).expect_refused("axis 1");
}

TEST(ImportEdges, NothingIsSlicedAndResized) {
  One slice("Slice");
  slice.in<float>({0, 2}, {}).in<int64_t>({1}, {-1}).in<int64_t>({1}, {INT64_MIN});
  slice.in<int64_t>({1}, {0}).in<int64_t>({1}, {-1});
  EXPECT_EQ(slice.y().shape(), (Shape{0, 2}));
  One resize("Resize");  // pictures of no height
  resize.in<float>({1, 1, 0, 2}, {}).none().none().in<int64_t>({4}, {1, 1, 4, 4});
  resize.text("coordinate_transformation_mode", "asymmetric").text("nearest_mode", "floor");
  EXPECT_EQ(resize.y().shape(), (Shape{1, 1, 4, 4}));
}

// ---- what was computed otherwise than the specification says

// By onnxruntime 1.32.
TEST(ImportEdges, ClipCutsTheWholeInputOfAnActivation) {
  One rnn("RNN", 14);
  rnn.in<float>({3, 1, 1}, {1, 2, -3}).in<float>({1, 1, 1}, {0.9f}).in<float>({1, 1, 1}, {1.7f});
  rnn.in<float>({1, 2}, {0.2f, 0.3f}).integer("hidden_size", 1).number("clip", 0.7f);
  expect_near(rnn.y(), {0.60436785, 0.60436785, -0.60436773});
  One lstm("LSTM", 14);  // whose cell may be larger
  lstm.in<float>({4, 1, 1}, {1, 1, 1, 1}).in<float>({1, 4, 1}, {5, 5, 5, 5});
  lstm.in<float>({1, 4, 1}, {0, 0, 0, 0}).integer("hidden_size", 1).number("clip", 0.3f);
  expect_near(lstm.y(), {0.09524118, 0.14794143, 0.17711388, 0.19343832});
}

TEST(ImportEdges, ActivationsHaveTheirNumbers) {
  const auto rnn = [](const std::string& activation, const Floats& alpha, const Floats& beta) {
    One one("RNN", 14);
    one.in<float>({3, 1, 1}, {1, 2, -3}).in<float>({1, 1, 1}, {0.18859532f});
    one.in<float>({1, 1, 1}, {-0.8035041f}).integer("hidden_size", 1);
    one.texts("activations", {activation});
    if (!alpha.empty()) one.floats("activation_alpha", alpha);
    if (!beta.empty()) one.floats("activation_beta", beta);
    return one;
  };
  expect_near(rnn("LeakyRelu", {}, {}).y(), {0.18859532, 0.22565353, -0.007471});
  expect_near(rnn("LeakyRelu", {0.3f}, {}).y(), {0.18859532, 0.22565353, -0.22412987});
  expect_near(rnn("HardSigmoid", {0.3f}, {0.1f}).y(), {0.1565786, 0.17541373, 0});
  expect_near(rnn("HardSigmoid", {}, {}).y(), {0.5377191, 0.48902622, 0.30825588});
  expect_near(rnn("Affine", {0.3f}, {0.1f}).y(), {0.1565786, 0.17541373, -0.11201952});
  expect_near(rnn("ScaledTanh", {0.3f}, {0.1f}).y(), {0.00565721, 0.01117419, -0.01722398});
  expect_near(rnn("Elu", {}, {}).y(), {0.18859532, 0.22565353, -0.5262613});
  rnn("Affine", {}, {}).expect_refused("activation_alpha");
  One gru("GRU", 14);  // the numbers in the order of the activations that have some
  gru.in<float>({3, 1, 1}, {1, 2, -3});
  gru.in<float>({1, 3, 1}, {0.18859532f, -0.19815728f, 0.960634f});
  gru.in<float>({1, 3, 1}, {-0.8035041f, 0.5423926f, 1.9560001f});
  gru.in<float>({1, 6},
                {-0.70373523f, -1.2654215f, -0.62327445f, 0.04132598f, -2.3250308f, -0.21879166f});
  gru.integer("hidden_size", 1).texts("activations", {"HardSigmoid", "LeakyRelu"});
  gru.floats("activation_alpha", {0.3f, 0.4f}).floats("activation_beta", {0.1f});
  expect_near(gru.y(), {0.11856788, 1.0792019, -1.4895872});
}

TEST(ImportEdges, TheOddSurplusOfATransposedConvolutionIsAtItsBeginning) {
  const auto shaped = [](const std::string& pad, int64_t size, int64_t opset) {
    One one("ConvTranspose", opset);
    one.in<float>({1, 1, 3}, {1, 10, 100}).in<float>({1, 1, 4}, {1, 2, 3, 4});
    one.ints("strides", {2}).ints("output_shape", {size}).text("auto_pad", pad);
    return numbers(one.y());
  };
  for (const int64_t opset : {1, 11, 22}) {
    EXPECT_EQ(shaped("NOTSET", 7, opset), (Numbers{2, 13, 24, 130, 240, 300, 400}));
    EXPECT_EQ(shaped("NOTSET", 5, opset), (Numbers{13, 24, 130, 240, 300}));
    EXPECT_EQ(shaped("SAME_UPPER", 7, opset), (Numbers{1, 2, 13, 24, 130, 240, 300}));
    EXPECT_EQ(shaped("SAME_LOWER", 5, opset), (Numbers{13, 24, 130, 240, 300}));
  }
}

TEST(ImportEdges, BeforeOpset7SizesAreMatchedFromAnAxisOn) {
  const auto sum = [](int64_t opset, bool with_axis) {
    One one("Add", opset);
    one.in<float>({2, 2}, {0, 0, 0, 0}).in<float>({2}, {1, 2}).integer("broadcast", 1);
    if (with_axis) one.integer("axis", 0);
    return numbers(one.y());
  };
  EXPECT_EQ(sum(6, true), (Numbers{1, 1, 2, 2}));
  EXPECT_EQ(sum(6, false), (Numbers{1, 2, 1, 2}));
  EXPECT_EQ(sum(7, true), (Numbers{1, 2, 1, 2}));
  One prelu("PRelu", 6);  // one a channel
  prelu.in<float>({1, 2, 2}, {-1, -1, -1, -1}).in<float>({2}, {1, 2});
  EXPECT_EQ(numbers(prelu.y()), (Numbers{-1, -1, -2, -2}));
}

TEST(ImportEdges, TypesThatAreHeldInWiderOnesStayNarrow) {
  Made made(21);  // a zero point of 4 bits from a node
  made.input("x", {3}).output("y").weight<float>("scale", {}, {1});
  auto& a = *made.node("Constant", {}, {"zero"}).add_attribute();
  a.set_name("value"), a.set_type(onnx_proto::AttributeProto::TENSOR);
  a.mutable_t()->set_data_type(TensorProto::INT4), a.mutable_t()->add_int32_data(1);
  made.node("Identity", {"zero"}, {"the zero"});
  made.node("QuantizeLinear", {"x", "scale", "the zero"}, {"y"});
  const Tensor x = tensor(std::vector<float>{-100, 2, 100}, {3});
  EXPECT_EQ(numbers(made.opened().run({&x, 1})[0]), (Numbers{-8, 3, 7}));

  Made bits;  // 16 bits after a cast
  bits.output("not").output("shifted").weight<int32_t>("x", {2}, {1, 0x8001});
  Made::integer(bits.node("Cast", {"x"}, {"u"}), "to", TensorProto::UINT16);
  bits.node("BitwiseNot", {"u"}, {"not"});
  auto& one = *bits.node("Constant", {}, {"one"}).add_attribute();
  one.set_name("value_int"), one.set_type(onnx_proto::AttributeProto::INT), one.set_i(1);
  Made::integer(bits.node("Cast", {"one"}, {"by"}), "to", TensorProto::UINT16);
  Made::text(bits.node("BitShift", {"u", "by"}, {"shifted"}), "direction", "LEFT");
  const Tensors out = bits.opened().run({});
  EXPECT_EQ(numbers(out[0]), (Numbers{0xfffe, 0x7ffe}));
  EXPECT_EQ(numbers(out[1]), (Numbers{2, 2}));
}

TEST(ImportEdges, LargeWholeNumbersAreExact) {
  constexpr int64_t large = (int64_t{1} << 53) + 1;
  One divide("Div");
  divide.in<int64_t>({4}, {large, -large, 2 * large, INT64_MIN}).in<int64_t>({4}, {1, 1, -2, -1});
  EXPECT_EQ(divide.y().to_vector<int64_t>(), (Whole{large, -large, -large, INT64_MIN}));
  Made traced;  // where they are not known
  traced.input("x", {2}, TensorProto::INT64).output("y").weight<int64_t>("by", {}, {-2});
  traced.node("Div", {"x", "by"}, {"y"});
  const Whole numbers_in = {2 * large, -7};
  const Imported file = traced.opened();
  const Tensor in = from_host(numbers_in.data(), {2}, DType::i64);
  CompiledFunction compiled([&](std::span<const Tensor> x) { return file.run(x); });
  EXPECT_EQ(compiled.call({&in, 1})[0].to_vector<int64_t>(), (Whole{-large, 3}));
  One unique("Unique");  // which are one number in f64
  unique.in<int64_t>({3}, {large, large - 1, large});
  EXPECT_EQ(unique.y().to_vector<int64_t>(), (Whole{large - 1, large}));
}

// As numpy.unique(axis=2): by columns, each read in the order of the other axes.
TEST(ImportEdges, UniqueAlongALaterAxis) {
  One one("Unique");
  one.in<float>({2, 2, 2}, {0, 0, 2, 1, 1, 2, 0, 0}).integer("axis", 2);
  EXPECT_EQ(numbers(one.y()), (Numbers{0, 0, 1, 2, 2, 1, 0, 0}));
}

TEST(ImportEdges, SumsHaveTheTypeOfTheirNumbers) {
  for (const char* op : {"ReduceL1", "ReduceSumSquare"}) {
    const Tensor y = One(op).in<int32_t>({2}, {1, -2}).y();
    EXPECT_EQ(y.dtype(), DType::i32) << op;
  }
}

// A matrix of 48000 by 96000 would be 37 GB.
TEST(ImportEdges, LongSoundsAreResized) {
  Made made;
  made.input("x", {1, 2, 48000}).output("y").weight<float>("scales", {3}, {1, 1, 2});
  Made::text(made.node("Resize", {"x", "", "scales"}, {"y"}), "mode", "linear");
  const Tensor x = reshape(arange(0, 96000, 1, DType::f32), {1, 2, 48000});
  const Tensor y = made.opened().run({&x, 1})[0];
  ASSERT_EQ(y.shape(), (Shape{1, 2, 96000}));
  const auto values = y.to_vector<float>();
  EXPECT_EQ((std::vector<float>(values.begin(), values.begin() + 4)),
            (std::vector<float>{0, 0.25f, 0.75f, 1.25f}));
  EXPECT_EQ(values.back(), 95999);
}

// ---- numbers that are no sizes

TEST(ImportEdges, SizesBeyondAllReasonAreRefused) {
  const Floats picture(16, 1), huge = {1, 1, 3e27f, 1}, none = {1, 1, NAN, 1};
  for (const Floats& scales : {huge, none})
    One("Resize")
        .in<float>({1, 1, 4, 4}, picture)
        .none()
        .in<float>({4}, scales)
        .expect_refused("elements");
  One("Range")
      .in<float>({}, {0})
      .in<float>({}, {1e30f})
      .in<float>({}, {1e-6f})
      .expect_refused("in steps of");
  One("OneHot")
      .in<int64_t>({1}, {0})
      .in<float>({}, {1e30f})
      .in<float>({2}, {0, 1})
      .expect_refused("a depth of");
  for (const int64_t beyond : {INT64_MAX, INT64_MIN}) {
    One("MaxPool")
        .in<float>({1, 1, 4, 4}, picture)
        .ints("kernel_shape", {2, 2})
        .ints("pads", {beyond, 0, beyond, 0})
        .expect_refused("pads of");
    One("Conv")
        .in<float>({1, 1, 4, 4}, picture)
        .in<float>({1, 1, 2, 2}, {1, 1, 1, 1})
        .ints("dilations", {beyond, beyond})
        .expect_refused("dilations of");
    One("Pad").in<float>({2}, {1, 2}).in<int64_t>({2}, {beyond, 1}).expect_refused("pads of");
    One("LRN").in<float>({1, 1, 4, 4}, picture).integer("size", beyond).expect_refused("a size of");
  }
  One("LRN").in<float>({4}, {1, 2, 3, 4}).integer("size", 3).expect_refused("a size of 3 over");
}

// A whole number is wanted of what is none, or of one that its type does not hold.
TEST(ImportEdges, WhatIsNoNumberIsNoCount) {
  const auto boxes = [](float most) {
    return One("NonMaxSuppression")
        .in<float>({1, 2, 4}, {0, 0, 1, 1, 5, 5, 6, 6})
        .in<float>({1, 1, 2}, {0.9f, 0.8f})
        .in<float>({1}, {most})
        .in<float>({1}, {0.5f});
  };
  EXPECT_EQ(boxes(NAN).y().size(0), 0);
  EXPECT_EQ(boxes(-1).y().size(0), 0);
  EXPECT_EQ(boxes(INFINITY).y().size(0), 2);
  for (const float end : {NAN, INFINITY})
    One("Range").in<float>({}, {0}).in<float>({}, {end}).in<float>({}, {1}).expect_refused("from");
  EXPECT_EQ(
      One("Range").in<float>({}, {0}).in<float>({}, {-INFINITY}).in<float>({}, {1}).y().size(0), 0);
  for (const float first : {NAN, 3e38f})
    One("Resize")
        .in<float>({1, 1, 4, 4}, Floats(16, 1))
        .in<float>({8}, {0, 0, first, 0, 1, 1, -first, 1})
        .none()
        .in<int64_t>({4}, {1, 1, 2, 2})
        .text("coordinate_transformation_mode", "tf_crop_and_resize")
        .expect_refused("a part from");
}

TEST(ImportEdges, NumbersOfTypesAreNotCutOff) {
  for (const int64_t beyond : {(int64_t{1} << 32) + TensorProto::FLOAT, int64_t{-1}}) {
    One("Cast").in<int64_t>({1}, {1}).integer("to", beyond).expect_refused("no element type");
    One("EyeLike").in<float>({1, 1}, {1}).integer("dtype", beyond).expect_refused("no element");
    for (const char* op : {"QuantizeLinear", "DequantizeLinear"})
      One(op, 23)
          .in<int32_t>({1}, {1})
          .in<float>({}, {1})
          .integer("output_dtype", beyond)
          .expect_refused("no element type");
  }
}

TEST(ImportEdges, DiagonalsAndWindowsBeyondAllThereIs) {
  for (const int64_t beyond : {INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(numbers(One("EyeLike").in<float>({2, 2}, Floats(4)).integer("k", beyond).y()),
              Numbers(4, 0));
  }
  const Floats q = {1, 2}, kv = {3, 5};
  One narrow("Attention", 24);  // two queries of two keys, one feature
  narrow.in<float>({1, 1, 2, 1}, q).in<float>({1, 1, 2, 1}, kv).in<float>({1, 1, 2, 1}, kv);
  const Numbers all = numbers(narrow.y());
  for (const char* side : {"left_window_size", "right_window_size"}) {
    One wide = narrow;
    wide.integer(side, INT64_MAX);
    expect_near(wide.y(), all);
  }
}

// ---- weights

TEST(ImportEdges, WeightsAreTakenInTheirShapeAlone) {
  Made made;
  made.input("x", {1, 2}).output("y").weight<float>("gemm", {2, 3}, {1, 2, 3, 4, 5, 6});
  made.weight<float>("other", {2, 3}, {1, 2, 3, 4, 5, 6}).weight<float>("bias", {1, 3}, {7, 8, 9});
  made.node("Gemm", {"x", "gemm", "bias"}, {"h"});
  made.node("Gemm", {"x", "other", "h"}, {"i"}), made.node("Relu", {"i"}, {"y"});
  const Imported file = made.opened();
  const NamedTensors got = weights_for(
      file, {{"gemm", full({3, 2}, 0)}, {"other", full({6}, 0)}, {"bias", full({3}, 0)}});
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].first, "gemm");  // [in, out] turned
  EXPECT_EQ(numbers(got[0].second), (Numbers{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(got[1].first, "bias");
  EXPECT_EQ(got[1].second.shape(), (Shape{3}));
}

}  // namespace
}  // namespace cairn::onnx
