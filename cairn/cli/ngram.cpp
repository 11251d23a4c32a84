// cairn ngram: a language model of words from text, as an ARPA file.
#include <iostream>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/data/parallel_text.h"
#include "cairn/io/file.h"
#include "cairn/text/ngram.h"

namespace cairn::cli {
namespace {

struct NgramRequest {
  std::vector<std::string> files;
  std::string out;
  int order = 3;
};

int make_ngrams(const NgramRequest& given) {
  io::check_writable(given.out);
  std::vector<std::string> lines;
  for (const std::string& file : given.files)
    for (std::string& line : data::read_lines(file)) lines.push_back(std::move(line));
  size_t at = 0;
  const auto next = [&](std::string& line) {
    if (given.files.empty()) return static_cast<bool>(std::getline(std::cin, line));
    if (at == lines.size()) return false;
    return line = std::move(lines[at++]), true;
  };
  const text::NgramModel model = text::estimate_ngrams(next, given.order);
  io::write_file_atomically(given.out, std::string_view(model.to_arpa()));
  fmt::print("{}: {} words, {} grams of {}\n", given.out, model.words(), model.grams(model.order()),
             model.order());
  return kDone;
}

}  // namespace

void add_ngram(const Command& app) {
  const Command c = app.add_command("ngram", "Make an n-gram language model of words (ARPA)");
  c.examples(
      "  cairn ngram texts.txt --order 3 --out words.arpa\n"
      "  cut -f5 an4/train.tsv | cairn ngram --out words.arpa\n");
  const auto given = std::make_shared<NgramRequest>();
  c.option("text", given->files, "Files, a text a line, also .gz; none: standard input");
  c.option("--out", given->out, "ARPA file to write").required();
  c.option("--order", given->order, "Words of a gram").whole(1, 10).shows_default();
  c.runs([given] { return make_ngrams(*given); });
}

}  // namespace cairn::cli
