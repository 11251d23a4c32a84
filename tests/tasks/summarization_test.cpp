// Summarization: what its evaluation says, and that names are copied.
#include "cairn/tasks/summarization/task.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"
#include "tests/tasks/runs.h"

namespace cairn::tasks::summarization {
namespace {

TEST(Summarization, RougeIsTheMeanOverReferencesAndTheBest) {
  const std::vector<Summarized> documents = {
      {"the cat sat. a dog ran. x. the end.", {"the cat sat", "birds fly"}}};
  const Json r = rouge_of(documents, {"the cat sat"});
  EXPECT_NEAR(r["rouge1"].get<double>(), 50, 1e-9);
  EXPECT_NEAR(r["rouge2_best"].get<double>(), 100, 1e-9);
  EXPECT_NEAR(r["lead3_rouge1_best"].get<double>(), 100 * 2 * 3.0 / (3 + 7), 1e-9);
}

// What it copies and what it generates are one distribution, in training and in the search.
TEST(Summarization, CopyingKeepsProbabilities) {
  set_num_threads(1);
  const NoGrad no_grad;
  manual_seed(3);
  models::EncoderDecoder net({.vocab = 20,
                              .width = 8,
                              .heads = 2,
                              .feed_forward = 16,
                              .layers = 1,
                              .longest = 16,
                              .copies = true});
  net.eval();
  const Example a{{5, 9, 5, 2}, {7, 5, 2}}, b{{11, 2}, {3, 2}};
  const Tensors in = batch_of({&a, &b});
  const Tensor logits = net(in[0], in[1], in[2]);
  for (const float p : sum(exp(logits), {2}).to_vector<float>()) EXPECT_NEAR(p, 1, 1e-4);
  const auto c = net.copying(in[0], in[1], in[2]);
  for (const float p : sum(c.weights, {2}).to_vector<float>()) EXPECT_NEAR(p, 1, 1e-5);
  models::EncoderDecoderReader reader(net, in[0], in[1]);
  const auto whole = logits.to_vector<float>();
  const auto target = in[2].to_vector<int64_t>();
  const auto t = static_cast<size_t>(in[2].size(1));
  for (size_t step = 0; step < 3; ++step) {
    const auto next =
        reader.read(std::vector<int64_t>{target[step], target[t + step]}).to_vector<float>();
    for (size_t row = 0; row < 2; ++row)
      for (size_t v = 0; v < 20; ++v)
        EXPECT_NEAR(next[row * 20 + v], whole[(row * t + step) * 20 + v], 1e-4);
  }
}

// What stands for a person is one token in a text, and is written.
TEST(Summarization, NamesAreTokens) {
  set_num_threads(1);
  const TemporaryFolder folder;
  std::ofstream file(folder / "talks.jsonl");
  for (int i = 0; i < 120; ++i)
    file << R"({"dialogue": "#Person1#: Hello, #Person2#.\n#Person2#: Is it # 5#?", )"
         << R"("summary": "It is #Person1#."})"
         << "\n";
  file << R"({"dialogue": "", "summary": "of nothing"})";
  file.close();
  Options o;
  o.read_file(Json::parse(kRow.smallest), "smallest");
  o.data = folder / "talks.jsonl", o.out = folder / "run", o.quiet = true;
  train(o);
  const auto model = open_model(folder / "run");
  const Coder& coder = static_cast<Summarizer&>(*model).coder();
  const std::string text = "#Person1#: Hello, #Person2#. # 5#";
  const auto tokens = coder.encode(text);
  int names = 0;
  for (const int64_t t : tokens)
    names += coder.decode({t}) == "#Person1#" || coder.decode({t}) == " #Person2#";
  EXPECT_EQ(names, 2);
  EXPECT_EQ(coder.decode(tokens), text);
}

TEST(Summarization, SaysWhereRougeHasNoWords) {
  const Json r = rouge_of({{"a", {"\xe7\x8c\xab", "a"}}}, {"a"});
  EXPECT_EQ(r["references_without_words"], 1);
  EXPECT_NEAR(r["unicode_rouge1"].get<double>(), 50, 1e-9);
  EXPECT_NEAR(r["rouge1"].get<double>(), 50, 1e-9);
  // Precision 1, recall a half: as they are, and each to the power 1 / 1.2.
  const Json half = rouge_of({{"x", {"a b"}}}, {"a"});
  EXPECT_NEAR(half["rougeL"].get<double>(), 100 * 2 * 0.5 / 1.5, 1e-9);
  const double recall = std::pow(0.5, 1 / 1.2);
  EXPECT_NEAR(half["rougeL_weighted"].get<double>(), 100 * 2 * recall / (1 + recall), 1e-9);
}

TEST(Summarization, IsJudgedOnAnyFile) {
  set_num_threads(1);
  const TemporaryFolder folder;
  std::ofstream(folder / "f.jsonl") << R"({"dialogue": "a\nb", "summary": "a"})"
                                    << "\n"
                                    << R"({"dialogue": "", "summary1": "a", "summary2": "b"})";
  const auto model = open_model(Runs::get().of(kTask));
  const Verb& eval = *find_verb(kRow, "eval");
  const auto options = eval.options();
  options->find("data")->parse(folder / "f.jsonl");
  options->find("json")->parse("true");
  testing::internal::CaptureStdout();
  EXPECT_EQ(eval.run(*model, *options), 0);
  std::fflush(stdout);
  const Json result = Json::parse(testing::internal::GetCapturedStdout());
  EXPECT_EQ(result["examples"], 2);
  EXPECT_EQ(result["split"], "all");
  options->find("split")->parse("test");
  EXPECT_ERROR(eval.run(*model, *options), "is a file, which has no parts");
  std::filesystem::create_directories(folder / "data");
  std::filesystem::copy_file(folder / "f.jsonl", folder / "data/train.jsonl");
  options->find("data")->parse(folder / "data");
  EXPECT_ERROR(eval.run(*model, *options), "has no test part");
  for (const char* key : {"rouge1", "rouge2", "rougeL", "rougeLsum", "rougeL_best", "lead3_rouge1"})
    EXPECT_TRUE(result.contains(key)) << key;
}

}  // namespace
}  // namespace cairn::tasks::summarization
