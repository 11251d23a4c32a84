#include <algorithm>

#include "cairn/data/order.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/question_answering/pieces.h"
#include "cairn/tasks/question_answering/task.h"

namespace cairn::tasks::question_answering {
namespace {

Json learn_words(const data::Questions& questions, const Options& o) {
  std::vector<std::string> asked;
  for (const data::Question& q : questions.all) asked.push_back(q.text);
  return WordNotation::learn(questions.contexts, asked, o.vocab);
}

// What of the folder a run keeps beside the weights.
void take_encoder(Options& o) {
  if (!o.encoder.is_open()) return;
  o.model.require(pretrained::is_folder(o.init),
                  "encoder: wants a folder of Hugging Face's to begin with (init)");
  const pretrained::Folder folder(o.init);
  o.encoder.fill(folder.config());
  o.tokenizer.fill(folder.tokenizer()->to_json());
}

bool has_unanswered(const data::Questions& questions) {
  return std::any_of(questions.all.begin(), questions.all.end(),
                     [](const data::Question& q) { return q.answers.empty(); });
}

// What different people answered teaches which words all agree on.
constexpr size_t kAnswers = 3;  // of a question; fewer are taken in turn

// The network's inputs, then where the answers start and end [N, kAnswers].
Tensors batch_of(const std::vector<Row>& rows, const std::vector<int64_t>& chosen,
                 const Notation& notation) {
  std::vector<const Row*> some;
  std::vector<int64_t> starts, ends;
  for (const int64_t i : chosen) {
    some.push_back(&rows[static_cast<size_t>(i)]);
    const auto& answers = some.back()->answers;
    for (size_t k = 0; k < kAnswers; ++k) {
      const Row::Answer& a = answers[k % answers.size()];
      starts.push_back(a.start), ends.push_back(a.end);
    }
  }
  const int64_t count = std::ssize(some), each = kAnswers;
  Tensors batch = notation.batch_of(some);
  batch.push_back(from_host(starts.data(), {count, each}, DType::i64));
  batch.push_back(from_host(ends.data(), {count, each}, DType::i64));
  return batch;
}

// Mean cross entropy of places' scores [N, T] and those that are right [N, kAnswers].
Tensor loss_of(const Tensor& scores, const Tensor& right) {
  return -mean(gather(log_softmax(scores, 1), 1, right));
}
Tensor loss_of(models::SpanNetwork& net, std::span<const Tensor> batch) {
  const Tensor scores = net.spans(batch.first(batch.size() - 2));
  return (loss_of(select(scores, 2, 0), batch[batch.size() - 2]) +
          loss_of(select(scores, 2, 1), batch.back())) *
         0.5;
}

}  // namespace

std::string in_words(const Json& r) {
  return fmt::format("exact match {:.2f} %, F1 {:.2f} %", r["exact_match"].get<double>(),
                     r["f1"].get<double>());
}

Json train(Options o) {
  train::choose_run(kTask, o);
  train::take_network_of_run(
      kTask, o,
      {&o.model, &o.encoder, &o.tokenizer, &o.words, &o.vocab, &o.embedding, &o.width, &o.longest});
  o.model.fill(pretrained::is_folder(o.init) ? "encoder" : "reader");
  o.fill_usual();
  data::QuestionSplits split = data::open_questions(o.data, o.val_split);
  // An answer that stands nowhere in its text teaches nothing.
  std::erase_if(split.train.all, [](const data::Question& q) { return q.misplaced; });
  if (split.validation.all.empty())
    throw InvalidOption("val_split", "leaves no question to validate by");
  train::note_counts(o, {{"questions to learn from", split.train.all.size()},
                         {"questions to validate by", split.validation.all.size()}});
  if (o.model == "encoder") take_encoder(o);
  else if (o.words.is_open()) o.words.fill(learn_words(split.train, o));
  o.unanswered.fill(has_unanswered(split.train));
  const auto notation = make_notation(o, o.out);
  const auto rows = rows_of(split.train, *notation);
  std::vector<int64_t> lengths;
  for (const Row& r : rows) lengths.push_back(static_cast<int64_t>(r.count));
  const data::Order order(std::ssize(rows), data::for_rank({.batch = o.batch, .seed = o.seed}),
                          lengths);
  train::fill_length(o, order.steps_per_epoch());
  const bool encoder = o.model == "encoder";
  o.eval_every.fill(std::clamp<int64_t>(order.steps_per_epoch() / (encoder ? 2 : 1), 1, *o.steps));
  manual_seed(o.seed);
  const auto net = make_network(o, *notation, o.out);
  train::Supervised session(
      {.task = kTask,
       .label = o.model,
       .network = net->module(),
       .options = o,
       .schedule = optim::one_cycle(o.steps, encoder ? 0.1 : 0.3),
       .validates = true,
       .decays_matrices_only = true,
       .about =
           fmt::format("{}: {} questions to learn from in {} windows, {} to validate; answers "
                       "that stand elsewhere: {}, nowhere: {}",
                       *o.data, split.train.all.size(), rows.size(), split.validation.all.size(),
                       split.train.moved, split.train.misplaced)});
  Finder finder(net, notation, o.max_answer, o.unanswered);
  const auto measure = [&] {
    const auto found = finder.find(split.validation);
    Json measured = {{"loss", found.loss}};
    measured.update(score(split.validation, found.answers));
    return measured;
  };
  session.run({.next = [&] { return batch_of(rows, order.samples(session.step()), *notation); },
               .loss = [&](std::span<const Tensor> in) { return loss_of(*net, in); },
               .measure = measure,
               .words = in_words});
  session.use_kept();
  Json result = {{"examples", split.validation.all.size()}};
  result.update(measure());
  return session.result("validation", result);
}

}  // namespace cairn::tasks::question_answering
