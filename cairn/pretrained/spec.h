// What a config.json of Hugging Face's transformers says of a network, in one form for all kinds:
// BERT, GPT-2, GPT-NeoX, Llama, Marian. The kinds are rows of a table (families.cpp).
#pragma once
#include <string>
#include <vector>

#include "cairn/base/json.h"

namespace cairn::pretrained {

enum class Positions { learned, sinusoidal, rotary };
// What stands behind the last layer: nothing (hidden states), scores of tokens, scores of classes
// (of the first token, by a pooler), scores of a span's start and end.
enum class Head { none, tokens, classes, span };

struct Spec {
  std::string family;  // model_type: "bert"
  int64_t vocab = 0, width = 0, heads = 0, feed_forward = 0;
  int64_t kv_heads = 0;                            // as many as heads, or a divisor of it
  int64_t head_width = 0;                          // features of a head
  int64_t rotated = 0;                             // so many of them have rotary positions
  int64_t encoder_layers = 0, decoder_layers = 0;  // one of them may be 0
  int64_t positions = 0;                           // tokens of a text at most
  int64_t token_types = 0;                         // 0: none
  int64_t labels = 2;                              // of Head::classes
  int64_t begin = 0, end = -1;                     // tokens that a decoder's text begins, ends with
  Positions position_kind = Positions::learned;
  Head head = Head::none;
  std::string activation = "gelu";
  double eps = 1e-5, rope_base = 10000, dropout = 0, attention_dropout = 0, spread = 0.02;
  bool norm_first = false;      // before each part, and once at the end; else behind each sum
  bool embedding_norm = false;  // of the sum of embeddings
  bool rms = false;             // RMSNorm instead of LayerNorm
  bool gated = false;           // a gate in the feed-forward part
  bool attention_bias = true, feed_forward_bias = true;
  bool parallel = false;      // attention and feed-forward part see the same input
  bool scale_tokens = false;  // embeddings of tokens times sqrt(width)
  bool tied = true;           // the tokens' embedding is the head's matrix
  bool transform = false;     // Head::tokens: a layer and a normalisation before (BERT)
  bool head_bias = false;     // Head::tokens
};

// Reads a config.json; `where` names it in errors. Old and new keys (rope_theta and
// rope_parameters). Throws Error for a model_type that is not known, a key that is missing or of a
// wrong type, sizes that do not belong together, and whatever changes the computation and is not
// implemented.
Spec spec_of(const Json& config, const std::string& where);

// A config.json whose spec_of() is a BERT of these sizes: for networks that begin from nothing.
struct BertSize {
  int64_t vocab, width, layers, heads, feed_forward, positions;
  double dropout = 0.1;
};
Json bert_config(const BertSize& size);

}  // namespace cairn::pretrained
