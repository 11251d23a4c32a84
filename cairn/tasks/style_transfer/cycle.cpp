// CycleGAN: two generators and two discriminators learn from two folders without pairs.
#include <algorithm>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/data/batch_loader.h"
#include "cairn/data/picture.h"
#include "cairn/data/transform.h"
#include "cairn/metrics/diversity.h"
#include "cairn/models/gan.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/adversarial/session.h"
#include "cairn/tasks/picture_distance.h"
#include "cairn/tasks/style_transfer/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::style_transfer {
namespace {

constexpr int64_t kMeasuredPairs = 24, kShownRows = 3, kLargeSide = 192;
constexpr double kBothCritics = 2;  // scores are a mean over both; the sum is meant
constexpr uint64_t kPartner = 0x706172746e6572;

// The middle squares of as many pictures of both kinds as there are of the fewer.
Tensor held_back_squares(const TwoKinds& kinds, int64_t side, int64_t most) {
  const auto &a = kinds.source.held_back, &b = kinds.target.held_back;
  const int64_t count = std::min({a->size(), b->size(), most});
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    add_square(*a, i, side, middle_square(*a, side), values);
    add_square(*b, i, side, middle_square(*b, side), values);
  }
  return from_host(values.data(), {count, 6, side, side}, DType::f32);
}

// Pictures of the first three channels, or of the last.
std::vector<io::Image> pictures_of(const Tensor& x, bool of_target) {
  std::vector<io::Image> all;
  const Tensor part = contiguous(slice(x, 1, of_target ? 3 : 0, 3));
  for (int64_t i = 0; i < x.size(0); ++i) all.push_back(models::picture_of_tensor(part, i));
  return all;
}

double spread_of(const std::vector<io::Image>& images) {
  data::Pictures all = {{3, images[0].height, images[0].width}, {}};
  for (const io::Image& image : images)
    all.pixels.insert(all.pixels.end(), image.pixels.begin(), image.pixels.end());
  return metrics::spread(all);
}

adversarial::Networks networks_of(const models::CyclePainters& painters,
                                  const models::CycleCritics& critics, const Options& o) {
  return {painters, critics, [=](const Tensor& x) { return painters(x); },
          [=](const Tensor& x, const Tensor&) { return critics(x); },
          [=, cycle = *o.cycle, identity = *o.identity](const Tensor& made, const Tensor& x,
                                                        const Tensor&) {
            const auto errors = models::cycle_errors(painters, x, made);
            return errors.cycle * cycle + errors.identity * identity;
          }};
}

// Each picture of the larger folder once an epoch, beside any of the other: pairs would be a hint.
void add_example(const TwoKinds& kinds, const Options& o, int64_t epoch, int64_t sample,
                 std::vector<float>& batch) {
  PhiloxStream random = data::sample_stream(o.seed, epoch, sample);
  PhiloxStream partner(philox_derive(philox_derive(o.seed, kPartner), static_cast<uint64_t>(epoch)),
                       static_cast<uint64_t>(sample));
  const auto &a = *kinds.source.train, &b = *kinds.target.train;
  const bool source_leads = a.size() >= b.size();
  const int64_t other = partner.below(static_cast<uint32_t>(source_leads ? b.size() : a.size()));
  const int64_t side = *o.image_size;
  add_square(a, source_leads ? sample : other, side, any_square(a, side, random), batch);
  add_square(b, source_leads ? other : sample, side, any_square(b, side, random), batch);
}

template <class Network>
Network initialized(Network network) {
  models::init_dcgan(network);
  return network;
}

}  // namespace

TwoKinds open_kinds(const Options& o, const std::string& source, const std::string& target) {
  Pictures of_source = open_pictures(o, source);
  std::error_code ignored;
  check(target == "shapes" || target == "dusk" || std::filesystem::exists(target, ignored),
        "no such pictures: '{}'; say where those of the other kind are with the option target",
        target);
  return {std::move(of_source), open_pictures(o, target)};
}

Json measure_cycle(const Options& o, const models::CyclePainters& net, const TwoKinds& kinds) {
  const NoGrad no_grad;
  const Tensor all = held_back_squares(kinds, o.image_size, kMeasuredPairs);
  auto look = compile([&](Tensor x) {
    const Tensor made = net(x);
    const auto errors = models::cycle_errors(net, x, made);
    return std::tuple{made, errors.cycle, errors.identity};
  });
  double cycle = 0, identity = 0;
  std::vector<io::Image> made_target, made_source;
  for (int64_t i = 0; i < all.size(0); ++i) {
    const auto [made, there_and_back, stays] = look(contiguous(slice(all, 0, i, 1)));
    cycle += there_and_back.item() / 2, identity += stays.item() / 2;  // of both kinds
    made_target.push_back(pictures_of(made, true)[0]);
    made_source.push_back(pictures_of(made, false)[0]);
  }
  const auto count = static_cast<double>(all.size(0));
  return {{"examples", all.size(0)},
          {"loss", cycle / count},
          {"cycle", cycle / count},
          {"identity", identity / count},
          {"frechet", frechet_by_quarters(pictures_of(all, true), made_target)},
          {"frechet_back", frechet_by_quarters(pictures_of(all, false), made_source)}};
}

