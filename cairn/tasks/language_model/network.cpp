#include <algorithm>
#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::tasks::language_model {
namespace {

const std::vector<std::pair<std::string, nn::Cell>> kCells = {
    {"rnn", nn::Cell::rnn_tanh}, {"lstm", nn::Cell::lstm}, {"gru", nn::Cell::gru}};

// Radford et al. 2019: small normal weights; those that end a residual branch smaller yet, so that
// the sum of all branches keeps its size.
void initialize(const models::Gpt& gpt, int64_t layers) {
  constexpr double kDeviation = 0.02;
  for (const auto& [name, p] : gpt.named_parameters()) {
    if (p.rank() < 2) continue;
    const bool ends_branch = name.ends_with(".o.weight") || name.ends_with(".f2.weight");
    const double scale = ends_branch ? 1 / std::sqrt(2.0 * static_cast<double>(layers)) : 1;
    assign(p, nn::init::normal(p.shape(), 0, kDeviation * scale));
  }
  for (const auto& [name, p] : gpt.named_parameters())
    if (name.ends_with(".bias")) assign(p, zeros(p.shape()));
}

// Of 64 features or a little more each, and an even number.
int64_t heads_for(int64_t width) {
  int64_t heads = std::max<int64_t>(width / 64, 1);
  while (heads > 1 && (width % heads != 0 || width / heads % 2 != 0)) --heads;
  return heads;
}

}  // namespace

void check_sizes(const Options& o) {
  o.validate();
  if (o.is_recurrent() || o.heads.is_open() || o.width.is_open()) return;
  if (o.width % o.heads != 0)
    throw InvalidOption("heads", fmt::format("{} heads do not divide a width of {}; choose a "
                                             "divisor",
                                             *o.heads, *o.width));
  if (o.width / o.heads % 2 != 0)
    throw InvalidOption("width", fmt::format("{} in {} heads gives each {} features; rotary "
                                             "positions need an even number",
                                             *o.width, *o.heads, o.width / o.heads));
}

void fill_recipe(Options& o, int64_t tokens) {
  const bool gpt = !o.is_recurrent();
  o.heads.fill(gpt ? heads_for(o.width) : 1);
  check_sizes(o);
  // A short text has no room for so many streams side by side.
  o.batch.fill(std::clamp<int64_t>((tokens - 1) / o.context, 1, gpt ? 8 : 32));
  const int64_t window = o.batch * o.context, passes = gpt ? 12 : 10;
  train::fill_length(o, tokens / window, {},
                     std::clamp<int64_t>(passes * tokens / window, 1, 50'000));
  o.eval_every.fill(std::max<int64_t>(o.steps / 20, 1));
}

Network::Network(const Options& o) {
  for (const auto& [name, cell] : kCells)
    if (o.model == name)
      recurrent_.emplace(
          cell, o.vocab,
          models::RecurrentLmOptions{.layers = o.layers, .width = o.width, .dropout = o.dropout});
  if (recurrent_) return;
  gpt_.emplace(o.vocab, o.width, o.heads, o.layers, o.context,
               models::GptOptions{.rotary = true, .dropout = o.dropout});
  initialize(*gpt_, o.layers);
}

nn::Module& Network::module() {
  if (gpt_) return *gpt_;
  return *recurrent_;
}

Tensor Network::logits(const Tensor& x, const Tensors& memory) {
  if (gpt_) return (*gpt_)(x);
  const auto result = (*recurrent_)(x, memory);
  for (size_t i = 0; i < memory.size(); ++i) assign(memory[i], result.states[i].detach());
  return result.output;
}

Tensors Network::run(std::span<const Tensor> in) {
  if (gpt_) return {(*gpt_)(in[0])};
  const auto result = (*recurrent_)(in[0], Tensors(in.begin() + 1, in.end()));
  Tensors all = {result.output};
  all.insert(all.end(), result.states.begin(), result.states.end());
  return all;
}

Tensors Network::make_memory(int64_t batch) const {
  return recurrent_ ? recurrent_->make_states(batch) : Tensors();
}

std::unique_ptr<text::Reader> Network::reader() const {
  if (gpt_) return std::make_unique<models::GptReader>(*gpt_);
  return std::make_unique<models::RecurrentReader>(*recurrent_);
}

}  // namespace cairn::tasks::language_model
