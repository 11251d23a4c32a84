#include "cairn/io/weight_files.h"

#include <filesystem>
#include <map>

#include "cairn/base/json.h"
#include "cairn/io/json.h"

namespace cairn::io {
namespace {

constexpr uint64_t kLargestIndex = 100 << 20;

// What a folder's weights are called, the first that is there.
constexpr const char* kHuggingFaceNames[] = {"model.safetensors", "model.safetensors.index.json",
                                             "pytorch_model.bin", "pytorch_model.bin.index.json"};

std::string file_in(const std::string& folder) {
  std::string wanted;
  for (const char* name : kHuggingFaceNames) {
    std::string path = (std::filesystem::path(folder) / name).string();
    if (std::filesystem::exists(path)) return path;
    wanted += (wanted.empty() ? "" : " or ") + std::string(name);
  }
  fail("'{}' has no weights: {} is wanted", folder, wanted);
}

}  // namespace

bool is_weights_name(const std::string& path) {
  return path.ends_with(".safetensors") || path.ends_with(".index.json") ||
         is_torch_file_name(path);
}

WeightFiles::WeightFiles(const std::string& path)
    : path_(std::filesystem::is_directory(path) ? file_in(path) : path) {
  if (path_.ends_with(".json")) open_index(path_);
  else open_file(path_);
}

void WeightFiles::open_file(const std::string& path) {
  const std::vector<NamedTensor>* tensors = nullptr;
  names_.push_back(path);
  if (is_torch_file_name(path)) {
    torch_files_.push_back(std::make_unique<TorchFile>(path));
    tensors = &torch_files_.back()->tensors();
  } else {
    files_.push_back(std::make_unique<SafetensorsFile>(path));
    files_.back()->verify_checksum();
    tensors = &files_.back()->tensors();
    if (metadata_.empty()) metadata_ = files_.back()->metadata();
  }
  for (const NamedTensor& tensor : *tensors) {
    check(by_name_.emplace(tensor.name, &tensor).second,
          "'{}': tensor '{}' is in another file of these weights, too", path, tensor.name);
    tensors_.push_back(&tensor);
  }
}

// {"metadata": ..., "weight_map": {tensor: file beside the index}}
void WeightFiles::open_index(const std::string& path) {
  const Json index = parse_json(read_text_file(path, kLargestIndex), fmt::format("'{}'", path), 8);
  check(index.is_object() && index.contains("weight_map") && index["weight_map"].is_object(),
        "'{}': no index of weights, which has an object \"weight_map\"", path);
  std::map<std::string, std::vector<std::string>> by_file;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    check(file.is_string(), "'{}': the file of tensor '{}' is no text", path, tensor);
    by_file[file.get<std::string>()].push_back(tensor);
  }
  const auto folder = std::filesystem::path(path).parent_path();
  for (const auto& [name, tensors] : by_file) {
    check(!name.empty() && name != ".." && name.find('/') == name.npos &&
              name.find('\0') == name.npos,
          "'{}': '{}' is no file beside the index", path, name);
    const std::string shard = (folder / name).string();
    check(std::filesystem::exists(shard),
          "'{}' names a part that is not there: '{}'; fetch it, too", path, shard);
    open_file(shard);
    for (const std::string& tensor : tensors)
      check(find(tensor) != nullptr, "'{}' has no tensor '{}', which '{}' says is there", shard,
            tensor, path);
  }
}

const NamedTensor* WeightFiles::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

}  // namespace cairn::io
