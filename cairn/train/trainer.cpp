#include "cairn/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/base/quote.h"
#include "cairn/device/pool.h"
#include "cairn/io/json.h"
#include "cairn/io/jsonl.h"
#include "cairn/io/utf8.h"
#include "cairn/ops/functions.h"
#include "cairn/train/progress.h"
#include "cairn/train/ranks.h"
#include "cairn/train/saved_model.h"
#include "cairn/train/signals.h"

namespace cairn::train {
namespace {

// When the program was loaded, nearly.
const auto program_began = std::chrono::steady_clock::now();

const Tensor* find(const NamedTensors& tensors, const std::string& name) {
  const auto it = std::find_if(tensors.begin(), tensors.end(),
                               [&](const auto& named) { return named.first == name; });
  return it == tensors.end() ? nullptr : &it->second;
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Part generator_part() {
  const auto load = [](const NamedTensors& saved) {
    check(saved.size() == 1 && saved[0].second.shape() == Shape{2},
          "no checkpoint of a training: no random state");
    auto words = saved[0].second.to_vector<int64_t>();
    if (dist::rank() > 0)  // ranks draw numbers of their own
      words[0] = static_cast<int64_t>(
          philox_derive(static_cast<uint64_t>(words[0]), static_cast<uint64_t>(dist::rank())));
    assign(generator(), from_host(words.data(), {2}, DType::i64));
  };
  return {"random", [] { return NamedTensors{{"generator", generator()}}; }, load};
}

// The checkpoint's metadata.
class Notes {
 public:
  explicit Notes(const io::Metadata& metadata) : metadata_(metadata) {}
  std::string text(const char* key) const {
    const auto it = metadata_.find(key);
    check(it != metadata_.end(), "no checkpoint of a training: its metadata has no '{}'", key);
    return it->second;
  }
  double number(const char* key) const {
    try {
      return std::stod(text(key));
    } catch (const std::logic_error&) {
      fail("no checkpoint of a training: '{}' is '{}', no number", key, text(key));
    }
  }
  bool flag(const char* key) const {
    const auto it = metadata_.find(key);
    return it != metadata_.end() && it->second == "true";
  }
  // An object, or null: checkpoints of earlier versions have fewer.
  Json object(const char* key) const {
    const auto it = metadata_.find(key);
    const Json value = it == metadata_.end() ? Json() : Json::parse(it->second, nullptr, false);
    return value.is_object() ? value : Json();
  }

 private:
  const io::Metadata& metadata_;
};

// JSON has no NaN and no infinity: they are null.
double number_in(const Json& value) { return value.is_number() ? value.get<double>() : NAN; }

// What smaller steps may help against: a kernel or a check that found no number.
bool tells_of_no_number(const std::string& what) {
  for (const char* words : {"NaN", "infinity", "infinite", "not finite"})
    if (what.find(words) != what.npos) return true;
  return false;
}

std::string described(const Scalars& values) {
  std::string text;
  for (const auto& [name, value] : values)
    text += fmt::format("{}{} {:.4f}", text.empty() ? "" : "  ", name, value);
  return text;
}

}  // namespace

Part part(const std::string& prefix, const nn::Module& module) {
  return {prefix, [&module] { return module.state_dict(); },
          [&module](const NamedTensors& saved) { module.load_state_dict(saved); }};
}

Part part(const std::string& prefix, optim::Optimizer& optimizer) {
  return {prefix, [&optimizer] { return optimizer.state_dict(); },
          [&optimizer](const NamedTensors& saved) { optimizer.load_state_dict(saved); }};
}

Part part(const std::string& prefix, NamedTensors states) {
  const auto load = [prefix, states](const NamedTensors& saved) {
    check(saved.size() == states.size(), "the checkpoint has {} tensors of '{}', the run {}",
          saved.size(), prefix, states.size());
    for (const auto& [name, own] : states) {
      const Tensor* value = find(saved, name);
      check(value && value->shape() == own.shape() && value->dtype() == own.dtype(),
            "the checkpoint's '{}.{}' is missing or of another shape", prefix, name);
      assign(own, *value);
    }
  };
  return {prefix, [states] { return states; }, load};
}

Part part_of_rows(const std::string& prefix, NamedTensors states, int axis) {
  const auto whole = [states, axis] { return of_all_ranks(states, axis); };
  const Part all = part(prefix, states);
  return {prefix, whole, [all, states, axis](const NamedTensors& saved) {
            NamedTensors own = saved;
            for (auto& [name, value] : own) {
              check(value.rank() > axis, "the checkpoint's '{}' is of another shape", name);
              const auto [first, count] = dist::share_of(value.size(axis));
              value = slice(value, axis, first, count);
            }
            all.load(own);
          }};
}

Part part(const std::string& prefix, optim::Ema& averages) {
  NamedTensors states;
  for (size_t i = 0; i < averages.averages().size(); ++i)
    states.emplace_back(std::to_string(i), averages.averages()[i]);
  states.emplace_back("updates", averages.updates());
  return part(prefix, std::move(states));
}

class Trainer::Output {
 public:
  explicit Output(const Trainer& trainer)
      : metrics_(trainer.run_.metrics(), known_until(trainer)),
        events_(trainer.run_.path(), trainer.step_ > 0 ? known_until(trainer) + 1 : 0),
        progress_(trainer.options_.label, trainer.options_.total, trainer.step_,
                  trainer.options_.quiet || !dist::leads()) {}

