// Models that learn how probable pictures are, or a bound of it, and draw new ones from noise. Each
// is a function of pictures, labels and numbers of chance that are given, so that a measurement
// draws nothing from the generator of a training.
#pragma once
#include <functional>
#include <memory>

#include "cairn/data/dataset.h"
#include "cairn/graph/trace.h"
#include "cairn/models/painter.h"
#include "cairn/nn/module.h"

namespace cairn::models {

struct DensitySize {
  data::ImageShape shape;
  int64_t width = 32;       // of hidden layers, or channels
  int64_t blocks = 12;      // of "pixelcnn"
  int64_t z = 50;           // of "vae": numbers that a picture is made of
  int64_t classes = 0;      // 0: without labels
  double label_drop = 0.1;  // of "diffusion": part of the labels that are left out
};

// For N pictures: uniform [N, u] in [0, 1), normal [N, n].
struct Chance {
  Tensor uniform, normal;
};
struct ChanceSize {
  int64_t uniform, normal;  // numbers a picture
};
// Those of pictures `first` ... `first + count - 1` of a seed: a function of seed and number alone.
Chance chance_rows(uint64_t seed, int64_t first, int64_t count, const ChanceSize& size);
// From the generator.
Chance drawn_chance(int64_t count, const ChanceSize& size);

// How "diffusion" draws.
struct DrawHow {
  int64_t steps = 50;
  double guidance = 1;  // 1: what the label says, more: exaggerated (Ho and Salimans 2022)
};

class Density : public nn::Module {
 public:
  // `samples`: of the bound, for "vae".
  virtual ChanceSize chance(int64_t samples) const = 0;
  // What training makes small: [N], of pictures [N, C, H, W] in [-1, 1] and labels i64 [N] (which
  // count where there are classes).
  virtual Tensor objective(const Tensor& x, const Tensor& labels, const Chance& chance) = 0;
  // -log p, or an upper bound of it, in nats a picture: [N].
  virtual Tensor nats(const Tensor& x, const Tensor& labels, const Chance& chance) {
    return objective(x, labels, chance);
  }
  // Whether nats() is of pictures whose values are drawn to be black or white, by how bright they
  // are (Salakhutdinov and Murray 2008).
  virtual bool is_binary() const = 0;

  virtual int64_t noise() const = 0;  // numbers that a drawn picture is a function of
  virtual Painter painter(const DrawHow& how) const = 0;

  // The network itself, for export.
  virtual std::vector<Port> takes() const = 0;
  virtual std::string gives() const = 0;
  virtual Tensor respond(std::span<const Tensor> in) = 0;
};

inline std::vector<std::string> density_names() { return {"vae", "pixelcnn", "diffusion"}; }
// Throws InvalidOption where the model takes no pictures of this shape.
std::shared_ptr<Density> make_density(const std::string& name, const DensitySize& size);

// Pictures in [-1, 1] to 0 and 1 [N, C H W]: 1 where a uniform number is below the brightness.
Tensor binarised(const Tensor& x, const Tensor& uniform);

}  // namespace cairn::models
