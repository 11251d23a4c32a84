// Language models from the command line: train, eval, generate, and what each refuses.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

// One small run, of the text that comes with the program.
class Writer {
 public:
  static const Writer& get() {
    static const Writer instance;
    return instance;
  }
  std::string run() const { return folder_ / "run"; }
  const Outcome& outcome() const { return outcome_; }

 private:
  Writer() {
    outcome_ = cairn({"train", "language-model", "--model", "gpt", "--layers", "1", "--width", "16",
                      "--heads", "2", "--context", "32", "--steps", "30", "--threads", "1", "--out",
                      run(), "--json"});
  }
  TemporaryFolder folder_;
  Outcome outcome_;
};

TEST(LanguageModel, TrainsEvaluatesAndWrites) {
  const Writer& w = Writer::get();
  ASSERT_EQ(w.outcome().status, 0) << w.outcome().err;
  const Json trained = w.outcome().json();
  EXPECT_EQ(trained["task"], "language-model");
  EXPECT_EQ(trained["steps"], 30);
  const Outcome measured = cairn({"eval", w.run(), "--threads", "1", "--json"});
  ASSERT_EQ(measured.status, 0) << measured.err;
  for (const char* key : {"split", "examples", "loss", "perplexity", "bits_per_char"})
    EXPECT_EQ(measured.json()[key], trained[key]) << key;
  const Arguments generate{"generate", w.run(),  "--prompt", "The ",      "--max-tokens",
                           "50",       "--seed", "4",        "--threads", "1"};
  const Outcome text = cairn(generate);
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out.size(), 51u);  // and a line's end
  EXPECT_EQ(cairn(generate).out, text.out);
  EXPECT_EQ(cairn({"generate", w.run() + "/model.safetensors", "--max-tokens", "5"}).status, 0);
}

TEST(LanguageModel, BeamsSearchInsteadOfDrawing) {
  const std::string run = Writer::get().run();
  const auto generate = [&](Arguments more) {
    Arguments all{"generate", run, "--prompt", "The ", "--max-tokens", "40", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  };
  const Outcome found = generate({"--beams", "3"});
  ASSERT_EQ(found.status, 0) << found.err;
  EXPECT_EQ(found.out.size(), 41u);
  EXPECT_EQ(generate({"--beams", "3", "--seed", "9"}).out, found.out);  // nothing is drawn
  EXPECT_EQ(generate({"--beams", "1"}).out, generate({"--temperature", "0"}).out);
  for (const char* value : {"0", "-2", "x"})
    expect_failure(generate({"--beams", value}), 2, {"--beams", value});
  for (const char* flag : {"--temperature", "--top-k", "--top-p"})
    expect_failure(generate({"--beams", "2", flag, "1"}), 2, {flag, "beams", "leave out"});
}

TEST(LanguageModel, WritesWithEightBitWeights) {
  const Writer& w = Writer::get();
  const Arguments generate{"generate", w.run(), "--prompt",  "The ", "--max-tokens",  "30",
                           "--seed",   "2",     "--threads", "1",    "--temperature", "0.5"};
  Arguments narrow = generate;
  narrow.insert(narrow.end(), {"--quantize", "int8"});
  const Outcome text = cairn(narrow);
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out.size(), 31u);
  EXPECT_EQ(cairn(narrow).out, text.out);
}

TEST(LanguageModel, QuantizeIsForWhatHasLinearLayers) {
  const TemporaryFolder folder;
  const std::string lstm = folder / "lstm";
  ASSERT_EQ(cairn({"train", "language-model", "--model", "lstm", "--layers", "1", "--width", "8",
                   "--context", "8", "--steps", "1", "--threads", "1", "--out", lstm})
                .status,
            0);
  const std::string gpt = Writer::get().run();
  expect_failure(cairn({"generate", lstm, "--quantize", "int8"}), 2,
                 {"--quantize", lstm, "lstm", "gpt"});
  expect_failure(cairn({"generate", gpt, "--quantize", "int4"}), 2, {"--quantize", "int4", "int8"});
  expect_failure(cairn({"eval", gpt, "--quantize", "int8"}), 2, {"--quantize"});
  for (const char* workload : {"lenet", "gpt_mini", "all", "ops"})
    expect_failure(cairn({"bench", workload, "--quantize", "int8"}), 2,
                   {"--quantize", "gpt2_decode"});
  expect_failure(cairn({"bench", "gpt2_decode", "--quantize", "int4"}), 2, {"--quantize", "int4"});
}

