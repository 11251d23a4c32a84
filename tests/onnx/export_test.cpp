// The structure of what is exported, read back from the file. Whether onnxruntime computes the same
// is tools/check_onnx.py's.
#include "cairn/onnx/export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cairn/io/file.h"
#include "cairn/models/models.h"
#include "cairn/onnx/import.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/task.h"
#include "onnx.pb.h"
#include "tests/io/temporary_folder.h"

namespace cairn::onnx {
namespace {

using onnx_proto::AttributeProto;
using onnx_proto::GraphProto;
using onnx_proto::ModelProto;
using onnx_proto::NodeProto;

ModelProto parsed(const std::string& bytes) {
  ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

const AttributeProto* attribute(const NodeProto& node, const std::string& name) {
  for (const AttributeProto& a : node.attribute())
    if (a.name() == name) return &a;
  return nullptr;
}
std::vector<int64_t> ints(const NodeProto& node, const std::string& name) {
  const AttributeProto* a = attribute(node, name);
  return a ? std::vector<int64_t>(a->ints().begin(), a->ints().end()) : std::vector<int64_t>{-1};
}
std::vector<const NodeProto*> nodes_of(const GraphProto& graph, const std::string& op) {
  std::vector<const NodeProto*> found;
  for (const NodeProto& n : graph.node())
    if (n.op_type() == op) found.push_back(&n);
  return found;
}

// What is wrong with a file, in words; "": nothing.
std::string wrong_with(const ModelProto& model, const Function& function) {
  const GraphProto& graph = model.graph();
  std::string wrong;
  const auto must = [&](bool ok, const std::string& what) {
    if (!ok) wrong += what + "; ";
  };
  must(model.ir_version() == 10, "IR");
  must(model.opset_import_size() == 1 && model.opset_import(0).version() == 20, "opset");
  must(graph.input_size() == static_cast<int>(function.takes.size()), "number of inputs");
  std::set<std::string> known = {""};
  for (int i = 0; i < graph.input_size(); ++i) {
    const auto& input = graph.input(i);
    const auto& shape = input.type().tensor_type().shape();
    const Port& port = function.takes[static_cast<size_t>(i)];
    must(input.name() == port.name, "input " + input.name());
    for (int d = 0; d < shape.dim_size(); ++d) {
      const int64_t size = port.shape[d];
      must(size >= 0 ? shape.dim(d).dim_value() == size
                     : shape.dim(d).dim_param() == (size == kAnyBatch ? "batch" : "length"),
           "size of " + input.name());
    }
    must(known.insert(input.name()).second, "twice: " + input.name());
  }
  for (const auto& t : graph.initializer()) {
    must(known.insert(t.name()).second, "twice: " + t.name());
    must(!t.raw_data().empty() || std::count(t.dims().begin(), t.dims().end(), 0),
         "empty: " + t.name());
  }
  std::set<std::string> read;
  for (const NodeProto& n : graph.node()) {
    for (const std::string& in : n.input()) {
      must(known.count(in) == 1, n.name() + " reads '" + in + "' before it is there");
      read.insert(in);
    }
    for (const std::string& out : n.output())
      must(known.insert(out).second, "written twice: " + out);
    must(!attribute(n, "auto_pad"), n.name() + " has auto_pad");
    for (const AttributeProto& a : n.attribute())
      must(a.type() != AttributeProto::UNDEFINED, "an attribute without a type: " + a.name());
    for (const char* op : {"Conv", "ConvTranspose", "MaxPool", "AveragePool"})
      if (n.op_type() == op)
        must(attribute(n, "pads") && attribute(n, "strides") && attribute(n, "kernel_shape"),
             n.name() + " lacks pads, strides or kernel_shape");
  }
  for (const auto& t : graph.initializer()) must(read.count(t.name()), "unused: " + t.name());
  must(graph.output_size() == static_cast<int>(function.gives.size()), "number of outputs");
  for (int i = 0; i < graph.output_size(); ++i) {
    must(graph.output(i).name() == function.gives[static_cast<size_t>(i)], "name of an output");
    must(known.count(graph.output(i).name()), "an output that nothing writes");
  }
  return wrong;
}

ModelProto exported(const Function& function) {
  const ModelProto model = parsed(to_onnx(function));
  EXPECT_EQ(wrong_with(model, function), "");
  return model;
}

template <class M>
Function of_network(const M& network, const Shape& shape, DType dtype = DType::f32) {
  network.eval();
  return {{{"x", dtype, shape}},
          {"y"},
          [network](std::span<const Tensor> in) -> Tensors { return {network(in[0])}; },
          network.state_dict()};
}
Function of_ops(const Shape& shape, TensorFunction run) {
  return {{{"x", DType::f32, shape}}, {"y"}, std::move(run)};
}

// ---- every task

class EveryTask : public testing::TestWithParam<std::string> {};

// Trains, writes the file and reads it back.
void expect_written(const tasks::Task& row, const train::Json& more) {
  const TemporaryFolder folder;
  auto options = row.options();
  options->out = folder / "run", options->quiet = true;
  options->read_file(more, "more");
  options->read_file(train::Json::parse(row.smallest), "smallest");
  row.train(*options);
  const auto model = tasks::open_model(folder / "run");
  const Function function{model->takes(), model->gives(),
                          [&](std::span<const Tensor> in) { return model->forward(in); },
                          model->network().state_dict()};
  const ModelProto file = exported(function);
  const auto& first = file.graph().output(0).type().tensor_type().shape();
  ASSERT_GT(first.dim_size(), 0);
  EXPECT_EQ(first.dim(0).dim_param(), "batch");
  std::set<std::string> names;  // weights keep the names of the network
  for (const auto& t : file.graph().initializer()) names.insert(t.name());
  size_t kept = 0;
  for (const auto& [name, tensor] : function.weights) kept += names.count(name);
  EXPECT_GT(kept, 0u);

  // Read back it computes the same, and is a model of its task.
  const std::string path = folder / "run.onnx";
  io::write_file_atomically(
      path,
      to_onnx(function, {.metadata = {{"cairn.task", model->task()},
                                      {train::kConfigMetadata, model->saved().config.dump()}}}));
  const Imported back(read_model_file(path));
  Tensors in;
  for (const Port& port : function.takes) {
    const Shape shape = sizes_of(port, 2, 3);
    in.push_back(is_float(port.dtype)
                     ? reshape(sin(cast(arange(0, numel(shape)), DType::f32)), shape)
                     : full(shape, 1, port.dtype));
  }
  const NoGrad no_grad;
  const Tensors ours = model->forward(in), theirs = back.run(in);
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].shape(), theirs[i].shape());
    EXPECT_LT(amax(abs(ours[i] - theirs[i])).item(), 1e-4 * (1 + amax(abs(ours[i])).item()));
  }
  // The function alone, where it leaves weights out (an encoder, baselines) or joins them.
  const std::set<std::string> functions = {"forecast", "anomaly-detection", "text-classification",
                                           "image-generation"};
  EXPECT_EQ(tasks::open_model(path)->task(), functions.count(row.name) ? "onnx" : row.name);
}

