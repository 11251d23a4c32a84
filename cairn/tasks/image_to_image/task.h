// Image to image (pix2pix, Isola et al. 2017): learn from pairs to make one picture from another,
// measure how near what is made is to what it should be, make pictures from new ones.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/picture_pairs.h"
#include "cairn/models/pix2pix.h"
#include "cairn/nn/adversarial.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks::image_to_image {

using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "image-to-image";

struct Options : train::RunOptions {
  Options() { epochs.usual(100); }
  train::DataOption data{this, "shapes",
                         "Pairs: a folder with pictures that hold both side by side, or with "
                         "folders input/ and target/ (A/ and B/); 'shapes' draws its own"};
  Option<std::string> given{this, "given", "right", one_of({"left", "right"}),
                            "Which half of a pair side by side (left: A, right: B) is given"};
  Option<int64_t> image_size{this, "image_size", Open{"the pictures', at most 128"},
                             whole(16, 1024), "Squares of this side, a multiple of 4"};
  Option<bool> skip_bad{this,
                        "skip_bad",
                        false,
                        {},
                        "Leave out pictures without a partner, or damaged, and count them",
                        Use::changeable};
  Option<double> val_split{this, "val_split", 0.1, between(0, 0.9),
                           "Part of the training pairs that is held back to watch"};
  Option<int64_t> batch{this, "batch", 1, whole(1, train::kLargestBatch), "Pairs a step"};
  Option<int64_t> width{this, "width", 32, whole(1, 1024), "Channels of the first layers"};
  Option<double> l1{this, "l1", 100, between(0, 1e9), "Weight of the mean absolute error"};
  Option<double> adversarial{this, "adversarial", 1, between(0, 1e9),
                             "Weight of the discriminator's judgement; 0: the error alone"};
  Option<std::string> loss{this, "loss", "non-saturating", one_of(nn::gan_loss_names()),
                           "Loss of the two networks"};
  Option<double> r1{
      this, "r1", 5e-4, between(0, 1e9),
      "Weight of the penalty R1, which keeps the discriminator from being sure; 0: none"};
  Option<double> lr{this,
                    "lr",
                    2e-4,
                    train::positive(),
                    "Learning rate of Adam; falls to 0 in the second half",
                    Use::changeable};
  Option<std::vector<double>> betas{
      this, "betas", {0.5, 0.999}, train::two_between(0, 0.999999), "Of Adam"};
  Option<double> ema{this, "ema", 0.999, between(0, 0.9999999),
                     "Decay of the generator's averaged weights"};
  Option<double> jitter{this, "jitter", 0.1, between(0, 1),
                        "Enlarge pairs by this part and cut out a square anywhere"};
  Option<bool> flip{this, "flip", true, {}, "Mirror half of the pairs"};
  Option<int64_t> sample_every{this, "sample_every", Open{"a 20th of all"},
                               whole(1, train::kMostSteps), "Steps between looks at what is made"};
  // What the data are: channels of what is given and of what is made, side, 1 where files hold
  // both.
  Option<std::vector<int64_t>> shape{this, "shape"};

  int64_t inputs() const { return (*shape)[0]; }
  int64_t outputs() const { return (*shape)[1]; }
  int side() const { return static_cast<int>((*shape)[2]); }
  bool side_by_side() const { return (*shape)[3] != 0; }
};

// Test: the files' own, else 20 % of the pairs; validation: a part of the rest, drawn by the seed.
struct Splits {
  data::PairDataset train, validation, test;  // validation: undefined without a part for it
  std::string left_out;
};
Splits open_splits(Options& options, const std::string& source);

Json train(Options options);

// Values in [-1, 1] as planes, and back.
void write_planes(const io::Image& image, float* planes);
io::Image image_of(const float* planes, int channels, int side);

// Makes pictures with a generator in evaluation mode, compiled once.
class Maker {
 public:
  explicit Maker(const models::PictureUNet& generator);
  std::vector<io::Image> make(std::span<const io::Image> inputs);  // all of one size

 private:
  CompiledFunction forward_;
};
// What is made of every pair's input.
std::vector<io::Image> make_all(Maker& maker, const data::PairDataset& set);

// {examples, loss (mean absolute error, of 1), psnr, ssim}: means over the pictures; psnr is null
// where a picture is the same to the bit.
Json measured(const data::PairDataset& set, const std::vector<io::Image>& made);
// Of what is made and what should be (picture_distance.h).
double frechet(const data::PairDataset& set, const std::vector<io::Image>& made);
std::string in_words(const Json& measured);

// Rows of what is given, what was made of it, and what it should be.
io::Image rows_of(const data::PairDataset& set, const std::vector<io::Image>& made, size_t most);

class Translator : public Model {
 public:
  explicit Translator(const train::SavedModel& saved);
  nn::Module& network() override { return network_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"made"}; }  // in [-1, 1]
  Tensors read(const std::string& file) override;

  const Options& options() const { return options_; }
  Maker& maker() { return maker_; }
  // `split`: train, validation or test; `source` "": the training's data.
  data::PairDataset open(const std::string& source, const std::string& split) const;
  // What is given in a file: of one that holds both, where the run learned from such, the half.
  io::Image given_in(const std::string& file) const;

 private:
  Options options_;
  models::PictureUNet network_;
  Maker maker_;
};

void report(train::report::Page& page, Translator& translator, const train::report::Lines& log);

}  // namespace cairn::tasks::image_to_image
