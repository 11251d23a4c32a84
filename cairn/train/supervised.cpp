#include "cairn/train/supervised.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/io/weight_files.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/onnx/weights.h"
#include "cairn/pretrained/folder.h"
#include "cairn/train/quantized_run.h"
#include "cairn/train/saved_model.h"
#include "cairn/train/step_graph.h"

namespace cairn::train {
namespace {

bool begins_with_any(const std::string& name, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](const std::string& b) { return name.starts_with(b); });
}

void check_together(const SupervisedOptions& o, bool validates) {
  o.patience.require(validates || o.patience == 0,
                     "there is no validation to wait for; hold data back with val_split");
  o.keep.require(validates || !(o.keep == "best"),
                 "best: there is no validation to choose by; hold data back with val_split");
}

// Parameters that are trained. Throws InvalidOption for a beginning that none has.
Tensors trained(const nn::Module& network, const std::vector<std::string>& frozen) {
  Tensors parameters;
  const auto named = network.named_parameters();
  for (const std::string& beginning : frozen)
    if (std::none_of(named.begin(), named.end(),
                     [&](const auto& p) { return p.first.starts_with(beginning); }))
      throw InvalidOption("freeze", fmt::format("no weight's name begins with '{}'; "
                                                "the first is '{}'",
                                                beginning, named.front().first));
  for (const auto& [name, parameter] : named)
    if (!begins_with_any(name, frozen)) parameters.push_back(parameter);
  if (parameters.empty()) throw InvalidOption("freeze", "nothing is left to train");
  return parameters;
}

template <class Optimizer, class Options>
std::unique_ptr<optim::Optimizer> grouped(const Tensors& parameters, const Options& options,
                                          bool decays_matrices_only) {
  if (!decays_matrices_only) return std::make_unique<Optimizer>(parameters, options);
  Options others = options;
  others.weight_decay = 0;
  std::vector<optim::Group<Options>> groups = {{{}, options}, {{}, others}};
  for (const Tensor& p : parameters) groups[p.rank() < 2].parameters.push_back(p);
  return std::make_unique<Optimizer>(groups);
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Tensors& p, const SupervisedOptions& o,
                                                 bool matrices) {
  const optim::Betas betas{(*o.betas)[0], (*o.betas)[1]};
  const optim::Clip clip{.norm = o.clip};
  if (o.optimizer == "adam")
    return grouped<optim::Adam>(
        p,
        optim::AdamOptions{
            .lr = o.lr, .betas = betas, .weight_decay = o.weight_decay, .clip = clip},
        matrices);
  if (o.optimizer == "sgd")
    return grouped<optim::SGD>(
        p,
        optim::SgdOptions{
            .lr = o.lr, .momentum = betas.first, .weight_decay = o.weight_decay, .clip = clip},
        matrices);
  if (o.optimizer == "rmsprop")
    return grouped<optim::RMSprop>(
        p, optim::RMSpropOptions{.lr = o.lr, .weight_decay = o.weight_decay, .clip = clip},
        matrices);
  return grouped<optim::AdamW>(
      p,
      optim::AdamWOptions{.lr = o.lr, .betas = betas, .weight_decay = o.weight_decay, .clip = clip},
      matrices);
}

TrainerOptions trainer_options(const Supervised::Setup& s) {
  constexpr int64_t kLines = 50;  // of the log at least, where there are so many steps
  return {
      .task = s.task,
      .label = s.label,
      .total = s.options.steps,
      .log_every = std::clamp<int64_t>(s.options.steps / kLines, 1, 50),
      .evaluate_every = s.options.eval_every,
      .save_every = s.options.save_every,
      .quiet = s.options.quiet,
      .stop_after_steps = s.options.stop_after_steps,
      .about = fmt::format("{}; {}, {} parameters", s.about, s.label, s.network.num_parameters()),
      .networks = {{"weights/", s.network}}};
}

// What a batch's loss is a mean over, f32 [1].
Tensor count_of(const Supervised::Hooks& hooks, std::span<const Tensor> batch) {
  return hooks.count ? hooks.count(batch) : full({1}, static_cast<double>(batch[0].size(0)));
}

Tensor one_number(double value) { return state(full({1}, value, DType::f64)); }

