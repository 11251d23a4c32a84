// cairn tokenizer train|encode|decode|info: tokenizer.json files.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "cairn/base/invalid_option.h"
#include "cairn/cli/commands.h"
#include "cairn/io/file.h"
#include "cairn/io/gzip.h"
#include "cairn/io/lines.h"
#include "cairn/io/utf8.h"
#include "cairn/tasks/outputs.h"
#include "cairn/text/train_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::cli {
namespace {

using text::SubwordTokenizer;
using PlainJson = nlohmann::json;

// Lines of files (also packed with gzip), or of standard input when there is none. Bytes that are
// not UTF-8 are replaced and counted, or refused when `strict`.
class Lines {
 public:
  Lines(std::vector<std::string> files, bool strict) : files_(std::move(files)), strict_(strict) {}
  ~Lines() {
    if (replaced_ > 0)
      fmt::print(stderr, "cairn: {} places that are not UTF-8 were replaced by U+FFFD\n",
                 replaced_);
  }
  Lines(const Lines&) = delete;

  bool next(std::string& line) {
    if (!(files_.empty() ? input_.next(line) : next_of_files(line))) return false;
    ++number_;
    if (line.ends_with('\r')) line.pop_back();
    int64_t replaced = 0;
    std::string whole = text::with_replacements(line, &replaced);
    check(!strict_ || replaced == 0, "{}: not UTF-8", name());
    replaced_ += replaced, line = std::move(whole);
    return true;
  }
  std::string name() const {
    return fmt::format("{}, line {}", files_.empty() ? "standard input" : files_[file_ - 1],
                       number_);
  }

 private:
  bool next_of_files(std::string& line) {
    while (at_ >= content_.size()) {
      if (file_ == files_.size()) return false;
      const auto bytes = io::read_maybe_gzip(files_[file_++]);
      content_ = io::without_mark(io::text_of(bytes));
      at_ = 0, number_ = 0;
    }
    const size_t end = std::min(content_.find('\n', at_), content_.size());
    io::check_line(end - at_, files_[file_ - 1], number_ + 1);
    line.assign(content_, at_, end - at_);
    at_ = end + 1;
    return true;
  }

