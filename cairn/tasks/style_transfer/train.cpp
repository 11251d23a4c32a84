#include <algorithm>
#include <cmath>

#include "cairn/dist/share_out.h"
#include "cairn/base/parallel.h"
#include "cairn/data/batch_loader.h"
#include "cairn/data/detection_set.h"
#include "cairn/data/picture.h"
#include "cairn/data/splits.h"
#include "cairn/data/transform.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/style_transfer/task.h"

namespace cairn::tasks::style_transfer {
namespace {

constexpr int kDrawn = 200;
constexpr int64_t kMeasured = 24;

// Shapes on a ground; at `dusk` others, darker and bluer.
data::ImageDatasetPtr drawn_shapes(const data::ImageShape& shape, bool dusk) {
  const uint64_t seed = dusk ? 13 : 11;
  std::vector<uint8_t> pixels(static_cast<size_t>(kDrawn * shape.size()));
  for (int i = 0; i < kDrawn; ++i)
    data::planes_of(data::fit_picture(data::draw_shapes(seed, i).image, shape),
                    &pixels[static_cast<size_t>(i * shape.size())]);
  constexpr double kDusk[] = {0.35, 0.45, 0.8}, kSky[] = {10, 15, 45};
  const auto plane = static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width);
  for (size_t i = 0; dusk && i < pixels.size(); ++i) {
    const size_t c = i / plane % 3;
    pixels[i] = static_cast<uint8_t>(pixels[i] * kDusk[c] + kSky[c]);
  }
  return std::make_shared<data::MemoryImages>("shapes", shape, std::vector<std::string>{"shapes"},
                                              std::move(pixels), std::vector<uint8_t>(kDrawn, 0));
}

}  // namespace

void add_square(const data::ImageDataset& set, int64_t index, int64_t side, const Square& square,
                std::vector<float>& out) {
  const data::ImageShape& s = set.shape();
  std::vector<uint8_t> chw(static_cast<size_t>(s.size()));
  set.image(index, chw.data());
  for (int64_t c = 0; c < s.channels; ++c)
    for (int64_t y = 0; y < side; ++y)
      for (int64_t x = 0; x < side; ++x) {
        const int64_t from = square.left + (square.mirrored ? side - 1 - x : x);
        const int64_t at = (c * s.height + square.top + y) * s.width + from;
        out.push_back(static_cast<float>(chw[static_cast<size_t>(at)]) / 255);
      }
}

Square any_square(const data::ImageDataset& set, int64_t side, PhiloxStream& random) {
  const auto room = static_cast<uint32_t>(set.shape().height - side + 1);
  const int64_t top = random.below(room), left = random.below(room);
  return {top, left, random.chance(0.5f)};
}

Square middle_square(const data::ImageDataset& set, int64_t side) {
  const int64_t border = (set.shape().height - side) / 2;
  return {border, border, false};
}

io::Image style_picture(const Options& o) {
  constexpr int kLeast = 32, kSide = 128;
  if (o.style == "stripes") {  // waves of colours that turn
    io::Image image(kSide, kSide, 3);
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const double wave = std::sin((x + 10 * std::sin(y * 0.08)) * 0.45);
        const double other = std::sin((y + x) * 0.07);
        const double rgb[] = {150 + 90 * wave, 110 + 70 * wave * other, 120 - 80 * wave};
        for (int c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<uint8_t>(rgb[c]);
      }
    return image;
  }
  const io::Image image = io::with_channels(io::read_image(o.style), 3);
  const int longest = std::max(image.width, image.height);
  o.style.require(std::min(image.width, image.height) >= kLeast,
                  "'{}' has {} x {} pixels; a style needs {} each way", *o.style, image.width,
                  image.height, kLeast);
  if (longest <= o.style_size) return image;
  const auto side = [&](int own) {
    return std::max(kLeast, static_cast<int>(int64_t{own} * *o.style_size / longest));
  };
  return io::resize(image, side(image.width), side(image.height));
}

Pictures open_pictures(const Options& o, const std::string& source) {
  const int side = static_cast<int>(*o.image_size + *o.image_size / 8);
  const data::ImageShape shape{3, side, side};
  if (source == "shapes" || source == "dusk") {
    const auto all = drawn_shapes(shape, source == "dusk");
    const auto parts = train::hold_back(o, all->size());
    return {data::chosen(all, parts.first), data::chosen(all, parts.second)};
  }
  const data::OpenOptions how{
      .image_size = side, .shape = shape, .decode_first = true, .skip_bad = o.skip_bad};
  const Pictures p{data::open_image_dataset(source, data::Split::train, how),
                   data::open_image_dataset(source, data::Split::test, how)};
  check(p.train->size() > 0 && p.held_back->size() > 0,
        "'{}' has {} pictures: to learn from some and to look at others, two are needed", source,
        p.train->size() + p.held_back->size());
  return p;
}

Judge::Judge(const Options& o)
    : eyes(o.features->empty() ? models::StyleEyes() : models::StyleEyes(o.features)),
      target(eyes, models::tensor_of_picture(style_picture(o))) {}

