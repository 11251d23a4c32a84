// Every bad input ends with a message that says what, where and the way out, and with status 1
// or 2.
#include <zlib.h>

#include "cairn/io/safetensors.h"
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

namespace fs = std::filesystem;

Outcome train_on(const std::string& data, Arguments more = {}, const Setting& setting = {}) {
  const TemporaryFolder folder;
  Arguments all{"train", "image-classification", "--data", data, "--threads", "1", "--epochs", "1"};
  if (std::find(more.begin(), more.end(), "--out") == more.end())
    more.insert(more.end(), {"--out", folder / "run"});
  all.insert(all.end(), more.begin(), more.end());
  const Outcome o = cairn(all, setting);
  if (o.status == 2) { EXPECT_EQ(folder.entries(), 0) << "wrong usage wrote something"; }
  return o;
}

// The good data with one file replaced.
class Spoilt {
 public:
  Spoilt(const std::string& file, const std::string& bytes) {
    fs::copy(Trained::get().data(), folder_ / "data");
    write(folder_ / "data/" + file, bytes);
  }
  std::string data() const { return folder_ / "data"; }

 private:
  TemporaryFolder folder_;
};
const std::string kImages = "train-images-idx3-ubyte", kLabels = "train-labels-idx1-ubyte";
std::string good(const std::string& file) { return content_of(Trained::get().data() + "/" + file); }

// A copy of the run whose weights are replaced.
class OtherWeights {
 public:
  explicit OtherWeights(const std::string& bytes) {
    fs::copy(Trained::get().run(), folder_ / "run");
    write(weights(), bytes);
  }
  std::string run() const { return folder_ / "run"; }
  std::string weights() const { return run() + "/model.safetensors"; }

 private:
  TemporaryFolder folder_;
};

std::string safetensors(const std::string& header, size_t data_bytes) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<size_t>(i)] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + std::string(data_bytes, '\0');
}

TEST(BadUsage, NearestNames) {
  expect_failure(cairn({}), 2, {"say what: train", "cairn --help"});
  expect_failure(cairn({"trian"}), 2, {"trian", "did you mean train?", "cairn --help"});
  expect_failure(cairn({"train", "image-clasification"}), 2,
                 {"image-clasification", "did you mean image-classification?"});
  expect_failure(train_on("digits", {"--epoch", "3"}), 2,
                 {"--epoch", "did you mean --epochs?", "cairn train image-classification --help"});
  expect_failure(train_on(Trained::get().data(), {"--model", "resnt9"}), 2,
                 {"--model", "resnt9", "did you mean resnet9?"});
  expect_failure(cairn({"eval", Trained::get().run(), "--split", "tets"}), 2, {"tets", "test"});
  expect_failure(cairn({"bench", "lenett"}), 2, {"lenett", "lenet"});
}

TEST(BadUsage, Numbers) {
  for (const char* flag : {"--epochs", "--batch", "--threads", "--save-every"}) {
    expect_failure(train_on("digits", {flag, "x"}), 2, {flag, "'x' is no whole number"});
    for (const char* value : {"0", "-3", "99999999999999999999"})
      expect_failure(train_on("digits", {flag, value}), 2, {flag, value, "out of range"});
  }
  expect_failure(train_on("digits", {"--lr", "fast"}), 2, {"--lr", "'fast' is no number"});
  for (const char* value : {"0", "-0.1", "nan", "inf"})
    expect_failure(train_on("digits", {"--lr", value}), 2, {"--lr", value, "above 0"});
  expect_failure(train_on("digits", {"--seed", "-1"}), 2, {"--seed", "-1"});
  expect_failure(cairn({"predict", Trained::get().run(), Trained::get().picture(), "--top", "0"}),
                 2, {"--top"});
  expect_failure(cairn({"bench", "lenet", "--seconds", "-1"}), 2, {"--seconds", "-1"});
  expect_failure(cairn({"bench", "lenet", "--dtype", "f31"}), 2, {"--dtype", "f31"});
}

