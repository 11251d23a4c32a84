// Language models: learn a text token by token, measure how well another is predicted, write on.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/models/sampling.h"
#include "cairn/train/trainer.h"

namespace cairn::tasks::language_model {

using Json = nlohmann::ordered_json;
inline constexpr const char* kTask = "language-model";

std::vector<std::string> model_names();  // rnn, lstm, gru, gpt

struct TrainOptions : train::RunOptions {
  std::string data;  // a file, a folder of .txt files, or "": the text that comes with the program
  std::string model = "gpt", tokens = "char";
  // 0 (dropout: negative) here and below: what suits the model and the length of the text.
  int64_t layers = 0, width = 0, heads = 0;
  int64_t context =
      0;  // tokens of a window: what a GPT sees, how far gradients reach back in the others
  double dropout = -1;
  int64_t steps = 0, batch = 0;
  double lr = 0;  // the highest, after a warm-up; a cosine leads down from it
  int64_t eval_every = 0;
};
// Learns the first 90 % of the text and returns {task, split, examples, loss, perplexity,
// bits_per_char, run, ...} of the last 10 %. The weights that did best there are kept. Throws
// train::Stopped on a signal.
Json train(const TrainOptions& options);

// {task, split, examples, loss, perplexity, bits_per_char} of a run or its weights; loss is in nats
// a token. data "": the text of the training; split: train, validation or all.
Json evaluate(const std::string& run, const std::string& data, const std::string& split);

struct GenerateOptions {
  std::string prompt = "\n";
  int64_t max_tokens = 500;
  models::SamplingOptions sampling;
  uint64_t seed = 0;
  int64_t beams = 0;  // so many are kept in view to find the most likely text; 0: it is drawn
  bool int8 = false;  // 8-bit weights in the linear layers; a GPT only
};
// Writes on from the prompt. `show` gets the new text as it comes, in whole characters. Throws
// Error when the prompt has characters that the model never saw, or is longer than its context.
void generate(const std::string& run, const GenerateOptions& options,
              const std::function<void(std::string_view)>& show);

}  // namespace cairn::tasks::language_model
