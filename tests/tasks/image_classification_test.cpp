// Image classification: validation, best and last weights, weights to begin with, precision, and
// data that changed.
#include <gtest/gtest.h>

#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/io/jsonl.h"
#include "cairn/models/activation_reader.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/checkpoint.h"
#include "cairn/train/signals.h"
#include "tests/cli/program.h"

namespace cairn::tasks::image_classification {
namespace {

namespace fs = std::filesystem;

class Bars : public testing::Test {
 protected:
  void SetUp() override {
    set_num_threads(1);
    fs::create_directory(data());
    cli_test::write_bars(data(), "train", 160);
    cli_test::write_bars(data(), "t10k", 32);
  }
  std::string data() const { return folder_ / "data"; }
  Options small(const std::string& run) const {
    Options o;
    o.data = data(), o.out = folder_ / run, o.quiet = true, o.batch = 16, o.epochs = 3;
    return o;
  }
  std::vector<Json> lines(const std::string& run) const {
    std::vector<Json> all;
    for (const auto& line : io::read_jsonl(folder_ / run + "/metrics.jsonl")) all.push_back(line);
    return all;
  }
  std::string refused(const Options& o) const {
    try {
      train(o);
    } catch (const Error& e) {
      EXPECT_FALSE(fs::exists(*o.out) && !o.resume) << "something was written";
      return e.what();
    }
    return "trained";
  }
  TemporaryFolder folder_;
};

std::string first_class(Classifier& classifier, const std::string& file) {
  const NoGrad no_grad;
  const Tensor p = softmax(classifier.logits(classifier.look_at(file, false).input), 1);
  return classifier.seen(p.to_vector<float>(), 1, "").classes[0].label;
}

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), text.npos) << text;
}

TEST_F(Bars, WhatIsHeldBackChoosesAndTestIsMeasuredAtTheEnd) {
  Options o = small("run");
  o.val_split = 0.25;
  const Json result = train(o);
  EXPECT_EQ(result["split"], "test");
  EXPECT_EQ(result["examples"], 32);
  EXPECT_EQ(result["weights"], "best");
  EXPECT_EQ(result["steps"], 3 * 8);  // of 120 pictures
  int validations = 0;
  for (const Json& line : lines("run")) {
    validations += line.contains("validation_loss");
    EXPECT_FALSE(line.contains("test_loss")) << "looked at the test pictures while training";
  }
  EXPECT_EQ(validations, 3);
  EXPECT_TRUE(fs::exists(*o.out + "/model-last.safetensors"));  // both are kept
  // Held-back pictures are no part of what is learned: another part, other weights.
  Options last = small("last");
  last.val_split = 0.25, last.keep = "last";
  EXPECT_EQ(train(last)["weights"], "last");
  EXPECT_TRUE(fs::exists(*last.out + "/model-best.safetensors"));
}

TEST_F(Bars, PatienceEndsATraining) {
  Options o = small("run");
  o.val_split = 0.25, o.patience = 2, o.epochs = 50, o.lr = 1e-9;  // nothing improves
  o.ema = 0;
  const Json result = train(o);
  EXPECT_LT(result["steps"].get<int64_t>(), 50 * 8);
  Options again;
  again.out = o.out, again.resume = true, again.quiet = true;
  EXPECT_EQ(train(again)["steps"], result["steps"]);  // it is finished
}

TEST_F(Bars, ChoosingNeedsSomethingHeldBack) {
  Options o = small("never");
  o.patience = 3;
  expect_says(refused(o), "patience: there is no validation");
  o = small("never"), o.keep = "best";
  expect_says(refused(o), "keep: best: there is no validation");
  o = small("never"), o.freeze = std::vector<std::string>{"nothing."};
  expect_says(refused(o), "freeze: no weight's name begins with 'nothing.'");
  o = small("never"), o.betas = std::vector<double>{0.9};
  expect_says(refused(o), "betas: 1 numbers");
}