  // A line of metrics.jsonl, and each value as a scalar for TensorBoard.
  void write(int64_t step, const Json& note, const Scalars& values, const std::string& folder) {
    Json line = {{"step", step}};
    if (note.is_object()) line.update(note);
    if (note.is_object() && !folder.empty())  // the learning rate
      for (const auto& [name, value] : note.items())
        if (value.is_number_float()) events_.add_scalar(folder + name, step, value.get<float>());
    for (const auto& [name, value] : values) {
      std::string key = name;
      std::replace(key.begin(), key.end(), '/', '_');
      line[key] = value;
      events_.add_scalar(folder + name, step, static_cast<float>(value));
    }
    metrics_.write(line);
  }
  void show(int64_t step, const Evaluation& e, const TrainerOptions& o) {
    if (!dist::leads()) return;
    for (const auto& [tag, image] : e.images) events_.add_image(tag, step, image);
    for (const auto& [tag, text] : e.texts) events_.add_text(tag, step, text);
    constexpr int64_t kMostHistograms = 16;  // of a training, each weight's
    const int64_t part = step * kMostHistograms / std::max<int64_t>(1, o.total);
    if (std::exchange(part_, part) == part) return;
    for (const auto& [prefix, network] : o.networks)
      for (const auto& [name, weight] : network.named_parameters())
        events_.add_histogram(prefix + name, step, weight.to_vector<float>());
  }
  void show_run(int64_t step, const Json& config, const std::vector<io::GraphOp>& graph) {
    events_.add_text("config", step, "```\n" + io::dump_json(config, 2) + "\n```");
    if (!graph.empty()) events_.add_graph(graph);
  }
  Progress& progress() { return progress_; }

 private:
  // The last step of which all is said that there is to say.
  static int64_t known_until(const Trainer& t) { return t.step_ - (t.unevaluated_ ? 1 : 0); }