TEST(Bench, SaysWhatItMultipliesIn) {
  const auto row = [](const char* dtype, bool* told) {
    const Outcome o = cairn({"bench", "lenet_infer_b1", "--seconds", "0.01", "--dtype", dtype});
    EXPECT_EQ(o.status, 0) << o.err;
    *told = o.says("this processor multiplies none");
    return o.json();
  };
  bool told = false;
  EXPECT_EQ(row("f32", &told)["dtype"], "f32");
  EXPECT_FALSE(told);
  const Json low = row("bf16", &told);
  EXPECT_EQ(low["dtype"], told ? "f32" : "bf16");
  EXPECT_EQ(row("bf16-always", &told)["dtype"], "bf16");
  EXPECT_FALSE(told);
}

TEST(BadData, MissingAndEmpty) {
  const TemporaryFolder empty;
  expect_failure(train_on("/nowhere/at/all"), 1,
                 {"/nowhere/at/all", "no such data", "accepted are"});
  expect_failure(train_on(empty.path()), 1, {empty.path(), "is empty", "accepted are"});
  expect_failure(train_on(Trained::get().picture()), 1, {"picture.pgm", "is a file"});
  expect_failure(cairn({"eval", "/nowhere"}), 1, {"/nowhere", "no such folder"});
  expect_failure(cairn({"eval", empty.path()}), 1, {empty.path(), "holds no run"});
  expect_failure(cairn({"info", "/nowhere.npy"}), 1, {"/nowhere.npy", "no such file"});
  expect_failure(cairn({"predict", Trained::get().run(), "/nowhere.png"}), 1,
                 {"/nowhere.png", "no such file"});
}

TEST(BadData, Idx) {
  std::string images = good(kImages);
  expect_failure(train_on(Spoilt(kImages, images.substr(0, images.size() / 2)).data()), 1,
                 {kImages, "truncated"});
  expect_failure(train_on(Spoilt(kImages, images + "more").data()), 1, {kImages, "4 bytes more"});
  images[2] = 0x0D;
  expect_failure(train_on(Spoilt(kImages, images).data()), 1,
                 {kImages, "0x0d", "only unsigned bytes"});
  expect_failure(
      train_on(Spoilt(kImages, idx_header(8, {4000000000u, 4000000000u, 4000000000u})).data()), 1,
      {kImages, "truncated"});
  expect_failure(train_on(Spoilt(kImages, "").data()), 1, {kImages});
  expect_failure(train_on(Spoilt(kLabels, idx_header(8, {3}) + "abc").data()), 1,
                 {kImages, "96", kLabels, "3 labels"});
}

TEST(BadData, LabelsOutOfRange) {
  std::string labels = good(kLabels);
  labels.back() = static_cast<char>(200);
  expect_failure(train_on(Spoilt(kLabels, labels).data()), 1,
                 {kLabels, "label 200 is out of range"});
  labels = good("t10k-labels-idx1-ubyte");
  labels.back() = 17;
  expect_failure(train_on(Spoilt("t10k-labels-idx1-ubyte", labels).data()), 1,
                 {"label 17", "10 classes"});
}

TEST(BadData, Cifar) {
  const TemporaryFolder folder;
  const std::string batch = folder / "data_batch_1.bin";
  write(folder / "test_batch.bin", std::string(3073, '\1'));
  write(batch, std::string(3073 + 100, '\1'));
  expect_failure(train_on(folder.path()), 1, {batch, "truncated", "byte 3073"});
  write(batch, std::string(3073, '\1') + '\x0b' + std::string(3072, '\1'));
  expect_failure(train_on(folder.path()), 1, {batch, "byte 3073", "label 11 is out of range"});
  write(batch, "");
  expect_failure(train_on(folder.path()), 1, {batch, "empty"});
}

