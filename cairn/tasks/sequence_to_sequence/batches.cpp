#include <algorithm>

#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/data/order.h"
#include "cairn/models/attentive_lstm.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/sequence_to_sequence/sequences.h"

namespace cairn::tasks::sequence_to_sequence {
namespace {

constexpr int64_t kGrain = 8, kNothing = -100;

int64_t padded_length(size_t longest) { return round_up(static_cast<int64_t>(longest), kGrain); }

}  // namespace

std::shared_ptr<models::SequenceNetwork> make_network(const SequenceOptions& o, int64_t vocab) {
  if (o.is_recurrent())
    return std::make_shared<models::AttentiveLstm>(models::AttentiveLstmOptions{
        .vocab = vocab, .width = o.width, .layers = o.layers, .dropout = o.dropout});
  if (o.width % o.heads != 0)
    throw InvalidOption(
        "heads",
        fmt::format("{} heads do not divide a width of {}; choose a divisor", *o.heads, *o.width));
  if (o.width % 2 != 0)
    throw InvalidOption("width", fmt::format("{} is odd; positions need an even one", *o.width));
  return std::make_shared<models::EncoderDecoder>(
      models::EncoderDecoderOptions{.vocab = vocab,
                                    .width = o.width,
                                    .heads = o.heads,
                                    .feed_forward = o.feed_forward,
                                    .layers = o.layers,
                                    .longest = padded_length(static_cast<size_t>(*o.longest + 1)),
                                    .dropout = o.dropout,
                                    .copies = o.copies()});
}

Tensors batch_of(const std::vector<const Example*>& examples) {
  size_t longest_source = 1, longest_target = 1;
  for (const Example* e : examples) {
    longest_source = std::max(longest_source, e->source.size());
    longest_target = std::max(longest_target, e->target.size());
  }
  const auto rows = static_cast<int64_t>(examples.size());
  const int64_t s = padded_length(longest_source), t = padded_length(longest_target);
  std::vector<int64_t> source(static_cast<size_t>(rows * s), kPad), lengths;
  std::vector<int64_t> in(static_cast<size_t>(rows * t), kPad);
  std::vector<int64_t> out(static_cast<size_t>(rows * t), kNothing);
  for (int64_t row = 0; row < rows; ++row) {
    const Example& e = *examples[static_cast<size_t>(row)];
    std::copy(e.source.begin(), e.source.end(), source.begin() + row * s);
    lengths.push_back(std::ssize(e.source));
    std::copy(e.target.begin(), e.target.end(), out.begin() + row * t);
    in[static_cast<size_t>(row * t)] = kBegin;
    if (!e.target.empty())
      std::copy(e.target.begin(), e.target.end() - 1, in.begin() + row * t + 1);
  }
  return {from_host(source.data(), {rows, s}, DType::i64),
          from_host(lengths.data(), {rows}, DType::i64),
          from_host(in.data(), {rows, t}, DType::i64),
          from_host(out.data(), {rows, t}, DType::i64)};
}

std::vector<int64_t> Coder::encode(const std::string& text) const {
  std::vector<int64_t> tokens = tokenizer_->encode(text, "a text");
  if (std::ssize(tokens) > longest_ - 1) tokens.resize(static_cast<size_t>(longest_ - 1)), ++cut_;
  tokens.push_back(kEnd);
  return tokens;
}

std::vector<Example> Coder::examples(const std::vector<TextPair>& pairs) const {
  std::vector<Example> all;
  all.reserve(pairs.size());
  for (const TextPair& p : pairs) all.push_back({encode(p.source), encode(p.target)});
  return all;
}

std::string Coder::decode(const std::vector<int64_t>& tokens) const {
  return tokenizer_->decode(tokens);
}

Meter::Meter(std::shared_ptr<models::SequenceNetwork> net)
    : sum_([net](std::span<const Tensor> in) -> Tensors {
        const NoGrad no_grad;
        const Tensor logits = net->logits(in[0], in[1], in[2]);
        return {
            cross_entropy(flatten(logits, 0, 1), flatten(in[3]), {.reduction = Reduction::sum})};
      }) {}

double Meter::loss(const std::vector<Example>& examples) {
  std::vector<const Example*> order;
  for (const Example& e : examples) order.push_back(&e);
  std::stable_sort(order.begin(), order.end(), [](const Example* a, const Example* b) {
    return a->source.size() < b->source.size();
  });
  constexpr int64_t kAtOnce = 64;
  const int64_t count = std::ssize(order);
  std::vector<double> sums(static_cast<size_t>(ceil_div(count, kAtOnce)));
  dist::share_out(
      std::ssize(sums),
      [&](int64_t i) {
        const std::vector<const Example*> some(order.begin() + i * kAtOnce,
                                               order.begin() + std::min(count, (i + 1) * kAtOnce));
        sums[static_cast<size_t>(i)] = sum_.call(batch_of(some))[0].item();
      },
      [&](int64_t i, dist::Parcel& parcel) { parcel.pass(sums[static_cast<size_t>(i)]); });
  double sum = 0;
  int64_t tokens = 0;
  for (const double some : sums) sum += some;
  for (const Example& e : examples) tokens += std::ssize(e.target);
  return tokens == 0 ? 0 : sum / static_cast<double>(tokens);
}

}  // namespace cairn::tasks::sequence_to_sequence