std::vector<io::Image> cycle_rows(const models::CyclePainters& net, const TwoKinds& kinds,
                                  const Options& o, int64_t count) {
  const NoGrad no_grad;
  const Tensor x = held_back_squares(kinds, o.image_size, count);
  const Tensor made = net(x);
  const Tensor again = net(made);  // made of the source's kind becomes the target's again
  std::vector<io::Image> tiles;
  for (const bool from_target : {false, true}) {
    const auto given = pictures_of(x, from_target), there = pictures_of(made, !from_target),
               back = pictures_of(again, from_target);
    for (size_t i = 0; i < given.size(); ++i)
      tiles.insert(tiles.end(), {given[i], there[i], back[i]});
  }
  return tiles;
}

Json train_cycle(Options& o) {
  const TwoKinds kinds = open_kinds(o, o.data, o.target);
  for (const auto& [source, set] :
       {std::pair{*o.data, kinds.source.train}, std::pair{*o.target, kinds.target.train}})
    train::say_left_out(source, set->left_out());
  train::note_counts(o, {{"pictures to learn from", kinds.source.train->size()},
                         {"of the target", kinds.target.train->size()}});
  const int64_t side = *o.image_size;
  const data::Order order(std::max(kinds.source.train->size(), kinds.target.train->size()),
                          data::for_rank({.batch = o.batch, .seed = o.seed}));
  train::fill_length(o, order.steps_per_epoch());
  o.eval_every.fill(std::max<int64_t>(50, o.steps / 20));
  manual_seed(o.seed);
  const models::CyclePainters painters(o.width, o.blocks);
  const auto critics = initialized(models::CycleCritics(o.width, side > kLargeSide ? 3 : 2));
  const double wanted =
      spread_of(pictures_of(held_back_squares(kinds, side, kMeasuredPairs), true));
  adversarial::Session session(
      {.task = kTask,
       .label = *o.model,
       .options = o,
       .training = {.loss = nn::GanLoss::least_squares,
                    .lr = o.lr,
                    .lr_discriminator = o.lr,
                    .betas = {(*o.betas)[0], (*o.betas)[1]},
                    .ema = o.ema,
                    .gradients = dist::packing_named(*o.gradients),
                    .adversarial = kBothCritics},
       .sample_every = o.eval_every,
       .networks = networks_of(painters, critics, o),
       .diversity =
           [&](adversarial::Session& s) {
             const adversarial::AdversarialTraining::Use use(s.training(), false);
             const NoGrad no_grad;
             const Tensor x = held_back_squares(kinds, side, kMeasuredPairs);
             return spread_of(pictures_of(painters(x), true)) / std::max(wanted, 1e-9);
           },
       .about =
           fmt::format("{} and {}: {} and {} pictures to learn from, {} and {} held back", *o.data,
                       *o.target, kinds.source.train->size(), kinds.target.train->size(),
                       kinds.source.held_back->size(), kinds.target.held_back->size()),
       .rate = adversarial::falling_in_the_second_half(o.steps)});
  data::BatchLoader<std::vector<float>> loader(
      order,
      {.start_step = session.step(),
       .end_step = o.steps,
       .threads = std::max(1, num_threads() - 1)},
      [&](const data::BatchPlan& plan, std::vector<float>& batch) {
        batch.clear();
        for (const int64_t i : plan.samples) add_example(kinds, o, plan.place.epoch, i, batch);
      });
  std::vector<float> batch;
  const auto measured = [&] {
    const adversarial::AdversarialTraining::Use use(session.training(), true);
    return train::by_leader([&] { return measure_cycle(o, painters, kinds); });
  };
  Json result = session.run(
      {.next =
           [&] {
             loader.next(batch);
             const int64_t count = std::ssize(batch) / (6 * side * side);
             const Tensor x = from_host(batch.data(), {count, 6, side, side}, DType::f32);
             return Tensors{x, x};
           },
       .samples =
           [&] {
             const Json seen = measured();
             const adversarial::AdversarialTraining::Use use(session.training(), true);
             const io::Image rows = io::grid(cycle_rows(painters, kinds, o, kShownRows), 3);
             io::write_png(train::sample_file(session.folder().path(), session.step(), "png"),
                           rows);
             train::Scalars values;
             for (const char* name : {"cycle", "identity", "frechet", "frechet_back"})
               values.emplace_back(std::string("validation/") + name, seen[name].get<double>());
             return train::Evaluation{
                 .values = values, .line = in_words(seen), .images = {{"samples", rows}}};
           }});
  result["split"] = "validation", result["weights"] = "averaged";
  result.update(measured());
  return result;
}

}  // namespace cairn::tasks::style_transfer