TEST_F(Bars, BeginsWithOtherWeightsAndKeepsFrozenParts) {
  Options first = small("first");
  train(first);
  Options o = small("second");
  o.init = *first.out, o.freeze = std::vector<std::string>{"c1.", "c2."}, o.epochs = 1, o.seed = 9;
  train(o);
  const auto weights = [](const std::string& run) {
    std::map<std::string, std::vector<float>> all;
    for (const auto& [name, t] : train::load_tensors(run + "/model.safetensors").tensors)
      all[name] = t.to_vector<float>();
    return all;
  };
  const auto a = weights(first.out), b = weights(o.out);
  EXPECT_EQ(a.at("c1.weight"), b.at("c1.weight"));
  EXPECT_EQ(a.at("c2.bias"), b.at("c2.bias"));
  EXPECT_NE(a.at("f2.weight"), b.at("f2.weight"));
  o = small("third"), o.init = folder_ / "nowhere";
  EXPECT_THROW(train(o), Error);
}

// Parts of a batch together are the batch: the network has no batch statistics.
TEST_F(Bars, AccumulatedGradientsAreThoseOfTheBatch) {
  Options o = small("whole");
  o.steps = 4, o.epochs.leave_open();
  const Json whole = train(o);
  o = small("parts"), o.steps = 4, o.epochs.leave_open(), o.accumulate = 3;
  EXPECT_NEAR(train(o)["loss"].get<double>(), whole["loss"].get<double>(), 1e-4);
  o = small("low"), o.steps = 4, o.epochs.leave_open(), o.precision = "bf16";
  EXPECT_NEAR(train(o)["loss"].get<double>(), whole["loss"].get<double>(), 0.2);
}

TEST_F(Bars, EveryOptimizerLearns) {
  for (const char* name : {"adam", "sgd", "rmsprop"}) {
    Options o = small(name);
    o.optimizer = name, o.epochs = 4, o.lr = name == std::string("sgd") ? 0.05 : 2e-3;
    EXPECT_GT(train(o)["accuracy"].get<double>(), 0.3) << name;
  }
}

TEST_F(Bars, ClassesAreKnownByName) {
  train(small("run"));
  Classifier classifier(folder_ / "run");
  EXPECT_EQ(classifier.evaluate("", data::Split::test)["examples"], 32);
  // The same pictures under names, in another order.
  const std::string named = folder_ / "named";
  fs::copy(data(), named);
  std::ofstream(named + "/classes.txt") << "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
  Options o = small("letters");
  o.data = named;
  train(o);
  Classifier letters(folder_ / "letters");
  EXPECT_EQ(letters.classes()[2], "c");
  std::ofstream(named + "/classes.txt") << "a\nb\nc\nd\ne\nf\ng\nh\ni\nstranger\n";
  try {
    letters.evaluate("", data::Split::test);
    FAIL() << "measured classes that it does not know";
  } catch (const Error& e) { expect_says(e.what(), "'stranger'"); }
  o.resume = true;
  expect_says(refused(o), "'stranger'");
}

// A photograph is read for prediction as it was for training and evaluation.
TEST_F(Bars, PredictsWhatEvaluationSees) {
  const std::string photos = folder_ / "photos";
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < 40; ++i) {
      io::Image wide(60, 30, 3, 20);  // what matters is in the middle
      for (int y = 0; y < 30; ++y)
        for (int x = 16; x < 44; ++x)
          for (int k = 0; k < 3; ++k)
            wide.at(x, y)[k] = static_cast<uint8_t>((c == 0 ? y : x) / 4 % 2 * 150 + i);
      for (const char* split : {"train", "test"}) {
        const std::string folder = fmt::format("{}/{}/{}", photos, split, c ? "bars" : "rows");
        fs::create_directories(folder);
        io::write_png(fmt::format("{}/{:02}.png", folder, i), wide);
      }
    }
  Options o = small("run");
  o.data = photos, o.model = "resnet18", o.image_size = 16, o.epochs = 4;
  const Json result = train(o);
  Classifier classifier(folder_ / "run");
  int right = 0;
  for (const char* name : {"bars", "rows"})
    for (int i = 0; i < 40; ++i)
      right +=
          first_class(classifier, fmt::format("{}/test/{}/{:02}.png", photos, name, i)) == name;
  EXPECT_DOUBLE_EQ(right / 80.0, result["accuracy"].get<double>());
  EXPECT_EQ(classifier.inputs(10)[0].shape(), (Shape{10, 3, 16, 16}));
}

