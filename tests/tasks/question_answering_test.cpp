// Question answering: words and windows, places of answers in the original text, what the commands
// print.
#include "cairn/tasks/question_answering/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/io/gzip.h"
#include "cairn/pretrained/folder.h"
#include "cairn/text/train_tokenizer.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"
#include "tests/tasks/runs.h"

namespace cairn::tasks::question_answering {
namespace {

Json vocabulary(const std::string& text) { return WordNotation::learn({text, text}, {}, 100); }

TEST(WordNotation, WordsKnowTheirBytes) {
  const std::string text = "Émile's  3,500 cafés—in Öl.";
  const WordNotation notation(vocabulary(text), "f", 128);
  const auto noted = notation.context(text);
  std::vector<std::string> words;
  for (const text::Span& s : noted->places) words.push_back(text.substr(s.begin, s.end - s.begin));
  EXPECT_EQ(words,
            (std::vector<std::string>{"Émile", "'", "s", "3,500", "cafés", "—", "in", "Öl", "."}));
  EXPECT_EQ(notation.question("ÉMILE")->ids[0], noted->ids[0]);
  // An unknown word is the same one in both texts.
  EXPECT_EQ(notation.question("Zyx")->ids, notation.context("zyx")->ids);
}

TEST(WordNotation, LongTextsAreReadInWindowsThatOverlap) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += fmt::format("w{} ", i);
  const WordNotation notation(vocabulary("w"), "f", 128);
  const size_t begin = text.find("w200 "), end = begin + 4;
  const auto rows = notation.rows(notation.context(text), notation.question("w?"), {{begin, end}});
  ASSERT_EQ(rows.size(), 4u);
  size_t covered = 0, holding = 0;
  for (const Row& r : rows) {
    EXPECT_LE(r.first, covered);
    EXPECT_LE(static_cast<int64_t>(r.count) + notation.offset(r), 128);
    covered = r.first + r.count;
    const auto [start, last] = r.answers.at(0);
    if (start == 0) continue;
    ++holding;
    EXPECT_EQ(r.first + static_cast<size_t>(start - notation.offset(r)), 200u);
    EXPECT_EQ(start, last);
  }
  EXPECT_EQ(covered, 300u);
  EXPECT_EQ(holding, 2u);
  // An answer that cuts a word has it whole.
  const auto cut =
      notation.rows(notation.context("abc def"), notation.question(""), {{1, 5}, {4, 7}});
  ASSERT_EQ(cut[0].answers.size(), 2u);
  EXPECT_EQ(cut[0].answers[0].start, 1);
  EXPECT_EQ(cut[0].answers[0].end, 2);
  EXPECT_EQ(cut[0].answers[1].start, 2);
  EXPECT_EQ(notation.rows(notation.context(""), notation.question(""), {}).size(), 1u);
}

// A network that has its favourites.
struct Marker : nn::Module, models::SpanNetwork {
  explicit Marker(int64_t start, int64_t end, float none) : start(start), end(end), none(none) {}
  Tensor spans(std::span<const Tensor> in) override {
    const int64_t n = in[0].size(0), t = in[0].size(1);
    std::vector<float> scores(static_cast<size_t>(n * t * 2), 0.0f);
    for (int64_t i = 0; i < n; ++i) {
      scores[static_cast<size_t>(2 * i * t)] = scores[static_cast<size_t>(2 * i * t + 1)] = none;
      scores[static_cast<size_t>(2 * (i * t + start))] = 20;
      scores[static_cast<size_t>(2 * (i * t + end) + 1)] = 20;
    }
    return from_host(scores.data(), {n, t, 2}, DType::f32);
  }
  nn::Module& module() override { return *this; }
  int64_t start, end;
  float none;
};

TEST(Finder, AnswersAreTheTextsOwnBytes) {
  const std::string text = "Der  Öl-Preis, €5 heute";
  const auto notation = std::make_shared<WordNotation>(vocabulary(text), "f", 128);
  const auto answer = [&](int64_t start, int64_t end, float none, bool unanswered) {
    Finder finder(std::make_shared<Marker>(start, end, none), notation, 15, unanswered);
    return finder.answer({text, "Was?"});
  };
  const Answer found = answer(2, 4, 0, true);
  EXPECT_EQ(found.text, "Öl-Preis");
  EXPECT_EQ(text.substr(found.begin, found.end - found.begin), "Öl-Preis");
  EXPECT_EQ(data::points_before(text, found.begin), 5);
  EXPECT_GT(found.confidence, 0.99);
  EXPECT_EQ(answer(2, 4, 30, true).text, "");
  EXPECT_EQ(answer(2, 4, 30, false).text, "Öl-Preis");
  // An end before the start is no span.
  EXPECT_FALSE(answer(4, 2, 0, false).text.empty());
}

TEST(QuestionAnswering, LearnsWhoIsMeant) {
  set_num_threads(1);
  const TemporaryFolder folder;
  Options o;
  o.read_file(Json::parse(R"({"data": "people", "embedding": 24, "width": 24, "batch": 32,
      "steps": 150, "eval_every": 150, "ema": 0})"),
              "options");
  o.out = folder / "run", o.quiet = true;
  const Json result = train(o);
  EXPECT_GT(result["f1"].get<double>(), 60) << result.dump();
  const auto model = open_model(folder / "run");
  std::ofstream(folder / "text") << "\xef\xbb\xbf¡Ada Ek was born in Oslo in 1931. In the evening "
                                    "Ada Ek collects stamps.";
  const Verb& predict = *find_verb(kRow, "predict");
  const auto options = predict.options();
  options->find("context")->parse(folder / "text");
  options->find("question")->parse("When was Ada Ek born?");
  options->find("json")->parse("true");
  testing::internal::CaptureStdout();
  EXPECT_EQ(predict.run(*model, *options), 0);
  std::fflush(stdout);
  const Json said = Json::parse(testing::internal::GetCapturedStdout());
  EXPECT_EQ(said["answer"], "1931");
  EXPECT_EQ(said["start"], 28) << "the mark is no letter";
  EXPECT_EQ(said["end"], 32);
  EXPECT_GT(said["confidence"].get<double>(), 0);
  // The text may be packed; questions in files beside the one that is asked would be passed over.
  const auto packed = io::gzip(io::Bytes(io::read_file(folder / "text")));
  io::write_file_atomically(folder / "text.gz", io::Bytes(packed));
  const auto of_packed = predict.options();
  of_packed->find("context")->parse(folder / "text.gz");
  of_packed->find("question")->parse("When was Ada Ek born?");
  of_packed->find("json")->parse("true");
  testing::internal::CaptureStdout();
  EXPECT_EQ(predict.run(*model, *of_packed), 0);
  std::fflush(stdout);
  EXPECT_EQ(Json::parse(testing::internal::GetCapturedStdout()), said);
  of_packed->find("files")->parse(folder / "text");
  EXPECT_THROW(predict.run(*model, *of_packed), InvalidOption);
  // An answer for each line, also for one with nothing in it.
  std::ofstream(folder / "lines.jsonl")
      << R"({"context": "Ada Ek was born in 1931.", "question": "When?"})"
      << "\n\n"
      << R"({"context": "", "question": ""})"
      << "\n";
  const auto by_lines = predict.options();
  by_lines->find("files")->parse(folder / "lines.jsonl");
  testing::internal::CaptureStdout();
  EXPECT_EQ(predict.run(*model, *by_lines), 0);
  std::fflush(stdout);
  const std::string answers = testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::count(answers.begin(), answers.end(), '\n'), 3) << answers;
  // A question without a text is refused.
  const auto lacking = predict.options();
  lacking->find("question")->parse("Who?");
  EXPECT_THROW(predict.run(*model, *lacking), InvalidOption);
}