TEST_P(EveryTask, IsWritten) {
  expect_written(tasks::task_named(GetParam()), train::Json::object());
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, testing::ValuesIn(tasks::task_names()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// ---- networks

// Normalisations behind pooling, which no convolution takes in, and two looks at each picture.
TEST(Networks, AirbenchIsReadAsTheRunThatItWas) {
  expect_written(tasks::task_named("image-classification"), {{"augment", "crop-flip"}});
}

TEST(Networks, OfPictures) {
  exported(of_network(models::LeNet(), {kAnyBatch, 1, 28, 28}));
  exported(of_network(models::ResNet9(), {kAnyBatch, 3, 32, 32}));
  const auto resnet = exported(of_network(models::ResNet18Cifar(), {kAnyBatch, 3, 32, 32}));
  EXPECT_EQ(nodes_of(resnet.graph(), "Conv").size(), 20u);
  EXPECT_TRUE(nodes_of(resnet.graph(), "Reciprocal").empty()) << "batch norm is not folded";
  exported(of_network(models::SqueezeNet(10), {kAnyBatch, 3, 35, 35}));
  exported(of_network(models::UNet(), {kAnyBatch, 3, 32, 32}));
  exported(of_network(models::VideoNet(), {kAnyBatch, 3, 16, 32, 32}));
}

TEST(Networks, OfText) {
  const models::Gpt gpt(50, 32, 2, 2, 64, {.rotary = true});
  const auto file = exported(of_network(gpt, {kAnyBatch, kAnyLength}, DType::i64));
  const auto& shape = file.graph().output(0).type().tensor_type().shape();
  EXPECT_EQ(shape.dim(0).dim_param(), "batch");
  EXPECT_EQ(shape.dim(1).dim_param(), "length");
  EXPECT_EQ(shape.dim(2).dim_value(), 50);
  EXPECT_EQ(nodes_of(file.graph(), "LayerNormalization").size(), 5u);
}

TEST(Networks, RecurrentOnesAreNodesWithTheirOwnOrderOfGates) {
  // A weight whose rows say which gate they are of: PyTorch's i, f, g, o and r, z, n.
  const auto gates_of = [](const std::string& op, int64_t gates) {
    constexpr int64_t kHidden = 2, kIn = 3;
    std::vector<float> rows;
    for (int64_t g = 0; g < gates; ++g)
      for (int64_t i = 0; i < kHidden * kIn; ++i) rows.push_back(static_cast<float>(g));
    const RecurrentWeights w{tensor(rows, {gates * kHidden, kIn}),
                             zeros({gates * kHidden, kHidden})};
    const Function f{{{"x", DType::f32, {kAnyLength, kAnyBatch, kIn}}},
                     {"y"},
                     [&](std::span<const Tensor> in) -> Tensors {
                       if (op == "LSTM") return {lstm(in[0], {w}).output};
                       if (op == "GRU") return {gru(in[0], {w}).output};
                       return {rnn_relu(in[0], {w}).output};
                     }};
    const ModelProto file = exported(f);
    const auto found = nodes_of(file.graph(), op);
    EXPECT_EQ(found.size(), 1u);
    if (op == "GRU") { EXPECT_EQ(attribute(*found[0], "linear_before_reset")->i(), 1); }
    std::vector<float> order;
    for (const auto& t : file.graph().initializer())
      if (t.name() == found[0]->input(1))
        for (int64_t g = 0; g < gates; ++g)
          order.push_back(reinterpret_cast<const float*>(t.raw_data().data())[g * kHidden * kIn]);
    return order;
  };
  EXPECT_EQ(gates_of("LSTM", 4), (std::vector<float>{0, 3, 1, 2}));  // i, o, f, c
  EXPECT_EQ(gates_of("GRU", 3), (std::vector<float>{1, 0, 2}));      // z, r, h
  EXPECT_EQ(gates_of("RNN", 1), (std::vector<float>{0}));
}

// ---- ops

TEST(Ops, PaddingOfConvolutionsIsBeginsThenEnds) {
  const Tensor weight = ones({4, 2, 3, 3});
  const auto file =
      exported(of_ops({kAnyBatch, 2, 8, 8}, [&](std::span<const Tensor> in) -> Tensors {
        return {conv2d(in[0], weight, {}, {.padding = {1, 2, 3, 4}})};
      }));
  EXPECT_EQ(ints(*nodes_of(file.graph(), "Conv")[0], "pads"), (std::vector<int64_t>{1, 3, 2, 4}));
}

TEST(Ops, ResizingHasPytorchsCoordinates) {
  struct Case {
    Interpolation mode;
    bool corners;
    const char *coordinates, *nearest;
  };
  for (const Case& c :
       {Case{Interpolation::linear, false, "half_pixel", ""},
        Case{Interpolation::linear, true, "align_corners", ""},
        Case{Interpolation::nearest, false, "asymmetric", "floor"},
        Case{Interpolation::nearest_exact, false, "half_pixel", "round_prefer_ceil"},
        Case{Interpolation::cubic, false, "half_pixel", ""}}) {
    const auto file =
        exported(of_ops({kAnyBatch, 2, 8, 8}, [&](std::span<const Tensor> in) -> Tensors {
          return {
              interpolate(in[0], {.size = {13, 5}, .mode = c.mode, .align_corners = c.corners})};
        }));
    const auto resizes = nodes_of(file.graph(), "Resize");
    ASSERT_EQ(resizes.size(), 2u);
    EXPECT_EQ(attribute(*resizes[0], "coordinate_transformation_mode")->s(), c.coordinates);
    if (*c.nearest) { EXPECT_EQ(attribute(*resizes[0], "nearest_mode")->s(), c.nearest); }
  }
}

TEST(Ops, SizesThatFollowTheBatchAreComputed) {
  const auto file = exported(of_ops({kAnyBatch, 6}, [](std::span<const Tensor> in) -> Tensors {
    const Tensor flat = reshape(in[0], {in[0].size(0) * 6});
    return {flat + arange(0, flat.size(0), 1, DType::f32)};
  }));
  EXPECT_EQ(file.graph().output(0).type().tensor_type().shape().dim(0).dim_param(), "6*batch");
  EXPECT_EQ(nodes_of(file.graph(), "Range").size(), 1u);
}

// What cannot be written is named.
std::string refusal(const Function& function) {
  try {
    to_onnx(function);
  } catch (const Error& e) { return e.what(); }
  return "";
}
TEST(Errors, NameTheOpOrTheSize) {
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), text.npos) << text;
  };
  contains(refusal(of_ops({kAnyBatch, 3},
                          [](std::span<const Tensor> in) -> Tensors { return {erfinv(in[0])}; })),
           "erfinv");
  contains(refusal(of_ops({kAnyBatch, 3},
                          [](std::span<const Tensor> in) -> Tensors {
                            return {cat({in[0], ones({1, 3})}, 0)};
                          })),
           "no multiple of batch and length");
  contains(refusal(of_ops({kAnyBatch, 3},
                          [](std::span<const Tensor> in) -> Tensors {
                            return {in[0].size(0) == 5 ? relu(in[0]) : exp(in[0])};
                          })),
           "batch");
  contains(
      refusal(of_ops({kAnyBatch, 3},
                     [](std::span<const Tensor> in) -> Tensors { return {in[0] + randn({3})}; })),
      "random");
}

}  // namespace
}  // namespace cairn::onnx
