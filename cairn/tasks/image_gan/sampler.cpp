#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/io/file.h"
#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {

Sampler::Sampler(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved, &Options::shape, &Options::classes)),
      generator_(options_.size()),
      painter_(generator_) {
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

int64_t Sampler::class_of(const std::string& label) const {
  const auto& names = *options_.classes;
  const auto it = std::find(names.begin(), names.end(), label);
  if (it != names.end()) return it - names.begin();
  int64_t number = -1;
  const char* end = label.data() + label.size();
  if (std::from_chars(label.data(), end, number).ptr == end && number >= 0 &&
      number < static_cast<int64_t>(names.size()))
    return number;
  throw InvalidOption("label", no_such_name(label, names));
}

int generate(Sampler& sampler, const GenerateOptions& o) {
  o.validate();
  if (o.out->empty()) throw InvalidOption("out", "say which PNG file to write");
  io::check_writable(o.out);
  const Options& run = sampler.options();
  if (!o.label.is_open() && !run.conditional)
    throw InvalidOption("label", fmt::format("'{}' draws without labels; train with the option "
                                             "conditional to choose them",
                                             sampler.path()));
  std::vector<int64_t> labels = models::labels_in_turn(o.count, run.labels());
  if (!o.label.is_open()) std::fill(labels.begin(), labels.end(), sampler.class_of(o.label));
  const bool by_class = run.conditional && o.label.is_open() && run.labels() <= o.count;
  const int columns =
      by_class ? static_cast<int>(run.labels()) : static_cast<int>(std::ceil(std::sqrt(*o.count)));
  io::write_png(o.out, data::grid_of(sampler.painter().draw(o.seed, 0, labels), columns));
  return 0;
}

}  // namespace cairn::tasks::image_gan