// Rows of every tensor of a batch: part `k` of `parts` nearly equal ones.
Tensors part_of(std::span<const Tensor> batch, int64_t k, int64_t parts) {
  Tensors some;
  for (const Tensor& t : batch) {
    const int64_t first = t.size(0) * k / parts, end = t.size(0) * (k + 1) / parts;
    some.push_back(slice(t, 0, first, end - first));
  }
  return some;
}

// The running statistics of normalisations, which each rank has of its own examples.
Tensors running_statistics(const nn::Module& network) {
  Tensors some;
  for (const auto& [name, buffer] : network.named_buffers())
    if (name.ends_with("running_mean") || name.ends_with("running_var")) some.push_back(buffer);
  return some;
}

// Of a run, a file, or a folder of Hugging Face's transformers or an ONNX file, whose names become
// `own`.
NamedTensors weights_for(const NamedTensors& own, const std::string& path) {
  if (pretrained::is_folder(path)) return pretrained::Folder(path).tensors(own);
  if (onnx::is_onnx_name(path))
    return onnx::weights_for(onnx::Imported(onnx::read_model_file(path)), own);
  if (io::is_weights_name(path)) return read_weights(path);
  const SavedModel run = open_saved_model(path);
  check(!is_quantized(run.config),
        "'{}' is a run in 8 bits, which cannot be learned from; give the run that it was made of",
        path);
  return read_weights(run.weights);
}

// A run's weights, which hold its configuration too.
bool says_its_network(const std::string& weights) {
  return weights.ends_with(".safetensors") &&
         io::SafetensorsFile(weights).metadata().contains(kConfigMetadata);
}

}  // namespace

void take_network_of_run(const std::string& task, SupervisedOptions& o,
                         std::initializer_list<AnyOption*> which) {
  const std::string& init = o.init;
  if (o.resume || init.empty() || pretrained::is_folder(init) || onnx::is_onnx_name(init)) return;
  if (io::is_weights_name(init) && !says_its_network(init)) return;
  const SavedModel run = open_saved_model(init);
  if (run.task() == task) o.take_over(run.config, run.config_file(), which);
}

void settle(SupervisedOptions& o, const nn::Module& network, bool validates) {
  o.fill_usual();
  o.eval_every.fill(std::max<int64_t>(o.steps / 20, 1));
  o.keep.fill(validates ? "best" : "last");
  check_together(o, validates);
  trained(network, o.freeze);
}

data::TwoParts hold_back(const SupervisedOptions& o, int64_t examples) {
  const data::TwoParts parts = data::split_off(examples, o.val_split, o.seed);
  o.val_split.require(!parts.second.empty(), "of {} examples leaves none to validate by", examples);
  return parts;
}

Supervised::Setup Supervised::settled(Setup setup) {
  settle(setup.options, setup.network, setup.validates);
  return setup;
}

Supervised::Supervised(const Setup& setup)
    : setup_(settled(setup)),
      optimizer_(make_optimizer(trained(setup_.network, setup_.options.freeze), setup_.options,
                                setup_.decays_matrices_only)),
      ema_(setup_.options.ema > 0
               ? std::optional<optim::Ema>(std::in_place, setup_.network.parameters(),
                                           *setup_.options.ema)
               : std::nullopt),
      averager_(dist::packing_named(*setup_.options.gradients)),
      best_(one_number(std::numeric_limits<double>::infinity())),
      without_(one_number(0)),
      trainer_(begin_run(setup_.task, setup_.options), trainer_options(setup_), parts()) {
  restore();
}

std::vector<Part> Supervised::parts() {
  std::vector<Part> all = {part("model", setup_.network), part("optimizer", *optimizer_)};
  if (ema_) all.push_back(part("ema", *ema_));
  for (Part& p : setup_.parts) all.push_back(std::move(p));
  if (setup_.validates) all.push_back(part("best", NamedTensors{{"loss", best_}}));
  if (setup_.options.patience > 0)
    all.push_back(part("patience", NamedTensors{{"without", without_}}));
  return all;
}

void Supervised::restore() {
  // A run that was killed before its first checkpoint begins again, with the same weights.
  const bool goes_on = setup_.options.resume && trainer_.restore();
  if (!goes_on && !setup_.options.init->empty()) begin_with(setup_.options.init);
  was_finished_ = trainer_.finished();
}

