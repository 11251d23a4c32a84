// Image generation by likelihood or a bound of it: a variational autoencoder, a PixelCNN or a
// diffusion learns pictures, is measured in nats and by how near its pictures are to real ones, and
// draws new ones.
#pragma once
#include "cairn/models/density.h"
#include "cairn/tasks/drawing.h"

namespace cairn::tasks::image_generation {

using train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "image-generation";
inline constexpr double kUsualLabelDrop = 0.1, kUsualGuidance = 1.5;

struct Options : PictureOptions<train::SupervisedOptions> {
  Options() {
    epochs.usual({{"vae", 100}, {"pixelcnn", 25}, {"", 20}}), eval_every.says("each epoch");
    batch.usual({{"pixelcnn", 64}, {"", 128}}), weight_decay.usual(0.);
    clip.usual({{"vae", 0.}, {"", 1.}}), ema.usual(0.999), val_split.usual(0.05);
    blocks.only_with({"pixelcnn"}), z.only_with({"vae"}), importance.only_with({"vae"});
    label_drop.only_with({"diffusion"}), draw_steps.only_with({"diffusion"});
    guidance.only_with({"diffusion"});
  }
  Option<std::string> model{this, "model", "vae", one_of(models::density_names()), "Network"};
  Option<bool> conditional{this, "conditional", false, "Learn to draw what a label asks for"};
  Option<int64_t> width{this, "width", train::ByModel<int64_t>{{"vae", 400}, {"", 32}},
                        whole(1, 65536), "Features of vae's layers; channels"};
  Option<int64_t> blocks{this, "blocks", 12, whole(1, 1000), "Gated layers"};
  Option<int64_t> z{this, "z", 50, whole(1, 65536), "Numbers a picture is made of"};
  Option<int64_t> importance{this, "importance", 5, whole(1, 10000),
                             "Samples of the bound that is learned"};
  Option<double> label_drop{this, "label_drop", kUsualLabelDrop, between(0, 1),
                            "Part of the labels that are left out, for guidance"};
  Option<int64_t> draw_steps{
      this, "draw_steps", 50, whole(1, 1000), "Steps from noise to a picture", Use::changeable};
  Option<double> guidance{this,
                          "guidance",
                          kUsualGuidance,
                          between(0, 100),
                          "With labels: how much more than the label says; 1: not",
                          Use::changeable};

  int64_t labels() const { return conditional ? num_classes() : 0; }
  models::DensitySize size() const {
    return {image_shape(), width, blocks, z, labels(), label_drop};
  }
  models::DrawHow how_to_draw() const { return {draw_steps, guidance}; }
};

// Measures pictures by a network in evaluation mode: compiled once.
class Estimator {
 public:
  explicit Estimator(const std::shared_ptr<models::Density>& network);
  // {examples, loss, nats, bits_per_dim, standard_error}, means over the pictures; `samples`: of
  // vae's bound; `rounds`: how often a picture is looked at by diffusion, whose bound scatters.
  Json measure(const data::ImageDatasetPtr& set, uint64_t seed, int64_t samples,
               int64_t rounds = 1);

 private:
  std::shared_ptr<models::Density> network_;
  CompiledFunction nats_, objective_;
};
std::string in_words(const Json& measured);  // "86.21 nats, 0.1586 bits a dimension"

Json train(Options options);

class Artist : public DrawerOf<Options> {
 public:
  explicit Artist(const train::SavedModel& saved);
  explicit Artist(const std::string& path) : Artist(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return *network_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override { return network_->takes(); }
  std::vector<std::string> gives() const override { return {network_->gives()}; }
  Tensors forward(std::span<const Tensor> in) override { return {network_->respond(in)}; }
  const models::Painter& painter() const override { return painter_; }
  data::ImageDatasetPtr as_learned(const data::ImageDatasetPtr& set) const override;

  Estimator& estimator() { return estimator_; }
  void draw_by(const models::DrawHow& how) { painter_ = network_->painter(how); }

 private:
  std::shared_ptr<models::Density> network_;
  models::Painter painter_;
  Estimator estimator_;
};

void report(train::report::Page& page, Artist& artist, const train::report::Lines& log);

}  // namespace cairn::tasks::image_generation