TEST_F(Bars, FeaturesAreReadByOneExecutable) {
  train(small("run"));
  Classifier classifier(folder_ / "run");
  models::ActivationReader activations(classifier.module());
  const NoGrad no_grad;
  auto forward = compile([&](Tensor x) {
    const auto seen = activations(x);
    return std::pair{seen.features, seen.logits};
  });
  const auto set = classifier.open(data(), data::Split::test);
  for (int64_t first : {0, 8, 16}) {
    const Tensor x = classifier.batch_of(*set, first, 8);
    const auto [features, logits] = forward(x);
    EXPECT_EQ(logits.to_vector<float>(), classifier.logits(x).to_vector<float>());
    EXPECT_EQ(features.size(0), 8);
  }
  EXPECT_EQ(forward.function().executables(), 1u);
}

// Whatever changes pictures is drawn anew from (seed, epoch, picture), not kept.
TEST_F(Bars, MixedAndCutPicturesResumeToTheSameBits) {
  Options o = small("whole");
  o.augment = "trivial", o.cutout = 6, o.mixup = 0.4, o.cutmix = 1, o.flip_test = true;
  const Json whole = train(o);
  o = small("plain");
  train(o);
  EXPECT_NE(cli_test::content_of(folder_ / "whole/model.safetensors"),
            cli_test::content_of(folder_ / "plain/model.safetensors"));
  o = small("part");
  o.augment = "trivial", o.cutout = 6, o.mixup = 0.4, o.cutmix = 1, o.flip_test = true;
  o.stop_after_steps = 13;  // within an epoch
  EXPECT_THROW(train(o), train::Stopped);
  Options again;
  again.out = o.out, again.resume = true, again.quiet = true;
  EXPECT_EQ(train(again)["loss"], whole["loss"]);
  EXPECT_TRUE(cli_test::content_of(folder_ / "whole/model.safetensors") ==
              cli_test::content_of(folder_ / "part/model.safetensors"));
}

// One picture alone has no statistics: where it would be an epoch's last batch it is left out.
TEST_F(Bars, ALastBatchOfOnePictureIsLeftOut) {
  cli_test::write_bars(data(), "train", 17);
  const auto options = [&](const char* run) {
    Options o = small(run);
    o.model = "airbench", o.batch = 8, o.epochs = 2;
    return o;
  };
  const Json whole = train(options("whole"));
  EXPECT_EQ(whole["steps"], 4);
  Options o = options("part");
  o.stop_after_steps = 3;
  EXPECT_THROW(train(o), train::Stopped);
  Options again;
  again.out = *o.out, again.resume = true, again.quiet = true;
  EXPECT_EQ(train(again)["loss"], whole["loss"]);
  EXPECT_TRUE(cli_test::content_of(folder_ / "whole/model.safetensors") ==
              cli_test::content_of(folder_ / "part/model.safetensors"));
}

// A run that was killed before its first checkpoint begins again with the weights of `init`.
TEST_F(Bars, WithoutACheckpointAResumedRunBeginsAsItDid) {
  train(small("first"));
  const auto from_first = [&](const char* run) {
    Options o = small(run);
    o.init = folder_ / "first", o.epochs = 1;
    train(o);
    return cli_test::content_of(folder_ / run + "/model.safetensors");
  };
  const std::string whole = from_first("whole");
  from_first("killed");
  for (const char* file :
       {"checkpoint.safetensors", "checkpoint.safetensors.previous", "model.safetensors"})
    fs::remove(folder_ / "killed/" + file);
  Options again;
  again.out = folder_ / "killed", again.resume = true, again.quiet = true;
  train(again);
  EXPECT_TRUE(cli_test::content_of(folder_ / "killed/model.safetensors") == whole);
}