void Supervised::begin_with(const std::string& path) {
  const NamedTensors own = setup_.network.state_dict();
  NamedTensors fitting;
  for (auto& [name, value] : setup_.initial ? setup_.initial() : weights_for(own, path)) {
    const auto it = std::find_if(own.begin(), own.end(),
                                 [&, n = name](const auto& named) { return named.first == n; });
    if (it != own.end() && it->second.shape() == value.shape()) fitting.emplace_back(name, value);
  }
  if (fitting.empty())
    throw InvalidOption("init", fmt::format("no tensor of '{}' "
                                            "has a name and shape of this network's",
                                            path));
  setup_.network.load_state_dict(fitting, false);
  if (ema_) ema_.emplace(setup_.network.parameters(), *setup_.options.ema);
  if (!setup_.options.quiet)
    fmt::print(stderr, "begins with {} of {} tensors of {}\n", fitting.size(), own.size(), path);
}

Tensor Supervised::loss_of(const Hooks& hooks, std::span<const Tensor> batch) const {
  const bool low = setup_.options.precision == "bf16";
  const AutocastScope cast(low ? product_dtype(DType::bf16) : DType::f32);
  return check_finite(hooks.loss(batch));
}

// Of a batch in parts, whose gradients are added.
Tensors Supervised::accumulated(const Hooks& hooks, std::span<const Tensor> batch, Tensor& loss) {
  const int64_t parts = std::min<int64_t>(setup_.options.accumulate, batch[0].size(0));
  const Tensor whole = at_least_one(count_of(hooks, batch));
  Tensors gradients;
  for (int64_t k = 0; k < parts; ++k) {
    const Tensors some = part_of(batch, k, parts);
    const Tensor share = reshape(at_least_one(count_of(hooks, some)) / whole, {});
    const Tensor one = loss_of(hooks, some) * share;
    const Tensors slopes = grad({one}, optimizer_->parameters());
    loss = k == 0 ? one : loss + one;
    for (size_t i = 0; i < slopes.size(); ++i) {
      if (k == 0) gradients.push_back(slopes[i]);
      else gradients[i] = gradients[i] + slopes[i];
    }
  }
  return gradients;
}

Tensor Supervised::update_over_ranks(const Hooks& hooks, std::span<const Tensor> batch) {
  const CollectiveScope scope;
  const Tensor count = count_of(hooks, batch), weight = at_least_one(count);
  const bool in_parts = setup_.options.accumulate > 1;
  Tensor loss;
  Tensors gradients;
  if (in_parts) gradients = accumulated(hooks, batch, loss);
  else loss = loss_of(hooks, batch);
  const Tensors statistics =
      dist::synchronises_statistics() ? Tensors() : running_statistics(setup_.network);
  averager_.begin(count, {loss}, static_cast<double>(batch[0].size(0)), statistics);
  if (in_parts)
    for (Tensor& g : gradients) g = g * weight;
  else gradients = optimizer_->gradients(loss * reshape(weight, {}));
  optimizer_->step(averager_.mean(gradients));
  for (size_t i = 0; i < statistics.size(); ++i) assign(statistics[i], averager_.means()[i + 1]);
  return averager_.means()[0];
}

Tensor Supervised::update(const Hooks& hooks, std::span<const Tensor> batch) {
  Tensor loss;
  if (dist::world()) loss = update_over_ranks(hooks, batch);
  else if (std::min<int64_t>(setup_.options.accumulate, batch[0].size(0)) > 1)
    optimizer_->step(accumulated(hooks, batch, loss));
  else optimizer_->step(loss = loss_of(hooks, batch));
  if (ema_) ema_->update();
  return loss;
}

