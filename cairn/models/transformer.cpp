#include "cairn/models/transformer.h"

#include "cairn/ops/context.h"
#include "cairn/ops/dynamic_slice.h"

namespace cairn::models {
namespace {

// Token and position embeddings of x [N, T], from position 0.
Tensor embedded(const nn::Embedding& tok, const nn::Embedding& pos, const Tensor& x) {
  check(x.rank() == 2 && x.size(1) <= pos.weight.size(0),
        "tokens {}: want [N, T] with T up to {}{}", to_string(x.shape()), pos.weight.size(0),
        where(context().loc));
  return tok(x) + slice(pos.weight, 0, 0, x.size(1));
}

}  // namespace

Attention::Attention(int64_t dim, int64_t heads, bool rotary)
    : heads(heads),
      q(child("q", nn::Linear(dim, dim))),
      kv(child("kv", nn::Linear(dim, 2 * dim))),
      o(child("o", nn::Linear(dim, dim))) {
  check(heads > 0 && dim % heads == 0, "attention: {} heads do not divide a width of {}", heads,
        dim);
  if (rotary) this->rotary.emplace(child("rotary", nn::RotaryEmbedding(dim / heads)));
}

LayerCache Attention::keys_and_values(const Tensor& memory) const {
  const Tensors both = chunk(kv(memory), 2, -1);
  return {nn::split_heads(both[0], heads), nn::split_heads(both[1], heads)};
}

Tensor Attention::operator()(const Tensor& x, const LayerCache& keys,
                             const AttentionOptions& options, Loc loc) const {
  return called({x}, loc, [&] {
    return o(nn::join_heads(attention(nn::split_heads(q(x), heads), keys.k, keys.v, options)));
  });
}

Tensor Attention::operator()(const Tensor& x, const Tensor& memory, bool causal,
                             const Tensor& lengths, Loc loc) const {
  return called({x}, loc, [&] {
    const Tensors both = chunk(kv(memory.defined() ? memory : x), 2, -1);
    Tensor query = nn::split_heads(q(x), heads), key = nn::split_heads(both[0], heads);
    if (rotary) query = (*rotary)(query), key = (*rotary)(key);
    const Tensor y = attention(query, key, nn::split_heads(both[1], heads),
                               {.lengths = lengths, .causal = causal});
    return o(nn::join_heads(y));
  });
}

Tensor Attention::operator()(const Tensor& x, LayerSteps& steps, const Tensor& rows,
                             Loc loc) const {
  return called({x}, loc, [&] {
    const LayerCache now = keys_and_values(x);
    steps.k.push_back(now.k), steps.v.push_back(now.v);
    const Tensor query = nn::split_heads(q(x), heads);
    return o(nn::join_heads(attention_to_steps(query, steps.k, steps.v, rows)));
  });
}

Tensor Attention::operator()(const Tensor& x, const LayerCache& cache, const Tensor& start,
                             Loc loc) const {
  return called({x}, loc, [&] {
    const Tensors both = chunk(kv(x), 2, -1);
    Tensor query = nn::split_heads(q(x), heads), key = nn::split_heads(both[0], heads);
    if (rotary) query = (*rotary)(query, start), key = (*rotary)(key, start);
    const Tensor k = dynamic_update_slice(cache.k, key, start, 2);
    const Tensor v = dynamic_update_slice(cache.v, nn::split_heads(both[1], heads), start, 2);
    assign(cache.k, k);
    assign(cache.v, v);
    const Tensor end = start + full({}, static_cast<double>(x.size(1)), start.dtype());
    const Tensor lengths = expand(reshape(end, {1}), {x.size(0)});
    return o(
        nn::join_heads(attention(query, k, v, {.lengths = lengths, .causal_from_length = true})));
  });
}

Block::Block(int64_t dim, int64_t heads, int64_t ff, const BlockOptions& options)
    : n1(child("n1", nn::LayerNorm(dim))),
      a1(child("a1", Attention(dim, heads, options.rotary))),
      n2(child("n2", nn::LayerNorm(dim))),
      f1(child("f1", nn::Linear(dim, ff))),
      f2(child("f2", nn::Linear(ff, dim))),
      dropout_(options.dropout) {
  if (!options.cross) return;
  nx.emplace(child("nx", nn::LayerNorm(dim)));
  ax.emplace(child("ax", Attention(dim, heads)));
}

Tensor Block::dropped(const Tensor& x) const {
  return dropout(x, dropout_, dropout_ > 0 && training());
}

Tensor Block::feed_forward(const Tensor& x) const {
  return x + dropped(f2(gelu(f1(n2(x)), Gelu::tanh)));
}

Tensor Block::operator()(Tensor x, bool causal, const Tensor& memory, const Tensor& lengths,
                         Loc loc) const {
  return called({x}, loc, [&] {
    Tensor y = x + dropped(a1(n1(x), Tensor(), causal, ax ? Tensor() : lengths));
    if (ax) y = y + dropped((*ax)((*nx)(y), memory, false, lengths));
    return feed_forward(y);
  });
}

Tensor Block::operator()(Tensor x, LayerSteps& own, const Tensor& rows, const LayerCache& memory,
                         const Tensor& lengths, Loc loc) const {
  return called({x}, loc, [&] {
    const Tensor y = x + a1(n1(x), own, rows);
    const Tensor asked = reshape((*nx)(y), {memory.k.size(0), -1, x.size(2)});
    const Tensor seen = (*ax)(asked, memory, AttentionOptions{.lengths = lengths});
    return feed_forward(y + reshape(seen, x.shape()));
  });
}

Tensor Block::operator()(Tensor x, const LayerCache& cache, const Tensor& start, Loc loc) const {
  return called({x}, loc, [&] { return feed_forward(x + a1(n1(x), cache, start)); });
}

Gpt::Gpt(int64_t vocab, int64_t dim, int64_t heads, int64_t layers, int64_t context,
         const GptOptions& options)
    : tok(child("tok", nn::Embedding(vocab, dim))),
      pos(options.rotary ? std::nullopt : std::optional(child("pos", nn::Embedding(context, dim)))),
      blocks(child("blocks", nn::ModuleList<Block>())),
      norm(child("norm", nn::LayerNorm(dim))),
      head(child("head", nn::Linear(dim, vocab, {.bias = false}))),
      dim(dim),
      heads(heads),
      context(context),
      dropout_(options.dropout) {
  for (int64_t i = 0; i < layers; ++i)
    blocks.push_back(
        Block(dim, heads, 4 * dim, {.rotary = options.rotary, .dropout = options.dropout}));
}

Tensor Gpt::embed(const Tensor& x, const Tensor& start) const {
  const Tensor h = !pos              ? tok(x)
                   : start.defined() ? tok(x) + (*pos)(arange(0, x.size(1)) + start)
                                     : embedded(tok, *pos, x);
  return dropout(h, dropout_, dropout_ > 0 && training());
}

Tensor Gpt::forward(Tensor x) {
  Tensor h = embed(x, {});
  for (Block& block : blocks) h = block(h, true);
  return head(norm(h));
}

Tensor Gpt::decode(const Tensor& x, const Tensor& start, const std::vector<LayerCache>& caches,
                   Loc loc) {
  return called({x}, loc, [&] {
    Tensor h = embed(x, start);
    for (size_t i = 0; i < blocks.size(); ++i) h = blocks[i](h, caches[i], start);
    return head(norm(select(h, 1, x.size(1) - 1)));
  });
}

std::vector<LayerCache> Gpt::make_caches(int64_t batch, int64_t capacity) const {
  std::vector<LayerCache> caches;
  const Tensor empty = zeros({batch, heads, capacity, dim / heads}, tok.weight.dtype());
  for (size_t i = 0; i < blocks.size(); ++i) caches.push_back({state(empty), state(empty)});
  return caches;
}

Seq2Seq::Seq2Seq(int64_t vocab, int64_t dim, int64_t heads, int64_t ff, int64_t layers,
                 int64_t context)
    : tok(child("tok", nn::Embedding(vocab, dim))),
      pos(child("pos", nn::Embedding(context, dim))),
      enc(child("enc", nn::ModuleList<Block>())),
      dec(child("dec", nn::ModuleList<Block>())),
      ne(child("ne", nn::LayerNorm(dim))),
      nd(child("nd", nn::LayerNorm(dim))) {
  for (int64_t i = 0; i < layers; ++i) {
    enc.push_back(Block(dim, heads, ff));
    dec.push_back(Block(dim, heads, ff, {.cross = true}));
  }
}

Tensor Seq2Seq::embed(const Tensor& x) { return embedded(tok, pos, x); }

Tensor Seq2Seq::forward(Tensor source, Tensor target) {
  Tensor memory = embed(source);
  for (Block& block : enc) memory = block(memory, false);
  memory = ne(memory);
  Tensor h = embed(target);
  for (Block& block : dec) h = block(h, true, memory);
  return linear(nd(h), tok.weight);
}

QaEncoder::QaEncoder(int64_t vocab, int64_t dim, int64_t heads, int64_t layers, int64_t context)
    : tok(child("tok", nn::Embedding(vocab, dim))),
      pos(child("pos", nn::Embedding(context, dim))),
      blocks(child("blocks", nn::ModuleList<Block>())),
      norm(child("norm", nn::LayerNorm(dim))),
      span(child("span", nn::Linear(dim, 2))) {
  for (int64_t i = 0; i < layers; ++i) blocks.push_back(Block(dim, heads, 4 * dim));
}
Tensor QaEncoder::forward(Tensor x) {
  Tensor h = embedded(tok, pos, x);
  for (Block& block : blocks) h = block(h, false);
  return span(norm(h));
}

}  // namespace cairn::models
