#include "cairn/tasks/language_model/network.h"

#include <algorithm>
#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/ops/functions.h"

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

struct Defaults {
  int64_t layers, width, context, batch;
  double dropout, lr, weight_decay;
  optim::Betas betas;
  int64_t passes, most_steps;  // over the text
};
constexpr Defaults kGpt{.layers = 4,
                        .width = 192,
                        .context = 256,
                        .batch = 8,
                        .dropout = 0.1,
                        .lr = 3e-3,
                        .weight_decay = 0.1,
                        .betas = {0.9, 0.99},
                        .passes = 12,
                        .most_steps = 50'000};
constexpr Defaults kRecurrent{.layers = 2,
                              .width = 512,
                              .context = 64,
                              .batch = 32,
                              .dropout = 0.3,
                              .lr = 2e-3,
                              .weight_decay = 0.01,
                              .betas = {0.9, 0.99},
                              .passes = 10,
                              .most_steps = 50'000};

// Of 64 features or a little more each, and an even number.
int64_t heads_for(int64_t width) {
  int64_t heads = std::max<int64_t>(width / 64, 1);
  while (heads > 1 && (width % heads != 0 || width / heads % 2 != 0)) --heads;
  return heads;
}

int64_t or_default(int64_t given, int64_t standard) { return given ? given : standard; }

}  // namespace

std::vector<std::string> model_names() { return {"rnn", "lstm", "gru", "gpt"}; }

bool is_recurrent(const std::string& model) { return model != "gpt"; }

Json to_json(const Architecture& a) {
  return {{"model", a.model}, {"vocab", a.vocab},     {"layers", a.layers},  {"width", a.width},
          {"heads", a.heads}, {"context", a.context}, {"dropout", a.dropout}};
}

Architecture architecture_from(const Json& c) {
  return {c.at("model"), c.at("vocab"),   c.at("layers"), c.at("width"),
          c.at("heads"), c.at("context"), c.at("dropout")};
}

void check_architecture(const Architecture& a) {
  const auto names = model_names();
  if (std::find(names.begin(), names.end(), a.model) == names.end()) {
    const std::string near = nearest_name(a.model, names);
    throw UsageError(fmt::format(
        "--model: there is no '{}'{}", a.model,
        near.empty() ? "; there are rnn, lstm, gru and gpt" : "; did you mean " + near + "?"));
  }
  const auto positive = [](const char* option, int64_t value) {
    if (value <= 0)
      throw UsageError(fmt::format("{}: {} is out of range; give at least 1", option, value));
  };
  positive("--layers", a.layers), positive("--width", a.width), positive("--heads", a.heads);
  positive("--context", a.context);
  if (!(a.dropout >= 0 && a.dropout < 1))
    throw UsageError(fmt::format("--dropout: {} is not from 0 to below 1", a.dropout));
  if (is_recurrent(a.model)) return;
  if (a.width % a.heads != 0)
    throw UsageError(fmt::format("--heads: {} heads do not divide a width of {}; choose a divisor",
                                 a.heads, a.width));
  if (a.width / a.heads % 2 != 0)
    throw UsageError(
        fmt::format("--width: {} in {} heads gives each {} features; rotary positions need an even "
                    "number",
                    a.width, a.heads, a.width / a.heads));
}

Network::Network(const Architecture& a) {
  check_architecture(a);
  for (const auto& [name, cell] : kCells)
    if (name == a.model)
      recurrent_.emplace(
          cell, a.vocab,
          models::RecurrentLmOptions{.layers = a.layers, .width = a.width, .dropout = a.dropout});
  if (recurrent_) return;
  gpt_.emplace(a.vocab, a.width, a.heads, a.layers, a.context,
               models::GptOptions{.rotary = true, .dropout = a.dropout});
  initialize(*gpt_, a.layers);
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

Tensors Network::make_memory(int64_t batch) const {
  return recurrent_ ? recurrent_->make_states(batch) : Tensors();
}

std::unique_ptr<models::Reader> Network::reader() const {
  if (gpt_) return std::make_unique<models::GptReader>(*gpt_);
  return std::make_unique<models::RecurrentReader>(*recurrent_);
}

Recipe recipe_for(const TrainOptions& o, int64_t vocab, int64_t tokens) {
  const Defaults& d = is_recurrent(o.model) ? kRecurrent : kGpt;
  Recipe r;
  r.architecture = {.model = o.model,
                    .vocab = vocab,
                    .layers = or_default(o.layers, d.layers),
                    .width = or_default(o.width, d.width),
                    .context = or_default(o.context, d.context),
                    .dropout = o.dropout < 0 ? d.dropout : o.dropout};
  r.architecture.heads =
      or_default(o.heads, is_recurrent(o.model) ? 1 : heads_for(r.architecture.width));
  check_architecture(r.architecture);
  const int64_t window = r.architecture.context;
  // A short text has no room for so many streams side by side.
  r.batch = or_default(o.batch, std::clamp<int64_t>((tokens - 1) / window, 1, d.batch));
  const int64_t passes = d.passes * tokens / (r.batch * window);
  r.steps = or_default(o.steps, std::clamp<int64_t>(passes, 1, d.most_steps));
  r.eval_every = or_default(o.eval_every, std::max<int64_t>(r.steps / 20, 1));
  r.lr = o.lr > 0 ? o.lr : d.lr;
  r.weight_decay = d.weight_decay;
  r.betas = d.betas;
  return r;
}

}  // namespace cairn::tasks::language_model