void Supervised::run(const Hooks& hooks) {
  optim::Scheduler schedule(*optimizer_, setup_.schedule, trainer_.step());
  auto step = CompiledFunction(
      [&](std::span<const Tensor> batch) -> Tensors { return {update(hooks, batch)}; });
  Tensors batch;
  setup_.network.train();
  trainer_.run({.load = [&] { batch = hooks.next(), has_batch_ = true; },
                .step =
                    [&] {
                      const double loss = step.call(batch)[0].item();
                      schedule.step();
                      return Scalars{{"loss", loss}};
                    },
                .note =
                    [&] {
                      Json note = hooks.note ? hooks.note() : Json::object();
                      note["lr"] = optimizer_->lr();
                      return note;
                    },
                .evaluate = [&] { return evaluate(hooks); },
                .save_weights = [&] { save_weights(); },
                .graph =
                    [&] {
                      const Executable* compiled = step.last();
                      return compiled ? ops_to_first_result(compiled->traced(),
                                                            setup_.network.state_dict())
                                      : std::vector<io::GraphOp>();
                    }});
  if (was_finished_ || setup_.options.keep != "best") return;
  const Use use(*this);
  trainer_.write_weights("model-last.safetensors", setup_.network.state_dict());
}

Supervised::Use::Use(Supervised& session) : session_(session) {
  if (session_.ema_) session_.ema_->swap();
  session_.setup_.network.eval();
}
Supervised::Use::~Use() {
  session_.setup_.network.train();
  if (session_.ema_) session_.ema_->swap();
}

Evaluation Supervised::evaluate(const Hooks& hooks) {
  const Use use(*this);
  // Rank 0's numbers decide, lest ranks with other processors decide otherwise.
  const Json measured = of_leader(hooks.measure());
  const Json loss = measured.value("loss", Json());  // null: not a number, told by rank 0
  // The last step's update is seen by no other step.
  if (measured.contains("loss") && !(loss.is_number() && std::isfinite(loss.get<double>())))
    throw Diverged(fmt::format(
        "step {}: the {} loss is not finite: the network has diverged. Begin anew with a lower "
        "learning rate (lr){}",
        trainer_.step(), setup_.split,
        std::isfinite(best_.item())
            ? fmt::format("; the best weights so far stay in {}", folder().path())
            : ""));
  if (setup_.validates) take_best(loss.is_number() ? loss.get<double>() : NAN);
  const int64_t patience = setup_.options.patience;
  const bool enough = patience > 0 && without_.item() >= static_cast<double>(patience);
  Evaluation evaluation{
      .images = hooks.pictures && has_batch_ ? hooks.pictures() : Evaluation().images,
      .stop = enough};
  for (const auto& [name, value] : measured.items()) {
    const std::string tag = setup_.split + "/" + name;
    if (value.is_number_float()) evaluation.values.emplace_back(tag, value);
    if (value.is_string()) evaluation.texts.emplace_back(tag, value);
  }
  // The training's loss has what training adds, the other has not: where targets are smoothed, the
  // two are no equals.
  evaluation.line = fmt::format(
      "step {}  {}loss {:.4f}  {} {}{}", trainer_.step(), setup_.smooths_targets ? "smoothed " : "",
      trainer_.last_mean("loss"), setup_.split == "validation" ? "val" : setup_.split,
      hooks.words(measured), enough ? ", no better for a while: ended" : "");
  return evaluation;
}

Json Supervised::result(const std::string& split, const Json& measured) const {
  Json result = {{"task", setup_.task}, {"split", split}};
  result.update(measured);
  result.update({{"run", folder().path()},
                 {"model", setup_.label},
                 {"weights", *setup_.options.keep},
                 {"parameters", setup_.network.num_parameters()},
                 {"steps", step()},
                 {"seconds", seconds()}});
  return result;
}

void Supervised::take_best(double loss) {
  const bool better = loss < best_.item();
  assign(without_, full({1}, better ? 0 : without_.item() + 1, DType::f64));
  if (!better) return;
  assign(best_, full({1}, loss, DType::f64));
  trainer_.write_weights(
      setup_.options.keep == "best" ? "model.safetensors" : "model-best.safetensors",
      setup_.network.state_dict());
}

// After a checkpoint; the best ones are written when they are found.
void Supervised::save_weights() {
  if (setup_.options.keep == "best" && std::isfinite(best_.item())) return;
  const Use use(*this);
  trainer_.write_weights(setup_.network.state_dict());
}

void Supervised::use_kept() const {
  if (dist::leads())
    load_weights({folder().path(), folder().weights(), folder().config()}, setup_.network);
  if (dist::world()) setup_.network.load_state_dict(of_leader(setup_.network.state_dict()));
  setup_.network.eval();
}

}  // namespace cairn::train