  io::JsonlWriter metrics_;
  io::EventWriter events_;
  Progress progress_;
  int64_t part_ = -1;  // of the training, when weights were shown last
};

Trainer::Trainer(RunFolder run, TrainerOptions options, std::vector<Part> parts)
    : run_(std::move(run)), options_(std::move(options)), parts_(std::move(parts)) {
  parts_.push_back(generator_part());
}

double Trainer::seconds() const { return seconds_before_ + since(began_); }

bool Trainer::restore() {
  const std::string path = run_.checkpoint();
  if (dist::largest(dist::leads() && run_.has_checkpoint()) == 0) {
    check(!run_.has_weights(),
          "'{}' has weights but no checkpoint to go on from; begin a new run with them: --init {}",
          run_.path(), shell_quoted(run_.path()));
    fmt::print(stderr, "cairn: {} has no checkpoint yet: starting from the beginning\n",
               run_.path());
    run_.start_over();
    return false;
  }
  try {
    restore_from(of_leader(dist::leads() ? load_checkpoint(path) : Loaded()));
    return restored_ = true;
  } catch (const dist::RankLost&) { throw; } catch (const Error& e) {
    const std::string reason = e.what();
    if (reason.find(path) != reason.npos) throw;
    fail("'{}': {}", path, reason);
  }
}

// Whatever a rank began with, rank 0's is what all have.
void Trainer::share() {
  if (dist::world() && !restored_) restore_from(of_leader(snapshot()));
}

void Trainer::restore_from(const Loaded& loaded) {
  const Notes notes(loaded.metadata);
  const double step = notes.number("step");
  check(
      step >= 0 && step <= static_cast<double>(options_.total),
      "the checkpoint is of step {}, the run has {}: steps that were taken are not taken back; ask "
      "for as many at least, by the option steps or the option epochs",
      step, options_.total);
  for (const Part& part : parts_) part.load(loaded.part(part.prefix));
  step_ = static_cast<int64_t>(step);
  seconds_before_ = notes.number("seconds");
  ended_ = notes.flag("ended");
  unevaluated_ = notes.flag("unevaluated");
  last_line_ = notes.object("line");
  // What was summed since the last line.
  if (const Json running = notes.object("running"); running.contains("count"))
    for (const auto& [name, value] : running.items()) {
      if (name == "count") running_.count = value.get<int64_t>();
      else running_.sums.emplace_back(name, number_in(value));
    }
  const std::string threads = notes.text("threads"),
                    ranks = loaded.metadata.contains("ranks") ? notes.text("ranks") : "1";
  if (!dist::leads()) return;
  if (ranks != std::to_string(dist::ranks()))
    fmt::print(stderr,
               "cairn: the run was made with {} rank(s) and goes on with {}: results agree within "
               "rounding, not to the bit\n",
               ranks, dist::ranks());
  if (threads != std::to_string(num_threads()))
    fmt::print(stderr,
               "cairn: the run was made with {} threads and goes on with {}: results agree "
               "within rounding, not to the bit\n",
               threads, num_threads());
}

void Trainer::run(const TrainerHooks& hooks) {
  share();
  if (finished()) {
    announce();
    return mend_weights(hooks);
  }
  SignalScope signals;
  run_.save_config();
  announce();
  Output output(*this);
  if (unevaluated_) {  // the process ended between a checkpoint and the end of its evaluation
    log_line(output);
    close_step(hooks, output, true);
  }
  for (bool first = true; !finished(); first = false) {
    take_step(hooks);
    run_.keep();
    if (first) begin(hooks, output);
    const bool evaluates = step_ == options_.total ||
                           (options_.evaluate_every && step_ % options_.evaluate_every == 0);
    if (step_ % options_.log_every == 0 || evaluates) log(hooks, output);
    output.progress().update(step_, last_logged_);
    close_step(hooks, output, evaluates);
  }
  say_traffic();
}

// What went between ranks in a step of this start, on average.
void Trainer::say_traffic() const {
  if (!dist::world() || options_.quiet || !dist::leads() || taken_ == 0) return;
  const auto t = dist::world()->traffic();
  const double steps = static_cast<double>(taken_);
  fmt::print(stderr,
             "{} ranks; each sent {:.3f} MB a step, for {:.2f} ms, of which {:.2f} ms were waited "
             "for\n",
             dist::ranks(), static_cast<double>(t.bytes) / 1e6 / steps, t.seconds * 1e3 / steps,
             t.waited * 1e3 / steps);
}

// Weights of a finished run that were lost or damaged are those of its checkpoint.
void Trainer::mend_weights(const TrainerHooks& hooks) const {
  if (!dist::leads()) return;
  try {
    load_tensors(run_.weights());
  } catch (const Error& e) {
    const std::string damage = e.what();
    if (hooks.save_weights) hooks.save_weights();
    load_tensors(run_.weights());  // the best ones are in no checkpoint
    fmt::print(stderr, "cairn: {}\ncairn: it was written anew from the checkpoint\n", damage);
  }
}

// What is said once of each start.
void Trainer::begin(const TrainerHooks& hooks, Output& output) {
  output.write(step_, {{"seconds_to_first_step", since(program_began)}}, {}, "");
  output.show_run(step_, run_.config(),
                  step_ == 1 && hooks.graph ? hooks.graph() : std::vector<io::GraphOp>());
}

// What an evaluation needs long for, or fails at, is not lost: the checkpoint comes first.
void Trainer::close_step(const TrainerHooks& hooks, Output& output, bool evaluates) {
  const bool again = unevaluated_;  // its checkpoint is there
  unevaluated_ = evaluates && hooks.evaluate;
  const bool stops = is_to_stop();
  if (evaluates || stops || (options_.save_every && step_ % options_.save_every == 0)) {
    if (!again) save(true);
    if (hooks.save_weights) hooks.save_weights();
  }
  if (unevaluated_) {
    evaluate(hooks, output);
    unevaluated_ = false;
    if (finished()) save(false);
  }
  if (stops && !finished())
    throw Stopped(
        stop_signal_,
        fmt::format("stopped at step {} of {}; saved. Go on with: cairn train --resume {}", step_,
                    options_.total, shell_quoted(run_.path())));
}

// All ranks stop after the same step.
bool Trainer::is_to_stop() {
  const int64_t last = options_.stop_after_steps;
  stop_signal_ = static_cast<int>(dist::largest(SignalScope::caught()));
  return stop_signal_ != 0 || (last && step_ >= last);
}

void Trainer::announce() const {
  if (!dist::leads()) return;
  if (finished())
    fmt::print(stderr, "cairn: {} is finished, after {} of {} steps{}\n", run_.path(), step_,
               options_.total,
               ended_ ? " without improvement at the end" : "; it goes on when more are asked for");
  else if (!options_.quiet && !options_.about.empty())
    fmt::print(stderr, "{}; {} steps; {}\n", io::printable(options_.about), options_.total,
               io::printable(run_.path()));
}

void Trainer::take_step(const TrainerHooks& hooks) {
  if (hooks.load) hooks.load();
  Scalars values;
  try {
    values = hooks.step();
  } catch (const dist::RankLost& e) {
    throw dist::RankLost(fmt::format(
        "{}. {}", e.what(),
        !dist::leads() ? "This rank stops, too"
        : run_.has_checkpoint()
            ? fmt::format("The last good checkpoint is {}; go on from it with as many ranks as "
                          "there are: cairn train --resume {}",
                          run_.checkpoint(), shell_quoted(run_.path()))
            : "No checkpoint was written yet"));
  } catch (const OutOfMemory& e) {  // which no learning rate changes
    throw OutOfMemory(fmt::format("step {}: {}", step_ + 1, e.what()));
  } catch (const Error& e) {
    const bool saved = std::filesystem::exists(run_.checkpoint());
    const bool diverged = tells_of_no_number(e.what());
    const std::string again =
        saved ? fmt::format(
                    "The last good checkpoint is {}; go on from it{}: cairn train --resume "
                    "{}{}",
                    run_.checkpoint(), diverged ? " with a lower learning rate" : "",
                    shell_quoted(run_.path()), diverged ? " --lr NUMBER" : "")
              : fmt::format("No checkpoint was written yet{}",
                            diverged ? "; try a lower learning rate (lr)" : "");
    fail("step {}: {}. {}", step_ + 1, e.what(), again);
  }
  ++step_, ++taken_;
  // Steps of another kind, which say other things, begin means of their own.
  const auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (!std::equal(values.begin(), values.end(), running_.sums.begin(), running_.sums.end(),
                  same_name)) {
    running_ = {};
    for (const auto& [name, value] : values) running_.sums.emplace_back(name, 0.0);
  }
  ++running_.count;
  for (size_t i = 0; i < values.size(); ++i) running_.sums[i].second += values[i].second;
}

void Trainer::log(const TrainerHooks& hooks, Output& output) {
  Json means = Json::object();
  const auto count = static_cast<double>(std::exchange(running_.count, 0));
  for (const auto& [name, sum] : std::exchange(running_.sums, {})) means[name] = sum / count;
  Json note = hooks.note ? hooks.note() : Json();
  if (dist::world()) {  // of a step, since the last line
    const auto before = std::exchange(traffic_, dist::world()->traffic());
    note["sent_mb"] = static_cast<double>(traffic_.bytes - before.bytes) / 1e6 / count;
    note["sending_seconds"] = (traffic_.seconds - before.seconds) / count;
    note["waited_seconds"] = (traffic_.waited - before.waited) / count;
  }
  last_line_ = {{"note", note}, {"means", means}};
  log_line(output);
}

void Trainer::log_line(Output& output) {
  Scalars means;
  if (!last_line_.is_object()) return;
  if (last_line_.contains("means"))
    for (const auto& [name, value] : last_line_["means"].items())
      means.emplace_back(name, number_in(value));
  output.write(step_, last_line_.value("note", Json()), means, "train/");
  last_logged_ = described(means);
  last_means_ = means;
}

double Trainer::last_mean(const std::string& name) const {
  for (const auto& [known, value] : last_means_)
    if (known == name) return value;
  return NAN;
}

void Trainer::evaluate(const TrainerHooks& hooks, Output& output) {
  Evaluation result;
  try {
    result = hooks.evaluate();
  } catch (const Diverged&) {
    output.write(step_, {{"seconds", seconds()}, {"diverged", true}}, {}, "");
    throw;
  }
  ended_ = result.stop;
  // What the hook notes stands in the line of the log for this step, which came before.
  output.write(step_, {{"seconds", seconds()}}, result.values, "");
  output.show(step_, result, options_);
  if (!result.line.empty())
    output.progress().line(fmt::format("{}  {}", result.line, readable_seconds(seconds())));
}

void Trainer::save(bool keep_previous) {
  const Loaded now = snapshot();
  if (!dist::leads()) return;
  if (!RunFolder::holds_run(run_.path())) run_.save_config();  // somebody removed it meanwhile
  save_tensors(run_.checkpoint(), now.tensors, now.metadata, keep_previous);
}

Loaded Trainer::snapshot() const {
  NamedTensors all;
  for (const Part& part : parts_)
    for (auto& named : with_prefix(part.prefix, part.save())) all.push_back(std::move(named));
  Json running = {{"count", running_.count}};
  for (const auto& [name, sum] : running_.sums) running[name] = sum;
  return {all,
          {{"step", std::to_string(step_)},
           {"seconds", fmt::format("{}", seconds())},
           {"threads", std::to_string(num_threads())},
           {"ranks", std::to_string(dist::ranks())},
           {"ended", ended_ ? "true" : "false"},
           {"unevaluated", unevaluated_ ? "true" : "false"},
           {"line", io::dump_json(last_line_)},
           {"running", running.dump()}}};
}

void Trainer::write_weights(const NamedTensors& weights) const {
  write_weights("model.safetensors", weights);
}

void Trainer::write_weights(const std::string& file, const NamedTensors& weights) const {
  if (!dist::leads()) return;
  save_tensors(run_.file(file), weights, {{kConfigMetadata, io::dump_json(run_.config())}});
}

}  // namespace cairn::train
