#include <algorithm>
#include <cmath>

#include "cairn/data/shared_batches.h"
#include "cairn/dist/share_out.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_generation/task.h"

namespace cairn::tasks::image_generation {
namespace {

constexpr int64_t kMostRows = 8192;  // of a batch, with all samples of the bound

std::shared_ptr<models::Density> trained(const train::SavedModel& saved, const Options& o) {
  auto network = models::make_density(o.model, o.size());
  train::load_weights(saved, *network);
  network->eval();
  return network;
}

CompiledFunction::Body body_of(const std::shared_ptr<models::Density>& network,
                               Tensor (models::Density::*loss)(const Tensor&, const Tensor&,
                                                               const models::Chance&)) {
  return [network, loss](std::span<const Tensor> in) -> Tensors {
    return {(network.get()->*loss)(in[0], in[1], {in[2], in[3]})};
  };
}

}  // namespace

Estimator::Estimator(const std::shared_ptr<models::Density>& network)
    : network_(network),
      nats_(body_of(network, &models::Density::nats)),
      objective_(body_of(network, &models::Density::objective)) {}

Json Estimator::measure(const data::ImageDatasetPtr& set, uint64_t seed, int64_t samples,
                        int64_t rounds) {
  const NoGrad no_grad;
  const std::vector<float> middle(static_cast<size_t>(set->shape().channels), 0.5f);
  // What is no bound of samples is measured again, with other numbers.
  const bool binary = network_->is_binary();
  const models::ChanceSize size = network_->chance(samples);
  const int64_t batch = std::clamp<int64_t>(binary ? kMostRows / samples : 256, 1, 256);
  double sum = 0, squares = 0, loss = 0;
  int64_t count = 0;
  for (int64_t round = 0; round < (binary ? 1 : rounds); ++round) {
    struct Looked {
      std::vector<float> nats, losses;
    };
    std::vector<Looked> all(static_cast<size_t>(data::batches_of(*set, batch)));
    data::SharedBatches batches(set, batch, {middle, middle});
    dist::share_out(
        std::ssize(all),
        [&](int64_t i) {
          const data::Batch& b = batches.next();
          const models::Chance chance =
              models::chance_rows(seed, round * set->size() + i * batch, b.count, size);
          const std::array in = {b.x(), b.y(), chance.uniform, chance.normal};
          Looked& of = all[static_cast<size_t>(i)];
          of.nats = nats_.call(in)[0].to_vector<float>();
          if (!binary && round == 0) of.losses = objective_.call(in)[0].to_vector<float>();
        },
        [&](int64_t i, dist::Parcel& parcel) {
          Looked& of = all[static_cast<size_t>(i)];
          parcel.pass(of.nats), parcel.pass(of.losses);
        });
    for (const Looked& of : all) {
      for (const float nats : of.nats) sum += nats, squares += double{nats} * nats;
      for (const float v : of.losses) loss += v;
      count += std::ssize(of.nats);
    }
  }
  const auto n = static_cast<double>(count);
  const double mean = sum / n, variance = std::max(0.0, squares / n - mean * mean);
  return {{"examples", set->size()},
          {"loss", binary ? mean : loss / static_cast<double>(set->size())},
          {"nats", mean},
          {"bits_per_dim", mean / static_cast<double>(set->shape().size()) / std::log(2.0)},
          {"standard_error", std::sqrt(variance / n)}};
}

std::string in_words(const Json& r) {
  std::string words =
      fmt::format("{:.2f} nats (+- {:.2f}), {:.4f} bits a dimension", r["nats"].get<double>(),
                  r["standard_error"].get<double>(), r["bits_per_dim"].get<double>());
  return r.contains("frechet") ? words + ", " + drawn_in_words(r) : words;
}

Artist::Artist(const train::SavedModel& saved)
    : DrawerOf(saved, &Options::width),
      network_(trained(saved, options_)),
      painter_(network_->painter(options_.how_to_draw())),
      estimator_(network_) {}

std::vector<Tensor> Artist::inputs(int64_t examples) {
  const Port port = network_->takes()[0];
  const Shape shape = sizes_of(port, examples, 1);
  return {reshape(models::noise_rows(options_.seed, 0, examples, numel(shape) / examples), shape)};
}

data::ImageDatasetPtr Artist::as_learned(const data::ImageDatasetPtr& set) const {
  if (options_.model != "pixelcnn") return set;
  constexpr uint64_t kSeed = 0;
  const auto size = static_cast<size_t>(set->shape().size());
  std::vector<uint8_t> pixels(size * static_cast<size_t>(set->size())), labels;
  for (int64_t i = 0; i < set->size(); ++i) {
    uint8_t* const picture = &pixels[static_cast<size_t>(i) * size];
    set->image(i, picture);
    const auto chance =
        models::chance_rows(kSeed, i, 1, network_->chance(1)).uniform.to_vector<float>();
    for (size_t k = 0; k < size; ++k)
      picture[k] = chance[k] < static_cast<float>(picture[k]) / 255 ? 255 : 0;
    labels.push_back(static_cast<uint8_t>(set->label(i)));
  }
  return std::make_shared<data::MemoryImages>(set->name(), set->shape(), set->classes(),
                                              std::move(pixels), std::move(labels));
}

}  // namespace cairn::tasks::image_generation
