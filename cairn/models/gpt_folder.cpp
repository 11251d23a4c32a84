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

Json config_of(const LanguageModelSize& size) {
  return {{"model_type", "gpt_neox"},
          {"vocab_size", size.vocab},
          {"hidden_size", size.width},
          {"num_hidden_layers", size.layers},
          {"num_attention_heads", size.heads},
          {"intermediate_size", 4 * size.width},
          {"max_position_embeddings", size.context},
          {"hidden_act", "gelu_new"},
          {"layer_norm_eps", 1e-5},
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

NamedTensors weights_of(const Gpt& gpt, int64_t layers) {
  const NamedTensors own = gpt.state_dict();
  const auto at = [&](const std::string& name) -> Tensor {
    for (const auto& [its, tensor] : own)
      if (its == name) return tensor;
    fail("a GPT without '{}'", name);
  };
  NamedTensors all = {{"tokens.weight", at("tok.weight")},
                      {"decoder.norm.weight", at("norm.weight")},
                      {"decoder.norm.bias", at("norm.bias")},
                      {"head.weight", at("head.weight")}};
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

}  // namespace cairn::models
