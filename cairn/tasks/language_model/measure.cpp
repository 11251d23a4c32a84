#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/text/windows.h"

namespace cairn::tasks::language_model {
Meter::Streams& Meter::streams_of(int64_t rows) {
  const auto found = by_rows_.find(rows);
  if (found != by_rows_.end()) return found->second;
  const Tensors memory = network_.make_memory(rows);
  CompiledFunction loss([this, memory](std::span<const Tensor> in) -> Tensors {
    const Tensor logits = network_.logits(in[0], memory);
    return {cross_entropy(flatten(logits, 0, 1), flatten(in[1]),
                          {.ignore_index = text::kNoTarget, .reduction = Reduction::sum})};
  });
  return by_rows_.emplace(rows, Streams{memory, std::move(loss)}).first->second;
}

Measured Meter::measure(std::span<const int64_t> tokens) {
  check(tokens.size() >= 2, "the text to measure has {} tokens; at least 2 are needed",
        tokens.size());
  const NoGrad no_grad;
  const bool was_training = network_.module().training();
  network_.module().eval();
  const auto pieces =
      recurrent_ ? text::pieces_in_streams(tokens) : text::pieces_in_windows(tokens, context_);
  Streams& streams = streams_of(pieces.front().rows);
  for (const Tensor& m : streams.memory) assign(m, zeros(m.shape()));
  double sum = 0;
  for (const text::MeasuredPiece& p : pieces) {
    const Tensor in[] = {from_host(p.inputs.data(), {p.rows, p.length}, DType::i64),
                         from_host(p.targets.data(), {p.rows, p.length}, DType::i64)};
    sum += streams.loss.call(in)[0].item();
  }
  network_.module().train(was_training);
  const auto count = static_cast<int64_t>(tokens.size()) - 1;
  return {sum / static_cast<double>(count), count};
}

Json describe(const Measured& m, data::TextSize size, const text::Tokenizer& tokenizer,
              std::span<const int64_t> tokens) {
  const std::string unpredicted = tokenizer.decode({tokens[0]});
  const auto characters =
      size.characters - std::count_if(unpredicted.begin(), unpredicted.end(),
                                      [](char c) { return (c & 0xC0) != 0x80; });
  const double nats = m.loss * static_cast<double>(m.tokens);
  const double a_char = nats / static_cast<double>(std::max<int64_t>(characters, 1));
  Json result = {{"loss", m.loss},
                 {"perplexity", std::exp(m.loss)},
                 {"bits_per_char", a_char / std::log(2.0)},
                 {"perplexity_per_char", std::exp(a_char)}};
  const double of_words = std::exp(nats / static_cast<double>(std::max<int64_t>(size.words, 1)));
  if (std::isfinite(of_words)) result["perplexity_per_word"] = of_words;
  if (tokenizer.kind() == "word") {
    const auto unknown =
        std::count(tokens.begin() + 1, tokens.end(), text::WordTokenizer::kUnknown);
    result["unknown_part"] = static_cast<double>(unknown) / static_cast<double>(m.tokens);
  }
  return result;
}

}  // namespace cairn::tasks::language_model
