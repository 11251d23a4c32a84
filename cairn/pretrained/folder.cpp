#include "cairn/pretrained/folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "cairn/io/json.h"
#include "cairn/io/tensors.h"
#include "cairn/ops/context.h"
#include "cairn/pretrained/names.h"

namespace cairn::pretrained {
namespace {

constexpr uint64_t kLargestConfig = 16 << 20;

std::string in_folder(const std::string& folder, const char* name) {
  return (std::filesystem::path(folder) / name).string();
}

Json read_config(const std::string& folder) {
  const std::string path = in_folder(folder, "config.json");
  return io::parse_json(io::read_text_file(path, kLargestConfig), fmt::format("'{}'", path), 64);
}

// LayerNorm's parameters as TensorFlow called them.
std::string old_name(const std::string& name) {
  const size_t norm = name.rfind("LayerNorm.");
  if (norm == name.npos) return name;
  const std::string leaf = name.substr(norm + 10);
  return leaf == "weight" ? name.substr(0, norm + 10) + "gamma"
         : leaf == "bias" ? name.substr(0, norm + 10) + "beta"
                          : name;
}

// Only heads may be missing: training makes them.
bool of_head(const std::string& own) {
  for (const char* head :
       {"pooler.", "classifier.", "span.", "transform.", "transform_norm.", "head."})
    if (own.starts_with(head)) return true;
  return false;
}

// Names and values as transformers has them.
NamedTensors with_their_names(const Spec& spec, const NamedTensors& own) {
  const NoGrad no_grad;
  const Family& family = family_of(spec.family);
  const std::string prefix = spec.head == Head::none ? "" : family.prefix;
  NamedTensors all;
  for (const auto& [name, value] : own) {
    const auto places = places_of(family, name);
    check(!places.empty(), "'{}' has no name in folders of {}", name, family.name);
    const int parts = places.back().part + 1;
    // Queries, keys and values have sizes of their own; others are halves.
    Tensors pieces = {value};
    if (parts == 3) {
      const int64_t kv = spec.kv_heads * spec.head_width;
      pieces = split(value, {spec.heads * spec.head_width, kv, kv}, 0);
    } else if (parts == 2) {
      pieces = chunk(value, 2, 0);
    }
    int written = 0;
    for (const Place& place : places) {
      if (place.part != written) continue;
      all.emplace_back((place.below_prefix ? prefix : "") + place.name,
                       contiguous(laid_back(pieces[written++], place.lie, spec)));
    }
  }
  return all;
}

}  // namespace

bool is_folder(const std::string& path) {
  if (!std::filesystem::is_directory(path) ||
      !std::filesystem::exists(in_folder(path, "config.json")))
    return false;
  const Json config = read_config(path);
  return config.is_object() && config.contains("model_type");
}

Folder::Folder(const std::string& path)
    : path_(path),
      config_(read_config(path)),
      spec_(spec_of(config_, fmt::format("'{}'", in_folder(path, "config.json")))),
      files_(path) {
  if (spec_.head != Head::tokens || !spec_.tied) return;
  const auto own = [&](const char* name) {
    const auto all = sources(name);
    return all.empty() ? nullptr : all.front().tensor;
  };
  const io::NamedTensor *head = own("head.weight"), *tokens = own("tokens.weight");
  if (!head || !tokens || head == tokens || std::ranges::equal(head->data, tokens->data)) return;
  spec_.tied = false;
  config_["tie_word_embeddings"] = false;
}

Spec Folder::spec(Head head) const {
  Spec other = spec_;
  other.head = head;
  return other;
}

std::unique_ptr<text::SubwordTokenizer> Folder::tokenizer() const {
  const std::string path = in_folder(path_, "tokenizer.json");
  if (!std::filesystem::exists(path))
    for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
      if (const std::string model = in_folder(path_, name); std::filesystem::exists(model))
        return text::SubwordTokenizer::open(model);
  return text::SubwordTokenizer::open(path);
}

const io::NamedTensor* Folder::find(const std::string& name, bool below_prefix) const {
  const std::string prefix = below_prefix ? family_of(spec_.family).prefix : "";
  for (const std::string& full : {prefix + name, name})
    for (const std::string& spelled : {full, old_name(full)})
      if (const io::NamedTensor* tensor = files_.find(spelled)) return tensor;
  return nullptr;
}

std::vector<Folder::Source> Folder::sources(const std::string& own) const {
  std::vector<Source> found;
  int part = 0;  // the next
  bool whole = true;
  const auto places = places_of(family_of(spec_.family), own);
  for (const Place& place : places) {
    if (place.part < part) continue;  // another name of a part that was found
    if (place.part > part) whole = false;
    const io::NamedTensor* tensor = find(place.name, place.below_prefix);
    if (!tensor) continue;
    found.push_back({tensor, static_cast<int>(place.lie)});
    part = place.part + 1;
  }
  return whole && !places.empty() && part > places.back().part ? found : std::vector<Source>();
}

NamedTensors Folder::tensors(const NamedTensors& own) const {
  const NoGrad no_grad;
  NamedTensors found;
  for (const auto& [name, wanted] : own) {
    if (name.starts_with("classifier.") && wanted.size(0) != spec_.labels) continue;  // of others
    Tensors parts;
    std::string names;
    for (const Source& source : sources(name)) {
      const io::NamedTensor& t = *source.tensor;
      check(is_float(t.dtype), "'{}', tensor '{}': {} are no weights", files_.path(), t.name,
            name_of(t.dtype));
      parts.push_back(laid_out(cast(from_host(t.data.data(), t.shape, t.dtype), DType::f32),
                               static_cast<Lie>(source.lie), spec_));
      check(parts.back().rank() == wanted.rank() && wanted.rank() > 0 &&
                std::equal(wanted.shape().begin() + 1, wanted.shape().end(),
                           parts.back().shape().begin() + 1),
            "'{}', tensor '{}' of shape {} does not fit its config.json: '{}' is {}", files_.path(),
            t.name, to_string(t.shape), name, to_string(wanted.shape()));
      names += (names.empty() ? "" : ", ") + t.name;
    }
    if (parts.empty()) continue;
    Tensor value = parts.size() == 1 ? parts[0] : cat(parts, 0);
    check(value.shape() == wanted.shape(),
          "'{}', '{}' of shape {} does not fit its config.json: '{}' is {}", files_.path(), names,
          to_string(value.shape()), name, to_string(wanted.shape()));
    check(all(isfinite(value)).item() != 0, "'{}', '{}': the weights hold NaN or infinity",
          files_.path(), names);
    found.emplace_back(name, value);
  }
  return found;
}

void Folder::load(const Transformer& net) const {
  const NamedTensors own = net.state_dict(), values = tensors(own);
  std::set<std::string> there;
  for (const auto& [name, value] : values) there.insert(name);
  std::string missing;
  for (const auto& [name, value] : own) {
    if (there.contains(name) || of_head(name)) continue;
    const auto places = places_of(family_of(spec_.family), name);
    if (places.empty()) continue;
    missing += (missing.empty() ? "" : ", ") + places.front().name;
  }
  check(missing.empty(), "'{}' lacks tensors that its config.json asks for: {}", files_.path(),
        missing);
  net.load_state_dict(values, false);
}

std::vector<std::string> Folder::unused(const NamedTensors& own) const {
  std::set<const io::NamedTensor*> used;
  for (const auto& [name, tensor] : own)
    for (const Source& source : sources(name)) used.insert(source.tensor);
  std::vector<std::string> names;
  for (const io::NamedTensor* tensor : files_.tensors())
    if (!used.contains(tensor)) names.push_back(tensor->name);
  return names;
}

NamedTensors weights_of(const Folder& folder) {
  const NoGrad no_grad;
  const Transformer net(folder.spec());
  folder.load(net);
  return net.state_dict();
}

FolderContent content_of(const Transformer& net, Json config, std::string tokenizer,
                         const std::vector<std::string>& labels) {
  const Spec& spec = net.spec();
  const char* architecture = family_of(spec.family).heads[static_cast<size_t>(spec.head)];
  check(architecture, "transformers has no network of model_type '{}' with such a head",
        spec.family);
  config["architectures"] = {architecture};
  config["dtype"] = "float32";
  if (!labels.empty()) {
    Json names = Json::object(), numbers = Json::object();
    for (size_t i = 0; i < labels.size(); ++i)
      names[std::to_string(i)] = labels[i], numbers[labels[i]] = i;
    config["id2label"] = names, config["label2id"] = numbers;
  }
  return {std::move(config), with_their_names(spec, net.state_dict()), std::move(tokenizer)};
}

void write_folder(const std::string& path, const FolderContent& content) {
  constexpr std::array<const char*, 4> kFiles = {"config.json", "model.safetensors",
                                                 "tokenizer.json", "tokenizer_config.json"};
  check(!std::filesystem::exists(path) || std::filesystem::is_directory(path),
        "'{}' is a file; a folder is written", path);
  std::filesystem::create_directories(path);
  for (const auto& entry : std::filesystem::directory_iterator(path))
    check(std::ranges::find(kFiles, entry.path().filename().string()) != kFiles.end(),
          "'{}' has other things in it ('{}'); choose a new folder", path,
          entry.path().filename().string());
  const auto write = [&](const char* name, const std::string& text) {
    io::write_file_atomically(in_folder(path, name), std::string_view(text));
  };
  io::save_tensors(in_folder(path, "model.safetensors"), content.tensors, {{"format", "pt"}});
  if (!content.tokenizer.empty()) {
    write("tokenizer.json", content.tokenizer);
    write("tokenizer_config.json",
          io::dump_json({{"tokenizer_class", "PreTrainedTokenizerFast"}}, 2) + "\n");
  }
  write("config.json", io::dump_json(content.config, 2) + "\n");
}

}  // namespace cairn::pretrained
