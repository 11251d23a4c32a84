#include "cairn/pretrained/families.h"

#include "cairn/base/error.h"

namespace cairn::pretrained {
namespace {

// ---- BERT (Devlin et al. 2018)

constexpr WholeKey kBertWholes[] = {
    {"vocab_size", &Spec::vocab, kWanted},
    {"hidden_size", &Spec::width, kWanted},
    {"num_hidden_layers", &Spec::encoder_layers, kWanted},
    {"num_attention_heads", &Spec::heads, kWanted},
    {"intermediate_size", &Spec::feed_forward, kWanted},
    {"max_position_embeddings", &Spec::positions, 512},
    {"type_vocab_size", &Spec::token_types, 2},
};
constexpr NumberKey kBertNumbers[] = {
    {"layer_norm_eps", &Spec::eps, 1e-12},
    {"hidden_dropout_prob", &Spec::dropout, 0.1},
    {"attention_probs_dropout_prob", &Spec::attention_dropout, 0.1},
    {"initializer_range", &Spec::spread, 0.02},
};
constexpr FlagKey kTiedUnlessSaid[] = {{"tie_word_embeddings", &Spec::tied, true}};
constexpr Demand kBertDemands[] = {{"position_embedding_type", "\"absolute\""},
                                   {"is_decoder", "false"}};
constexpr Name kBertNames[] = {
    {"embeddings.word_embeddings", "tokens"},
    {"embeddings.position_embeddings", "encoder.positions"},
    {"embeddings.token_type_embeddings", "encoder.types"},
    {"embeddings.LayerNorm", "encoder.embedding_norm"},
    {"encoder.layer.*.attention.self.query", "encoder.layers.*.attention.qkv", 0},
    {"encoder.layer.*.attention.self.key", "encoder.layers.*.attention.qkv", 1},
    {"encoder.layer.*.attention.self.value", "encoder.layers.*.attention.qkv", 2},
    {"encoder.layer.*.attention.output.dense", "encoder.layers.*.attention.out"},
    {"encoder.layer.*.attention.output.LayerNorm", "encoder.layers.*.attention_norm"},
    {"encoder.layer.*.intermediate.dense", "encoder.layers.*.feed_forward.up"},
    {"encoder.layer.*.output.dense", "encoder.layers.*.feed_forward.down"},
    {"encoder.layer.*.output.LayerNorm", "encoder.layers.*.feed_forward_norm"},
    {"pooler.dense", "pooler"},
};
constexpr Name kBertHeads[] = {
    {"cls.predictions.transform.dense", "transform"},
    {"cls.predictions.transform.LayerNorm", "transform_norm"},
    {"cls.predictions.bias", "head.bias"},
    {"cls.predictions.decoder.bias", "head.bias"},
    {"cls.predictions.decoder.weight", "head.weight"},
    {"classifier", "classifier"},
    {"qa_outputs", "span"},
};
constexpr const char* kBertArchitectures[] = {
    "BertModel", "BertForMaskedLM", "BertForSequenceClassification", "BertForQuestionAnswering"};

// ---- GPT-2 (Radford et al. 2019)

constexpr WholeKey kGpt2Wholes[] = {
    {"vocab_size", &Spec::vocab, kWanted},       {"n_embd", &Spec::width, kWanted},
    {"n_layer", &Spec::decoder_layers, kWanted}, {"n_head", &Spec::heads, kWanted},
    {"n_inner", &Spec::feed_forward, 0},         {"n_positions", &Spec::positions, 1024},
};
constexpr NumberKey kGpt2Numbers[] = {
    {"layer_norm_epsilon", &Spec::eps, 1e-5},
    {"resid_pdrop", &Spec::dropout, 0.1},
    {"attn_pdrop", &Spec::attention_dropout, 0.1},
    {"initializer_range", &Spec::spread, 0.02},
};
constexpr Demand kGpt2Demands[] = {{"scale_attn_weights", "true"},
                                   {"scale_attn_by_inverse_layer_idx", "false"},
                                   {"add_cross_attention", "false"}};
constexpr Name kGpt2Names[] = {
    {"wte", "tokens"},
    {"wpe", "decoder.positions"},
    {"h.*.ln_1", "decoder.layers.*.attention_norm"},
    {"h.*.attn.c_attn", "decoder.layers.*.attention.qkv", 0, Lie::transposed},
    {"h.*.attn.c_proj", "decoder.layers.*.attention.out", 0, Lie::transposed},
    {"h.*.ln_2", "decoder.layers.*.feed_forward_norm"},
    {"h.*.mlp.c_fc", "decoder.layers.*.feed_forward.up", 0, Lie::transposed},
    {"h.*.mlp.c_proj", "decoder.layers.*.feed_forward.down", 0, Lie::transposed},
    {"ln_f", "decoder.norm"},
};
constexpr Name kLmHead[] = {{"lm_head.weight", "head.weight"}};
constexpr const char* kGpt2Architectures[] = {"GPT2Model", "GPT2LMHeadModel", nullptr, nullptr};

// ---- GPT-NeoX (Black et al. 2022)

constexpr WholeKey kNeoxWholes[] = {
    {"vocab_size", &Spec::vocab, kWanted},
    {"hidden_size", &Spec::width, kWanted},
    {"num_hidden_layers", &Spec::decoder_layers, kWanted},
    {"num_attention_heads", &Spec::heads, kWanted},
    {"intermediate_size", &Spec::feed_forward, kWanted},
    {"max_position_embeddings", &Spec::positions, 2048},
};
constexpr NumberKey kNeoxNumbers[] = {
    {"layer_norm_eps", &Spec::eps, 1e-5},
    {"hidden_dropout", &Spec::dropout, 0},
    {"attention_dropout", &Spec::attention_dropout, 0},
    {"initializer_range", &Spec::spread, 0.02},
};
constexpr FlagKey kNeoxFlags[] = {
    {"tie_word_embeddings", &Spec::tied, false},
    {"use_parallel_residual", &Spec::parallel, true},
    {"attention_bias", &Spec::attention_bias, true},
};
constexpr Name kNeoxNames[] = {
    {"embed_in", "tokens"},
    {"layers.*.input_layernorm", "decoder.layers.*.attention_norm"},
    {"layers.*.attention.query_key_value", "decoder.layers.*.attention.qkv", 0, Lie::by_head},
    {"layers.*.attention.dense", "decoder.layers.*.attention.out"},
    {"layers.*.post_attention_layernorm", "decoder.layers.*.feed_forward_norm"},
    {"layers.*.mlp.dense_h_to_4h", "decoder.layers.*.feed_forward.up"},
    {"layers.*.mlp.dense_4h_to_h", "decoder.layers.*.feed_forward.down"},
    {"final_layer_norm", "decoder.norm"},
};
constexpr Name kNeoxHead[] = {{"embed_out.weight", "head.weight"},
                              {"lm_head.weight", "head.weight"}};  // as transformers 5 calls it
constexpr const char* kNeoxArchitectures[] = {"GPTNeoXModel", "GPTNeoXForCausalLM", nullptr,
                                              nullptr};

// ---- Llama (Touvron et al. 2023) and those built like it

constexpr WholeKey kLlamaWholes[] = {
    {"vocab_size", &Spec::vocab, kWanted},
    {"hidden_size", &Spec::width, kWanted},
    {"num_hidden_layers", &Spec::decoder_layers, kWanted},
    {"num_attention_heads", &Spec::heads, kWanted},
    {"num_key_value_heads", &Spec::kv_heads, 0},
    {"head_dim", &Spec::head_width, 0},
    {"intermediate_size", &Spec::feed_forward, kWanted},
    {"max_position_embeddings", &Spec::positions, 2048},
};
constexpr NumberKey kLlamaNumbers[] = {
    {"rms_norm_eps", &Spec::eps, 1e-6},
    {"attention_dropout", &Spec::attention_dropout, 0},
    {"initializer_range", &Spec::spread, 0.02},
};
constexpr FlagKey kLlamaFlags[] = {
    {"tie_word_embeddings", &Spec::tied, false},
    {"attention_bias", &Spec::attention_bias, false},
    {"mlp_bias", &Spec::feed_forward_bias, false},
};
constexpr Demand kLlamaDemands[] = {{"pretraining_tp", "1"}};
constexpr Name kLlamaNames[] = {
    {"embed_tokens", "tokens"},
    {"layers.*.input_layernorm", "decoder.layers.*.attention_norm"},
    {"layers.*.self_attn.q_proj", "decoder.layers.*.attention.qkv", 0},
    {"layers.*.self_attn.k_proj", "decoder.layers.*.attention.qkv", 1},
    {"layers.*.self_attn.v_proj", "decoder.layers.*.attention.qkv", 2},
    {"layers.*.self_attn.o_proj", "decoder.layers.*.attention.out"},
    {"layers.*.post_attention_layernorm", "decoder.layers.*.feed_forward_norm"},
    {"layers.*.mlp.gate_proj", "decoder.layers.*.feed_forward.up", 0},
    {"layers.*.mlp.up_proj", "decoder.layers.*.feed_forward.up", 1},
    {"layers.*.mlp.down_proj", "decoder.layers.*.feed_forward.down"},
    {"norm", "decoder.norm"},
};
constexpr const char* kLlamaArchitectures[] = {"LlamaModel", "LlamaForCausalLM", nullptr, nullptr};

// ---- Marian (Junczys-Dowmunt et al. 2018)

constexpr WholeKey kMarianWholes[] = {
    {"vocab_size", &Spec::vocab, kWanted},
    {"d_model", &Spec::width, kWanted},
    {"encoder_layers", &Spec::encoder_layers, kWanted},
    {"decoder_layers", &Spec::decoder_layers, kWanted},
    {"encoder_attention_heads", &Spec::heads, kWanted},
    {"encoder_ffn_dim", &Spec::feed_forward, kWanted},
    {"max_position_embeddings", &Spec::positions, 1024},
    {"decoder_start_token_id", &Spec::begin, kWanted},
    {"eos_token_id", &Spec::end, 0},
};
constexpr NumberKey kMarianNumbers[] = {
    {"dropout", &Spec::dropout, 0.1},
    {"attention_dropout", &Spec::attention_dropout, 0},
    {"init_std", &Spec::spread, 0.02},
};
constexpr FlagKey kMarianFlags[] = {{"tie_word_embeddings", &Spec::tied, true},
                                    {"scale_embedding", &Spec::scale_tokens, false}};
constexpr Demand kMarianDemands[] = {{"share_encoder_decoder_embeddings", "true"},
                                     {"normalize_before", "false"},
                                     {"normalize_embedding", "false"},
                                     {"add_final_layer_norm", "false"}};
#define CAIRN_MARIAN_LAYER(stack)                                                 \
  {stack ".layers.*.self_attn.q_proj", stack ".layers.*.attention.qkv", 0},       \
      {stack ".layers.*.self_attn.k_proj", stack ".layers.*.attention.qkv", 1},   \
      {stack ".layers.*.self_attn.v_proj", stack ".layers.*.attention.qkv", 2},   \
      {stack ".layers.*.self_attn.out_proj", stack ".layers.*.attention.out"},    \
      {stack ".layers.*.self_attn_layer_norm", stack ".layers.*.attention_norm"}, \
      {stack ".layers.*.fc1", stack ".layers.*.feed_forward.up"},                 \
      {stack ".layers.*.fc2", stack ".layers.*.feed_forward.down"}, {             \
    stack ".layers.*.final_layer_norm", stack ".layers.*.feed_forward_norm"       \
  }
constexpr Name kMarianNames[] = {
    {"shared", "tokens"},
    {"decoder.embed_tokens", "tokens"},
    {"encoder.embed_tokens", "tokens"},
    CAIRN_MARIAN_LAYER("encoder"),
    CAIRN_MARIAN_LAYER("decoder"),
    {"decoder.layers.*.encoder_attn.q_proj", "decoder.layers.*.cross.q"},
    {"decoder.layers.*.encoder_attn.k_proj", "decoder.layers.*.cross.kv", 0},
    {"decoder.layers.*.encoder_attn.v_proj", "decoder.layers.*.cross.kv", 1},
    {"decoder.layers.*.encoder_attn.out_proj", "decoder.layers.*.cross.out"},
    {"decoder.layers.*.encoder_attn_layer_norm", "decoder.layers.*.cross_norm"},
};
#undef CAIRN_MARIAN_LAYER
constexpr Name kMarianHead[] = {{"final_logits_bias", "head.bias", 0, Lie::row},
                                {"lm_head.weight", "head.weight"}};
constexpr const char* kMarianArchitectures[] = {"MarianModel", "MarianMTModel", nullptr, nullptr};

const Family kFamilies[] = {
    {.name = "bert",
     .prefix = "bert.",
     .common = {.embedding_norm = true, .transform = true, .head_bias = true},
     .wholes = kBertWholes,
     .numbers = kBertNumbers,
     .flags = kTiedUnlessSaid,
     .activation = "hidden_act",
     .usual_activation = "gelu",
     .demands = kBertDemands,
     .names = kBertNames,
     .head_names = kBertHeads,
     .heads = kBertArchitectures},
    {.name = "gpt2",
     .prefix = "transformer.",
     .common = {.norm_first = true},
     .wholes = kGpt2Wholes,
     .numbers = kGpt2Numbers,
     .flags = kTiedUnlessSaid,
     .activation = "activation_function",
     .usual_activation = "gelu_new",
     .demands = kGpt2Demands,
     .names = kGpt2Names,
     .head_names = kLmHead,
     .heads = kGpt2Architectures},
    {.name = "gpt_neox",
     .prefix = "gpt_neox.",
     .common = {.position_kind = Positions::rotary, .norm_first = true},
     .wholes = kNeoxWholes,
     .numbers = kNeoxNumbers,
     .flags = kNeoxFlags,
     .activation = "hidden_act",
     .usual_activation = "gelu",
     .demands = {},
     .names = kNeoxNames,
     .head_names = kNeoxHead,
     .heads = kNeoxArchitectures},
    {.name = "llama",
     .prefix = "model.",
     .common = {.position_kind = Positions::rotary, .norm_first = true, .rms = true, .gated = true},
     .wholes = kLlamaWholes,
     .numbers = kLlamaNumbers,
     .flags = kLlamaFlags,
     .activation = "hidden_act",
     .usual_activation = "silu",
     .demands = kLlamaDemands,
     .names = kLlamaNames,
     .head_names = kLmHead,
     .heads = kLlamaArchitectures},
    {.name = "marian",
     .prefix = "model.",
     .common = {.position_kind = Positions::sinusoidal, .head_bias = true},
     .wholes = kMarianWholes,
     .numbers = kMarianNumbers,
     .flags = kMarianFlags,
     .activation = "activation_function",
     .usual_activation = "gelu",
     .demands = kMarianDemands,
     .names = kMarianNames,
     .head_names = kMarianHead,
     .heads = kMarianArchitectures},
};

}  // namespace

std::span<const Family> families() { return kFamilies; }

const Family& family_of(const std::string& model_type) {
  std::string known;
  for (const Family& family : kFamilies) {
    if (model_type == family.name) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.name);
  }
  fail("networks of model_type '{}' are not read; those that are: {}", model_type, known);
}

}  // namespace cairn::pretrained
