// ONNX files as models: what they take, files as inputs, and the verb "predict".
#include "cairn/tasks/imported/model.h"

#include <gtest/gtest.h>

#include <thread>

#include "cairn/infer/context.h"
#include "cairn/io/image.h"
#include "cairn/io/npy.h"
#include "cairn/io/zip.h"
#include "cairn/onnx/info.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"
#include "tests/onnx/onnx_file.h"

namespace cairn::onnx {
namespace {

using tasks::imported::Preparation;

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

struct Files {
  TemporaryFolder folder;
  std::string write(const std::string& name, const Made& made) const {
    io::write_file_atomically(folder / name, std::string_view(made.bytes()));
    return folder / name;
  }
  std::string npy(const std::string& name, const std::vector<float>& values,
                  const Shape& shape) const {
    io::write_npy(folder / name, DType::f32, shape,
                  {reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4});
    return folder / name;
  }
};

// Means of a picture's channels.
Made means() {
  Made made;
  made.input("picture", {-1, 3, 8, 8}).output("scores");
  made.node("GlobalAveragePool", {"picture"}, {"means"});
  made.node("Flatten", {"means"}, {"scores"});
  return made;
}
Made sum_of_two() {
  Made made;
  made.input("a", {-1, 2}).input("b", {-1, 2}).output("sum").node("Add", {"a", "b"}, {"sum"});
  return made;
}
tasks::imported::Imported& as_imported(tasks::Model& model) {
  return dynamic_cast<tasks::imported::Imported&>(model);
}

TEST(ImportedModel, SaysWhatItTakes) {
  const Files files;
  const auto model = tasks::open_model(files.write("sum.onnx", sum_of_two()));
  EXPECT_EQ(model->task(), "onnx");
  EXPECT_EQ(model->takes()[1].name, "b");
  EXPECT_EQ(model->takes()[0].shape, (Shape{kAnyBatch, 2}));
  EXPECT_EQ(model->gives(), std::vector<std::string>{"sum"});

  Made maps;  // [batch, 3, height, width]
  maps.input("x", {-1, 3, -1, -1}).output("y").node("Relu", {"x"}, {"y"});
  auto& dims = *maps.graph().mutable_input(0)->mutable_type()->mutable_tensor_type();
  dims.mutable_shape()->mutable_dim(2)->set_dim_param("height");
  dims.mutable_shape()->mutable_dim(3)->set_dim_param("width");
  const auto two = tasks::open_model(files.write("maps.onnx", maps));
  expect_in(error_of([&] { two->takes(); }), {"maps.onnx", "'x'", "height", "width"});
}

TEST(ImportedModel, PicturesAreReadAsTold) {
  const Files files;
  const auto model = tasks::open_model(files.write("means.onnx", means()));
  io::write_png(files.folder / "grey.png", io::Image(20, 10, 3, 51));  // 0.2
  const auto plain = as_imported(*model).read(files.folder / "grey.png", Preparation{});
  EXPECT_EQ(plain[0].shape(), (Shape{1, 3, 8, 8}));
  const auto values = plain[0].to_vector<float>();
  EXPECT_NEAR(values[0], (0.2 - 0.485) / 0.229, 1e-5);
  EXPECT_NEAR(values[64], (0.2 - 0.456) / 0.224, 1e-5);
  const auto told = as_imported(*model).read(
      files.folder / "grey.png", {.crop = 1, .mean = {0, 0, 0}, .deviation = {1, 1, 1}});
  EXPECT_NEAR(told[0].to_vector<float>()[5], 0.2, 1e-6);
  expect_in(error_of([&] { as_imported(*model).read(files.folder / "grey.png", {.size = 9}); }),
            {"8 pixels", "--image-size 9"});
  expect_in(
      error_of([&] { as_imported(*model).read(files.folder / "grey.png", {.mean = {0.5f}}); }),
      {"1 means", "3 channels"});
  const auto sum = tasks::open_model(files.write("sum.onnx", sum_of_two()));
  expect_in(error_of([&] { sum->read(files.folder / "grey.png"); }), {"'a', 'b'", "npz"});
}

TEST(ImportedModel, ArraysAreReadByName) {
  const Files files;
  const auto model = tasks::open_model(files.write("sum.onnx", sum_of_two()));
  expect_in(error_of([&] {
              model->read(files.npy("a.npy", {1, 2}, {1, 2}));
            }),
            {"2 inputs", "npz"});
  const auto entry = [](const std::vector<float>& v, const Shape& s) {
    io::ByteVector bytes = io::npy_header(DType::f32, s, "x");
    const auto* raw = reinterpret_cast<const uint8_t*>(v.data());
    bytes.insert(bytes.end(), raw, raw + 4 * v.size());
    return bytes;
  };
  const io::ByteVector a = entry({1, 2, 3, 4}, {2, 2}), b = entry({5, 6, 7, 8}, {2, 2});
  const auto archive = [&](const std::vector<io::ZipEntry>& entries) {
    const auto pieces = io::zip_pieces(entries, "in.npz");
    io::write_file_atomically(files.folder / "in.npz", pieces.pieces);
    return files.folder / "in.npz";
  };
  const Tensors in = model->read(archive({{"b.npy", b}, {"a.npy", a}}));
  EXPECT_EQ(as_imported(*model).run(in)[0].to_vector<float>(), (std::vector<float>{6, 8, 10, 12}));
  expect_in(error_of([&] { model->read(archive({{"a.npy", a}})); }), {"in.npz", "'b'"});
  const Tensors wrong = {in[0], full({2, 3}, 0)};
  expect_in(error_of([&] { as_imported(*model).run(wrong); }), {"sum.onnx", "'b'", "[2, 3]"});
}

TEST(ImportedModel, PredictPrintsClassesAndWritesOutputs) {
  const Files files;
  const auto model = tasks::open_model(files.write("means.onnx", means()));
  std::vector<float> x(3 * 64, 0);
  std::fill(x.begin() + 64, x.begin() + 128, 2.f);
  const std::string input = files.npy("x.npy", x, {1, 3, 8, 8});
  io::write_file_atomically(files.folder / "names.txt", std::string_view("red\ngreen\nblue\n"));
  const tasks::Verb* verb = tasks::imported::find_verb("predict");
  ASSERT_NE(verb, nullptr);
  const auto options = verb->options();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"files", input},
                                                        {"labels", files.folder / "names.txt"},
                                                        {"out", files.folder / "y.npy"},
                                                        {"top", "2"}})
    for (const auto& [option, group] : options->all())
      if (name == option->name()) option->parse(value);
  testing::internal::CaptureStdout();
  EXPECT_EQ(verb->run(*model, *options), 0);
  expect_in(testing::internal::GetCapturedStdout(), {"x.npy:  green 78.7 %  red 10.7 %\n"});
  const io::NpyArray y = io::read_npy(files.folder / "y.npy");
  EXPECT_EQ(y.shape, (Shape{1, 3}));
}

