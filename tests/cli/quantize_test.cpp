// `cairn quantize`: a run in 8 bits that eval and predict take; what it refuses.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

class QuantizeCommand : public testing::Test {
 protected:
  QuantizeCommand() {
    std::filesystem::create_directory(data());
    write_bars(data(), "train", 512), write_bars(data(), "t10k", 100);
    const Outcome o = cairn({"train", "image-classification", "--data", data(), "--epochs", "2",
                             "--batch", "32", "--out", run(), "--threads", "1"});
    EXPECT_EQ(o.status, 0) << o.err;
  }
  std::string data() { return folder_ / "data"; }
  std::string run() { return folder_ / "run"; }
  std::string out() { return folder_ / "int8"; }
  Outcome quantize(Arguments more) {
    Arguments all = {"quantize", run(), "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  }
  TemporaryFolder folder_;
};

TEST_F(QuantizeCommand, ARunInEightBits) {
  const Outcome o =
      quantize({"--out", out(), "--calibrate", "100", "--percentile", "99.99", "--json"});
  ASSERT_EQ(o.status, 0) << o.err;
  const Json r = o.json();
  EXPECT_EQ(r["layers_int8"], 4);
  EXPECT_EQ(r["calibration_examples"], 100);
  EXPECT_GE(r["accuracy_int8"].get<double>(), r["accuracy_f32"].get<double>() - 0.02);
  EXPECT_LT(r["bytes_int8"].get<int64_t>() * 3, r["bytes_f32"].get<int64_t>());

  const Outcome evaluated = cairn({"eval", out(), "--json", "--threads", "1"});
  EXPECT_EQ(evaluated.status, 0) << evaluated.err;
  EXPECT_EQ(evaluated.json()["accuracy"], r["accuracy_int8"]);
  EXPECT_EQ(cairn({"eval", out() + "/model.safetensors", "--json"}).json()["loss"],
            evaluated.json()["loss"]);
  std::string picture = "P5 28 28 255\n" + std::string(784, '\x10');
  write(folder_ / "picture.pgm", picture);
  EXPECT_EQ(cairn({"predict", out(), folder_ / "picture.pgm", "--json"}).status, 0);

  expect_failure(cairn({"quantize", out(), "--out", folder_ / "again"}), 1, {"quantized already"});
  expect_failure(cairn({"train", "--resume", out()}), 1, {"no training to resume"});
  expect_failure(cairn({"report", out()}), 1, {"no training to report on"});
  const Outcome held = quantize({"--out", out()});
  expect_failure(held, 1, {"already holds a run in 8 bits", "choose another"});
  EXPECT_FALSE(held.says("--resume")) << held.err;
  expect_failure(cairn({"export", out(), "--out", folder_ / "x.onnx"}), 1,
                 {"in 8 bits", "export the run that it was made of"});
  const Outcome listed = cairn({"runs", folder_.path()});
  EXPECT_NE(listed.out.find("made of " + run()), std::string::npos) << listed.out;
  EXPECT_EQ(listed.out.find("damaged"), std::string::npos) << listed.out;

  // A scale that was damaged.
  std::string weights = content_of(out() + "/model.safetensors");
  const size_t at = weights.find("\\\"input\\\":[");
  ASSERT_NE(at, weights.npos);
  weights[at + 11] = '-';
  write(folder_ / "damaged.safetensors", weights);
  EXPECT_EQ(cairn({"eval", folder_ / "damaged.safetensors", "--data", data()}).status, 1);
}

TEST_F(QuantizeCommand, RefusesWhatItCannotUse) {
  expect_failure(quantize({}), 2, {"--out"});
  expect_failure(quantize({"--out", out(), "--calibrate", "0"}), 2, {"--calibrate: 0"});
  expect_failure(quantize({"--out", out(), "--percentile", "12"}), 2, {"--percentile"});
  expect_failure(quantize({"--out", out(), "--data", folder_ / "none"}), 1, {"none"});
  std::filesystem::remove(run() + "/model.safetensors");
  expect_failure(quantize({"--out", out()}), 1, {"holds no trained weights"});
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST(BenchInEightBits, IsForInference) {
  const Outcome o =
      cairn({"bench", "lenet_infer_b1", "--dtype", "int8", "--seconds", "0.01", "--threads", "1"});
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(o.json()["dtype"], "int8");
  expect_failure(cairn({"bench", "lenet", "--dtype", "int8"}), 2, {"is for inference"});
}

}  // namespace
}  // namespace cairn::cli_test