// A folder as Hugging Face's transformers writes it, of a small BERT with random weights.
void write_bert(const std::string& folder) {
  const auto made = data::made_questions();
  size_t at = 0;
  const auto next = [&](std::string& text) {
    if (at == made.contexts.size()) return false;
    text = made.contexts[at++];
    return true;
  };
  const auto tokenizer =
      text::train_tokenizer(next, {.kind = "wordpiece",
                                   .vocab = 400,
                                   .special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"},
                                   .lowercase = true});
  const Json config = pretrained::bert_config({.vocab = tokenizer.size(),
                                               .width = 16,
                                               .layers = 1,
                                               .heads = 2,
                                               .feed_forward = 32,
                                               .positions = 128});
  const pretrained::Transformer net(pretrained::spec_of(config, "a test"));
  pretrained::write_folder(folder, pretrained::content_of(net, config, tokenizer.to_json()));
}

TEST(QuestionAnswering, GoesOnFromAFolderOfHuggingFaces) {
  set_num_threads(1);
  const TemporaryFolder folder;
  write_bert(folder / "bert");
  const auto options = [&](const std::string& out) {
    Options o;
    o.read_file({{"data", "people"}, {"batch", 8}, {"longest", 128}, {"steps", 4}}, "options");
    o.out = folder / out, o.quiet = true;
    return o;
  };
  Options o = options("run");
  o.init = folder / "bert";
  o.stop_after_steps = 2;
  EXPECT_THROW(train(o), train::Stopped);
  // The folder is not needed any more.
  std::filesystem::remove_all(folder / "bert");
  Options again;
  again.out = folder / "run", again.quiet = true, again.resume = true;
  const Json result = train(again);
  EXPECT_EQ(result["model"], "encoder");
  const auto model = open_model(folder / "run");
  auto& answerer = dynamic_cast<Answerer&>(*model);
  const std::string text = "¡Ada Ek  was born in Oslo!";
  const Answer answer = answerer.finder().answer({text, "Where was Ada Ek born?"});
  EXPECT_EQ(answer.text, text.substr(answer.begin, answer.end - answer.begin));
  const auto rows = answerer.notation().rows(answerer.notation().context(text),
                                             answerer.notation().question("Who?"),
                                             {{text.find("Oslo"), text.find("Oslo") + 4}});
  ASSERT_EQ(rows.size(), 1u);
  const auto& places = rows[0].context->places;
  const auto first =
      places[rows[0].first +
             static_cast<size_t>(rows[0].answers[0].start - answerer.notation().offset(rows[0]))];
  EXPECT_EQ(first.begin, text.find("Oslo"));
  pretrained::write_folder(folder / "again", model->folder());
  EXPECT_EQ(pretrained::Folder(folder / "again").spec().head, pretrained::Head::span);
  const auto opened = open_model(folder / "again");
  const Answer same =
      dynamic_cast<Answerer&>(*opened).finder().answer({text, "Where was Ada Ek born?"});
  EXPECT_EQ(same.begin, answer.begin);
  EXPECT_EQ(same.end, answer.end);
  EXPECT_NEAR(same.confidence, answer.confidence, 1e-6);
  Options without = options("never");
  without.model = "encoder";
  EXPECT_THROW(train(without), InvalidOption);
  EXPECT_FALSE(std::filesystem::exists(folder / "never"));
}

