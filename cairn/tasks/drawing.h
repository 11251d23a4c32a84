// What tasks that draw pictures from noise have in common: pictures asked for in a grid, how near
// they are to real ones by the features of a classifier, and what a report shows of them.
#pragma once
#include "cairn/models/painter.h"
#include "cairn/tasks/pictures.h"

namespace cairn::tasks {

class Drawer : public Model {
 public:
  using Model::Model;
  virtual const models::Painter& painter() const = 0;
  virtual int64_t num_labels() const = 0;  // classes that can be asked for; 0: none can
  virtual const std::vector<std::string>& classes() const = 0;
  virtual data::ImageShape shape() const = 0;
  virtual const std::string& source() const = 0;  // of the training's data
  virtual bool skips_bad() const = 0;             // of which damaged pictures were left out
  // `source` "": those of the training.
  virtual data::ImageDatasetPtr open(const std::string& source, data::Split split) const = 0;
  // Real pictures as the network learned them, where they were changed.
  virtual data::ImageDatasetPtr as_learned(const data::ImageDatasetPtr& set) const { return set; }

  int64_t class_of(const std::string& label) const;  // by name, or else by number
};
// Of a task whose options are PictureOptions and say labels(). `needed`: what else of them the
// training filled.
template <class Options>
class DrawerOf : public Drawer {
 public:
  template <class... Member>
  explicit DrawerOf(const train::SavedModel& saved, Member... needed)
      : Drawer(saved),
        options_(options_of<Options>(saved, &Options::shape, &Options::classes, needed...)) {}
  const Options& options() const { return options_; }
  int64_t num_labels() const override { return options_.labels(); }
  const std::vector<std::string>& classes() const override { return options_.classes; }
  data::ImageShape shape() const override { return options_.image_shape(); }
  const std::string& source() const override { return options_.data; }
  bool skips_bad() const override { return options_.skip_bad; }
  data::ImageDatasetPtr open(const std::string& source, data::Split split) const override {
    return options_.open(source, split);
  }

 protected:
  Options options_;
};

struct DrawOptions : train::OptionSet {
  train::Option<int64_t> count{this, "count", 64, train::whole(1, 100000),
                               "Pictures to draw, in one grid"};
  train::Option<std::string> label{this, "label", train::Open{"all in turn"},
                                   "Class to draw, by name or number, of a conditional run"};
  train::Option<uint64_t> seed{this, "seed", 0, train::whole(0, INT64_MAX),
                               "The same seed makes the same"};
  train::Option<std::string> out{this, "out", "", "PNG file to write"};
};
// Draws pictures in a grid, as a PNG; returns the exit status.
int draw_grid(Drawer& drawer, const DrawOptions& options);

struct DrawnEvalOptions : PictureEvalOptions {
  train::Option<std::string> features{this, "features", train::Open{"the run's own, trained once"},
                                      "Image-classification run whose features are compared"};
  // .npy of u8 [N, C, H, W] or [N, H, W], or of floats in [-1, 1]; those of a conditional run are
  // of the classes in turn.
  train::Option<std::string> samples{this, "samples", train::Open{"drawn by the run"},
                                     "A .npy file of pictures to measure instead"};
  train::Option<int64_t> count{this, "count", 10000, train::whole(1, 10'000'000),
                               "Samples to draw"};
  train::Option<uint64_t> seed{this, "seed", 1, train::whole(0, INT64_MAX), "Of the samples"};
  train::Option<bool> quiet{this, "quiet", false, "No progress on standard error"};
};
inline constexpr int64_t kFeatureEpochs = 3;
// Whether there are features to compare by: one class teaches none, and then, unless another run's
// are named, that is said and nothing compared.
bool has_judge(const Drawer& drawer, const DrawnEvalOptions& options);
// {examples, real_examples, classifier, frechet, precision, recall, label_accuracy} of samples
// against real pictures; label_accuracy of conditional runs only; null what so few pictures do not
// tell. The classifier is one of image-classification: RUN/features, when no other is named, is
// trained on the same data first.
Json judge_drawn(Drawer& drawer, const DrawnEvalOptions& options,
                 const data::ImageDatasetPtr& real);
std::string drawn_in_words(const Json& judged);  // "frechet 3.210, precision 0.812, ..."

// ---- of a report

// Pictures that were drawn, beside real ones.
void write_drawn_and_real(train::report::Page& page, Drawer& drawer, const std::string& by);
// The grids that were written while it learned.
void write_over_time(train::report::Page& page, const Drawer& drawer);
// Rows of pictures, each from one noise to another.
void write_walk(train::report::Page& page, Drawer& drawer);

}  // namespace cairn::tasks
