// Transformers (Vaswani et al. 2017) with pre-norm blocks: language model, translation, question
// answering.
#pragma once
#include <optional>

#include "cairn/nn/nn.h"

namespace cairn::models {

// Keys and values of one layer, [N, heads, capacity, d] States; positions from `start` on are
// overwritten.
struct LayerCache {
  Tensor k, v;
};

// Keys and values of texts that branch: of each step [rows, heads, 1, d], as it was made.
struct LayerSteps {
  Tensors k, v;
};

// Multi-head attention with its projections: x [N, T, dim], memory [N, S, dim] or undefined
// (itself).
struct Attention : nn::Module {
  // rotary: positions are in the queries and keys (they must come from x itself then).
  Attention(int64_t dim, int64_t heads, bool rotary = false);
  using Module::operator();
  // lengths [N] i64 or undefined: how many keys of each row are seen.
  Tensor operator()(const Tensor& x, const Tensor& memory, bool causal, const Tensor& lengths = {},
                    Loc loc = Loc::current()) const;
  // Keys and values of a memory [N, heads, S, d], to be attended to again and again.
  LayerCache keys_and_values(const Tensor& memory) const;
  // Attends to keys and values as they are.
  Tensor operator()(const Tensor& x, const LayerCache& keys, const AttentionOptions& options,
                    Loc loc = Loc::current()) const;
  // Attends to steps (attention_to_steps()), which those of x [N, 1, dim] join as the last one.
  Tensor operator()(const Tensor& x, LayerSteps& steps, const Tensor& rows,
                    Loc loc = Loc::current()) const;
  // Attends to the cache, into which keys and values of x go at `start` ([] i64, may be a State).
  Tensor operator()(const Tensor& x, const LayerCache& cache, const Tensor& start,
                    Loc loc = Loc::current()) const;

  int64_t heads;
  nn::Linear q, kv, o;
  std::optional<nn::RotaryEmbedding> rotary;
};

struct BlockOptions {
  bool cross = false;   // attends to a memory, too
  bool rotary = false;  // positions in the self-attention's queries and keys
  double dropout = 0;   // of what each part adds
};

// Pre-norm: self-attention, optional cross-attention, GELU feed-forward.
struct Block : nn::Module {
  Block(int64_t dim, int64_t heads, int64_t ff, const BlockOptions& options = {});
  using Module::operator();
  // lengths [N] i64 or undefined: how much of each row of the memory is seen, or of x without one.
  Tensor operator()(Tensor x, bool causal, const Tensor& memory = {}, const Tensor& lengths = {},
                    Loc loc = Loc::current()) const;
  Tensor operator()(Tensor x, const LayerCache& cache, const Tensor& start,
                    Loc loc = Loc::current()) const;
  // The next token of texts, x [N, 1, dim]: its keys and values join those of the tokens before,
  // `rows` [N, steps] with it; `memory` as by ax->keys_and_values(), of M sources, each of which
  // N / M texts in a row are about.
  Tensor operator()(Tensor x, LayerSteps& own, const Tensor& rows, const LayerCache& memory,
                    const Tensor& lengths, Loc loc = Loc::current()) const;

  nn::LayerNorm n1;
  Attention a1;
  std::optional<nn::LayerNorm> nx;
  std::optional<Attention> ax;
  nn::LayerNorm n2;
  nn::Linear f1, f2;

 private:
  Tensor feed_forward(const Tensor& x) const;
  Tensor dropped(const Tensor& x) const;
  double dropout_;
};

struct GptOptions {
  bool rotary = false;  // instead of learned positions
  double dropout = 0;
};
// Decoder-only language model (Radford et al. 2019): token ids [N, T] -> logits [N, T, vocab].
struct Gpt : nn::Module {
  Gpt(int64_t vocab, int64_t dim, int64_t heads, int64_t layers, int64_t context,
      const GptOptions& options = {});
  Tensor forward(Tensor x) override;
  // Logits of the last position [N, vocab]; keys and values of x go to the caches at `start` ([]
  // i64).
  Tensor decode(const Tensor& x, const Tensor& start, const std::vector<LayerCache>& caches,
                Loc loc = Loc::current());
  std::vector<LayerCache> make_caches(int64_t batch, int64_t capacity) const;

  nn::Embedding tok;
  std::optional<nn::Embedding> pos;  // none with rotary positions
  nn::ModuleList<Block> blocks;
  nn::LayerNorm norm;
  nn::Linear head;
  int64_t dim, heads, context;

 private:
  Tensor embed(const Tensor& x, const Tensor& start) const;
  double dropout_;
};

// Encoder and decoder, the output tied to the embedding: source [N, S], target [N, T] -> [N, T,
// vocab].
struct Seq2Seq : nn::Module {
  explicit Seq2Seq(int64_t vocab = 8000, int64_t dim = 256, int64_t heads = 8, int64_t ff = 1024,
                   int64_t layers = 3, int64_t context = 64);
  Tensor forward(Tensor source, Tensor target) override;

  nn::Embedding tok, pos;
  nn::ModuleList<Block> enc, dec;
  nn::LayerNorm ne, nd;

 private:
  Tensor embed(const Tensor& x);
};

// Encoder that marks a span: token ids [N, T] -> scores of start and end [N, T, 2].
struct QaEncoder : nn::Module {
  explicit QaEncoder(int64_t vocab = 16000, int64_t dim = 256, int64_t heads = 4,
                     int64_t layers = 4, int64_t context = 256);
  Tensor forward(Tensor x) override;

  nn::Embedding tok, pos;
  nn::ModuleList<Block> blocks;
  nn::LayerNorm norm;
  nn::Linear span;
};

}  // namespace cairn::models
