// Style transfer: a network learns to draw pictures in the style of one (Johnson et al. 2016).
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/dataset.h"
#include "cairn/models/style.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::style_transfer {

using train::Open, train::Option, train::Use, train::whole, train::between;
inline constexpr const char* kTask = "style-transfer";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual(4), lr.usual(2e-3), weight_decay.usual(0), clip.usual(1), steps.usual(2000);
    val_split.usual(0.1);
    eval_every.says("a 20th of all");
    group("Pictures");
  }
  train::DataOption data{this, "shapes",
                         "Pictures to learn on: a folder of them, or any data of "
                         "image-classification; 'shapes' are drawn"};
  Option<std::string> style{this, "style", "stripes",
                            "The picture whose style is learned; 'stripes' are drawn"};
  Option<std::string> features{this, "features", "",
                               "What sees contents and styles: SqueezeNet's weights (.pt, "
                               ".safetensors, f32 numbers) or a run of image-classification "
                               "--model squeezenet; none: random weights, which see less"};
  Option<int64_t> image_size{this, "image_size", 160, whole(32, 1024),
                             "Squares of this side, a multiple of 4, cut out of the pictures"};
  Option<int64_t> style_size{this, "style_size", 256, whole(32, 4096),
                             "The longer side of the style at most"};
  Option<int64_t> width{this, "width", 16, whole(1, 256), "Channels of the first layer"};
  Option<int64_t> blocks{this, "blocks", 4, whole(1, 32), "Residual blocks"};
  Option<double> content_weight{this, "content_weight", 1, between(0, 1e9),
                                "How much the content counts"};
  Option<double> style_weight{this, "style_weight", 10, between(0, 1e9),
                              "How much the style counts"};
  Option<double> smooth{this, "smooth", 3, between(0, 1e9),
                        "How much steps between neighbouring pixels count"};
  Option<bool> skip_bad{
      this,           "skip_bad", false, {}, "Leave out pictures that are damaged, and count them",
      Use::changeable};
};

// Pictures in colour, squares a little larger than what is learned on.
struct Pictures {
  data::ImageDatasetPtr train, held_back;
};
Pictures open_pictures(const Options& o, const std::string& source);

// What is wanted: the style's matrices, seen by the run's features.
struct Judge {
  models::StyleEyes eyes;
  models::StyleTarget target;
  explicit Judge(const Options& o);
  Tensor loss(const Options& o, const Tensor& made, const Tensor& given) const;
  // {examples, loss, content, style} of what is made of pictures.
  Json measure(const Options& o, const nn::Module& net, const data::ImageDatasetPtr& set) const;
};
io::Image style_picture(const Options& o);
std::string in_words(const Json& measured);

Json train(Options options);

class Painter : public Model {
 public:
  explicit Painter(const train::SavedModel& saved);
  nn::Module& network() override { return net_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"painted"}; }
  Tensors read(const std::string& file) override;
  const Options& options() const { return options_; }
  const models::Styler& styler() const { return net_; }

 private:
  Options options_;
  models::Styler net_;
};
void report(train::report::Page& page, Painter& painter, const train::report::Lines& log);

}  // namespace cairn::tasks::style_transfer
