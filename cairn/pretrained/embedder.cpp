#include "cairn/pretrained/embedder.h"

#include <algorithm>
#include <filesystem>

#include "cairn/io/json.h"
#include "cairn/ops/context.h"

namespace cairn::pretrained {
namespace {

constexpr uint64_t kLargest = 1 << 20;

Json read_json(const std::string& path) {
  return io::parse_json(io::read_text_file(path, kLargest), fmt::format("'{}'", path), 16);
}

}  // namespace

Embedder::Embedder(const std::string& folder)
    : folder_(folder),
      net_(folder_.spec(Head::none)),
      coder_(folder_.tokenizer(), longest_of(folder)) {
  check(net_.spec().encoder_layers == 0 || net_.spec().decoder_layers == 0,
        "'{}': a network that translates has no embedding of a sentence", folder);
  check(coder_.tokenizer().size() <= net_.spec().vocab,
        "'{}': its tokenizer.json has {} tokens, its config.json {}", folder,
        coder_.tokenizer().size(), net_.spec().vocab);
  folder_.load(net_);
  net_.eval();
  read_modules(folder);
  function_ = std::make_unique<CompiledFunction>(
      [this](std::span<const Tensor> in) -> Tensors { return forward(in); });
}

Tensors Embedder::forward(std::span<const Tensor> in) const {
  return {pooled(net_.hidden({in[0], in[1], {}}), in[1])};
}

int64_t Embedder::longest_of(const std::string& folder) const {
  const std::string about = (std::filesystem::path(folder) / "sentence_bert_config.json").string();
  const int64_t most = net_.spec().positions;
  if (!std::filesystem::exists(about)) return most;
  const Json json = read_json(about);
  if (!json.is_object() || !json.contains("max_seq_length")) return most;
  const Json& own = json["max_seq_length"];
  return own.is_number_integer() ? std::clamp<int64_t>(own.get<int64_t>(), 2, most) : most;
}

// [{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}, ...]
void Embedder::read_modules(const std::string& folder) {
  const auto in_folder = [&](const std::string& name) {
    return (std::filesystem::path(folder) / name).string();
  };
  const std::string list = in_folder("modules.json");
  if (!std::filesystem::exists(list)) return;
  const Json modules = read_json(list);
  check(modules.is_array(), "'{}': a list of modules is wanted", list);
  normalizes_ = false;
  for (const Json& module : modules) {
    check(module.is_object() && module.contains("type") && module["type"].is_string(),
          "'{}': a module without a type", list);
    const auto type = module["type"].get<std::string>();
    if (type.ends_with(".Transformer")) continue;
    if (type.ends_with(".Normalize")) {
      normalizes_ = true;
      continue;
    }
    check(type.ends_with(".Pooling"), "'{}': the module '{}' is not implemented", list, type);
    const auto path = module.value("path", "1_Pooling");
    check(path.find("..") == path.npos && !path.starts_with('/'), "'{}': '{}' is no folder in it",
          list, path);
    read_pooling(in_folder(path + "/config.json"));
  }
}

void Embedder::read_pooling(const std::string& file) {
  const Json json = read_json(file);
  check(json.is_object(), "'{}': an object {{...}} is wanted", file);
  constexpr std::pair<const char*, Pooling> kModes[] = {
      {"pooling_mode_mean_tokens", Pooling::mean},
      {"pooling_mode_cls_token", Pooling::first},
      {"pooling_mode_max_tokens", Pooling::largest},
      {"pooling_mode_mean_sqrt_len_tokens", Pooling::mean_sqrt},
      {"pooling_mode_lasttoken", Pooling::last}};
  int chosen = 0;
  for (const auto& [key, mode] : kModes)
    if (json.contains(key) && json[key] == true) pooling_ = mode, ++chosen;
  check(chosen == 1, "'{}': one way of pooling is wanted, not {}", file, chosen);
}

Tensor Embedder::pooled(const Tensor& hidden, const Tensor& lengths) const {
  const Tensor place = unsqueeze(arange(0, hidden.size(1)), 0), ends = unsqueeze(lengths, 1);
  const Tensor counts = unsqueeze(lt(place, ends), 2);
  const Tensor tokens = cast(ends, DType::f32);
  const auto sum_of = [&](const Tensor& where_true) {
    return sum(where(where_true, hidden, zeros({})), {1});
  };
  Tensor x;
  switch (pooling_) {
    case Pooling::mean: x = sum_of(counts) / tokens; break;
    case Pooling::mean_sqrt: x = sum_of(counts) / sqrt(tokens); break;
    case Pooling::first: x = select(hidden, 1, 0); break;
    case Pooling::largest: x = amax(where(counts, hidden, full({}, -1e9)), {1}); break;
    case Pooling::last: x = sum_of(unsqueeze(eq(place, ends - 1.0), 2)); break;
  }
  if (!normalizes_) return x;
  return x / maximum(norm(x, {1}, true), full({}, 1e-12));
}

Tensor Embedder::embed(const std::vector<std::string>& texts, int64_t batch) {
  const auto tokens = coder_.encode(texts, "the texts");
  std::vector<float> all;
  for (const auto& row : rows_of(*function_, tokens, batch, net_.spec().positions))
    all.insert(all.end(), row.begin(), row.end());
  return from_host(all.data(), {std::ssize(texts), width()}, DType::f32);
}

}  // namespace cairn::pretrained
