#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"

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

Meter::Streams& Meter::streams_of(int64_t rows) {
  const auto found = by_rows_.find(rows);
  if (found != by_rows_.end()) return found->second;
  const Tensors memory = network_.make_memory(rows);
  CompiledFunction loss([this, memory](std::span<const Tensor> in) -> Tensors {
    const Tensor logits = network_.logits(in[0], memory);
    return {cross_entropy(flatten(logits, 0, 1), flatten(in[1]),
                          {.ignore_index = kIgnored, .reduction = Reduction::sum})};
  });
  return by_rows_.emplace(rows, Streams{memory, std::move(loss)}).first->second;
}

Measured Meter::measure(std::span<const int64_t> tokens) {
  check(tokens.size() >= 2, "the text to measure has {} tokens; at least 2 are needed",
        tokens.size());
  const NoGrad no_grad;
  const bool was_training = network_.module().training();
  network_.module().eval();
  const auto pieces = recurrent_ ? streams(tokens) : overlapping_windows(tokens, context_);
  Streams& streams = streams_of(pieces.front().rows);
  for (const Tensor& m : streams.memory) assign(m, zeros(m.shape()));
  double sum = 0;
  for (const Piece& p : pieces) {
    const Tensor in[] = {from_host(p.inputs.data(), {p.rows, p.length}, DType::i64),
                         from_host(p.targets.data(), {p.rows, p.length}, DType::i64)};
    sum += streams.loss.call(in)[0].item();
  }
  network_.module().train(was_training);
  const auto count = static_cast<int64_t>(tokens.size()) - 1;
  return {sum / static_cast<double>(count), count};
}

Json describe(const Measured& m, int64_t characters) {
  const double bits = m.loss * static_cast<double>(m.tokens) / std::log(2.0);
  return {{"loss", m.loss},
          {"perplexity", std::exp(m.loss)},
          {"bits_per_char", bits / static_cast<double>(std::max<int64_t>(characters, 1))}};
}

int64_t count_characters(const text::Tokenizer& tokenizer, std::span<const int64_t> tokens) {
  if (tokenizer.kind() != "byte") return static_cast<int64_t>(tokens.size());
  return std::count_if(tokens.begin(), tokens.end(),
                       [](int64_t byte) { return (byte & 0xC0) != 0x80; });
}

}  // namespace cairn::tasks::language_model
