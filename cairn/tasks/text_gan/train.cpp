#include <algorithm>
#include <cmath>
#include <set>

#include "cairn/base/philox.h"
#include "cairn/data/order.h"
#include "cairn/io/file.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/schedule.h"
#include "cairn/tasks/adversarial/monitor.h"
#include "cairn/tasks/text_gan/task.h"
#include "cairn/train/ranks.h"
#include "cairn/train/samples.h"
#include "cairn/train/step_graph.h"

namespace cairn::tasks::text_gan {
namespace {

using adversarial::AdversarialTraining;

constexpr int64_t kLogEvery = 50, kSampleLines = 20, kProbed = 64;
constexpr uint64_t kSamplePurpose = 0x73616d706c65;

// Different pairs of words next to each other, of all pairs.
double distinct_pairs(std::span<const Words> sentences) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  size_t all = 0;
  for (const Words& words : sentences)
    for (size_t i = 0; i + 1 < words.size(); ++i) ++all, seen.insert({words[i], words[i + 1]});
  return all > 0 ? static_cast<double>(seen.size()) / static_cast<double>(all) : 0;
}

// What the writer learns by likelihood, and then the two networks against each other.
class Session {
 public:
  Session(const Options& o, const Splits& splits, const text::Tokenizer& tokenizer,
          const Numbers& train, train::RunFolder run)
      : options_(o),
        tokenizer_(tokenizer),
        train_(train),
        validation_(numbers_of(splits.validation, tokenizer, o.longest)),
        order_(train.count, data::for_rank({.batch = o.batch, .drop_last = true, .seed = o.seed})),
        writer_((manual_seed(o.seed), models::SentenceWriter(o.size()))),
        reader_(o.vocab, o.looks),
        sharpness_(state(full({}, 1))),
        training_(networks(), {.loss = nn::gan_loss_from_name(o.loss),
                               .lr = o.lr,
                               .lr_discriminator = o.lr,
                               .betas = {0.9, 0.999},
                               .ema = 0,
                               .gradients = dist::packing_named(*o.gradients)}),
        fall_(optim::cosine(o.likelihood_steps, 0.05)),
        by_likelihood_(writer_.parameters(), {.lr = o.likelihood_lr, .clip = {.norm = 5}}),
        likelihood_step_([this](std::span<const Tensor> in) -> Tensors {
          const CollectiveScope scope;
          return {step_by_likelihood(shifted(in[0]))};
        }),
        means_(dist::packing_named(*o.gradients)),
        author_(writer_, o.longest),
        monitor_([this](int64_t) { return diversity(); },
                 nn::scores_tell(nn::gan_loss_from_name(o.loss)), o.quiet),
        trainer_(std::move(run), trainer_options(splits), parts()) {
    std::vector<Words> real;
    for (int64_t i = 0; i < std::min(kProbed, std::ssize(splits.train)); ++i)
      real.push_back(data::words_of(splits.train[static_cast<size_t>(i)]));
    real_distinct_ = distinct_pairs(real);
  }

  Json run() {
    if (options_.resume) trainer_.restore();
    optim::Scheduler schedule(by_likelihood_, fall_,
                              std::min(trainer_.step(), *options_.likelihood_steps));
    trainer_.run({.load = [&] { load(); },
                  .step = [&] { return take_step(schedule); },
                  .note = [&] { return note(); },
                  .evaluate = [&] { return evaluation(); },
                  .save_weights =
                      [&] {
                        trainer_.write_weights(writer_.state_dict());
                        if (trainer_.step() <= options_.likelihood_steps)  // or the run ends here
                          trainer_.write_weights(kLikelihood, writer_.state_dict());
                      },
                  .graph = [&] { return graph(); }});
    return {{"task", kTask},
            {"run", trainer_.folder().path()},
            {"steps", trainer_.step()},
            {"seconds", trainer_.seconds()},
            {"loss_discriminator", last_.loss_discriminator},
            {"loss_generator", last_.loss_generator},
            {"nats", nats()},
            {"diversity", monitor_.diversity()},
            {"signals", monitor_.all()}};
  }

 private:
  adversarial::Networks networks() {
    return {writer_, reader_,
            [this](const Tensor& words) { return writer_.write_softly(words.size(0), sharpness_); },
            [this](const Tensor& words, const Tensor&) { return reader_(words); }};
  }