TEST_F(Bars, WhatAugmentMeansIsKeptAndMayBeChosenApart) {
  const auto kept = [&](const char* augment, int64_t crop) {
    Options o = small(fmt::format("run{}{}", augment, crop));
    o.steps = 1, o.epochs.leave_open();
    if (*augment) o.augment = augment;
    if (crop >= 0) o.crop = crop;
    train(o);
    Options used;
    used.read_run(train::open_saved_model(o.out).config, "config");
    return used;
  };
  const Options grey = kept("", -1);
  EXPECT_EQ(*grey.augment, "warp");
  EXPECT_EQ(grey.changes().rotate_degrees, 10);
  EXPECT_TRUE(grey.model == "lenet" && !grey.flip_test);
  EXPECT_FALSE(kept("none", -1).changes().changes_bytes());
  const Options mirrored = kept("crop-flip", -1);  // no digits then
  EXPECT_TRUE(mirrored.model == "airbench" && mirrored.flip_test && mirrored.cutout == 8);
  const data::Augment flips = mirrored.changes(), apart = kept("crop-flip", 3).changes();
  EXPECT_TRUE(flips.flip && flips.crop_padding == 2 && !flips.geometric() && !flips.trivial);
  EXPECT_TRUE(apart.flip && apart.crop_padding == 3);
  const data::Augment trivial = kept("trivial", -1).changes();
  EXPECT_TRUE(trivial.trivial && trivial.crop_padding == 2 && !trivial.flip);
  Options o = small("never");
  o.augment = "trivail";
  expect_says(refused(o), "did you mean trivial?");
}

// The last step's update is seen by no other step.
TEST_F(Bars, ATrainingThatEndsDivergedIsNoSuccess) {
  Options o = small("run");
  o.epochs.leave_open(), o.steps = 1, o.lr = 1e30;
  EXPECT_ERROR(train(o), "diverged");
}

TEST_F(Bars, APartThatHoldsNothingBackIsRefused) {
  Options o = small("run");
  o.val_split = 0.001;
  expect_says(refused(o), "of 160 pictures leaves none to validate by");
}

TEST_F(Bars, WithFlipTestBothSidesDecide) {
  Options o = small("run");
  o.flip_test = true;
  train(o);
  Classifier both(folder_ / "run");
  const auto set = both.open("", data::Split::test);
  const Tensor x = both.batch_of(*set, 0, 8);
  const auto seen = both.logits(x).to_vector<float>();
  const auto mirrored = both.logits(flip(x, {3})).to_vector<float>();
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_NEAR(seen[i], mirrored[i], 1e-5);
  const auto one_side = (*both.module())(x).to_vector<float>();
  EXPECT_NE(seen, one_side);
  const Json measured = both.evaluate("", data::Split::test);
  EXPECT_TRUE(measured["ece"].get<double>() >= 0 && measured["ece"].get<double>() <= 1);
}

TEST_F(Bars, TheReportSaysHowSureItIsAndWhereItLooked) {
  Options o = small("run");
  o.epochs.leave_open(), o.steps = 3;  // wrong often
  train(o);
  const std::string page = cli_test::content_of(write_report(o.out));
  for (const char* part : {"Grad-CAM", "calibration error", "precision", "F1"})
    EXPECT_NE(page.find(part), page.npos) << part;
}

TEST_F(Bars, OneClassIsNothingToTellApart) {
  const std::string photos = folder_ / "photos/only";
  fs::create_directories(photos);
  for (int i = 0; i < 20; ++i)
    io::write_png(fmt::format("{}/{}.png", photos, i), io::Image(28, 28, 1, 9));
  Options o = small("never");
  o.data = folder_ / "photos";
  expect_says(refused(o), "one class");
}

}  // namespace
}  // namespace cairn::tasks::image_classification