TEST(QuestionAnswering, IsMeasuredOnAnyFileOfSquads) {
  set_num_threads(1);
  const TemporaryFolder folder;
  std::ofstream(folder / "f.json") << R"({"data": [{"paragraphs": [{"context": "", "qas": [
      {"id": "1", "question": "", "answers": []}]}, {"context": "Öl", "qas": [
      {"id": "2", "question": "Was?", "answers": [{"text": "Öl", "answer_start": 0}]},
      {"id": "3", "question": "?", "answers": [{"text": "anders", "answer_start": 0}]}]}]}]})";
  const auto model = open_model(Runs::get().of(kTask));
  const Verb& eval = *find_verb(kRow, "eval");
  const auto options = eval.options();
  options->find("data")->parse(folder / "f.json");
  options->find("json")->parse("true");
  options->find("out")->parse(folder / "answers.json");
  testing::internal::CaptureStdout();
  EXPECT_EQ(eval.run(*model, *options), 0);
  std::fflush(stdout);
  const Json result = Json::parse(testing::internal::GetCapturedStdout());
  EXPECT_EQ(result["examples"], 3);
  EXPECT_GE(result["f1"].get<double>(), result["exact_match"].get<double>());
  std::ifstream file(folder / "answers.json");
  const Json answers = Json::parse(file);
  EXPECT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers["1"], "");
  options->find("out")->parse(folder / "none/answers.json");
  EXPECT_ERROR(eval.run(*model, *options), "there is no folder");  // before the work
  options->find("out")->parse(folder / "answers.json");
  // Answers to questions without an id cannot be told apart there.
  std::ofstream(folder / "f.json") << R"({"data": [{"paragraphs": [{"context": "Öl", "qas": [
      {"question": "Was?", "answers": []}, {"question": "?", "answers": []}]}]}]})";
  EXPECT_ERROR(eval.run(*model, *options),
               "out: answers are written by the questions' ids; 2 of 2");
}

}  // namespace
}  // namespace cairn::tasks::question_answering
