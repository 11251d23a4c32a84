// A trained model, opened once for all that is done with it: the network in evaluation mode, and
// what turns files into its inputs and its outputs into words. Evaluation, the verbs (predict,
// generate, ...), reports, quantisation and whatever serves models stand on it.
#pragma once
#include <string>
#include <vector>

#include "cairn/nn/module.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks {

using train::Json;

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

 protected:
  // Reads the options of the run; for the constructors of models.
  template <class Options>
  static Options options_of(const train::SavedModel& saved) {
    Options options;
    options.read_run(saved.config, saved.config_file());
    return options;
  }

 private:
  train::SavedModel saved_;
};

}  // namespace cairn::tasks