TEST(BadData, Gzip) {
  const Spoilt data("classes.txt", "");
  fs::remove(data.data() + "/" + kImages);
  const std::string path = data.data() + "/" + kImages + ".gz";
  const gzFile file = gzopen(path.c_str(), "wb");
  const std::string images = good(kImages);
  gzwrite(file, images.data(), static_cast<unsigned>(images.size()));
  gzclose(file);
  const std::string packed = content_of(path);
  write(path, packed.substr(0, packed.size() / 2));
  expect_failure(train_on(data.data()), 1, {path, "truncated"});
  std::string flipped = packed;
  flipped[packed.size() / 2] ^= 0x55;
  write(path, flipped);
  expect_failure(train_on(data.data()), 1, {path});
}

TEST(BadWeights, Damaged) {
  const std::string weights = content_of(Trained::get().run() + "/model.safetensors");
  const OtherWeights half(weights.substr(0, weights.size() / 2));
  expect_failure(cairn({"eval", half.run()}), 1, {half.weights()});
  std::string flipped = weights;
  flipped[weights.size() - 5] ^= 1;
  const OtherWeights damaged(flipped);
  expect_failure(cairn({"eval", damaged.run()}), 1, {damaged.weights(), "checksum"});
  const OtherWeights huge(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  expect_failure(cairn({"eval", huge.run()}), 1, {huge.weights()});
  const OtherWeights text("not weights at all");
  expect_failure(cairn({"eval", text.run()}), 1, {text.weights()});
}

TEST(BadWeights, OverlapsAndTypes) {
  const OtherWeights overlapping(
      safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                  12));
  expect_failure(cairn({"eval", overlapping.run()}), 1, {overlapping.weights(), "overlap"});
  const OtherWeights mistyped(
      safetensors(R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", 8));
  expect_failure(cairn({"info", mistyped.weights()}), 1, {mistyped.weights(), "F31"});
}

TEST(BadWeights, OfAnotherModel) {
  const TemporaryFolder folder;
  const std::string header = R"({"c1.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                             R"("stranger":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})";
  const OtherWeights other(safetensors(header, 16));
  expect_failure(cairn({"eval", other.run()}), 1,
                 {other.weights(), "another model", "missing", "c1.weight", "extra", "stranger",
                  "another shape", "c1.bias"});
  // Resuming from it, too.
  write(other.run() + "/checkpoint.safetensors", safetensors(header, 16));
  fs::remove(other.run() + "/checkpoint.safetensors.previous");
  expect_failure(cairn({"train", "image-classification", "--out", other.run(), "--resume"}), 1,
                 {other.run() + "/checkpoint.safetensors", "no checkpoint of a training"});
}

TEST(BadWeights, DataOfAnotherShape) {
  const TemporaryFolder folder;
  for (const char* name : {"/data_batch_1.bin", "/test_batch.bin"})
    write(folder.path() + name, std::string(3073 * 2, '\1'));
  // Evaluation fits pictures as prediction does.
  EXPECT_EQ(
      cairn({"eval", Trained::get().run(), "--data", folder.path(), "--json"}).json()["examples"],
      2);
  expect_failure(train_on(folder.path(), {"--model", "lenet"}), 2, {"28x28", "resnet9"});
}

TEST(BadNumbers, LossIsNotFinite) {
  expect_failure(train_on(Trained::get().data(), {"--lr", "1e30"}), 1,
                 {"step 2", "NaN", "learning rate (lr)"});
  // A run that was good so far keeps its checkpoint and names it.
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  const Outcome o =
      train_on(Trained::get().data(), {"--lr", "1e30", "--save-every", "1", "--out", run});
  expect_failure(o, 1, {"step 2", "last good checkpoint is " + run + "/checkpoint.safetensors"});
  EXPECT_EQ(cairn({"info", run + "/checkpoint.safetensors"}).status, 0);
}

TEST(BadNumbers, WeightsHoldNan) {
  const io::SafetensorsFile file(Trained::get().run() + "/model.safetensors");
  const OtherWeights nan("");
  std::vector<io::NamedTensor> tensors = file.tensors();
  const std::vector<uint8_t> bytes(tensors.front().data.size(), 0xff);
  tensors.front().data = bytes;
  io::write_safetensors(nan.weights(), tensors, {});
  expect_failure(cairn({"eval", nan.run(), "--json"}), 1,
                 {nan.run(), "not finite", "earlier checkpoint"});
}

TEST(BadOutput, FolderHoldsARun) {
  const std::string before = content_of(Trained::get().run() + "/model.safetensors");
  expect_failure(train_on(Trained::get().data(), {"--out", Trained::get().run()}), 1,
                 {Trained::get().run(), "already holds a run", "resume"});
  EXPECT_EQ(content_of(Trained::get().run() + "/model.safetensors"), before);
  expect_failure(cairn({"train", "image-classification", "--resume"}), 2,
                 {"--resume", "say which run"});
  expect_failure(cairn({"train", "image-classification", "--resume", "--out", "/nowhere"}), 1,
                 {"/nowhere"});
}

TEST(BadOutput, CannotBeWritten) {
  expect_failure(train_on(Trained::get().data(), {"--out", "/proc/run"}), 1, {"/proc/run"});
  expect_failure(train_on(Trained::get().data(), {"--out", Trained::get().picture()}), 2,
                 {"picture.pgm", "--out"});
  const Outcome full =
      cairn({"eval", Trained::get().run(), "--json"}, {.stdout_path = "/dev/full"});
  expect_failure(full, 1, {"standard output", "No space left"});
}

TEST(BadOutput, FullDisk) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  fs::create_directory(run);
  fs::create_symlink("/dev/full", run + "/metrics.jsonl");
  expect_failure(train_on(Trained::get().data(), {"--out", run}), 1,
                 {run + "/metrics.jsonl", "No space left"});
}

TEST(BadOutput, FileTooLarge) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  const auto limit = [] {
    const rlimit size{100 << 10, 100 << 10};
    setrlimit(RLIMIT_FSIZE, &size);
  };
  const Outcome o = train_on(Trained::get().data(), {"--out", run}, {.in_child = limit});
  expect_failure(o, 1, {run + "/checkpoint.safetensors", "too large", "nothing was changed"});
  EXPECT_FALSE(fs::exists(run + "/checkpoint.safetensors"));
  for (const auto& entry : fs::directory_iterator(run))
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry.path();
}

