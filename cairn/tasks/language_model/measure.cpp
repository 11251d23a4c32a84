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