  train::TrainerOptions trainer_options(const Splits& splits) const {
    const Options& o = options_;
    const std::string left =
        train_.unknown + train_.cut == 0
            ? ""
            : fmt::format(" ({} left out for unknown words, {} cut)", train_.unknown, train_.cut);
    return {.task = kTask,
            .label = "text-gan",
            .total = o.steps,
            .log_every = kLogEvery,
            .evaluate_every = o.sample_every,
            .save_every = o.save_every,
            .quiet = o.quiet,
            .stop_after_steps = o.stop_after_steps,
            .about = fmt::format("{}: {} sentences to learn from{}, {} held back, {} to test, {} "
                                 "words; {} + {} parameters; {} steps by likelihood, {} against "
                                 "each other",
                                 *o.data, train_.count, left, validation_.count, splits.test.size(),
                                 *o.vocab, writer_.num_parameters(), reader_.num_parameters(),
                                 std::min(*o.likelihood_steps, *o.steps),
                                 std::max<int64_t>(0, o.steps - o.likelihood_steps)),
            .networks = {{"weights/writer.", writer_}, {"weights/reader.", reader_}}};
  }

  std::vector<train::Part> parts() {
    std::vector<train::Part> all = training_.parts();
    all.push_back(train::part("by_likelihood", by_likelihood_));
    all.push_back(monitor_.part());
    return all;
  }

  // Of all ranks' words alike.
  Tensor step_by_likelihood(const Tensors& words) {
    Tensor loss = check_finite(cross_entropy(flatten(writer_(words[0]), 0, 1), flatten(words[1])));
    if (!dist::world()) {
      by_likelihood_.step(loss);
      return loss;
    }
    const Tensor count = sum(cast(ge(words[1], 0), DType::f32));
    means_.begin(reshape(count, {1}), {loss});
    by_likelihood_.step(means_.mean(by_likelihood_.gradients(loss * count)));
    return means_.means()[0];
  }

  bool by_likelihood() const { return trainer_.step() < options_.likelihood_steps; }

  // Batches are those of the step, whenever it is taken.
  void load() {
    const int64_t alone = std::min(trainer_.step(), *options_.likelihood_steps);
    const int64_t first = alone + (trainer_.step() - alone) * options_.critic_steps;
    batches_.clear();
    for (int64_t i = 0; i < (by_likelihood() ? 1 : *options_.critic_steps); ++i) {
      std::vector<int64_t> words;
      for (const int64_t sample : order_.samples(first + i)) {
        const auto sentence = train_.sentence(sample);
        words.insert(words.end(), sentence.begin(), sentence.end());
      }
      const int64_t count = std::ssize(words) / options_.longest;
      batches_.push_back(from_host(words.data(), {count, options_.longest}, DType::i64));
    }
  }

  train::Scalars take_step(optim::Scheduler& schedule) {
    if (by_likelihood()) {
      const double loss = likelihood_step_.call({&batches_[0], 1})[0].item();
      schedule.step();
      return {{"loss", loss}};
    }
    if (trainer_.step() == options_.likelihood_steps)  // as it was before the two met
      trainer_.write_weights(kLikelihood, writer_.state_dict());
    // The rate's last part has the sharpness of the end: all of it, were it one of many steps.
    const double done = static_cast<double>(trainer_.step() - options_.likelihood_steps) /
                        static_cast<double>(options_.steps - options_.likelihood_steps);
    assign(sharpness_, full({}, std::pow(*options_.sharpness, done)));
    for (size_t i = 0; i + 1 < batches_.size(); ++i)
      training_.discriminator_step(batches_[i], batches_[i]);
    last_ = training_.step(batches_.back(), batches_.back());
    monitor_.add(last_);
    return {{"loss_discriminator", last_.loss_discriminator},
            {"loss_generator", last_.loss_generator},
            {"gradient_discriminator", last_.gradient_discriminator},
            {"gradient_generator", last_.gradient_generator}};
  }

  // Asked for each line of the log, and once more where an evaluation follows it.
  Json note() {
    if (trainer_.step() <= options_.likelihood_steps) {
      const int64_t last = std::max<int64_t>(0, trainer_.step() - 1);
      return {{"lr", *options_.likelihood_lr * fall_(last)}};
    }
    if (noted_ != trainer_.step()) seen_ = monitor_.observe(trainer_.step());
    noted_ = trainer_.step();
    Json all = {{"lr", *options_.lr}};
    all.update(seen_);
    return all;
  }

