// Image classification: train a network on a folder of pictures, evaluate it, name what a picture
// shows.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cairn/data/dataset.h"
#include "cairn/data/transform.h"
#include "cairn/nn/nn.h"
#include "cairn/train/trainer.h"

namespace cairn::tasks::image_classification {

using Json = nlohmann::ordered_json;
inline constexpr const char* kTask = "image-classification";

std::vector<std::string> model_names();  // lenet, resnet9, resnet18

struct TrainOptions : train::RunOptions {
  std::string data = "digits";  // see data::open_image_dataset
  std::string model;            // "": lenet for grey images, resnet9 for colour
  int64_t epochs = 0;           // 0 here and below: what suits the model and the data
  int64_t batch = 0;
  double lr = 0;  // the peak of a one-cycle schedule
};
// Trains and returns {run, accuracy, loss, seconds, ...} of the test split. Throws train::Stopped
// on a signal.
Json train(const TrainOptions& options);

// {task, split, examples, accuracy, loss, confusion} of a run or its weights on a data set.
Json evaluate(const std::string& run, const std::string& data, data::Split split);

struct Prediction {
  std::string label;
  double probability;
};
// A trained network with all it needs to read a picture.
class Classifier {
 public:
  // `path`: a run folder, or the model.safetensors of one.
  explicit Classifier(const std::string& path);
  ~Classifier();
  // The `top` most probable classes of a picture file. Throws Error naming the file.
  std::vector<Prediction> predict(const std::string& image_path, int top) const;
  const std::vector<std::string>& classes() const { return classes_; }
  const std::string& model_name() const { return model_; }
  const data::ImageShape& shape() const { return shape_; }
  const std::string& data() const { return data_; }

  const nn::Module& network() const;
  const nn::AnyModule& module() const;

  // logits of a normalised batch [N, C, H, W], in evaluation mode.
  Tensor logits(const Tensor& images) const;
  // With what the last linear layer gets: [N, features] or [N, channels, 1, 1].
  struct Look {
    Tensor features, logits;
  };
  Look look(const Tensor& images) const;
  const data::Normalization& normalization() const { return normalization_; }

 private:
  std::string model_, data_;
  std::vector<std::string> classes_;
  data::ImageShape shape_;
  data::Normalization normalization_;
  struct Net;
  std::unique_ptr<Net> net_;
};

}  // namespace cairn::tasks::image_classification
