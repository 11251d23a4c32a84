// A transformer (Vaswani et al. 2017) of any kind that a Spec describes: encoder, decoder, or both.
#pragma once
#include <optional>
#include <vector>

#include "cairn/nn/nn.h"
#include "cairn/pretrained/activations.h"
#include "cairn/pretrained/spec.h"

namespace cairn::pretrained {

struct Norm : nn::Module {
  explicit Norm(const Spec& spec);
  Tensor forward(Tensor x) override;
  nn::Param weight, bias;  // bias: not of RMSNorm
  double eps;
};

// Self-attention, x [N, T, width] -> [N, T, width]: queries, keys and values by one product.
struct SelfAttention : nn::Module {
  explicit SelfAttention(const Spec& spec);
  using Module::operator();
  Tensor operator()(const Tensor& x, const AttentionOptions& options,
                    Loc loc = Loc::current()) const;
  nn::Linear qkv, out;
  std::optional<nn::RotaryEmbedding> rotary;
  int64_t heads, kv_heads, head_width, rotated;

 private:
  Tensor turned(const Tensor& x) const;
};

// Attention to a memory [N, S, width].
struct CrossAttention : nn::Module {
  explicit CrossAttention(const Spec& spec);
  using Module::operator();
  Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionOptions& options,
                    Loc loc = Loc::current()) const;
  nn::Linear q, kv, out;
  int64_t heads;
};

struct FeedForward : nn::Module {
  explicit FeedForward(const Spec& spec);
  Tensor forward(Tensor x) override;
  nn::Linear up, down;  // up: gate and way up where there is a gate
  Activation activation;
  bool gated;
};

struct Layer : nn::Module {
  Layer(const Spec& spec, bool cross);
  using Module::operator();
  Tensor operator()(Tensor x, const AttentionOptions& self, const Tensor& memory,
                    const AttentionOptions& to_memory, Loc loc = Loc::current()) const;

  SelfAttention attention;
  Norm attention_norm;
  std::optional<CrossAttention> cross;
  std::optional<Norm> cross_norm;
  FeedForward feed_forward;
  Norm feed_forward_norm;

 private:
  Tensor dropped(const Tensor& x) const;
  bool norm_first_, parallel_;
  double dropout_;
};

// Embeddings [N, T, width] -> hidden states of the same shape.
struct Stack : nn::Module {
  Stack(const Spec& spec, int64_t layers, bool cross);
  using Module::operator();
  // types [N, T] i64 or undefined: all 0.
  Tensor operator()(Tensor x, const Tensor& types, AttentionOptions self, const Tensor& memory,
                    AttentionOptions to_memory, Loc loc = Loc::current()) const;

  std::optional<nn::Embedding> positions, types;
  std::optional<Norm> embedding_norm, norm;
  nn::ModuleList<Layer> layers;

 private:
  Tensor sinusoids_;  // [positions, width], where they are such
  int64_t longest_;
  double dropout_, attention_dropout_;
};

// Scores of tokens; without a weight of its own it is given the tokens' embedding.
struct TokenHead : nn::Module {
  explicit TokenHead(const Spec& spec);
  using Module::operator();
  Tensor operator()(const Tensor& x, const Tensor& embedding, Loc loc = Loc::current()) const;
  nn::Param weight, bias;
};

// What a text is to a network: token numbers padded at the end.
struct Input {
  Tensor tokens;   // [N, T] i64
  Tensor lengths;  // [N] i64: how many of them count; undefined: all
  Tensor types;    // [N, T] i64: which of two texts (BERT); undefined: 0
};

// Begins with random weights. Names of parameters are this room's (families.cpp says which are
// whose).
class Transformer : public nn::Module {
 public:
  explicit Transformer(const Spec& spec);
  using Module::operator();

  // Hidden states [N, T, width] of the encoder, or of the decoder where there is no other.
  Tensor hidden(const Input& in) const;
  // What spec().head says: hidden states; scores [N, T, vocab]; [N, labels]; [N, T, 2] of a span's
  // start and end. Networks of two stacks take target tokens [N, T], too, each of whose scores are
  // of the token after it.
  Tensor operator()(const Input& in, const Tensor& target = {}, Loc loc = Loc::current()) const;

  const Spec& spec() const { return spec_; }

 private:
  Tensor embed(const Tensor& tokens) const;
  Tensor through_head(const Tensor& hidden) const;

  Spec spec_;
  nn::Embedding tokens_;
  std::optional<Stack> encoder_, decoder_;
  std::optional<nn::Linear> pooler_, classifier_, span_, transform_;
  std::optional<Norm> transform_norm_;
  std::optional<TokenHead> head_;
};

}  // namespace cairn::pretrained
