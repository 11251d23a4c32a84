#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/dist/share_out.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"

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

// Of rows [first, first + count) of a piece.
double Meter::sum_of(Streams& streams, const text::MeasuredPiece& p, int64_t first, int64_t count) {
  const int64_t at = first * p.length;
  const Tensor in[] = {from_host(p.inputs.data() + at, {count, p.length}, DType::i64),
                       from_host(p.targets.data() + at, {count, p.length}, DType::i64)};
  return streams.loss.call(in)[0].item();
}

// Windows know nothing of each other: the ranks share out the pieces.
double Meter::sum_of_windows(const std::vector<text::MeasuredPiece>& pieces) {
  std::vector<double> sums(pieces.size());
  dist::share_out(
      std::ssize(pieces),
      [&](int64_t i) {
        const text::MeasuredPiece& p = pieces[static_cast<size_t>(i)];
        sums[static_cast<size_t>(i)] = sum_of(streams_of(p.rows), p, 0, p.rows);
      },
      [&](int64_t i, dist::Parcel& parcel) { parcel.pass(sums[static_cast<size_t>(i)]); });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// A stream is read from its beginning to its end: each rank has some of them.
double Meter::sum_of_streams(const std::vector<text::MeasuredPiece>& pieces) {
  std::vector<double> sums(static_cast<size_t>(dist::ranks()));
  dist::share_out(
      dist::ranks(),
      [&](int64_t rank) {
        const auto [first, count] = dist::share_of(pieces.front().rows, static_cast<int>(rank));
        if (count == 0) return;
        Streams& streams = streams_of(count);
        for (const Tensor& m : streams.memory) assign(m, zeros(m.shape()));
        for (const text::MeasuredPiece& p : pieces)
          sums[static_cast<size_t>(rank)] += sum_of(streams, p, first, count);
      },
      [&](int64_t rank, dist::Parcel& parcel) { parcel.pass(sums[static_cast<size_t>(rank)]); });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

Measured Meter::measure(std::span<const int64_t> tokens) {
  check(tokens.size() >= 2, "the text to measure has {} tokens; at least 2 are needed",
        tokens.size());
  const NoGrad no_grad;
  const bool was_training = network_.module().training();
  network_.module().eval();
  const auto pieces =
      recurrent_ ? text::pieces_in_streams(tokens) : text::pieces_in_windows(tokens, context_);
  const double sum = recurrent_ ? sum_of_streams(pieces) : sum_of_windows(pieces);
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
