// Opening a trained model, of whatever task. What is here needs no training.
#include <filesystem>

#include "cairn/nn/init.h"
#include "cairn/onnx/file.h"
#include "cairn/ops/functions.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/imported/model.h"

namespace cairn::tasks {
namespace {

#define CAIRN_OPENER(task) &task::kOpener,
constexpr const Opener* kAll[] = {CAIRN_TASKS(CAIRN_OPENER)};
#undef CAIRN_OPENER

const Opener& opener_of(const pretrained::Folder& folder) {
  for (const Opener* opener : kAll)
    if (opener->knows && opener->knows(folder.spec())) return *opener;
  fail(
      "'{}': a {} without a head that answers, tells classes or writes; cairn embed compares "
      "texts by it, cairn train --init begins with it",
      folder.path(), folder.spec().family);
}

// As a run that ended with these weights.
train::SavedModel saved_of(const pretrained::Folder& folder) {
  const Opener& opener = opener_of(folder);
  train::SavedModel saved{folder.path(), folder.path() + "/model.safetensors",
                          Json{{"task", opener.task}, {"format", train::kConfigFormat}}};
  saved.config.update(opener.options_of(folder));
  saved.given = std::make_shared<NamedTensors>(opener.weights_of(folder));
  return saved;
}

}  // namespace

std::string task_of(const std::string& path) {
  if (onnx::is_onnx_name(path)) return imported::open(path)->task();
  if (!pretrained::is_folder(path)) return train::open_saved_model(path).task();
  return opener_of(pretrained::Folder(path)).task;
}

std::unique_ptr<Model> open_saved(const train::SavedModel& saved) {
  for (const Opener* opener : kAll)
    if (saved.task() == opener->task) {
      const nn::init::Undrawn undrawn;
      return opener->open(saved);
    }
  fail("'{}': is a run of task '{}', which this program does not know", saved.path, saved.task());
}

std::unique_ptr<Model> open_model(const std::string& path, const std::string& data) {
  if (onnx::is_onnx_name(path)) return imported::open(path);
  auto saved = pretrained::is_folder(path) ? saved_of(pretrained::Folder(path))
                                           : train::open_saved_model(path);
  std::error_code ignored;
  if (!data.empty())
    saved.config["data"] = std::filesystem::exists(data, ignored)
                               ? std::filesystem::absolute(data, ignored).string()
                               : data;
  check(saved.given || std::filesystem::exists(saved.weights),
        "'{}': holds no trained weights (model.safetensors); train until the first evaluation "
        "has written them",
        path);
  return open_saved(saved);
}

std::vector<Port> Model::takes() {
  const auto batches = inputs(1);
  check(!batches.empty(), "'{}': its data give no example to see what the network takes", path());
  Shape shape = batches[0].shape();
  shape[0] = kAnyBatch;
  return {{"input", batches[0].dtype(), shape}};
}

Json Model::result(const std::string& split, const Json& measured) const {
  Json result = {{"task", task()}, {"split", split}};
  result.update(measured);
  return result;
}

void Model::expect_known(const train::AnyOption& option, const train::SavedModel& saved) {
  check(!option.is_open(), "'{}' is damaged: '{}' is missing", saved.config_file(), option.name());
}

Tensors Model::read(const std::string& file) {
  fail("'{}': a model of task '{}' reads no files", file, task());
}

pretrained::FolderContent Model::folder() {
  fail(
      "'{}': a model of task '{}' has no form in Hugging Face's transformers; --format onnx writes "
      "any",
      path(), task());
}

}  // namespace cairn::tasks
