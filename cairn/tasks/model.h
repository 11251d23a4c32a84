// A trained model, opened once for all that is done with it: the network in evaluation mode, and
// what turns files into its inputs and its outputs into words. Evaluation, the verbs (predict,
// generate, ...), reports, quantisation and whatever serves models stand on it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cairn/graph/trace.h"
#include "cairn/nn/module.h"
#include "cairn/tasks/table.h"
#include "cairn/text/reader.h"
#include "cairn/text/tokenizer.h"
#include "cairn/train/options.h"
#include "cairn/train/saved_model.h"

namespace cairn::pretrained {
class Folder;
struct FolderContent;
struct Spec;
}  // namespace cairn::pretrained

namespace cairn::tasks {

using train::Json;

// What writes a text token by token, for who steps several of them.
struct Writes {
  const text::Tokenizer& tokenizer;
  std::function<std::unique_ptr<text::Reader>()> reader;  // a new one, of one text
  int64_t context = 0;                                    // tokens of a prompt at most; 0: any
  std::vector<int64_t> beginning;                         // what stands for an empty prompt
};

class Model {
 public:
  explicit Model(const train::SavedModel& saved) : saved_(saved) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;

  const std::string& path() const { return saved_.path; }  // a run folder, or a weights file
  const train::SavedModel& saved() const { return saved_; }
  std::string task() const { return saved_.task(); }
  // In evaluation mode, with the weights of the run.
  virtual nn::Module& network() = 0;
  // Batches of what the network takes, made from the run's training data as training makes them
  // (without random changes): at least `examples` of them when there are so many.
  virtual std::vector<Tensor> inputs(int64_t examples) = 0;

  // What the model computes as a function of tensors, for programs that run it and for export: its
  // inputs, names of its outputs, and the function, made of ops alone. Unless a task says
  // otherwise: the network, of the one tensor that inputs() gives, whose first size is free.
  virtual std::vector<Port> takes();
  virtual std::vector<std::string> gives() const { return {"output"}; }
  virtual Tensors forward(std::span<const Tensor> in) { return {network()(in[0])}; }
  // Of sequences (kAnyLength): how long they may be.
  virtual int64_t longest() const { return INT64_MAX; }
  // The inputs that a file becomes, as `cairn predict` reads it. Throws Error naming the file, and
  // for a task whose inputs are no files.
  virtual Tensors read(const std::string& file);
  // Names of what the first output's last axis counts; none: it counts no classes.
  virtual std::vector<std::string> labels() const { return {}; }
  // What people call the entries of the first input, as read() gave it: the columns of a table or a
  // series (one for each number; those of one column have one name), the tokens of a text; none:
  // they have no names.
  virtual std::vector<std::string> names(const Tensors&) const { return {}; }
  // Of a model that writes texts on; none: it does not.
  virtual std::optional<Writes> writes() { return {}; }
  // The model as a folder of Hugging Face's transformers (pretrained/folder.h). Throws Error where
  // that has no such network.
  virtual pretrained::FolderContent folder();

  // What was measured on a split: {task, split} and the rest.
  Json result(const std::string& split, const Json& measured) const;

 protected:
  // Reads the options of the run; for the constructors of models. `needed`: members that the
  // training filled; throws Error naming the configuration and the first that it lacks.
  template <class Options, class... Member>
  static Options options_of(const train::SavedModel& saved, Member... needed) {
    Options options;
    options.read_run(saved.config, saved.config_file());
    (expect_known(options.*needed, saved), ...);
    return options;
  }

 private:
  static void expect_known(const train::AnyOption& option, const train::SavedModel& saved);

  train::SavedModel saved_;
};

// How the models of a task are opened: apart from its row, so that who only uses models links no
// training.
struct Opener {
  const char* task;
  std::unique_ptr<Model> (*open)(const train::SavedModel& saved);
  // Folders of Hugging Face's transformers that are models of the task too: which networks, the
  // options of a run that one is like, and its weights under the run's names.
  bool (*knows)(const pretrained::Spec& spec) = nullptr;
  Json (*options_of)(const pretrained::Folder& folder) = nullptr;
  NamedTensors (*weights_of)(const pretrained::Folder& folder) = nullptr;
};
template <class M>
std::unique_ptr<Model> open_as(const train::SavedModel& saved) {
  return std::make_unique<M>(saved);
}

// `path`: a run folder, or the model.safetensors of one, or a folder of Hugging Face's whose
// network a task knows, or an ONNX file; `data`: where its data lie now, when they moved. Throws
// Error naming what is missing or damaged.
std::unique_ptr<Model> open_model(const std::string& path, const std::string& data = "");
std::unique_ptr<Model> open_saved(const train::SavedModel& saved);  // of the task that it names
std::string task_of(const std::string& path);  // the same, of which only the task is wanted

}  // namespace cairn::tasks
