#include "cairn/models/encoder_decoder.h"

#include <cmath>

#include "cairn/ops/context.h"

namespace cairn::models {

EncoderDecoder::EncoderDecoder(const EncoderDecoderOptions& o)
    : options(o),
      tok(child("tok", nn::Embedding(o.vocab, o.width))),
      enc(child("enc", nn::ModuleList<Block>())),
      dec(child("dec", nn::ModuleList<Block>())),
      ne(child("ne", nn::LayerNorm(o.width))),
      nd(child("nd", nn::LayerNorm(o.width))),
      positions_(nn::sinusoidal_positions(o.longest, o.width)) {
  for (int64_t i = 0; i < o.layers; ++i) {
    enc.push_back(Block(o.width, o.heads, o.feed_forward, {.dropout = o.dropout}));
    dec.push_back(Block(o.width, o.heads, o.feed_forward, {.cross = true, .dropout = o.dropout}));
  }
  if (o.copies) {
    copy_query.emplace(child("copy_query", nn::Linear(o.width, o.width)));
    copy_key.emplace(child("copy_key", nn::Linear(o.width, o.width)));
    copy_gate.emplace(child("copy_gate", nn::Linear(o.width, 1)));
  }
  for (const auto& [name, p] : named_parameters()) {
    if (name.ends_with(".bias")) assign(p, zeros(p.shape()));
    else if (p.rank() == 2) assign(p, nn::init::xavier_uniform(p.shape()));
  }
  assign(tok.weight,
         nn::init::normal(tok.weight.shape(), 0, 1 / std::sqrt(static_cast<double>(o.width))));
}

Tensor EncoderDecoder::embed(const Tensor& tokens, int64_t position) const {
  check(tokens.rank() == 2 && position + tokens.size(1) <= options.longest,
        "tokens {} from position {}: want [N, T] that ends before {}{}", to_string(tokens.shape()),
        position, options.longest, where(context().loc));
  const Tensor x = tok(tokens) * std::sqrt(static_cast<double>(options.width)) +
                   slice(positions_, 0, position, tokens.size(1));
  return dropout(x, options.dropout, options.dropout > 0 && training());
}

Tensor EncoderDecoder::encode(const Tensor& source, const Tensor& lengths) {
  Tensor x = embed(source, 0);
  for (Block& block : enc) x = block(x, false, Tensor(), lengths);
  return ne(x);
}

CopySource EncoderDecoder::copy_source(const Tensor& encoded, const Tensor& source,
                                       const Tensor& lengths) {
  if (!options.copies) return {};
  return {(*copy_key)(encoded), source, lengths};
}

Tensor EncoderDecoder::decode(const Tensor& encoded, const Tensor& lengths, const Tensor& target) {
  Tensor x = embed(target, 0);
  for (Block& block : dec) x = block(x, true, encoded, lengths);
  return nd(x);
}

EncoderDecoder::Copying EncoderDecoder::copying_of(const Tensor& decoded,
                                                   const CopySource& source) const {
  const Tensor weights = attention_weights(unsqueeze((*copy_query)(decoded), 1),
                                           unsqueeze(source.keys, 1), {.lengths = source.lengths});
  return {sigmoid((*copy_gate)(decoded)), select(weights, 1, 0)};
}

Tensor EncoderDecoder::scores(const Tensor& decoded, const CopySource& source) const {
  constexpr double kLeast = 1e-10;  // a token that is neither likely nor in the source
  const Tensor logits = nn::linear_when_ready(decoded, tok.weight);
  if (!source.keys.defined()) return logits;
  const Copying c = copying_of(decoded, source);
  const Tensor places = contiguous(expand(unsqueeze(source.tokens, 1), {-1, decoded.size(1), -1}));
  return log(scatter_add(softmax(logits, -1) * c.gate, 2, places, c.weights * (1.0 - c.gate)) +
             kLeast);
}

Tensor EncoderDecoder::forward(Tensor source, Tensor lengths, Tensor target) {
  const Tensor encoded = encode(source, lengths);
  return scores(decode(encoded, lengths, target), copy_source(encoded, source, lengths));
}

EncoderDecoder::Copying EncoderDecoder::copying(const Tensor& source, const Tensor& lengths,
                                                const Tensor& target) {
  check(options.copies, "this network does not copy");
  const Tensor encoded = encode(source, lengths);
  return copying_of(decode(encoded, lengths, target), copy_source(encoded, source, lengths));
}

Tensor EncoderDecoder::next(const Tensor& tokens, std::vector<LayerSteps>& own, const Tensor& rows,
                            const std::vector<LayerCache>& memory, const Tensor& lengths,
                            const CopySource& copied) {
  Tensor x = embed(tokens, rows.size(1) - 1);
  for (size_t i = 0; i < dec.size(); ++i) x = dec[i](x, own[i], rows, memory[i], lengths);
  const Tensor of_sources = reshape(nd(x), {lengths.size(0), -1, options.width});
  return reshape(scores(of_sources, copied), {tokens.size(0), -1});
}

std::unique_ptr<text::Reader> EncoderDecoder::reader(const Tensor& source,
                                                     const Tensor& lengths) const {
  return std::make_unique<EncoderDecoderReader>(*this, source, lengths);
}

Tensor EncoderDecoder::looks(const Tensor& source, const Tensor& lengths, const Tensor& target) {
  const Attention& layer = *dec[dec.size() - 1].ax;
  Tensor x;  // what the last layer asks with
  const int hook = layer.on_forward([&](const Tensors& inputs, const Tensor&) {
    x = inputs[0];
    return Tensor();
  });
  (*this)(source, lengths, target);
  layer.remove_hook(hook);
  const Tensor query = nn::split_heads(layer.q(x), layer.heads);
  const Tensor key = layer.keys_and_values(encode(source, lengths)).k;
  return mean(attention_weights(query, key, {.lengths = lengths}), {1});
}

EncoderDecoderReader::EncoderDecoderReader(const EncoderDecoder& net, const Tensor& source,
                                           const Tensor& lengths)
    : net_(std::make_shared<EncoderDecoder>(net)),
      texts_(source.size(0)),
      own_(net_->dec.size()),
      rows_(static_cast<size_t>(texts_)),
      lengths_(lengths) {
  const NoGrad no_grad;
  const Tensor encoded = net_->encode(source, lengths);
  copied_ = net_->copy_source(encoded, source, lengths);
  for (Block& block : net_->dec) memory_.push_back(block.ax->keys_and_values(encoded));
}

Tensor EncoderDecoderReader::read(std::span<const int64_t> tokens) {
  const NoGrad no_grad;
  const nn::ReadyWeights::Scope scope(ready_);
  const int64_t each = static_cast<int64_t>(tokens.size()) / texts();
  check(each == 1 && static_cast<int64_t>(tokens.size()) == texts(),
        "a decoder reads one token for each of {} texts, not {}", texts(), tokens.size());
  std::vector<int64_t> all;
  for (int64_t text = 0; text < texts_; ++text) {
    auto& rows = rows_[static_cast<size_t>(text)];
    rows.push_back(text);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  const Tensor ids = from_host(tokens.data(), {texts(), 1}, DType::i64),
               rows = from_host(all.data(), {texts_, std::ssize(all) / texts_}, DType::i64);
  return net_->next(ids, own_, rows, memory_, lengths_, copied_);
}

void EncoderDecoderReader::restart() {
  own_.assign(own_.size(), {});
  rows_.assign(rows_.size(), {});
}

std::vector<int64_t> EncoderDecoderReader::sources_of(std::span<const int64_t> rows) const {
  const int64_t each = texts_ / lengths_.size(0);
  std::vector<int64_t> all;
  for (const int64_t row : rows) all.push_back(row / each);
  const auto group =
      std::ranges::find_if(all, [&](int64_t s) { return s != all[0]; }) - all.begin();
  std::vector<int64_t> sources;
  for (auto at = all.begin(); at < all.end(); at += group) {
    if (all.end() - at < group || std::any_of(at, at + group, [&](int64_t s) { return s != *at; }))
      return all;
    sources.push_back(*at);
  }
  return sources;
}

void EncoderDecoderReader::select(std::span<const int64_t> rows) {
  const NoGrad no_grad;
  check(!rows.empty(), "a decoder: no text is selected");
  for (const int64_t row : rows)
    check(row >= 0 && row < texts_, "a decoder: there is no text {} among {}", row, texts_);
  const auto choose = [](std::span<const int64_t> which, std::initializer_list<Tensor*> from) {
    const Tensor index = from_host(which.data(), {std::ssize(which)}, DType::i64);
    for (Tensor* t : from)
      if (t->defined()) *t = index_select(*t, 0, index);
  };
  const std::vector<int64_t> sources = sources_of(rows);
  texts_ = std::ssize(rows);
  std::vector<std::vector<int64_t>> chosen;
  for (const int64_t row : rows) chosen.push_back(rows_[static_cast<size_t>(row)]);
  rows_ = std::move(chosen);
  bool stay = std::ssize(sources) == lengths_.size(0);
  for (int64_t i = 0; i < std::ssize(sources); ++i) stay = stay && sources[i] == i;
  if (stay) return;  // other texts about the same sources
  choose(sources, {&lengths_, &copied_.keys, &copied_.tokens, &copied_.lengths});
  for (LayerCache& cache : memory_) choose(sources, {&cache.k, &cache.v});
}

}  // namespace cairn::models
