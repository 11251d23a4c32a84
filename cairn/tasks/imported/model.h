// An ONNX file as a model: of the task that its metadata name, where `cairn export` wrote it and
// its weights can be told apart; else of none, and then it is a function of tensors that reads
// pictures and arrays.
#pragma once
#include <memory>

#include "cairn/compile/compile.h"
#include "cairn/io/image.h"
#include "cairn/onnx/import.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks::imported {

inline constexpr const char* kTask = "onnx";

// How a picture becomes an input; torchvision's way unless told.
struct Preparation {
  int64_t size = 0;                    // of its sides; 0: what the file says, else 224
  double crop = 0.875;                 // the middle part of the shorter side that is used
  std::vector<float> mean, deviation;  // of values from 0 to 1, a channel each; none: ImageNet's
};

class Imported : public Model {
 public:
  Imported(const train::SavedModel& saved, std::shared_ptr<onnx::Imported> file);

  nn::Module& network() override { return nothing_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return file_->outputs(); }
  Tensors forward(std::span<const Tensor> in) override { return file_->run(in); }
  Tensors read(const std::string& file) override { return read(file, {}); }
  std::vector<std::string> labels() const override { return labels_; }

  const onnx::Imported& file() const { return *file_; }
  // A picture; an .npy array, where it takes one input; an .npz archive of them by name.
  Tensors read(const std::string& file, Preparation how) const;
  // Compiled for the inputs' sizes; op by op where shapes follow values.
  Tensors run(const Tensors& in);
  // What a picture is made into, in words.
  std::string in_words(Preparation how) const;

 private:
  const onnx::ImportedInput& picture_input() const;
  void complete(Preparation& how) const;

  struct Nothing : nn::Module {};
  Nothing nothing_;
  std::shared_ptr<onnx::Imported> file_;
  std::vector<std::string> labels_;
  CompiledFunction compiled_;
  bool op_by_op_ = false;
};

// A model of the task that the metadata name, or an Imported.
std::unique_ptr<Model> open(const std::string& path);
const Verb* find_verb(const std::string& name);

}  // namespace cairn::tasks::imported
