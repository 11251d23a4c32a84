#include "cairn/pretrained/transformer.h"

#include <cmath>

#include "cairn/ops/context.h"

namespace cairn::pretrained {
namespace {

// Sine in the first half of the features, cosine in the second.
Tensor sinusoids(const Spec& s) {
  const Tensor pairs =
      reshape(nn::sinusoidal_positions(s.positions, s.width), {s.positions, s.width / 2, 2});
  return contiguous(reshape(transpose(pairs, 1, 2), {s.positions, s.width}));
}

void begin_randomly(const nn::Module& net, double spread) {
  for (const auto& [name, p] : net.named_parameters()) {
    if (p.rank() >= 2) assign(p, nn::init::normal(p.shape(), 0, spread));
    else if (name.ends_with(".bias")) assign(p, zeros(p.shape()));
  }
}

}  // namespace

Norm::Norm(const Spec& s) : weight(param("weight", ones({s.width}))), eps(s.eps) {
  if (!s.rms) bias = param("bias", zeros({s.width}));
}
Tensor Norm::forward(Tensor x) {
  const Shape last = {x.size(-1)};
  return bias.defined() ? layer_norm(x, last, weight, bias, eps)
                        : rms_norm_over(x, last, weight, eps);
}

SelfAttention::SelfAttention(const Spec& s)
    : qkv(child("qkv", nn::Linear(s.width, (s.heads + 2 * s.kv_heads) * s.head_width,
                                  {.bias = s.attention_bias}))),
      out(child("out", nn::Linear(s.heads * s.head_width, s.width, {.bias = s.attention_bias}))),
      heads(s.heads),
      kv_heads(s.kv_heads),
      head_width(s.head_width),
      rotated(s.rotated) {
  if (s.position_kind == Positions::rotary)
    rotary.emplace(child("rotary", nn::RotaryEmbedding(s.rotated, s.rope_base)));
}

Tensor SelfAttention::turned(const Tensor& x) const {
  if (!rotary || rotated == head_width) return rotary ? (*rotary)(x) : x;
  const Tensors parts = split(x, {rotated, head_width - rotated}, -1);
  return cat({(*rotary)(parts[0]), parts[1]}, -1);
}

Tensor SelfAttention::operator()(const Tensor& x, const AttentionOptions& options, Loc loc) const {
  return called({x}, loc, [&] {
    const int64_t q = heads * head_width, kv = kv_heads * head_width;
    const Tensors all = split(qkv(x), {q, kv, kv}, -1);
    const Tensor y = cairn::attention(turned(nn::split_heads(all[0], heads)),
                                      turned(nn::split_heads(all[1], kv_heads)),
                                      nn::split_heads(all[2], kv_heads), options);
    return out(nn::join_heads(y));
  });
}

CrossAttention::CrossAttention(const Spec& s)
    : q(child("q", nn::Linear(s.width, s.width, {.bias = s.attention_bias}))),
      kv(child("kv", nn::Linear(s.width, 2 * s.width, {.bias = s.attention_bias}))),
      out(child("out", nn::Linear(s.width, s.width, {.bias = s.attention_bias}))),
      heads(s.heads) {}

Tensor CrossAttention::operator()(const Tensor& x, const Tensor& memory,
                                  const AttentionOptions& options, Loc loc) const {
  return called({x, memory}, loc, [&] {
    const Tensors both = chunk(kv(memory), 2, -1);
    return out(nn::join_heads(cairn::attention(nn::split_heads(q(x), heads),
                                               nn::split_heads(both[0], heads),
                                               nn::split_heads(both[1], heads), options)));
  });
}

FeedForward::FeedForward(const Spec& s)
    : up(child("up", nn::Linear(s.width, s.gated ? 2 * s.feed_forward : s.feed_forward,
                                {.bias = s.feed_forward_bias}))),
      down(child("down", nn::Linear(s.feed_forward, s.width, {.bias = s.feed_forward_bias}))),
      activation(activation_named(s.activation, "FeedForward")),
      gated(s.gated) {}

Tensor FeedForward::forward(Tensor x) {
  if (!gated) return down(activation(up(x)));
  const Tensors both = chunk(up(x), 2, -1);
  return down(activation(both[0]) * both[1]);
}

Layer::Layer(const Spec& s, bool with_cross)
    : attention(child("attention", SelfAttention(s))),
      attention_norm(child("attention_norm", Norm(s))),
      feed_forward(child("feed_forward", FeedForward(s))),
      feed_forward_norm(child("feed_forward_norm", Norm(s))),
      norm_first_(s.norm_first),
      parallel_(s.parallel),
      dropout_(s.dropout) {
  if (!with_cross) return;
  cross.emplace(child("cross", CrossAttention(s)));
  cross_norm.emplace(child("cross_norm", Norm(s)));
}

Tensor Layer::dropped(const Tensor& x) const {
  return dropout(x, dropout_, dropout_ > 0 && training());
}

Tensor Layer::operator()(Tensor x, const AttentionOptions& self, const Tensor& memory,
                         const AttentionOptions& to_memory, Loc loc) const {
  return called({x}, loc, [&] {
    if (parallel_)
      return x + dropped(attention(attention_norm(x), self)) +
             dropped(feed_forward(feed_forward_norm(x)));
    // A part of the sum, normalised before it or behind.
    const auto add = [&](const Norm& norm, const auto& part) {
      return norm_first_ ? x + dropped(part(norm(x))) : norm(x + dropped(part(x)));
    };
    x = add(attention_norm, [&](const Tensor& y) { return attention(y, self); });
    if (cross)
      x = add(*cross_norm, [&](const Tensor& y) { return (*cross)(y, memory, to_memory); });
    return add(feed_forward_norm, [&](const Tensor& y) { return feed_forward(y); });
  });
}

Stack::Stack(const Spec& s, int64_t count, bool cross)
    : layers(child("layers", nn::ModuleList<Layer>())),
      longest_(s.positions),
      dropout_(s.dropout),
      attention_dropout_(s.attention_dropout) {
  if (s.position_kind == Positions::learned)
    positions.emplace(child("positions", nn::Embedding(s.positions, s.width)));
  if (s.position_kind == Positions::sinusoidal) sinusoids_ = sinusoids(s);
  if (s.token_types > 0) types.emplace(child("types", nn::Embedding(s.token_types, s.width)));
  if (s.embedding_norm) embedding_norm.emplace(child("embedding_norm", Norm(s)));
  for (int64_t i = 0; i < count; ++i) layers.push_back(Layer(s, cross));
  if (s.norm_first) norm.emplace(child("norm", Norm(s)));
}

Tensor Stack::operator()(Tensor x, const Tensor& type_ids, AttentionOptions self,
                         const Tensor& memory, AttentionOptions to_memory, Loc loc) const {
  return called({x}, loc, [&] {
    const int64_t length = x.size(1);
    check(length <= longest_, "a text of {} tokens is longer than the {} that the network takes{}",
          length, longest_, where(context().loc));
    if (positions) x = x + slice(positions->weight, 0, 0, length);
    if (sinusoids_.defined()) x = x + slice(sinusoids_, 0, 0, length);
    if (types) x = x + (type_ids.defined() ? (*types)(type_ids) : slice(types->weight, 0, 0, 1));
    if (embedding_norm) x = (*embedding_norm)(x);
    x = dropout(x, dropout_, dropout_ > 0 && training());
    if (training()) self.dropout = to_memory.dropout = attention_dropout_;
    for (size_t i = 0; i < layers.size(); ++i) x = layers[i](x, self, memory, to_memory);
    return norm ? (*norm)(x) : x;
  });
}

TokenHead::TokenHead(const Spec& s) {
  if (!s.tied) weight = param("weight", zeros({s.vocab, s.width}));
  if (s.head_bias) bias = param("bias", zeros({s.vocab}));
}
Tensor TokenHead::operator()(const Tensor& x, const Tensor& embedding, Loc loc) const {
  return called({x}, loc,
                [&] { return linear(x, weight.defined() ? Tensor(weight) : embedding, bias); });
}

Transformer::Transformer(const Spec& s)
    : spec_(s), tokens_(child("tokens", nn::Embedding(s.vocab, s.width))) {
  const bool both = s.encoder_layers > 0 && s.decoder_layers > 0;
  if (s.encoder_layers > 0) encoder_.emplace(child("encoder", Stack(s, s.encoder_layers, false)));
  if (s.decoder_layers > 0) decoder_.emplace(child("decoder", Stack(s, s.decoder_layers, both)));
  if (s.head == Head::tokens) {
    if (s.transform) {
      transform_.emplace(child("transform", nn::Linear(s.width, s.width)));
      transform_norm_.emplace(child("transform_norm", Norm(s)));
    }
    head_.emplace(child("head", TokenHead(s)));
  }
  if (s.head == Head::classes) {
    pooler_.emplace(child("pooler", nn::Linear(s.width, s.width)));
    classifier_.emplace(child("classifier", nn::Linear(s.width, s.labels)));
  }
  if (s.head == Head::span) span_.emplace(child("span", nn::Linear(s.width, 2)));
  begin_randomly(*this, s.spread);
}

Tensor Transformer::embed(const Tensor& tokens) const {
  check(tokens.rank() == 2 && is_integer(tokens.dtype()),
        "token numbers [N, T] are wanted, not {} {}", name_of(tokens.dtype()),
        to_string(tokens.shape()));
  const Tensor x = tokens_(tokens);
  return spec_.scale_tokens ? x * std::sqrt(static_cast<double>(spec_.width)) : x;
}

Tensor Transformer::hidden(const Input& in) const {
  if (encoder_) return (*encoder_)(embed(in.tokens), in.types, {.lengths = in.lengths}, {}, {});
  return (*decoder_)(embed(in.tokens), in.types, {.causal = true}, {}, {});
}

Tensor Transformer::operator()(const Input& in, const Tensor& target, Loc loc) const {
  return called({in.tokens}, loc, [&] {
    Tensor x = hidden(in);
    if (encoder_ && decoder_) {
      check(target.defined(), "a network of an encoder and a decoder wants target tokens, too");
      x = (*decoder_)(embed(target), {}, {.causal = true}, x, {.lengths = in.lengths});
    }
    return through_head(x);
  });
}

Tensor Transformer::through_head(const Tensor& hidden) const {
  switch (spec_.head) {
    case Head::none: return hidden;
    case Head::span: return (*span_)(hidden);
    case Head::classes: {
      const Tensor pooled = tanh((*pooler_)(select(hidden, 1, 0)));
      return (*classifier_)(dropout(pooled, spec_.dropout, spec_.dropout > 0 && training()));
    }
    case Head::tokens: break;
  }
  Tensor x = hidden;
  if (transform_)
    x = (*transform_norm_)(activation_named(spec_.activation, "transform")((*transform_)(x)));
  return (*head_)(x, tokens_.weight);
}

}  // namespace cairn::pretrained
