// convolution, pooling: what weights that are shared over a picture are good for.
#include "cairn/data/digits.h"
#include "cairn/data/loader.h"
#include "cairn/nn/conv.h"
#include "cairn/nn/linear.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/explain/topics.h"
#include "cairn/train/report/filters.h"

namespace cairn::tasks::explain {
namespace {

using namespace train::report;

constexpr int64_t kDigitsBatch = 64, kTest = 512;

struct Convolutions : nn::Module {
  nn::Conv2d c1 = child("c1", nn::Conv2d(1, 16, 5, {.padding = 2}));
  nn::Conv2d c2 = child("c2", nn::Conv2d(16, 32, 3, {.padding = 1}));
  nn::Linear f = child("f", nn::Linear(32 * 7 * 7, 10));
  Tensor maps(const Tensor& x) { return relu(c1(x)); }
  Tensor forward(Tensor x) override {
    return f(flatten(max_pool2d(relu(c2(max_pool2d(maps(x), 2))), 2), 1));
  }
};
struct Dense : nn::Module {
  nn::Linear f1 = child("f1", nn::Linear(28 * 28, 25));
  nn::Linear f2 = child("f2", nn::Linear(25, 10));
  Tensor forward(Tensor x) override { return f2(relu(f1(flatten(x, 1)))); }
};

// Batches of digits that the program draws, and some for the test.
class Digits {
 public:
  explicit Digits(int64_t steps)
      : loader_(
            data::open_digits(data::Split::train, {.train = 6000, .test = kTest}),
            {.batch = kDigitsBatch, .epochs = steps * kDigitsBatch / 6000 + 2, .drop_last = true}) {
    data::Loader test(data::open_digits(data::Split::test, {.train = 6000, .test = kTest}),
                      {.batch = kTest, .shuffle = false, .normalization = loader_.normalization()});
    data::Batch all;
    test.next(all);
    x = all.x(), y = all.y();
  }
  Tensors next() {
    loader_.next(batch_);
    return {batch_.x(), batch_.y()};
  }
  Tensor x, y;

 private:
  data::Loader loader_;
  data::Batch batch_;
};

void learn(nn::Module& network, Digits& digits, int64_t steps) {
  train({.network = network,
         .lr = 2e-3,
         .steps = steps,
         .batch = [&] { return digits.next(); },
         .loss = [&](std::span<const Tensor> in) { return cross_entropy(network(in[0]), in[1]); }});
}

io::Image as_picture(const Tensor& x, int64_t i) { return tiles(slice(x, 0, i, 1), 1); }

}  // namespace

void convolution(Page& page, double part) {
  const int64_t steps = steps_of(600, part);
  Digits digits(steps);
  Convolutions shared;
  Dense dense;
  learn(shared, digits, steps);
  learn(dense, digits, steps);
  const NoGrad no_grad;
  Series by_shared{"convolutions", {}, {}}, by_dense{"every pixel its own weight", {}, {}};
  std::vector<io::Image> moved;
  for (int64_t shift = 0; shift <= 6; ++shift) {
    const Tensor x = roll(digits.x, shift, 3);
    by_shared.x.push_back(static_cast<double>(shift));
    by_shared.y.push_back(accuracy(shared(x), digits.y));
    by_dense.x.push_back(static_cast<double>(shift));
    by_dense.y.push_back(accuracy(dense(x), digits.y));
    moved.push_back(as_picture(x, 0));
  }
  page.headline(
      fmt::format("Moved by three pixels, convolutions still read {:.0f} % of the digits, a dense "
                  "network {:.0f} %",
                  100 * by_shared.y[3], 100 * by_dense.y[3]));
  page.paragraph(fmt::format(
      "Two networks of about {} and {} weights learned the same drawn digits for {} steps. Then "
      "the "
      "test digits were moved to the right, which neither had been shown.",
      with_thousands(shared.num_parameters()), with_thousands(dense.num_parameters()), steps));
  page.figures({figure(io::grid(moved, 7, 2), "one digit, moved by 0 to 6 pixels", 3)});
  page.figures(charts({{{"What is left after a move",
                         "pixels to the right",
                         "part read right",
                         {by_shared, by_dense},
                         0,
                         ""},
                        ""}}));
  page.paragraph(
      "A convolution uses the same few weights at every place: what it has learned to see in one "
      "it sees in all, its output moves as its input does. A dense layer has a weight of its own "
      "for each pixel, and must learn each place anew.");
  page.heading("What the first layer learned to look for");
  const Tensor x = slice(digits.x, 0, 0, 1);
  page.figures(
      {figure(as_picture(digits.x, 0), "a test digit", 5),
       figure(tiles(shared.c1.weight, 8), "16 filters of 5 x 5", 6),
       figure(tiles(transpose(shared.maps(x), 0, 1), 8), "the digit through each of them", 2)});
}

void pooling(Page& page, double part) {
  const int64_t steps = steps_of(400, part);
  Digits digits(steps);
  Convolutions network;
  learn(network, digits, steps);
  const NoGrad no_grad;
  struct Way {
    const char* name;
    std::function<Tensor(const Tensor&)> pool;
    Series change;
  };
  std::vector<Way> ways = {{"none", [](const Tensor& t) { return t; }, {}},
                           {"max 2 x 2", [](const Tensor& t) { return max_pool2d(t, 2); }, {}},
                           {"max 4 x 4", [](const Tensor& t) { return max_pool2d(t, 4); }, {}},
                           {"mean 4 x 4", [](const Tensor& t) { return avg_pool2d(t, 4); }, {}},
                           {"max of all", [](const Tensor& t) { return max_pool2d(t, 28); }, {}}};
  for (int64_t shift = 0; shift <= 4; ++shift) {
    const Tensor before = network.maps(digits.x), after = network.maps(roll(digits.x, shift, 3));
    for (Way& way : ways) {
      const Tensor a = way.pool(before), b = way.pool(after);
      way.change.name = way.name;
      way.change.x.push_back(static_cast<double>(shift));
      way.change.y.push_back(norm(b - a).item() / norm(a).item());
    }
  }
  std::vector<Series> all;
  for (const Way& way : ways) all.push_back(way.change);
  page.headline(
      fmt::format("One pixel to the right changes {:.0f} % of what a convolution says, {:.0f} % "
                  "after a maximum of 4 x 4",
                  100 * ways[0].change.y[1], 100 * ways[2].change.y[1]));
  page.paragraph(
      fmt::format("The first layer of a network that learned drawn digits for {} steps, on {} "
                  "digits and on the "
                  "same digits moved: how far apart its outputs are, as a part of their size.",
                  steps, kTest));
  page.figures(charts({{{"How much a move changes", "pixels to the right",
                         "change, a part of the whole", all, 0, ""},
                        ""}}));
  page.paragraph(
      "Pooling keeps what was found and forgets where exactly: the maximum of a patch stays the "
      "same while what made it stays inside. It costs no weights, and the next layer has a quarter "
      "of the places to compute. The larger the patch, the less a move matters, and the less can "
      "be "
      "said of where something was: over the whole picture nothing is left of it.");
  const Tensor maps = transpose(network.maps(slice(digits.x, 0, 0, 1)), 0, 1);
  page.heading("One digit, through 16 filters");
  page.figures({figure(tiles(maps, 8), "28 x 28 each", 2),
                figure(tiles(max_pool2d(maps, 2), 8), "maximum of 2 x 2: 14 x 14", 4),
                figure(tiles(max_pool2d(maps, 4), 8), "maximum of 4 x 4: 7 x 7", 8)});
}

}  // namespace cairn::tasks::explain