  std::vector<std::string> files_;
  bool strict_;
  io::LineReader input_{STDIN_FILENO, "standard input"};
  std::string content_;
  size_t at_ = 0, file_ = 0;
  int64_t number_ = 0, replaced_ = 0;
};

struct Given {
  std::string tokenizer, out;
  std::vector<std::string> files;
  text::TokenizerTraining training;
  bool json = false, strict = false, parse_special = false, no_special = false;
  bool keep_special = false;
};

int train(const Given& given) {
  const std::string why = tasks::why_no_ending(given.out, {".json"});
  if (!why.empty()) throw InvalidOption("out", why);
  io::check_writable(given.out);
  Lines lines(given.files, given.strict);
  const SubwordTokenizer tokenizer =
      text::train_tokenizer([&](std::string& line) { return lines.next(line); }, given.training);
  tokenizer.save(given.out);
  fmt::print("{}: {} of {} tokens\n", given.out, tokenizer.kind(), tokenizer.size());
  return kDone;
}

int encode(const Given& given) {
  const auto tokenizer = SubwordTokenizer::open(given.tokenizer);
  Lines lines(given.files, given.strict);
  for (std::string line; lines.next(line);) {
    const text::Encoding e =
        tokenizer->encode(line, lines.name(),
                          {.parse_special = given.parse_special, .add_special = !given.no_special});
    if (!given.json) {
      fmt::print("{}\n", fmt::join(e.ids, " "));
      continue;
    }
    PlainJson tokens = PlainJson::array(), offsets = PlainJson::array();
    for (size_t i = 0; i < e.ids.size(); ++i) {
      tokens.push_back(*tokenizer->token(e.ids[i]));
      offsets.push_back({e.offsets[i].begin, e.offsets[i].end});
    }
    fmt::print("{}\n", PlainJson{{"ids", e.ids}, {"tokens", tokens}, {"offsets", offsets}}.dump());
  }
  return kDone;
}

int decode(const Given& given) {
  const auto tokenizer = SubwordTokenizer::open(given.tokenizer);
  Lines lines(given.files, given.strict);
  for (std::string line; lines.next(line);) {
    std::vector<int64_t> ids;
    for (const std::string_view word : text::split_at_spaces(line)) {
      int64_t id = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
      check(error == std::errc() && end == word.data() + word.size(), "{}: '{}' is no token number",
            lines.name(), word);
      ids.push_back(id);
    }
    fmt::print("{}\n", tokenizer->decode(ids, !given.keep_special));
  }
  return kDone;
}

int info(const Given& given) {
  const auto tokenizer = SubwordTokenizer::open(given.tokenizer);
  const PlainJson file = PlainJson::parse(tokenizer->to_json());
  const auto type = [&](const char* part) {
    return file[part].is_object() ? file[part].value("type", "?") : std::string("none");
  };
  PlainJson special = PlainJson::array();
  for (const auto& t : tokenizer->added())
    if (t.special) special.push_back(t.content);
  const PlainJson about = {{"file", given.tokenizer},
                           {"model", tokenizer->kind()},
                           {"tokens", tokenizer->size()},
                           {"special", special},
                           {"normalizer", type("normalizer")},
                           {"pre_tokenizer", type("pre_tokenizer")},
                           {"post_processor", type("post_processor")},
                           {"decoder", type("decoder")}};
  if (given.json) fmt::print("{}\n", about.dump());
  else
    for (const auto& [key, value] : about.items())
      fmt::print("{:<15} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  return kDone;
}

void add_train_tokenizer(const Command& app, const std::shared_ptr<Given>& given) {
  const Command c = app.add_command("train", "Learn a vocabulary from text");
  c.examples(
      "  cairn tokenizer train book.txt --vocab 8000 --out tokenizer.json\n"
      "  zcat corpus.gz | cairn tokenizer train --kind wordpiece --out tokenizer.json\n");
  c.option("text", given->files, "Text files, also packed with gzip; none: standard input");
  c.option("--out", given->out, "tokenizer.json to write").required();
  c.option("--kind", given->training.kind,
           "byte-bpe: joins bytes, any text has tokens; bpe: joins characters; wordpiece: as BERT; "
           "unigram: likely pieces; "
           "char, byte: one each")
      .one_of({"byte-bpe", "bpe", "wordpiece", "unigram", "char", "byte"})
      .shows_default();
  c.option("--vocab", given->training.vocab, "Tokens at most").whole(1, 1 << 24).shows_default();
  c.option("--min-frequency", given->training.min_frequency,
           "Join only what occurs so often side by side")
      .whole(0, INT64_MAX)
      .shows_default();
  c.option("--special", given->training.special, "Special tokens, the first numbers: <s> </s>");
  c.flag("--lowercase", given->training.lowercase, "Text in lower case");
  c.flag("--strict", given->strict, "Refuse text that is not UTF-8");
  c.runs([given] { return train(*given); });
}

void add_encode(const Command& app, const std::shared_ptr<Given>& given) {
  const Command c = app.add_command("encode", "Token numbers of each line");
  c.examples("  cairn tokenizer encode tokenizer.json < text\n");
  c.option("tokenizer", given->tokenizer, "A tokenizer.json, or a .model of sentencepiece")
      .required();
  c.option("text", given->files, "Text files; none: standard input");
  c.flag("--json", given->json, "A JSON object a line: ids, tokens, offsets in characters");
  c.flag("--parse-special", given->parse_special,
         "Special tokens written in the text count as such");
  c.flag("--no-special", given->no_special, "Put no special tokens around a line");
  c.flag("--strict", given->strict, "Refuse text that is not UTF-8");
  c.runs([given] { return encode(*given); });
}

}  // namespace

void add_tokenizer(const Command& app) {
  const Command command =
      app.add_command("tokenizer", "Train and use tokenizers (tokenizer.json files)");
  command.needs_command();
  const auto given = std::make_shared<Given>();
  add_train_tokenizer(command, given);
  add_encode(command, given);

  const Command decode_command = command.add_command("decode", "Text of lines of token numbers");
  decode_command.examples("  echo 5 7 11 | cairn tokenizer decode tokenizer.json\n");
  decode_command
      .option("tokenizer", given->tokenizer, "A tokenizer.json, or a .model of sentencepiece")
      .required();
  decode_command.option("numbers", given->files, "Files; none: standard input");
  decode_command.flag("--keep-special", given->keep_special, "Show special tokens, too");
  decode_command.runs([given] { return decode(*given); });

  const Command info_command = command.add_command("info", "Describe a tokenizer");
  info_command.examples("  cairn tokenizer info tokenizer.json --json\n");
  info_command
      .option("tokenizer", given->tokenizer, "A tokenizer.json, or a .model of sentencepiece")
      .required();
  info_command.flag("--json", given->json, "Print one JSON object");
  info_command.runs([given] { return info(*given); });
}

}  // namespace cairn::cli
