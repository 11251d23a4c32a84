// cairn embed DIR: sentence embeddings, and which texts are nearest to one.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "cairn/base/invalid_option.h"
#include "cairn/base/json.h"
#include "cairn/cli/commands.h"
#include "cairn/io/json.h"
#include "cairn/io/lines.h"
#include "cairn/io/tensors.h"
#include "cairn/pretrained/embedder.h"
#include "cairn/tasks/outputs.h"
#include "cairn/text/unicode.h"

namespace cairn::cli {
namespace {

struct Embedding {
  std::string folder, file, out;
  std::vector<std::string> texts;
  int64_t nearest = 0, batch = 32;
};

std::vector<std::string> lines_of_input() {
  std::vector<std::string> lines;
  int64_t replaced = 0;
  io::LineReader input(STDIN_FILENO, "standard input");
  for (std::string line; input.next(line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(text::with_replacements(line, &replaced));
  }
  if (replaced > 0)
    fmt::print(stderr, "cairn: {} places that are not UTF-8 were replaced by U+FFFD\n", replaced);
  return lines;
}

// Of unit length, so that products are cosines.
std::vector<std::vector<float>> unit_rows(const Tensor& all) {
  const auto values = all.to_vector<float>();
  const auto width = static_cast<size_t>(all.size(1));
  std::vector<std::vector<float>> rows;
  for (size_t at = 0; at < values.size(); at += width) {
    std::vector<float> row(values.begin() + static_cast<std::ptrdiff_t>(at),
                           values.begin() + static_cast<std::ptrdiff_t>(at + width));
    const double length = std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
    for (float& v : row) v = static_cast<float>(v / std::max(length, 1e-12));
    rows.push_back(std::move(row));
  }
  return rows;
}

// A JSON line for each text: the lines nearest to it, the nearest first.
void print_nearest(const std::vector<std::string>& texts, const Tensor& queries,
                   const std::vector<std::string>& lines, const Tensor& known, int64_t count) {
  const auto asked = unit_rows(queries), there = unit_rows(known);
  for (size_t q = 0; q < asked.size(); ++q) {
    std::vector<std::pair<double, size_t>> by_cosine;
    for (size_t i = 0; i < there.size(); ++i)
      by_cosine.emplace_back(
          -std::inner_product(asked[q].begin(), asked[q].end(), there[i].begin(), 0.0), i);
    std::sort(by_cosine.begin(), by_cosine.end());
    by_cosine.resize(std::min(by_cosine.size(), static_cast<size_t>(count)));
    Json nearest = Json::array();
    for (const auto& [minus_cosine, i] : by_cosine)
      nearest.push_back({{"line", i + 1}, {"cosine", -minus_cosine}, {"text", lines[i]}});
    fmt::print("{}\n", io::dump_json({{"text", texts[q]}, {"nearest", nearest}}));
  }
}

int print_embeddings(const Embedding& given) {
  if (given.nearest > 0 && (given.texts.empty() || given.file.empty()))
    throw UsageError("--nearest looks for the lines of --file that are nearest to each --text");
  if (!given.out.empty()) {
    const std::string why = tasks::why_no_ending(given.out, {".npy"});
    if (!why.empty()) throw InvalidOption("out", why);
    io::check_writable(given.out);
  }
  std::vector<std::string> lines =
      given.file.empty() ? std::vector<std::string>() : io::read_lines(given.file);
  pretrained::Embedder embedder(given.folder);
  const auto say_cut = [&] {
    if (embedder.coder().cut() > 0)
      fmt::print(stderr, "cairn: {} texts are longer than {} tokens and were cut\n",
                 embedder.coder().cut(), embedder.coder().longest());
  };
  if (given.nearest > 0) {
    const Tensor queries = embedder.embed(given.texts, given.batch);
    print_nearest(given.texts, queries, lines, embedder.embed(lines, given.batch), given.nearest);
    return say_cut(), kDone;
  }
  std::vector<std::string> texts = given.texts;
  texts.insert(texts.end(), lines.begin(), lines.end());
  if (given.texts.empty() && given.file.empty()) texts = lines_of_input();
  check(!texts.empty(), "there is no text to embed");
  const Tensor all = embedder.embed(texts, given.batch);
  say_cut();
  if (!given.out.empty()) {
    io::save_npy(given.out, all);
    fmt::print("{}: {} texts of {} numbers\n", given.out, all.size(0), all.size(1));
    return kDone;
  }
  const auto values = all.to_vector<float>();
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<float> row(values.begin() + static_cast<std::ptrdiff_t>(i) * all.size(1),
                                 values.begin() + static_cast<std::ptrdiff_t>(i + 1) * all.size(1));
    fmt::print("{}\n", io::dump_json({{"text", texts[i]}, {"embedding", row}}));
  }
  return kDone;
}

}  // namespace

void add_embed(const Command& app) {
  const Command command =
      app.add_command("embed", "Vectors of sentences, by a folder of Hugging Face's transformers");
  command.examples(
      "  cairn embed minilm/ --text \"A dog runs.\"\n"
      "  cairn embed minilm/ --file lines.txt --out lines.npy\n"
      "  cairn embed minilm/ --file lines.txt --text \"animals\" --nearest 3\n");
  const auto given = std::make_shared<Embedding>();
  command.option("folder", given->folder, "Folder with config.json, weights and tokenizer.json")
      .required();
  command.option("--text", given->texts, "Texts");
  command.option("--file", given->file,
                 "File of texts, one a line (also .gz); without both: "
                 "standard input");
  command.option("--out", given->out, "npy file to write, instead of JSON lines");
  command
      .option("--nearest", given->nearest,
              "Print for each --text so many lines of --file that are nearest to it")
      .whole(0, 1 << 20);
  command.option("--batch", given->batch, "Texts at a time").whole(1, 1 << 16).shows_default();
  add_threads(command);
  command.runs([given] { return print_embeddings(*given); });
}

}  // namespace cairn::cli
