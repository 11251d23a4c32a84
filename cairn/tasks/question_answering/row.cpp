#include <unistd.h>

#include <algorithm>

#include "cairn/io/file.h"
#include "cairn/io/gzip.h"
#include "cairn/io/json.h"
#include "cairn/io/lines.h"
#include "cairn/io/utf8.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/question_answering/task.h"
#include "cairn/text/unicode.h"

namespace cairn::tasks::question_answering {
namespace {

// {task, split, examples, loss, exact_match, f1}.
Json evaluate(Answerer& a, const QuestionEvalOptions& o) {
  const auto questions = a.questions(o.or_own(""));
  const bool writes = !o.out.is_open() && !o.out->empty();
  if (writes && dist::leads()) io::check_writable(o.out);  // before the work
  const auto nameless = std::count_if(questions.all.begin(), questions.all.end(),
                                      [](const data::Question& q) { return q.id.empty(); });
  if (writes && nameless > 0)  // all of them would be one line of the file
    throw InvalidOption("out", fmt::format("answers are written by the questions' ids; {} of {} "
                                           "questions have none",
                                           nameless, questions.all.size()));
  const auto found = a.finder().find(questions);
  if (writes) {
    Json answers = Json::object();
    for (size_t i = 0; i < found.answers.size(); ++i)
      answers[questions.all[i].id] = found.answers[i].text;
    io::write_file_atomically(o.out, std::string_view(io::dump_json(answers)));
  }
  Json measured = {{"examples", questions.all.size()}, {"loss", found.loss}};
  measured.update(score(questions, found.answers));
  return a.result(o.data.is_open() ? "validation" : "all", measured);
}

void print(const PredictOptions& o, std::string_view context, const Answer& answer) {
  const int64_t start = data::points_before(context, answer.begin);
  const int64_t end = data::points_before(context, answer.end);
  if (o.json)
    fmt::print(printed(), "{}\n",
               io::dump_json({{"answer", answer.text},
                              {"start", start},
                              {"end", end},
                              {"confidence", answer.confidence}}));
  else
    fmt::print(printed(), "{}  ({:.0f} %)\n", answer.text.empty() ? "(no answer)" : answer.text,
               answer.confidence * 100);
  std::fflush(printed());
}

void print_answer(Answerer& a, const PredictOptions& o, const AskedLine& asked) {
  print(o, asked.context, a.finder().answer({asked.context, asked.question}));
}

// Texts from outside: any bytes become UTF-8.
std::string readable(const std::string& text) {
  int64_t replaced = 0;
  std::string valid = text::with_replacements(text, &replaced);
  if (replaced > 0)
    fmt::print(stderr, "cairn: {} places that are not UTF-8 were replaced\n", replaced);
  return valid;
}

std::string context_of(const std::string& file) {
  const auto bytes = io::read_maybe_gzip(file);
  return readable(std::string(io::without_mark(io::text_of(bytes))));
}

int predict(Answerer& a, const PredictOptions& o) {
  const bool has_context = !o.context.is_open(), has_question = !o.question.is_open();
  if (has_question && !has_context)
    throw InvalidOption("question", "is about no text; name its file (context)");
  if (has_question && !o.files->empty())
    throw InvalidOption("question", fmt::format("is the one that is answered, and '{}' would be "
                                                "passed over: leave one of them out",
                                                o.files->front()));
  const std::string context = has_context ? context_of(o.context) : "";
  if (has_question) return print_answer(a, o, {context, readable(o.question)}), 0;
  const auto ask = [&](const std::string& line, const std::string& file, int64_t number) {
    if (has_context) return print_answer(a, o, {context, line});
    if (line.empty()) return print(o, "", {});  // an answer for each line
    print_answer(a, o, parse_asked(line, file, number));
  };
  for (const std::string& file : *o.files) {
    int64_t number = 0;
    for (const std::string& line : io::read_lines(file)) ask(line, file, ++number);
  }
  io::LineReader input(STDIN_FILENO, "standard input");
  for (std::string line; o.files->empty() && input.next(line);) {
    if (line.ends_with('\r')) line.pop_back();
    ask(readable(line), "standard input", input.number());
  }
  return 0;
}

std::vector<std::string> write_inputs(const std::string& folder) {
  const std::string path = folder + "/questions.jsonl";
  const std::string context =
      "Ada Ek was born in Oslo in 1931. For many years Ada Ek has worked as a pilot.";
  std::string lines;
  for (const char* question : {"When was Ada Ek born?", "What is the work of Ada Ek?"})
    lines += io::dump_json({{"context", context}, {"question", question}}) + "\n";
  io::write_file_atomically(path, std::string_view(lines));
  return {path};
}

}  // namespace

const Opener kOpener{kTask, open_as<Answerer>,
                     [](const pretrained::Spec& s) {
                       return s.head == pretrained::Head::span && s.family == "bert";
                     },
                     [](const pretrained::Folder& folder) {
                       Options o;
                       o.model.fill("encoder");
                       o.encoder.fill(folder.config());
                       o.tokenizer.fill(folder.tokenizer()->to_json());
                       o.fill_usual();
                       o.longest = std::min<int64_t>(o.longest, folder.spec().positions);
                       return o.to_json();
                     },
                     pretrained::weights_of};
const Task kRow{
    .name = kTask,
    .title = "Question answering",
    .what = "Learn to find the part of a text that answers a question",
    .examples =
        "  cairn train question-answering --out runs/people\n"
        "  cairn train question-answering --data squad/ --out runs/squad\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"f1"}},
    .verbs = {eval_verb<Answerer, QuestionEvalOptions, evaluate, in_words>(
                  "Measure how often it answers as people do",
                  "  cairn eval runs/squad --data dev-v1.1.json --json\n"),
              verb<Answerer, PredictOptions, predict>(
                  "predict", "Answer questions about a text",
                  "  cairn predict runs/squad --context text.txt --question 'Who wrote it?'\n"
                  "  cairn predict runs/squad --context text.txt --json < questions.txt\n")
                  .of("question")},
    .report = report_as<Answerer, report>,
    .smallest = R"({"data": "people", "embedding": 8, "width": 8, "batch": 8, "steps": 6,
        "eval_every": 3})",
    .write_inputs = write_inputs,
    .inputs = "questions"};

}  // namespace cairn::tasks::question_answering