TEST(BadOutput, OutOfMemory) {
#ifdef CAIRN_SANITIZED
  GTEST_SKIP() << "the address sanitizer itself needs more than the limit";
#endif
  const auto limit = [] {
    const rlimit size{rlim_t{600} << 20, rlim_t{600} << 20};
    setrlimit(RLIMIT_AS, &size);
  };
  const Spoilt data("classes.txt", "");
  const uint32_t count = 1200;  // pictures of 512 x 512: more than the limit
  fs::remove(data.data() + "/" + kImages);
  const std::string path = data.data() + "/" + kImages;
  write(path, idx_header(8, {count, 512, 512}));
  fs::resize_file(path, 16 + uint64_t{count} * 512 * 512);  // sparse
  expect_failure(train_on(data.data(), {}, {.in_child = limit}), 1, {"out of memory"});
}

// What would be ignored is refused, before anything is read.
TEST(BadUsage, WhatMeansNothing) {
  const TemporaryFolder folder;
  const auto refused = [&](Arguments all, std::initializer_list<std::string> parts) {
    all.insert(all.begin(), "train");
    all.insert(all.end(), {"--steps", "2", "--threads", "1", "--out", folder / "run"});
    expect_failure(cairn(all), 2, parts);
    EXPECT_EQ(folder.entries(), 0);
  };
  refused({"object-detection", "--val-split", "0"}, {"--val-split: 0"});
  refused({"video-classification", "--fold-count", "3"}, {"--fold-count", "--folds"});
  refused({"video-classification", "--folds", "clip", "--val-split", "0.4"},
          {"--val-split", "folds"});
  refused({"image-generation", "--model", "diffusion", "--label-drop", "0.5"},
          {"--label-drop", "--conditional"});
  refused({"image-generation", "--model", "diffusion", "--guidance", "3"},
          {"--guidance", "--conditional"});
  refused({"image-to-image", "--l1", "0", "--adversarial", "0"}, {"--l1: 0", "--adversarial"});
}

}  // namespace
}  // namespace cairn::cli_test