Tensor Judge::loss(const Options& o, const Tensor& made, const Tensor& given) const {
  const Tensor wanted = [&] {
    const NoGrad no_grad;
    return eyes.look(given).content;
  }();
  const auto l = models::style_loss(eyes, target, made, wanted.detach());
  return l.content * o.content_weight + l.style * o.style_weight + l.roughness * o.smooth;
}

Json Judge::measure(const Options& o, const nn::Module& net,
                    const data::ImageDatasetPtr& set) const {
  const NoGrad no_grad;
  const int64_t count = std::min(set->size(), kMeasured), side = *o.image_size;
  double sums[2] = {};
  auto look = compile([&](Tensor x) {
    const auto l = models::style_loss(eyes, target, net(x), eyes.look(x).content);
    return std::pair{l.content, l.style};
  });
  std::vector<std::pair<double, double>> each(static_cast<size_t>(count));
  dist::share_out(
      count,
      [&](int64_t i) {
        std::vector<float> values;
        add_square(*set, i, side, middle_square(*set, side), values);
        const auto [content, style] =
            look(from_host(values.data(), {1, 3, side, side}, DType::f32));
        each[static_cast<size_t>(i)] = {content.item(), style.item()};
      },
      [&](int64_t i, dist::Parcel& parcel) {
        parcel.pass(each[static_cast<size_t>(i)].first);
        parcel.pass(each[static_cast<size_t>(i)].second);
      });
  for (const auto& [content, style] : each) sums[0] += content, sums[1] += style;
  const auto mean = [&](double sum) { return sum / static_cast<double>(count); };
  return {{"examples", count},
          {"loss", mean(sums[0] * *o.content_weight + sums[1] * *o.style_weight)},
          {"content", mean(sums[0])},
          {"style", mean(sums[1])}};
}

std::string in_words(const Json& r) {
  if (r.contains("cycle"))
    return fmt::format("there and back {:.4f}, frechet {:.4g}", r["cycle"].get<double>(),
                       r["frechet"].get<double>());
  return fmt::format("content {:.4f}, style {:.4f}", r["content"].get<double>(),
                     r["style"].get<double>());
}

Json train(Options o) {
  train::choose_run(kTask, o);
  o.fill_usual();
  o.image_size.require(o.image_size % 4 == 0, "{}: a multiple of 4 is wanted", *o.image_size);
  o.val_split.require(o.resume || o.data == "shapes" || o.data == "dusk" ||
                          o.val_split.value() == o.val_split.usual_of(""),
                      "of a folder its part test/ is held back, else every tenth picture");
  if (o.model == kCycle) return train_cycle(o);
  o.style_weight.require(o.style_weight > 0 || o.content_weight > 0,
                         "0, and the option content_weight too: nothing would be learned");
  const Judge judge(o);
  const Pictures pictures = open_pictures(o, o.data);
  train::say_left_out(o.data, pictures.train->left_out());
  train::note_counts(o, {{"pictures to learn from", pictures.train->size()}});
  const data::Order order(pictures.train->size(),
                          data::for_rank({.batch = o.batch, .seed = o.seed}));
  train::fill_length(o, order.steps_per_epoch());
  manual_seed(o.seed);
  const models::Styler net(o.width, o.blocks);
  train::Supervised session({.task = kTask,
                             .label = "styler",
                             .network = net,
                             .options = o,
                             .schedule = optim::one_cycle(o.steps),
                             .validates = true,
                             .about = fmt::format("{} in the style of {}: {} pictures to learn "
                                                  "from, {} held back",
                                                  *o.data, *o.style, pictures.train->size(),
                                                  pictures.held_back->size())});
  const int64_t side = *o.image_size;
  data::BatchLoader<std::vector<float>> loader(
      order,
      {.start_step = session.step(),
       .end_step = o.steps,
       .threads = std::max(1, num_threads() - 1)},
      [&](const data::BatchPlan& plan, std::vector<float>& batch) {
        batch.clear();
        for (const int64_t i : plan.samples) {
          PhiloxStream random = data::sample_stream(o.seed, plan.place.epoch, i);
          add_square(*pictures.train, i, side, any_square(*pictures.train, side, random), batch);
        }
      });
  std::vector<float> batch;
  const auto check_up = [&] { return judge.measure(o, net, pictures.held_back); };
  session.run(
      {.next =
           [&] {
             loader.next(batch);
             const int64_t count = std::ssize(batch) / (3 * side * side);
             return Tensors{from_host(batch.data(), {count, 3, side, side}, DType::f32)};
           },
       .loss = [&](auto in) { return judge.loss(o, net(in[0]), in[0]); },
       .measure = check_up,
       .words = in_words,
       .pictures =
           [&] {
             return std::vector<std::pair<std::string, io::Image>>{
                 {"painted", models::styled(net, data::picture_of(*pictures.held_back, 0))}};
           }});
  session.use_kept();
  return session.result("validation", check_up());
}

}  // namespace cairn::tasks::style_transfer
