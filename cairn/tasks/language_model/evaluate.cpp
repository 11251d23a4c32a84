#include "cairn/tasks/language_model/evaluate.h"

#include <algorithm>
#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/data/text.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::language_model {
namespace {

constexpr int64_t kIgnored = -100;  // a target that is not counted
constexpr int64_t kStreams = 16, kStreamWindow = 128, kWindows = 8;

// One call of the network: inputs and targets [rows, length].
struct Piece {
  int64_t rows, length;
  std::vector<int64_t> inputs, targets;

  Piece(int64_t rows, int64_t length)
      : rows(rows),
        length(length),
        inputs(static_cast<size_t>(rows * length), 0),
        targets(inputs.size(), kIgnored) {}
  // Row r from `at` in the text on, as far as it goes; only targets from place `from` on count.
  void fill(int64_t r, std::span<const int64_t> tokens, int64_t at, int64_t end, int64_t from) {
    for (int64_t i = 0; i < length && at + i < end; ++i) {
      const auto here = static_cast<size_t>(r * length + i), place = static_cast<size_t>(at + i);
      inputs[here] = tokens[place];
      if (i >= from) targets[here] = tokens[place + 1];
    }
  }
};

std::vector<Piece> streams(std::span<const int64_t> tokens) {
  const int64_t predicted = static_cast<int64_t>(tokens.size()) - 1;
  const int64_t rows = std::clamp<int64_t>(predicted / kStreamWindow, 1, kStreams);
  const int64_t stride = (predicted + rows - 1) / rows;
  std::vector<Piece> pieces;
  for (int64_t at = 0; at < stride; at += kStreamWindow) {
    Piece& piece = pieces.emplace_back(rows, kStreamWindow);
    for (int64_t r = 0; r < rows; ++r)
      piece.fill(r, tokens, r * stride + at, std::min((r + 1) * stride, predicted), 0);
  }
  return pieces;
}

std::vector<Piece> overlapping_windows(std::span<const int64_t> tokens, int64_t context) {
  const int64_t predicted = static_cast<int64_t>(tokens.size()) - 1;
  const int64_t stride = std::max<int64_t>(context / 2, 1);
  std::vector<Piece> pieces;
  int64_t number = 0;
  for (int64_t counted = 0; counted < predicted; ++number) {
    if (number % kWindows == 0) pieces.emplace_back(kWindows, context);
    const int64_t at = number * stride;
    pieces.back().fill(number % kWindows, tokens, at, predicted, counted - at);
    counted = at + context;
  }
  return pieces;
}

}  // namespace

Measured measure(Network& network, const Architecture& a, std::span<const int64_t> tokens) {
  check(tokens.size() >= 2, "the text to measure has {} tokens; at least 2 are needed",
        tokens.size());
  NoGrad no_grad;
  const bool was_training = network.module().training();
  network.module().eval();
  const auto pieces =
      is_recurrent(a.model) ? streams(tokens) : overlapping_windows(tokens, a.context);
  const Tensors memory = network.make_memory(pieces.front().rows);
  auto loss_of = compile([&](Tensor x, Tensor y) {
    const Tensor logits = network.logits(x, memory);
    return cross_entropy(flatten(logits, 0, 1), flatten(y),
                         {.ignore_index = kIgnored, .reduction = Reduction::sum});
  });
  double sum = 0;
  for (const Piece& p : pieces)
    sum += loss_of(from_host(p.inputs.data(), {p.rows, p.length}, DType::i64),
                   from_host(p.targets.data(), {p.rows, p.length}, DType::i64))
               .item();
  network.module().train(was_training);
  const auto count = static_cast<int64_t>(tokens.size()) - 1;
  return {sum / static_cast<double>(count), count};
}

Json describe(const Measured& m, int64_t characters) {
  const double bits = m.loss * static_cast<double>(m.tokens) / std::log(2.0);
  return {{"loss", m.loss},
          {"perplexity", std::exp(m.loss)},
          {"bits_per_char", bits / static_cast<double>(std::max<int64_t>(characters, 1))}};
}

int64_t count_characters(const io::Tokenizer& tokenizer, std::span<const int64_t> tokens) {
  if (tokenizer.kind() != "byte") return static_cast<int64_t>(tokens.size());
  return std::count_if(tokens.begin(), tokens.end(),
                       [](int64_t byte) { return (byte & 0xC0) != 0x80; });
}

Json evaluate(const std::string& run, const std::string& data, const std::string& split) {
  const std::vector<std::string> splits = {"train", "validation", "all"};
  if (std::find(splits.begin(), splits.end(), split) == splits.end())
    throw UsageError(
        fmt::format("--split: there is no '{}'; there are train, validation and all", split));
  const auto saved = train::open_saved_model(run, kTask);
  Architecture a;
  std::string source = data;
  std::shared_ptr<const io::Tokenizer> tokenizer;
  train::read_config(saved.config, run, [&](const Json& c) {
    a = architecture_from(c);
    tokenizer = io::parse_tokenizer(c.at("tokenizer").dump(), run);
    if (data.empty()) source = c.at("data");
  });
  const std::string name = source.empty() ? "the embedded text" : source;
  const std::string text = data::read_text(source);
  const auto cut =
      data::tokenize_text(text, name, tokenizer->kind(), split == "all" ? 0 : 0.1, tokenizer);
  const std::span<const int64_t> tokens = split == "validation" ? cut.validation : cut.train;
  Network network(a);
  train::load_weights(saved, network.module());
  const Measured m = measure(network, a, tokens);
  check(std::isfinite(m.loss), "'{}': the loss on '{}' is not finite: the weights overflow", run,
        name);
  Json result = {{"task", kTask}, {"split", split}, {"examples", m.tokens}};
  result.update(describe(m, count_characters(*tokenizer, tokens.subspan(1))));
  return result;
}

}  // namespace cairn::tasks::language_model
