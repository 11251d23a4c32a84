// Style transfer: a network learns to draw pictures in the style of one (Johnson et al. 2016), or
// two learn to make pictures of one kind into pictures of another and back, from two folders
// without pairs (CycleGAN, Zhu et al. 2017).
#pragma once
#include "cairn/base/philox.h"
#include "cairn/compile/compile.h"
#include "cairn/data/dataset.h"
#include "cairn/models/cycle.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::style_transfer {

using train::ByModel, train::Open, train::Option, train::Use, train::whole, train::between;
inline constexpr const char* kTask = "style-transfer";

inline constexpr const char* kCycle = "cyclegan";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual({{kCycle, 1}, {"", 4}}), lr.usual({{kCycle, 2e-4}, {"", 2e-3}});
    betas.usual({{kCycle, {0.5, 0.999}}, {"", {0.9, 0.999}}});
    ema.usual({{kCycle, 0.999}, {"", 0}}), weight_decay.usual(0), clip.usual(1);
    steps.usual({{kCycle, 5000}, {"", 2000}}), val_split.usual(0.1);
    eval_every.says("a 20th of all");
    group("Pictures");
    for (train::AnyOption* o : std::initializer_list<train::AnyOption*>{
             &optimizer, &weight_decay, &clip, &accumulate, &precision, &patience, &keep, &init,
             &freeze, &style, &features, &style_size, &content_weight, &style_weight, &smooth})
      o->only_with({"feed-forward"});
    target.only_with({kCycle}), cycle.only_with({kCycle}), identity.only_with({kCycle});
  }
  train::DataOption data{this, "shapes",
                         "Pictures to learn on: a folder of them, or any data of "
                         "image-classification; 'shapes' are drawn"};
  Option<std::string> model{this, "model", "feed-forward", train::one_of({"feed-forward", kCycle}),
                            "Learns the style of one picture, or to make the pictures of a folder "
                            "look like those of another, and back"};
  Option<std::string> target{this, "target", "dusk",
                             "Pictures of the other kind, as --data; 'dusk' is drawn"};
  Option<std::string> style{this, "style", "stripes",
                            "The picture whose style is learned; 'stripes' are drawn"};
  Option<std::string> features{this, "features", "",
                               "What sees contents and styles: SqueezeNet's weights (.pt, "
                               ".safetensors, f32 numbers) or a run of image-classification "
                               "--model squeezenet; none: random weights, which see less"};
  Option<int64_t> image_size{this, "image_size", ByModel<int64_t>{{kCycle, 128}, {"", 160}},
                             whole(32, 1024),
                             "Squares of this side, a multiple of 4, cut out of the pictures"};
  Option<int64_t> style_size{this, "style_size", 256, whole(32, 4096),
                             "The longer side of the style at most"};
  Option<int64_t> width{this, "width", ByModel<int64_t>{{kCycle, 32}, {"", 16}}, whole(1, 256),
                        "Channels of the first layer"};
  Option<int64_t> blocks{this, "blocks", ByModel<int64_t>{{kCycle, 6}, {"", 4}}, whole(1, 32),
                         "Residual blocks"};
  Option<double> cycle{this, "cycle", 10, between(0, 1e9),
                       "How much the way there and back counts"};
  Option<double> identity{this, "identity", 5, between(0, 1e9),
                          "How much it counts that pictures of the kind wanted stay as they are"};
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
// A square of `side` out of a picture, at a place and mirrored or not; values from 0 to 1, by
// planes, are added to `out`.
struct Square {
  int64_t top = 0, left = 0;
  bool mirrored = false;
};
void add_square(const data::ImageDataset& set, int64_t index, int64_t side, const Square& square,
                std::vector<float>& out);
Square any_square(const data::ImageDataset& set, int64_t side, PhiloxStream& random);
Square middle_square(const data::ImageDataset& set, int64_t side);

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

// CycleGAN: two kinds of pictures.
struct TwoKinds {
  Pictures source, target;
};
TwoKinds open_kinds(const Options& o, const std::string& source, const std::string& target);
Json train_cycle(Options& options);
// {examples, loss, cycle, identity, frechet, frechet_back} of what was held back: mean absolute
// differences, of 1, there and back and where nothing is to be done (both kinds); how far made
// pictures are from real ones of the target, and of the source (picture_distance.h). `loss` is
// cycle.
Json measure_cycle(const Options& o, const models::CyclePainters& net, const TwoKinds& kinds);
// Rows of a picture, what it becomes, and what that becomes; to the target and back, then from it.
std::vector<io::Image> cycle_rows(const models::CyclePainters& net, const TwoKinds& kinds,
                                  const Options& o, int64_t count);

class Painter : public Model {
 public:
  explicit Painter(const train::SavedModel& saved);
  nn::Module& network() override { return both_ ? static_cast<nn::Module&>(*both_) : net_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"painted"}; }
  Tensors forward(std::span<const Tensor> in) override { return {net_(in[0])}; }
  Tensors read(const std::string& file) override;
  const Options& options() const { return options_; }
  // `back`: of a cyclegan, from the target to the source.
  const models::Styler& styler(bool back = false) const { return back ? both_->to_source : net_; }
  const models::CyclePainters* both() const { return both_ ? &*both_ : nullptr; }

 private:
  Options options_;
  std::optional<models::CyclePainters> both_;
  models::Styler net_;  // of both, the one to the target
};
void report(train::report::Page& page, Painter& painter, const train::report::Lines& log);

}  // namespace cairn::tasks::style_transfer
