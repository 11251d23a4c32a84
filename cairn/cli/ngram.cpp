// cairn ngram: a language model of words from text, as an ARPA file; how well it expects others.
#include <unistd.h>

#include <cmath>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/io/file.h"
#include "cairn/io/lines.h"
#include "cairn/io/utf8.h"
#include "cairn/text/ngram.h"
#include "cairn/text/tokenizer.h"
#include "cairn/text/unicode.h"
#include "cairn/train/saved_model.h"

namespace cairn::cli {
namespace {

struct NgramRequest {
  std::vector<std::string> files;
  std::string out, words, test;
  int order = 3;
};

// The words of a run, so that both predict the same tokens; nothing for "".
std::unique_ptr<text::Tokenizer> words_of(const std::string& run) {
  if (run.empty()) return nullptr;
  const train::SavedModel saved = train::open_saved_model(run);
  const auto kept = saved.config.find("tokenizer");
  check(kept != saved.config.end() && kept->is_object() && kept->value("type", Json()) == "word",
        "'{}' has no words of its own; it takes a run of language-model --tokens word", run);
  return text::parse_tokenizer(kept->dump(), saved.config_file());
}

// Perplexity of words and line ends, as language models of words count them.
void judge(const text::NgramModel& model, const text::Tokenizer* words, const std::string& file,
           const std::vector<std::string>& lines) {
  double sum = 0;
  int64_t tokens = 0, unknown = 0;
  for (const std::string& line : lines) {
    text::NgramModel::Words context{text::NgramModel::kBegin};
    const std::string known = words ? words->decode(words->encode(line, file)) : line;
    for (const std::string_view part : text::split_at_spaces(known)) {
      const int32_t w = model.word(part);
      sum += model.log_probability(context, w), context = model.next(context, w);
      ++tokens, unknown += w == text::NgramModel::kUnknown;
    }
    sum += model.log_probability(context, text::NgramModel::kEnd), ++tokens;
  }
  const auto all = static_cast<double>(tokens);
  fmt::print("{}: {} words and line ends, perplexity {:.2f}, {:.1f} % of them unknown\n",
             io::printable(file), tokens, std::exp(-sum / all),
             100 * static_cast<double>(unknown) / all);
}

int make_ngrams(const NgramRequest& given) {
  if (given.out.empty() && given.test.empty())
    throw UsageError(
        "there is nothing to do: give --out FILE for the model, --test FILE to measure it, or "
        "both");
  if (!given.out.empty()) io::check_writable(given.out);
  const auto words = words_of(given.words);
  std::vector<std::string> tested;  // before anything is written
  if (!given.test.empty()) {
    tested = io::read_lines(given.test);
    check(!tested.empty(), "'{}' is empty; there is nothing to measure", given.test);
  }
  std::vector<std::string> lines;
  for (const std::string& file : given.files)
    for (std::string& line : io::read_lines(file)) lines.push_back(std::move(line));
  size_t at = 0;
  io::LineReader input(STDIN_FILENO, "standard input");
  const auto next = [&](std::string& line) {
    if (given.files.empty()) {
      if (!input.next(line)) return false;
      const size_t bad = io::find_invalid_utf8(line);
      check(bad == std::string::npos,
            "standard input, line {}, byte {}: not UTF-8; convert it (iconv -t UTF-8)",
            input.number(), bad);
    } else {
      if (at == lines.size()) return false;
      line = std::move(lines[at++]);
    }
    if (words) line = words->decode(words->encode(line, "a text"));
    return true;
  };
  const text::NgramModel model = text::estimate_ngrams(next, given.order);
  if (!given.out.empty()) {
    io::write_file_atomically(given.out, std::string_view(model.to_arpa()));
    fmt::print("{}: {} words, {} grams of {}\n", io::printable(given.out), model.words(),
               model.grams(model.order()), model.order());
  }
  if (!given.test.empty()) judge(model, words.get(), given.test, tested);
  return kDone;
}

}  // namespace

void add_ngram(const Command& app) {
  const Command c = app.add_command("ngram", "Make an n-gram language model of words (ARPA)");
  c.examples(
      "  cairn ngram texts.txt --order 3 --out words.arpa\n"
      "  cut -f5 an4/train.tsv | cairn ngram --out words.arpa\n"
      "  cairn ngram train.txt --order 5 --words runs/words --test test.txt\n");
  const auto given = std::make_shared<NgramRequest>();
  c.option("text", given->files, "Files, a text a line, also .gz; none: standard input");
  c.option("--out", given->out, "ARPA file to write");
  c.option("--order", given->order, "Words of a gram").whole(1, 10).shows_default();
  c.option("--words", given->words,
           "Run of language-model --tokens word: words that it has not are <unk>, as for it");
  c.option("--test", given->test, "File, a text a line, whose perplexity is printed");
  c.runs([given] { return make_ngrams(*given); });
}

}  // namespace cairn::cli