  // Of what learns from real sentences: it comes first.
  std::vector<io::GraphOp> graph() const {
    const Executable* compiled = likelihood_step_.last();
    if (!compiled) return {};
    return train::ops_to_first_result(compiled->traced(),
                                      train::with_prefix("writer", writer_.state_dict()));
  }

  std::vector<Words> written(int64_t count) {
    return author_.write(tokenizer_, count, 1, philox_derive(options_.seed, kSamplePurpose));
  }

  double diversity() {
    const AdversarialTraining::Use use(training_, false);
    const auto sentences = written(kProbed);
    return real_distinct_ > 0 ? distinct_pairs(sentences) / real_distinct_ : 1;
  }

  double nats() {
    const AdversarialTraining::Use use(training_, false);
    return author_.nats(validation_.count > 0 ? validation_ : train_);
  }

  train::Evaluation evaluation() {
    std::string sample;
    {
      const AdversarialTraining::Use use(training_, false);
      for (const Words& words : written(kSampleLines))
        sample += data::as_written(joined(words)) + "\n";
    }
    io::write_file_atomically(train::sample_file(trainer_.folder().path(), trainer_.step(), "txt"),
                              sample);
    const double loss = nats();
    const std::string split = validation_.count > 0 ? "validation" : "train";
    std::string line = fmt::format("step {}  ", trainer_.step());
    line += trainer_.step() <= options_.likelihood_steps
                ? fmt::format("loss {:.3f}", trainer_.last_mean("loss"))
                : fmt::format("loss D {:.3f} G {:.3f}  diversity {:.0f} %",
                              trainer_.last_mean("loss_discriminator"),
                              trainer_.last_mean("loss_generator"), monitor_.diversity() * 100);
    return {.values = {{split + "/loss", loss}},
            .line = line + fmt::format("  {} {:.3f} nats a word", split, loss),
            .texts = {{"samples", sample}}};
  }

  const Options& options_;
  const text::Tokenizer& tokenizer_;
  const Numbers& train_;
  const Numbers validation_;
  const data::Order order_;
  models::SentenceWriter writer_;
  models::SentenceReader reader_;
  Tensor sharpness_;
  AdversarialTraining training_;
  optim::Schedule fall_;  // of the rate by likelihood
  optim::Adam by_likelihood_;
  CompiledFunction likelihood_step_;
  train::Averager means_;  // over ranks, by likelihood
  Author author_;
  adversarial::Monitor monitor_;
  train::Trainer trainer_;
  double real_distinct_ = 0;
  std::vector<Tensor> batches_;
  adversarial::StepResult last_{};
  int64_t noted_ = -1;
  Json seen_ = Json::object();
};

// The words of the training sentences, or those that a resumed run has.
std::unique_ptr<text::Tokenizer> open_words(Options& o, const std::vector<std::string>& sentences) {
  if (!o.tokenizer.is_open()) return text::parse_tokenizer(o.tokenizer->dump(), *o.out);
  std::string all;
  for (const std::string& sentence : sentences) (all += sentence) += '\n';
  auto words = std::make_unique<text::WordTokenizer>(
      text::WordTokenizer::from_text(all, o.data, o.vocab_size));
  o.vocab.fill(words->size());
  o.tokenizer.fill(Json::parse(words->to_json()));
  return words;
}

}  // namespace

Json train(Options o) {
  train::choose_run(kTask, o);
  const Splits splits = open_splits(o, o.data);
  train::say_left_out(o.data, splits.left_out);
  const auto tokenizer = open_words(o, splits.train);
  const Numbers numbers = numbers_of(splits.train, *tokenizer, o.longest);
  train::note_counts(o, {{"sentences to learn from", numbers.count}});
  o.batch.require(o.batch <= numbers.count, "{} sentences are fewer than one batch of {}",
                  numbers.count, *o.batch);
  o.fill_usual();
  train::fill_length(o, numbers.count / o.batch);
  o.likelihood_steps.fill(std::max<int64_t>(1, o.steps * 3 / 4));
  o.sample_every.fill(std::max<int64_t>(50, o.steps / 20));
  return Session(o, splits, *tokenizer, numbers, train::begin_run(kTask, o)).run();
}

}  // namespace cairn::tasks::text_gan
