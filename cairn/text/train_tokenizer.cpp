#include "cairn/text/train_tokenizer.h"

#include <algorithm>

#include "cairn/base/invalid_option.h"
#include "cairn/io/utf8.h"

namespace cairn::text {
namespace {

using PlainJson = nlohmann::json;

// What surrounds the model, for each kind.
struct Recipe {
  const char *normalizer, *pre_tokenizer, *decoder;
  bool bytes;           // the alphabet is that of bytes
  const char* unknown;  // "": none is needed
  std::string prefix;
};

Recipe recipe_of(const TokenizerTraining& o) {
  const char* lower = o.lowercase ? R"({"type":"Lowercase"})" : "null";
  constexpr const char* kBytes =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
  constexpr const char* kMarks =
      R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true})";
  if (o.kind == "byte-bpe") return {lower, kBytes, kBytes, true, "", ""};
  if (o.kind == "byte")
    return {
        lower,
        R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false})",
        kBytes,
        true,
        "",
        ""};
  if (o.kind == "bpe" || o.kind == "unigram") return {lower, kMarks, kMarks, false, "<unk>", ""};
  if (o.kind == "char") return {lower, "null", R"({"type":"Fuse"})", false, "<unk>", ""};
  if (o.kind == "wordpiece")
    return {o.lowercase
                ? R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,)"
                  R"("strip_accents":null,"lowercase":true})"
                : R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,)"
                  R"("strip_accents":false,"lowercase":false})",
            R"({"type":"BertPreTokenizer"})",
            R"({"type":"WordPiece","prefix":"##","cleanup":true})",
            false,
            "[UNK]",
            "##"};
  throw InvalidOption(
      "kind",
      fmt::format("'{}' is neither byte-bpe, bpe, wordpiece, unigram, char nor byte", o.kind));
}

std::string file_of(const Recipe& r, const std::string& model,
                    const std::vector<std::string>& special,
                    const std::vector<std::string>& tokens) {
  PlainJson added = PlainJson::array();
  for (size_t id = 0; id < tokens.size(); ++id)
    if (std::find(special.begin(), special.end(), tokens[id]) != special.end())
      added.push_back({{"id", id}, {"content", tokens[id]}, {"special", true}});
  return fmt::format(
      R"({{"version":"1.0","added_tokens":{},"normalizer":{},"pre_tokenizer":{},"decoder":{},)"
      R"("model":{}}})",
      added.dump(), r.normalizer, r.pre_tokenizer, r.decoder, model);
}

constexpr const char* kEmptyModel = R"({"type":"BPE","vocab":{},"merges":[]})";

PieceCounts count_pieces(const std::function<bool(std::string&)>& next,
                         const SubwordTokenizer& shell) {
  PieceCounts counts;
  std::string text;
  std::vector<Normalized> pieces;
  for (int64_t number = 1; next(text); ++number) {
    const size_t bad = io::find_invalid_utf8(text);
    check(bad == std::string::npos, "text {}, byte {}: not UTF-8; convert it (iconv -t UTF-8)",
          number, bad);
    if (text.empty()) continue;
    shell.pieces_of(text, pieces);
    for (const Normalized& piece : pieces)
      if (!piece.empty()) ++counts[piece.text()];
  }
  return counts;
}

void check_size(const TokenizerTraining& o, size_t tokens) {
  if (static_cast<int64_t>(tokens) > o.vocab)
    throw InvalidOption("vocab",
                        fmt::format("{} is too small: special tokens and single characters "
                                    "alone are {}",
                                    o.vocab, tokens));
}

}  // namespace

SubwordTokenizer train_tokenizer(const std::function<bool(std::string&)>& next,
                                 const TokenizerTraining& o) {
  const Recipe r = recipe_of(o);
  const SubwordTokenizer shell(file_of(r, kEmptyModel, {}, {}), "the tokenizer");
  const PieceCounts counts = count_pieces(next, shell);
  check(!counts.empty() || o.kind == "byte", "there is no text to learn a vocabulary from");
  BpeTraining training{.vocab = o.vocab, .min_frequency = o.min_frequency, .prefix = r.prefix};
  std::vector<std::string> special = o.special;
  if (*r.unknown && std::find(special.begin(), special.end(), r.unknown) == special.end())
    special.insert(special.begin(), r.unknown);
  if (o.kind == "unigram") {
    const auto pieces = train_unigram(counts, {.vocab = o.vocab, .special = special});
    std::vector<std::string> tokens;
    for (const auto& [token, score] : pieces) tokens.push_back(token);
    check_size(o, pieces.size());
    const auto unk = std::find(special.begin(), special.end(), r.unknown) - special.begin();
    const auto model = make_unigram(pieces, unk, false, "the trained tokenizer");
    return {file_of(r, model->to_json(), special, tokens), "the trained tokenizer"};
  }
  training.special = special;
  if (r.bytes)
    for (const char32_t c : byte_characters())
      training.alphabet.push_back(io::encode_utf8({&c, 1}));
  const bool joins = o.kind != "char" && o.kind != "byte";
  if (!joins) training.vocab = 0;
  const TrainedBpe trained = train_bpe(counts, training);
  check_size(o, trained.tokens.size());
  Vocabulary vocabulary;
  for (size_t id = 0; id < trained.tokens.size(); ++id)
    vocabulary.add(trained.tokens[id], static_cast<int64_t>(id), "the vocabulary");
  BpeOptions bpe;
  if (*r.unknown) bpe.unk_token = r.unknown;
  const auto model =
      o.kind == "wordpiece"
          ? make_word_piece(std::move(vocabulary), r.unknown, r.prefix, 100)
          : make_bpe(std::move(vocabulary), trained.merges, bpe, "the trained tokenizer");
  return {file_of(r, model->to_json(), special, trained.tokens), "the trained tokenizer"};
}

}  // namespace cairn::text
