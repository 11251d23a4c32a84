#include "cairn/pretrained/spec.h"

#include <fmt/format.h>

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/pretrained/activations.h"
#include "cairn/pretrained/families.h"

namespace cairn::pretrained {
namespace {

constexpr int64_t kMost = int64_t{1} << 24;  // of any size
constexpr int64_t kMostLayers = 1000;

// The keys of a config.json; errors name the file and the key.
class Keys {
 public:
  Keys(const Json& config, const std::string& where) : config_(config), where_(where) {
    check(config.is_object(), "{}: an object {{...}} is wanted, not {}", where, config.type_name());
  }
  const Json* find(const char* key) const {
    const auto it = config_.find(key);
    return it == config_.end() || it->is_null() ? nullptr : &*it;
  }
  int64_t whole(const char* key, int64_t standard) const {
    const Json* value = find(key);
    if (!value) {
      check(standard != kWanted, "{}: \"{}\" is missing", where_, key);
      return standard;
    }
    check(value->is_number_integer() && value->get<double>() >= 0 &&
              value->get<double>() <= static_cast<double>(kMost),
          "{}, \"{}\": a whole number between 0 and {} is wanted, not {}", where_, key, kMost,
          value->dump());
    return value->get<int64_t>();
  }
  double number(const char* key, double standard) const {
    const Json* value = find(key);
    if (!value) return standard;
    check(value->is_number() && std::isfinite(value->get<double>()) && value->get<double>() >= 0,
          "{}, \"{}\": a number of at least 0 is wanted, not {}", where_, key, value->dump());
    return value->get<double>();
  }
  bool flag(const char* key, bool standard) const {
    const Json* value = find(key);
    if (!value) return standard;
    check(value->is_boolean(), "{}, \"{}\": true or false is wanted, not {}", where_, key,
          value->dump());
    return value->get<bool>();
  }
  std::string text(const char* key, const char* standard) const {
    const Json* value = find(key);
    if (!value) {
      check(standard, "{}: \"{}\" is missing", where_, key);
      return standard;
    }
    check(value->is_string(), "{}, \"{}\": a text is wanted, not {}", where_, key, value->dump());
    return value->get<std::string>();
  }
  const std::string& where() const { return where_; }

 private:
  const Json& config_;
  const std::string where_;
};

// Of the first architecture: "BertForQuestionAnswering".
Head head_of(const Keys& keys, const Family& family) {
  const Json* names = keys.find("architectures");
  if (!names) return Head::none;
  check(names->is_array() && (names->empty() || names->front().is_string()),
        "{}, \"architectures\": a list of texts is wanted", keys.where());
  if (names->empty()) return Head::none;
  for (size_t i = 0; i < family.heads.size(); ++i)
    if (family.heads[i] && names->front() == family.heads[i]) return static_cast<Head>(i);
  return Head::none;
}

// "rope_parameters" of transformers 5, "rope_scaling" and "rope_theta" before; GPT-NeoX's own.
void read_rotary(const Keys& keys, Spec& s) {
  double part = keys.number("rotary_pct", s.family == "gpt_neox" ? 0.25 : 1);
  part = keys.number("partial_rotary_factor", part);
  s.rope_base = keys.number("rope_theta", keys.number("rotary_emb_base", 10000));
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    const Json* value = keys.find(name);
    if (!value) continue;
    const Keys rope(*value, fmt::format("{}, \"{}\"", keys.where(), name));
    const std::string type = rope.text("rope_type", rope.text("type", "default").c_str());
    check(type == "default", "{}: rotary positions of type '{}' are not implemented", rope.where(),
          type);
    s.rope_base = rope.number("rope_theta", s.rope_base);
    part = rope.number("partial_rotary_factor", part);
  }
  check(s.rope_base > 0 && part > 0 && part <= 1,
        "{}: rotary positions of base {} for {} of the features", keys.where(), s.rope_base, part);
  s.rotated = static_cast<int64_t>(static_cast<double>(s.head_width) * part);
  check(s.rotated > 0 && s.rotated % 2 == 0,
        "{}: rotary positions need an even number of features, not {}", keys.where(), s.rotated);
}

void check_sizes(const Spec& s, const std::string& where) {
  const auto positive = [&](const char* what, int64_t value) {
    check(value > 0, "{}: {} {}; must be positive", where, value, what);
  };
  positive("tokens", s.vocab), positive("features", s.width), positive("heads", s.heads);
  positive("layers", s.encoder_layers + s.decoder_layers), positive("positions", s.positions);
  positive("features between", s.feed_forward), positive("heads of keys", s.kv_heads);
  positive("features of a head", s.head_width);
  check(s.encoder_layers <= kMostLayers && s.decoder_layers <= kMostLayers,
        "{}: more than {} layers", where, kMostLayers);
  check(s.heads % s.kv_heads == 0, "{}: {} heads of keys do not divide {} heads", where, s.kv_heads,
        s.heads);
  check(s.heads * s.head_width <= kMost, "{}: {} heads of {} features are too many", where, s.heads,
        s.head_width);
  check(s.dropout < 1 && s.attention_dropout < 1, "{}: a dropout of 1 or more", where);
  check(s.position_kind != Positions::sinusoidal || s.width % 2 == 0,
        "{}: sinusoidal positions need an even width, not {}", where, s.width);
  activation_named(s.activation, where);
}

}  // namespace

