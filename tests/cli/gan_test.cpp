// `cairn train image-gan`, `eval` and `generate`: what they print, write and refuse.
#include "cairn/io/image.h"
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

namespace fs = std::filesystem;

// A conditional run of a few steps on the bars.
class TrainedGan {
 public:
  static const TrainedGan& get() {
    static const TrainedGan instance;
    return instance;
  }
  std::string run() const { return folder_ / "run"; }
  const Outcome& outcome() const { return outcome_; }

 private:
  TrainedGan() {
    outcome_ = cairn({"train",
                      "image-gan",
                      "--conditional",
                      "--data",
                      Trained::get().data(),
                      "--steps",
                      "10",
                      "--batch",
                      "16",
                      "--width",
                      "4",
                      "--z",
                      "8",
                      "--sample-every",
                      "5",
                      "--threads",
                      "1",
                      "--out",
                      run(),
                      "--json"});
  }
  TemporaryFolder folder_;
  Outcome outcome_;
};

Outcome generate(Arguments more) {
  Arguments all{"generate", TrainedGan::get().run()};
  all.insert(all.end(), more.begin(), more.end());
  return cairn(all);
}

TEST(ImageGan, TrainEvalAndGenerate) {
  const TrainedGan& gan = TrainedGan::get();
  ASSERT_EQ(gan.outcome().status, 0) << gan.outcome().err;
  const Json trained = gan.outcome().json();
  EXPECT_EQ(trained["task"], "image-gan");
  EXPECT_EQ(trained["steps"], 10);
  for (const char* step : {"000000", "000005", "000010"})
    EXPECT_TRUE(fs::exists(gan.run() + "/samples/step-" + step + ".png")) << step;
  std::ifstream metrics(gan.run() + "/metrics.jsonl");
  std::string first, line;  // the first says how long it took to begin
  ASSERT_TRUE(std::getline(metrics, first) && std::getline(metrics, line));
  EXPECT_TRUE(Json::parse(line).contains("diversity")) << line;

  const Outcome eval =
      cairn({"eval", gan.run(), "--features", Trained::get().run(), "--threads", "1", "--json"});
  ASSERT_EQ(eval.status, 0) << eval.err;
  const Json measured = eval.json();
  EXPECT_EQ(measured["examples"], 10000);
  for (const char* key : {"frechet", "precision", "recall", "label_accuracy"})
    EXPECT_TRUE(measured[key].is_number()) << key << ": " << eval.out;

  const TemporaryFolder folder;
  ASSERT_EQ(generate({"--count", "9", "--label", "3", "--out", folder / "a.png"}).status, 0);
  ASSERT_EQ(generate({"--count", "9", "--label", "3", "--out", folder / "b.png"}).status, 0);
  EXPECT_EQ(content_of(folder / "a.png"), content_of(folder / "b.png"));
  EXPECT_EQ(io::read_image(folder / "a.png").width, 3 * 30 + 2);
}

TEST(ImageGan, WrongUsage) {
  const TemporaryFolder folder;
  const std::string png = folder / "x.png";
  expect_failure(generate({}), 2, {"--out"});
  expect_failure(generate({"--label", "ten", "--out", png}), 2,
                 {"--label", "'ten'", "there are 0"});
  expect_failure(generate({"--count", "0", "--out", png}), 2, {"--count", "0"});
  expect_failure(generate({"--prompt", "x", "--out", png}), 2, {"--prompt", "image-gan"});
  expect_failure(generate({"--out", folder / "x.jpg"}), 2, {"--out", "PNG", ".png"});
  expect_failure(generate({"--out", folder / "no/x.png"}), 1, {"no/x.png"});
  expect_failure(cairn({"generate", Trained::get().run(), "--out", png}), 1,
                 {"image-classification", "cairn generate"});
  expect_failure(cairn({"eval", Trained::get().run(), "--samples", png}), 2, {"--samples"});
  expect_failure(cairn({"eval", TrainedGan::get().run(), "--features", "/nowhere"}), 1,
                 {"/nowhere", "no such folder"});
  const auto train = [&](Arguments more) {
    Arguments all{"train", "image-gan", "--data", Trained::get().data(), "--out", folder / "run"};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  };
  expect_failure(train({"--model", "dcgna"}), 2, {"did you mean dcgan?"});
  expect_failure(train({"--batch", "1"}), 2, {"--batch: 1", "at least two examples"});
  expect_failure(train({"--steps", "0"}), 2, {"--steps", "out of range"});
  expect_failure(train({"--lr", "nan"}), 2, {"--lr"});
  expect_failure(train({"--criticsteps", "2"}), 2, {"did you mean --critic-steps?"});
  EXPECT_EQ(folder.entries(), 0);
}

}  // namespace
}  // namespace cairn::cli_test
