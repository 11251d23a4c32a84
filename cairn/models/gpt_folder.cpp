#include "cairn/models/gpt_folder.h"

#include <fmt/format.h>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/text/normalizers.h"

namespace cairn::models {
namespace {

// Parts of a block as pretrained/ calls them.
constexpr std::pair<const char*, const char*> kParts[] = {{"n1", "attention_norm"},
                                                          {"a1.o", "attention.out"},
                                                          {"n2", "feed_forward_norm"},
                                                          {"f1", "feed_forward.up"},
                                                          {"f2", "feed_forward.down"}};

constexpr double kEpsilon = 1e-5;

Json config_of(const LanguageModelSize& size) {
  if (size.learned_positions)
    return {{"model_type", "gpt2"},           {"vocab_size", size.vocab},
            {"n_embd", size.width},           {"n_layer", size.layers},
            {"n_head", size.heads},           {"n_inner", 4 * size.width},
            {"n_positions", size.context},    {"activation_function", "gelu_new"},
            {"layer_norm_epsilon", kEpsilon}, {"tie_word_embeddings", false},
            {"bos_token_id", nullptr},        {"eos_token_id", nullptr}};
  return {{"model_type", "gpt_neox"},
          {"vocab_size", size.vocab},
          {"hidden_size", size.width},
          {"num_hidden_layers", size.layers},
          {"num_attention_heads", size.heads},
          {"intermediate_size", 4 * size.width},
          {"max_position_embeddings", size.context},
          {"hidden_act", "gelu_new"},
          {"layer_norm_eps", kEpsilon},
          {"use_parallel_residual", false},
          {"attention_bias", true},
          {"rotary_pct", 1.0},
          {"rotary_emb_base", 10000},
          {"rope_parameters",
           {{"rope_type", "default"}, {"rope_theta", 10000.0}, {"partial_rotary_factor", 1.0}}},
          {"tie_word_embeddings", false},
          {"bos_token_id", nullptr},
          {"eos_token_id", nullptr}};
}

Tensor tensor_of(const NamedTensors& all, const std::string& name) {
  for (const auto& [its, tensor] : all)
    if (its == name) return tensor;
  fail("a GPT without '{}'", name);
}

NamedTensors weights_of(const Gpt& gpt, int64_t layers) {
  const NamedTensors own = gpt.state_dict();
  const auto at = [&](const std::string& name) { return tensor_of(own, name); };
  NamedTensors all = {{"tokens.weight", at("tok.weight")},
                      {"decoder.norm.weight", at("norm.weight")},
                      {"decoder.norm.bias", at("norm.bias")},
                      {"head.weight", at("head.weight")}};
  if (gpt.pos) all.emplace_back("decoder.positions.weight", at("pos.weight"));
  for (int64_t i = 0; i < layers; ++i) {
    const std::string from = fmt::format("blocks.{}.", i),
                      to = fmt::format("decoder.layers.{}.", i);
    for (const std::string leaf : {".weight", ".bias"}) {
      all.emplace_back(to + "attention.qkv" + leaf,
                       cat({at(from + "a1.q" + leaf), at(from + "a1.kv" + leaf)}, 0));
      for (const auto& [ours, theirs] : kParts)
        all.emplace_back(to + theirs + leaf, at(from + ours + leaf));
    }
  }
  return all;
}

// A token for each character or byte, as a tokenizer.json.
std::string tokenizer_of(const text::Tokenizer& tokenizer) {
  Json vocabulary = Json::object();
  Json file = {{"version", "1.0"}, {"added_tokens", Json::array()}, {"normalizer", nullptr}};
  if (const auto* chars = dynamic_cast<const text::CharTokenizer*>(&tokenizer)) {
    for (const char32_t c : chars->vocabulary())
      vocabulary[io::encode_utf8({&c, 1})] = vocabulary.size();
    file["pre_tokenizer"] = {{"type", "Split"},
                             {"pattern", {{"Regex", "[\\s\\S]"}}},
                             {"behavior", "Isolated"},
                             {"invert", false}};
    file["decoder"] = {{"type", "Fuse"}};
    file["model"] = {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "<unk>"}};
    return file.dump();
  }
  check(tokenizer.kind() != "word",
        "words have no tokenizer.json that transformers reads; train with --tokens bpe");
  if (tokenizer.kind() != "byte") return tokenizer.to_json();
  for (const char32_t c : text::byte_characters())
    vocabulary[io::encode_utf8({&c, 1})] = vocabulary.size();
  const Json bytes = {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", false}};
  file["pre_tokenizer"] = bytes, file["decoder"] = bytes;
  file["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}};
  return file.dump();
}

}  // namespace

pretrained::FolderContent folder_of(const Gpt& gpt, const LanguageModelSize& size,
                                    const text::Tokenizer& tokenizer) {
  const NoGrad no_grad;
  const Json config = config_of(size);
  pretrained::Spec spec = pretrained::spec_of(config, "config.json");
  spec.head = pretrained::Head::tokens;
  const pretrained::Transformer net(spec);
  net.load_state_dict(weights_of(gpt, size.layers));
  return pretrained::content_of(net, config, tokenizer_of(tokenizer));
}

namespace {

// What a Gpt has not; "": it has all.
std::string beyond_gpt(const pretrained::Spec& s) {
  using pretrained::Positions;
  if (s.encoder_layers > 0 || s.decoder_layers == 0) return "an encoder";
  if (s.rms || !s.norm_first) return "another normalisation than LayerNorm before each part";
  if (s.gated || s.feed_forward != 4 * s.width)
    return "a feed-forward part of another kind or width than four times the network's";
  if (s.parallel) return "parts of a block side by side";
  if (s.kv_heads != s.heads || s.head_width * s.heads != s.width) return "heads of other kinds";
  if (!s.attention_bias || !s.feed_forward_bias || s.head_bias) return "other biases";
  if (!s.activation.starts_with("gelu_") || s.eps != kEpsilon)
    return fmt::format("activation {} and an epsilon of {}", s.activation, s.eps);
  const bool turned =
      s.position_kind == Positions::rotary && s.rotated == s.head_width && s.rope_base == 10000;
  return s.position_kind == Positions::learned || turned ? "" : "other positions";
}

}  // namespace

LanguageModelSize gpt_size(const pretrained::Folder& folder) {
  const pretrained::Spec& s = folder.spec();
  const std::string beyond = beyond_gpt(s);
  check(beyond.empty(),
        "'{}' is a {} with {}; a language model begins with a GPT-2, or a GPT-NeoX of full rotary "
        "positions without parallel parts",
        folder.path(), s.family, beyond);
  return {.kind = "gpt",
          .vocab = s.vocab,
          .width = s.width,
          .layers = s.decoder_layers,
          .heads = s.heads,
          .context = s.positions,
          .learned_positions = s.position_kind == pretrained::Positions::learned};
}

NamedTensors gpt_weights(const pretrained::Folder& folder, int64_t context) {
  const NoGrad no_grad;
  const pretrained::Transformer net(folder.spec(pretrained::Head::tokens));
  folder.load(net);
  const NamedTensors theirs = net.state_dict();
  const auto at = [&](const std::string& name) { return tensor_of(theirs, name); };
  const pretrained::Spec& s = net.spec();
  NamedTensors all = {{"tok.weight", at("tokens.weight")},
                      {"norm.weight", at("decoder.norm.weight")},
                      {"norm.bias", at("decoder.norm.bias")},
                      {"head.weight", at(s.tied ? "tokens.weight" : "head.weight")}};
  if (s.position_kind == pretrained::Positions::learned)
    all.emplace_back("pos.weight", slice(at("decoder.positions.weight"), 0, 0, context));
  for (int64_t i = 0; i < s.decoder_layers; ++i) {
    const std::string from = fmt::format("decoder.layers.{}.", i),
                      to = fmt::format("blocks.{}.", i);
    for (const std::string leaf : {".weight", ".bias"}) {
      const Tensors parts = split(at(from + "attention.qkv" + leaf), {s.width, 2 * s.width}, 0);
      all.emplace_back(to + "a1.q" + leaf, parts[0]);
      all.emplace_back(to + "a1.kv" + leaf, parts[1]);
      for (const auto& [ours, its] : kParts)
        all.emplace_back(to + ours + leaf, at(from + its + leaf));
    }
  }
  return all;
}

}  // namespace cairn::models
