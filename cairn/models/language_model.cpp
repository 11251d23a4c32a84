#include "cairn/models/language_model.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/invalid_option.h"
#include "cairn/nn/init.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

const std::vector<std::pair<std::string, nn::Cell>> kCells = {
    {"rnn", nn::Cell::rnn_tanh}, {"lstm", nn::Cell::lstm}, {"gru", nn::Cell::gru}};

// Radford et al. 2019: small normal weights; those that end a residual branch smaller yet, so that
// the sum of all branches keeps its size.
void initialize(const Gpt& gpt, int64_t layers) {
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

}  // namespace

int64_t usual_heads(int64_t width) {
  int64_t heads = std::max<int64_t>(width / 64, 1);
  while (heads > 1 && (width % heads != 0 || width / heads % 2 != 0)) --heads;
  return heads;
}

void check_heads(int64_t width, int64_t heads) {
  if (width % heads != 0)
    throw InvalidOption("heads", fmt::format("{} heads do not divide a width of {}; "
                                             "choose a divisor",
                                             heads, width));
  if (width / heads % 2 != 0)
    throw InvalidOption("width", fmt::format("{} in {} heads gives each {} features; rotary "
                                             "positions need an even number",
                                             width, heads, width / heads));
}

LanguageModel::LanguageModel(const LanguageModelSize& o) {
  for (const auto& [name, cell] : kCells)
    if (o.kind == name)
      recurrent_.emplace(
          cell, o.vocab,
          RecurrentLmOptions{.layers = o.layers, .width = o.width, .dropout = o.dropout});
  if (recurrent_) return;
  gpt_.emplace(o.vocab, o.width, o.heads, o.layers, o.context,
               GptOptions{.rotary = !o.learned_positions, .dropout = o.dropout});
  initialize(*gpt_, o.layers);
}

nn::Module& LanguageModel::module() {
  if (gpt_) return *gpt_;
  return *recurrent_;
}

Tensor LanguageModel::logits(const Tensor& x, const Tensors& memory) {
  if (gpt_) return (*gpt_)(x);
  const auto result = (*recurrent_)(x, memory);
  for (size_t i = 0; i < memory.size(); ++i) assign(memory[i], result.states[i].detach());
  return result.output;
}

Tensors LanguageModel::run(std::span<const Tensor> in) {
  if (gpt_) return {(*gpt_)(in[0])};
  const auto result = (*recurrent_)(in[0], in.size() > 1 ? Tensors(in.begin() + 1, in.end())
                                                         : recurrent_->zero_states(in[0].size(0)));
  Tensors all = {result.output};
  all.insert(all.end(), result.states.begin(), result.states.end());
  return all;
}

Tensors LanguageModel::make_memory(int64_t batch) const {
  return recurrent_ ? recurrent_->make_states(batch) : Tensors();
}

std::unique_ptr<text::Reader> LanguageModel::reader() const {
  if (gpt_) return std::make_unique<GptReader>(*gpt_);
  return std::make_unique<RecurrentReader>(*recurrent_);
}

}  // namespace cairn::models
