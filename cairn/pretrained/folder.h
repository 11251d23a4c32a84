// Folders as Hugging Face's transformers writes them: config.json, model.safetensors (or several
// with an index), tokenizer.json. Weights come under this room's names; what they are called there
// is data (families.cpp).
//
//   const pretrained::Folder folder("minilm");
//   pretrained::Transformer net(folder.spec(pretrained::Head::span));  // the head is new
//   folder.load(net);
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cairn/io/weight_files.h"
#include "cairn/pretrained/transformer.h"
#include "cairn/text/subword_tokenizer.h"

namespace cairn::pretrained {

// A folder whose config.json has a "model_type".
bool is_folder(const std::string& path);

class Folder {
 public:
  // Reads config.json and opens the weights. Throws Error naming file and key, or tensor.
  explicit Folder(const std::string& path);

  const std::string& path() const { return path_; }
  // As in the file; where the head's matrix differs from the embedding that it should be tied to,
  // "tie_word_embeddings" is false, so that spec_of(config()) is of the weights.
  const Json& config() const { return config_; }
  const Spec& spec() const { return spec_; }
  Spec spec(Head head) const;                                 // with another head
  std::unique_ptr<text::SubwordTokenizer> tokenizer() const;  // of tokenizer.json

  // Values (f32) for parameters and buffers of those names and shapes, as far as they are there.
  // Throws Error naming file and tensor where one has another shape.
  NamedTensors tensors(const NamedTensors& own) const;
  // Gives a network its weights. Throws Error listing what is missing, but for heads.
  void load(const Transformer& net) const;
  // Names in the files that the network has no place for (heads of other kinds).
  std::vector<std::string> unused(const NamedTensors& own) const;

 private:
  struct Source {
    const io::NamedTensor* tensor;
    int lie;
  };
  std::vector<Source> sources(const std::string& own) const;
  const io::NamedTensor* find(const std::string& name, bool below_prefix) const;

  std::string path_;
  Json config_;
  Spec spec_;
  io::WeightFiles files_;
};

// What a folder is written of.
struct FolderContent {
  Json config;
  NamedTensors tensors;   // under transformers' names
  std::string tokenizer;  // tokenizer.json; "": none
};
// What load() gives a network as the folder's own config has it, by this room's names.
NamedTensors weights_of(const Folder& folder);
// Of a network that spec_of(config) describes but for its head; `labels`: names of its classes.
FolderContent content_of(const Transformer& net, Json config, std::string tokenizer,
                         const std::vector<std::string>& labels = {});
// config.json, model.safetensors and tokenizer.json with tokenizer_config.json, each atomically;
// makes the folder. Throws Error when `path` is a file, or a folder with other things in it.
void write_folder(const std::string& path, const FolderContent& content);

}  // namespace cairn::pretrained