TEST(LanguageModel, TextComesAsItIsWritten) {
  const Writer& w = Writer::get();
  const TemporaryFolder folder;
  // Far more than could be written in the time: what is there is shown already.
  Running writing({"generate", w.run(), "--max-tokens", "1000000000", "--threads", "1"},
                  {.stdout_path = folder / "text"});
  ASSERT_TRUE(writing.wait_for([&] { return content_of(folder / "text").size() > 20; }));
}

TEST(LanguageModel, WrongUsage) {
  const auto train = [](Arguments more) {
    Arguments all{"train", "language-model", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  };
  for (const char* flag : {"--layers", "--width", "--heads", "--context", "--steps", "--batch",
                           "--eval-every", "--save-every"})
    for (const char* value : {"0", "-3", "x"})
      expect_failure(train({flag, value}), 2, {flag, value});
  expect_failure(train({"--lr", "-1"}), 2, {"--lr", "-1"});
  expect_failure(train({"--dropout", "1.5"}), 2, {"--dropout", "1.5"});
  expect_failure(train({"--model", "gptt"}), 2, {"--model", "gptt", "did you mean gpt?"});
  expect_failure(train({"--tokens", "letters"}), 2, {"--tokens", "letters", "char"});
  expect_failure(train({"--heads", "3", "--width", "16"}), 2, {"--heads", "do not divide"});
  expect_failure(cairn({"generate", Writer::get().run(), "--top-p", "2"}), 2, {"--top-p", "2"});
  expect_failure(cairn({"generate", Writer::get().run(), "--top-p", "0"}), 2,
                 {"--top-p", "above 0 and at most 1"});
  expect_failure(cairn({"generate", Writer::get().run(), "--temperature", "-1"}), 2,
                 {"--temperature", "-1"});
  expect_failure(cairn({"generate", Writer::get().run(), "--max-tokens", "0"}), 2,
                 {"--max-tokens"});
  expect_failure(cairn({"eval", Writer::get().run(), "--split", "tets"}), 2,
                 {"--split", "tets", "validation"});
}

TEST(LanguageModel, WrongInput) {
  const TemporaryFolder folder;
  const std::string text = folder / "text.txt";
  const auto train = [&](const std::string& bytes) {
    write(text, bytes);
    return cairn(
        {"train", "language-model", "--data", text, "--threads", "1", "--out", folder / "run"});
  };
  expect_failure(train(""), 1, {text, "is empty; text is wanted"});
  expect_failure(train("caf\xe9"), 1, {text, "UTF-8"});
  expect_failure(train("short"), 1, {"tokens", "more text"});
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
  const std::string run = Writer::get().run();
  expect_failure(cairn({"generate", run, "--prompt", "κόσμε"}), 1, {"the prompt", "κ"});
  expect_failure(cairn({"generate", run, "--prompt", std::string(40, 'a')}), 1,
                 {"40 tokens", "context 32"});
  write(text, "ünknown");
  expect_failure(cairn({"eval", run, "--data", text}), 1, {text, "ü"});
}

TEST(LanguageModel, RunsOfAnotherTask) {
  const std::string writer = Writer::get().run(), classifier = Trained::get().run();
  expect_failure(cairn({"generate", classifier}), 1,
                 {classifier, "image-classification", "cairn generate", "language-model"});
  expect_failure(cairn({"predict", writer, Trained::get().picture()}), 1,
                 {writer, "language-model", "image-classification"});
  expect_failure(cairn({"train", "language-model", "--out", classifier, "--resume"}), 1,
                 {classifier, "image-classification"});
  expect_failure(cairn({"generate", "/nowhere"}), 1, {"/nowhere", "no such folder"});
}

}  // namespace
}  // namespace cairn::cli_test
