#include "cairn/models/attentive_lstm.h"

#include <cmath>

#include "cairn/base/invalid_option.h"
#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

int64_t half_of(int64_t width) {
  if (width % 2 != 0)
    throw InvalidOption("width", fmt::format("{}: half of it is read in each direction; want an "
                                             "even number",
                                             width));
  return width / 2;
}

class AttentiveLstmReader : public text::Reader {
 public:
  AttentiveLstmReader(const AttentiveLstm& net, const Tensor& source, const Tensor& lengths)
      : net_(net), source_(net_.read(source, lengths)), memory_(source_.begin) {}
  int64_t texts() const override { return source_.lengths.size(0); }

  Tensor read(std::span<const int64_t> tokens) override {
    const NoGrad no_grad;
    const int64_t each = static_cast<int64_t>(tokens.size()) / texts();
    check(each > 0 && each * texts() == static_cast<int64_t>(tokens.size()),
          "{} tokens are not as many for each of {} texts", tokens.size(), texts());
    const Tensor ids = from_host(tokens.data(), {texts(), each}, DType::i64);
    return cairn::select(net_.next(ids, memory_, source_), 1, each - 1);
  }

  bool keeps_shape() const override { return false; }
  void select(std::span<const int64_t> rows) override {
    const NoGrad no_grad;
    const Tensor index = from_host(rows.data(), {static_cast<int64_t>(rows.size())}, DType::i64);
    for (Tensor* t : {&source_.places, &source_.lengths}) *t = index_select(*t, 0, index);
    for (nn::LstmState* s : {&source_.begin, &memory_})
      s->h = index_select(s->h, 1, index), s->c = index_select(s->c, 1, index);
  }

  void restart() override { memory_ = source_.begin; }

 private:
  AttentiveLstm net_;
  AttentiveLstm::Source source_;
  nn::LstmState memory_;
};

}  // namespace

AttentiveLstm::AttentiveLstm(const AttentiveLstmOptions& o)
    : options_(o),
      tok_(child("tok", nn::Embedding(o.vocab, o.width))),
      enc_(child("enc", nn::LSTM(o.width, half_of(o.width),
                                 {.num_layers = o.layers,
                                  .batch_first = true,
                                  .dropout = o.dropout,
                                  .bidirectional = true}))),
      dec_(child("dec",
                 nn::LSTM(o.width, o.width,
                          {.num_layers = o.layers, .batch_first = true, .dropout = o.dropout}))),
      begin_(child("begin", nn::Linear(o.width, 2 * o.layers * o.width))),
      query_(child("query", nn::Linear(o.width, o.width))),
      merge_(child("merge", nn::Linear(2 * o.width, o.width))) {
  assign(tok_.weight,
         nn::init::normal(tok_.weight.shape(), 0, 1 / std::sqrt(static_cast<double>(o.width))));
}

Tensor AttentiveLstm::dropped(const Tensor& x) const {
  return dropout(x, options_.dropout, options_.dropout > 0 && training());
}

Tensor AttentiveLstm::embed(const Tensor& tokens) const {
  return dropped(tok_(tokens) * std::sqrt(static_cast<double>(options_.width)));
}

AttentiveLstm::Source AttentiveLstm::read(const Tensor& source, const Tensor& lengths) const {
  const LstmResult r = enc_(embed(source), {}, lengths);
  const int64_t n = source.size(0), last = 2 * options_.layers - 2;
  // The last layer's states at both ends say what the text is about.
  const Tensor ends = reshape(transpose(slice(r.h, 0, last, 2), 0, 1), {n, options_.width});
  const Tensor memory = contiguous(
      transpose(reshape(tanh(begin_(ends)), {n, 2 * options_.layers, options_.width}), 0, 1));
  return {
      r.output,
      lengths,
      {slice(memory, 0, 0, options_.layers), slice(memory, 0, options_.layers, options_.layers)}};
}

Tensor AttentiveLstm::next(const Tensor& tokens, nn::LstmState& memory,
                           const Source& source) const {
  const LstmResult r = dec_(embed(tokens), memory);
  memory = {r.h, r.c};
  const Tensor places = unsqueeze(source.places, 1);
  const Tensor seen = select(attention(unsqueeze(query_(r.output), 1), places, places,
                                       {.lengths = source.lengths, .scale = 1}),
                             1, 0);
  const Tensor merged = tanh(merge_(cat({seen, r.output}, 2)));
  return linear(dropped(merged), tok_.weight);
}

Tensor AttentiveLstm::forward(Tensor source, Tensor lengths, Tensor target) {
  Source read_source = read(source, lengths);
  return next(target, read_source.begin, read_source);
}

Tensor AttentiveLstm::looks(const Tensor& source, const Tensor& lengths, const Tensor& target) {
  const Source s = read(source, lengths);
  const LstmResult r = dec_(embed(target), s.begin);
  return select(attention_weights(unsqueeze(query_(r.output), 1), unsqueeze(s.places, 1),
                                  {.lengths = lengths, .scale = 1}),
                1, 0);
}

std::unique_ptr<text::Reader> AttentiveLstm::reader(const Tensor& source,
                                                    const Tensor& lengths) const {
  const NoGrad no_grad;
  return std::make_unique<AttentiveLstmReader>(*this, source, lengths);
}

}  // namespace cairn::models