Spec spec_of(const Json& config, const std::string& where) {
  const Keys keys(config, where);
  const std::string type = keys.text("model_type", nullptr);
  const Family* family = nullptr;
  try {
    family = &family_of(type);
  } catch (const Error& e) { fail("{}: {}", where, e.what()); }
  Spec s = family->common;
  s.family = family->name;
  for (const WholeKey& k : family->wholes) s.*k.to = keys.whole(k.key, k.standard);
  for (const NumberKey& k : family->numbers) s.*k.to = keys.number(k.key, k.standard);
  for (const FlagKey& k : family->flags) s.*k.to = keys.flag(k.key, k.standard);
  for (const Demand& d : family->demands) {
    const Json* value = keys.find(d.key);
    check(!value || *value == Json::parse(d.value), "{}, \"{}\": {} is not implemented, only {}",
          where, d.key, value ? value->dump() : "", d.value);
  }
  for (const char* key : {"decoder_attention_heads", "decoder_ffn_dim", "decoder_vocab_size"}) {
    const int64_t like = std::string_view(key).ends_with("heads") ? s.heads
                         : std::string_view(key).ends_with("dim") ? s.feed_forward
                                                                  : s.vocab;
    check(family->name != std::string_view("marian") || keys.whole(key, like) == like,
          "{}, \"{}\": {} in the decoder and {} in the encoder; only equal ones are implemented",
          where, key, keys.whole(key, like), like);
  }
  s.activation = keys.text(family->activation, family->usual_activation);
  s.head = head_of(keys, *family);
  if (const Json* labels = keys.find("id2label"); labels && labels->is_object())
    s.labels = std::max<int64_t>(std::ssize(*labels), 1);
  s.labels = std::max<int64_t>(keys.whole("num_labels", s.labels), 1);
  if (s.feed_forward == 0) s.feed_forward = 4 * s.width;
  if (s.kv_heads == 0) s.kv_heads = s.heads;
  if (s.head_width == 0) {
    check(s.heads > 0 && s.width % s.heads == 0, "{}: {} heads do not divide a width of {}", where,
          s.heads, s.width);
    s.head_width = s.width / s.heads;
  }
  check_sizes(s, where);
  if (s.position_kind == Positions::rotary) read_rotary(keys, s);
  return s;
}

Json bert_config(const BertSize& size) {
  return {{"architectures", {"BertModel"}},
          {"model_type", "bert"},
          {"vocab_size", size.vocab},
          {"hidden_size", size.width},
          {"num_hidden_layers", size.layers},
          {"num_attention_heads", size.heads},
          {"intermediate_size", size.feed_forward},
          {"max_position_embeddings", size.positions},
          {"type_vocab_size", 2},
          {"hidden_act", "gelu"},
          {"layer_norm_eps", 1e-12},
          {"hidden_dropout_prob", size.dropout},
          {"attention_probs_dropout_prob", size.dropout},
          {"initializer_range", 0.02},
          {"pad_token_id", 0}};
}

}  // namespace cairn::pretrained
