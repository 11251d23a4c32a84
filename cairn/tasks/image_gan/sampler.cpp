#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {

Sampler::Sampler(const train::SavedModel& saved)
    : DrawerOf(saved), generator_(options_.size()), painter_(generator_) {
  train::load_weights(saved, generator_);
  generator_.eval();
}

std::vector<Tensor> Sampler::inputs(int64_t examples) {
  return {models::noise_rows(options_.seed, 0, examples, options_.z)};
}

std::vector<Port> Sampler::takes() {
  std::vector<Port> ports = {{"noise", DType::f32, {kAnyBatch, options_.z}}};
  if (options_.conditional) ports.push_back({"labels", DType::i64, {kAnyBatch}});
  return ports;
}

Tensors Sampler::forward(std::span<const Tensor> in) {
  return {options_.conditional ? generator_(in[0], in[1]) : generator_(in[0])};
}

Json evaluate(Sampler& sampler, const DrawnEvalOptions& o) {
  o.validate();
  if (!has_judge(sampler, o)) return sampler.result(o.split, {{"examples", 0}});
  const auto set = sampler.open(o.data, data::split_from_name(o.split));
  return sampler.result(o.split, judge_drawn(sampler, o, set));
}

}  // namespace cairn::tasks::image_gan