TEST(ImportedModel, ManyThreadsRunOneFile) {
  const Files files;
  const auto opened = std::make_shared<infer::Opened>(files.write("sum.onnx", sum_of_two()));
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 50; ++t)
    threads.emplace_back([&, t] {
      infer::Context context(opened, 1 + t % 3, 1, 1);
      std::vector<char> memory(context.memory());
      context.lend(memory.data(), memory.size());
      const auto n = static_cast<size_t>(2 * (1 + t % 3));
      const std::vector<float> a(n, static_cast<float>(t)), b(n, 1);
      std::vector<float> sum(n);
      const void* in[] = {a.data(), b.data()};
      void* out[] = {sum.data()};
      context.run(in, out);
      right += sum == std::vector<float>(n, static_cast<float>(t + 1));
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(right, 50);
}

TEST(ImportedModel, InfoNamesWhatIsNotRead) {
  const Files files;
  Made made;
  made.input("x", {-1, 2}).output("y").weight<float>("w", {2}, {1, 2});
  made.node("Frobnicate", {"x", "w"}, {"y"});
  const std::string text = io::to_text(inspect_model(files.write("odd.onnx", made)));
  expect_in(text,
            {"odd.onnx: onnx", "takes x", "f32 [n, 2]", "Frobnicate 1", "not read here", "w"});
}

}  // namespace
}  // namespace cairn::onnx
