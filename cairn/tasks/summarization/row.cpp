#include <algorithm>
#include <cmath>

#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/metrics/rouge.h"
#include "cairn/tasks/summarization/task.h"

namespace cairn::tasks::summarization {
namespace {

std::vector<std::string> texts_of(const std::vector<Summarized>& documents) {
  std::vector<std::string> texts;
  for (const Summarized& d : documents) texts.push_back(d.text);
  return texts;
}

Json evaluate(Summarizer& s, const SummaryEvalOptions& o) {
  const std::string split = o.checked_split("errands");
  const auto documents = s.documents(o.or_own(""), split);
  const auto said = write_all(s, texts_of(documents), o.how(o.max_tokens), o);
  Json result = {
      {"examples", documents.size()}, {"loss", s.loss(pairs_of(documents))}, {"beams", *o.beams}};
  result.update(rouge_of(documents, said));
  return s.result(split, result);
}

std::string in_words(const Json& r) {
  if (!r.contains("rouge1")) return fmt::format("loss {:.4f}", r["loss"].get<double>());
  const auto three = [&](const char* before, const char* after) {
    std::string words;
    for (const char* name : {"rouge1", "rouge2", "rougeL"})
      words += fmt::format("{}{:.2f}", words.empty() ? "" : " / ",
                           r[before + std::string(name) + after].get<double>());
    return words;
  };
  std::string words = fmt::format(
      "ROUGE-1/2/L {} (best of references {}; first three sentences {}; L as py-rouge weighs it "
      "{:.2f})",
      three("", ""), three("", "_best"), three("lead3_", ""), r["rougeL_weighted"].get<double>());
  if (r.contains("references_without_words"))
    words += fmt::format(
        "; {} summaries of people have no word of a to z or 0 to 9 and count 0 whatever is said; "
        "by "
        "words of any script {}",
        r["references_without_words"].get<int64_t>(), three("unicode_", ""));
  return words;
}

// Leaves out texts without words and empty summaries; how many texts.
int64_t leave_out_empty(std::vector<Summarized>& documents) {
  for (Summarized& d : documents) std::erase(d.summaries, "");
  return static_cast<int64_t>(std::erase_if(
      documents, [](const Summarized& d) { return d.text.empty() || d.summaries.empty(); }));
}

// A line as it is, or the text of its JSON object.
std::string text_of(const std::string& line, const std::string& file, int64_t number) {
  return line.starts_with('{') ? data::parse_summarized(line, file, number, false).text : line;
}

int predict(Summarizer& s, const PredictOptions& o) {
  return write_lines(s, o.files, o.how(o.max_tokens), o.batch, text_of);
}

std::vector<std::string> write_inputs(const std::string& folder) {
  const std::string path = folder + "/errands.txt";
  io::write_file_atomically(
      path, std::string_view("Bakale: Hello Runozu. What a day it was. Runozu: It will rain, they "
                             "say. Bakale: Could you buy bread in Wotego on Friday? Runozu: Yes, I "
                             "can.\n"));
  return {path};
}

}  // namespace

std::vector<Summarized> Summarizer::documents(const std::string& data,
                                              const std::string& split) const {
  auto all = data::open_summaries(data.empty() ? *options_.data : data);
  // As the training drew what it held back.
  if (is_own_data(data, options_.data) && split != "all") leave_out_empty(all.train);
  return examples_of(std::move(all), split, data, options_);
}

std::vector<TextPair> Summarizer::held_back() const {
  return pairs_of(documents("", "validation"));
}

std::vector<TextPair> pairs_of(const std::vector<Summarized>& documents) {
  std::vector<TextPair> pairs;
  for (const Summarized& d : documents)
    for (const std::string& summary : d.summaries) pairs.push_back({d.text, summary});
  return pairs;
}

namespace {

using metrics::Rouge, metrics::RougeWords;

struct Measure {
  const char* name;
  double (*f)(const Rouge&);
};

double weighted(const Rouge& r) {
  const double p = std::pow(r.rougeL.precision, 1 / 1.2), w = std::pow(r.rougeL.recall, 1 / 1.2);
  return p + w > 0 ? 2 * p * w / (p + w) : 0;
}

constexpr Measure kMeasures[] = {{"rouge1", [](const Rouge& r) { return r.rouge1.f; }},
                                 {"rouge2", [](const Rouge& r) { return r.rouge2.f; }},
                                 {"rougeL", [](const Rouge& r) { return r.rougeL.f; }},
                                 {"rougeLsum", [](const Rouge& r) { return r.rougeLsum.f; }},
                                 {"rougeL_weighted", weighted}};

// The mean over documents: of the mean over references, and of the best.
Json mean_rouge(const std::vector<Summarized>& documents, const std::vector<std::string>& said,
                RougeWords kind, const std::string& before) {
  Json means = Json::object(), bests = Json::object();
  for (size_t i = 0; i < documents.size(); ++i) {
    std::vector<Rouge> scores;
    for (const std::string& reference : documents[i].summaries)
      scores.push_back(metrics::rouge(reference, said[i], kind));
    for (const Measure& m : kMeasures) {
      double sum = 0, most = 0;
      for (const Rouge& r : scores) sum += m.f(r), most = std::max(most, m.f(r));
      const std::string name = before + m.name;
      const double all = static_cast<double>(documents.size()) / 100;
      means[name] = means.value(name, 0.0) + sum / (all * static_cast<double>(scores.size()));
      bests[name + "_best"] = bests.value(name + "_best", 0.0) + most / all;
    }
  }
  means.update(bests);
  return means;
}

}  // namespace

Json rouge_of(const std::vector<Summarized>& documents, const std::vector<std::string>& said) {
  std::vector<std::string> leads;
  int64_t wordless = 0;
  bool has_other_letters = false;
  for (const Summarized& d : documents) {
    leads.push_back(data::lead_of(d.text));
    for (const std::string& s : d.summaries) {
      const auto words = metrics::rouge_words(s, RougeWords::plain);
      wordless += words.empty();
      has_other_letters |= words != metrics::rouge_words(s, RougeWords::of_any_script);
    }
  }
  Json result = mean_rouge(documents, said, RougeWords::stemmed, "");
  result.update(mean_rouge(documents, leads, RougeWords::stemmed, "lead3_"));
  if (has_other_letters)
    result.update(mean_rouge(documents, said, RougeWords::of_any_script, "unicode_"));
  if (wordless > 0) result["references_without_words"] = wordless;
  return result;
}

Json train(Options o) {
  train::choose_run(kTask, o);
  take_network_of_run(kTask, o, o.model);
  auto all = data::open_summaries(o.data);
  const int64_t empty = leave_out_empty(all.train);
  o.fill_usual();
  // What is held back is held back with all its summaries.
  const auto parts = split_of(std::move(all.train), std::move(all.validation), o);
  return train_on(
      kTask, o, {pairs_of(parts.train), pairs_of(parts.validation)},
      fmt::format("{} texts, {} left out for an empty side", parts.train.size(), empty));
}

const Opener kOpener{kTask, open_as<Summarizer>};
const Task kRow{
    .name = kTask,
    .title = "Summarization",
    .what = "Learn to say texts in short",
    .examples =
        "  cairn train summarization --out runs/errands\n"
        "  cairn train summarization --data dialogsum/ --out runs/dialogues\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"rouge1"}, {"loss", false}},
    .verbs = {eval_verb<Summarizer, SummaryEvalOptions, evaluate, in_words>(
                  "Measure how much of people's summaries its own say",
                  "  cairn eval runs/dialogues --split test --json\n"),
              verb<Summarizer, PredictOptions, predict>(
                  "predict", "Say each line's text in short",
                  "  cairn predict runs/dialogues < texts.txt\n")
                  .of("text")},
    .report = report_as<Summarizer, report>,
    .smallest = R"({"data": "errands", "vocab": 300, "layers": 1, "width": 16, "heads": 2,
        "feed_forward": 32, "batch": 8, "longest": 160, "steps": 6, "eval_every": 3})",
    .write_inputs = write_inputs,
    .inputs = "errands"};

}  // namespace cairn::tasks::summarization
