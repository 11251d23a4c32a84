// Pieces of music as batches, and how well they are predicted.
#include <algorithm>

#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/text/windows.h"

namespace cairn::tasks::language_model {
namespace {

using music::Chord;

constexpr int64_t kPadTo = 32, kPieces = 16;

// Windows that cover a piece: one, or as a GPT sees it, of its context and overlapping by half.
std::vector<MusicBatch::Row> windows_of(const music::Roll& piece, const Notation& notation,
                                        const Options& o) {
  const int64_t length = notation.length_of(piece.steps);
  // How the first step sounds nobody can know: it is read and not predicted.
  const int64_t first = notation.rolls() ? 1 : std::ssize(piece.steps[0]) + 1;
  if (o.is_recurrent() || length <= o.context) return {{piece.steps, 0, length, first}};
  std::vector<MusicBatch::Row> all;
  const int64_t half = std::max<int64_t>(o.context / 2, 1);
  for (int64_t begin = 0, counted = first; counted < length; begin += half) {
    const int64_t end = std::min(begin + o.context, length);
    if (end > counted) all.push_back({piece.steps, begin, end - begin, counted});
    counted = std::max(counted, end);
  }
  return all;
}

}  // namespace

int64_t Notation::length_of(const std::vector<Chord>& steps) const {
  int64_t length = std::ssize(steps);
  if (!rolls_)
    for (const Chord& c : steps) length += std::ssize(c);
  return length;
}

std::vector<int64_t> Notation::tokens_of(const std::vector<Chord>& steps) const {
  std::vector<int64_t> tokens;
  for (const Chord& c : steps) {
    for (const int key : c) tokens.push_back(key - music::kLowest + 1);
    tokens.push_back(kEndOfStep);
  }
  return tokens;
}

Tensors MusicBatch::tensors(const Notation& notation) const {
  int64_t length = 1;
  for (const Row& r : rows) length = std::max(length, r.length);
  length = round_up(length, kPadTo);
  const int64_t n = std::ssize(rows), keys = music::kKeys;
  float steps = 0;
  if (!notation.rolls()) {
    std::vector<int64_t> x(static_cast<size_t>(n * length), Notation::kEndOfStep);
    std::vector<int64_t> y(x.size(), text::kNoTarget);
    for (int64_t i = 0; i < n; ++i) {
      const Row& r = rows[static_cast<size_t>(i)];
      const auto tokens = notation.tokens_of(r.steps);
      for (int64_t t = 0; t < r.length; ++t) {
        const int64_t at = r.begin + t;
        if (at > 0) x[i * length + t] = tokens[at - 1];
        if (at < r.counted) continue;
        y[i * length + t] = tokens[at];
        steps += tokens[at] == Notation::kEndOfStep;
      }
    }
    return {from_host(x.data(), {n, length}, DType::i64),
            from_host(y.data(), {n, length}, DType::i64), full({}, std::max(steps, 1.f))};
  }
  std::vector<float> x(static_cast<size_t>(n * length * keys)), y(x.size());
  std::vector<float> mask(static_cast<size_t>(n * length));
  const auto sound = [&](std::vector<float>& roll, int64_t place, const Chord& chord) {
    for (const int key : chord) roll[place * keys + key - music::kLowest] = 1;
  };
  for (int64_t i = 0; i < n; ++i) {
    const Row& r = rows[static_cast<size_t>(i)];
    for (int64_t t = 0; t < r.length; ++t) {
      const int64_t at = r.begin + t, place = i * length + t;
      if (at > 0) sound(x, place, r.steps[static_cast<size_t>(at - 1)]);
      sound(y, place, r.steps[static_cast<size_t>(at)]);
      if (at >= r.counted) mask[place] = 1, ++steps;
    }
  }
  return {tensor(x, {n, length, keys}), tensor(y, {n, length, keys}), tensor(mask, {n, length}),
          full({}, std::max(steps, 1.f))};
}

Tensor nats_of(models::MusicModel& net, const Notation& notation, std::span<const Tensor> in) {
  const Tensor logits = net.logits(in[0]);
  if (!notation.rolls())
    return cross_entropy(flatten(logits, 0, 1), flatten(in[1]),
                         {.ignore_index = text::kNoTarget, .reduction = Reduction::sum}) /
           in[2];
  const Tensor nats = binary_cross_entropy_with_logits(logits, in[1], Reduction::none);
  return sum(sum(nats, {2}) * in[2]) / in[3];
}

Json measure_music(models::MusicModel& net, const Options& o,
                   const std::vector<music::Roll>& pieces) {
  const NoGrad no_grad;
  const bool was_training = net.module().training();
  net.module().eval();
  const Notation notation(o.is_rolls());
  std::vector<MusicBatch::Row> rows;
  for (const music::Roll& piece : pieces)
    for (MusicBatch::Row& row : windows_of(piece, notation, o)) rows.push_back(std::move(row));
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.length < b.length; });
  CompiledFunction forward(
      [&](std::span<const Tensor> in) -> Tensors { return {nats_of(net, notation, in)}; });
  double nats = 0;
  int64_t steps = 0;
  for (const music::Roll& piece : pieces) steps += std::ssize(piece.steps) - 1;
  check(steps > 0, "no piece has a second step to predict");
  std::vector<double> sums((rows.size() + kPieces - 1) / kPieces);
  dist::share_out(
      std::ssize(sums),
      [&](int64_t i) {
        const auto at = static_cast<size_t>(i) * kPieces, end = std::min(rows.size(), at + kPieces);
        const Tensors in = MusicBatch{{rows.begin() + static_cast<int64_t>(at),
                                       rows.begin() + static_cast<int64_t>(end)}}
                               .tensors(notation);
        sums[static_cast<size_t>(i)] = forward.call(in)[0].item() * in.back().item();
      },
      [&](int64_t i, dist::Parcel& parcel) { parcel.pass(sums[static_cast<size_t>(i)]); });
  for (const double some : sums) nats += some;
  net.module().train(was_training);
  const double a_step = nats / static_cast<double>(steps);
  return {{"examples", steps},
          {"loss", a_step},
          {"nats_per_step", a_step},
          {"pieces", std::ssize(pieces)}};
}

std::string music_in_words(const Json& m) {
  return fmt::format("{:.4f} nats a step ({} pieces)", m["nats_per_step"].get<double>(),
                     m["pieces"].get<int64_t>());
}

}  // namespace cairn::tasks::language_model
