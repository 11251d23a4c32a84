#include "cairn/io/json.h"
#include "cairn/io/lines.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/question_answering/pieces.h"
#include "cairn/tasks/question_answering/task.h"

namespace cairn::tasks::question_answering {

std::shared_ptr<const Notation> make_notation(const Options& o, const std::string& file) {
  if (o.model == "encoder") {
    check(!o.tokenizer.is_open(), "'{}' is damaged: the tokenizer is missing", file);
    return std::make_shared<PieceNotation>(*o.tokenizer, file, *o.longest);
  }
  check(!o.words.is_open(), "'{}' is damaged: the vocabulary (words) is missing", file);
  return std::make_shared<WordNotation>(*o.words, file, *o.longest);
}

std::shared_ptr<models::SpanNetwork> make_network(const Options& o, const Notation& notation,
                                                  const std::string& file) {
  if (o.model == "encoder") {
    check(!o.encoder.is_open(), "'{}' is damaged: the encoder's sizes are missing", file);
    auto spec = pretrained::spec_of(*o.encoder, fmt::format("'{}' (encoder)", file));
    check(spec.vocab >= dynamic_cast<const PieceNotation&>(notation).pieces() &&
              spec.positions >= o.longest && spec.encoder_layers > 0 && spec.decoder_layers == 0,
          "'{}': an encoder of {} tokens and {} positions, a tokenizer of {}; windows (longest) of "
          "{}: they do not belong together",
          file, spec.vocab, spec.positions, dynamic_cast<const PieceNotation&>(notation).pieces(),
          *o.longest);
    spec.head = pretrained::Head::span;
    return std::make_shared<SpanEncoder>(spec);
  }
  return std::make_shared<models::SpanReader>(
      models::SpanReaderOptions{.vocab = dynamic_cast<const WordNotation&>(notation).vocab(),
                                .endings = WordNotation::kEndings,
                                .features = WordNotation::kFeatures,
                                .embedding = o.embedding,
                                .width = o.width,
                                .dropout = o.dropout});
}

Answerer::Answerer(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved)),
      notation_(make_notation(options_, saved.config_file())),
      net_(make_network(options_, *notation_, saved.config_file())),
      finder_(net_, notation_, options_.max_answer,
              !options_.unanswered.is_open() && options_.unanswered) {
  train::load_weights(saved, network());
  network().eval();
}

data::Questions Answerer::questions(const std::string& data) const {
  if (!data.empty()) return data::open_all_questions(data);
  auto splits = data::open_questions(options_.data, options_.val_split);
  check(!splits.validation.all.empty(), "'{}' holds no question back; name a SQuAD file (data)",
        *options_.data);
  return std::move(splits.validation);
}

std::vector<Tensor> Answerer::inputs(int64_t examples) {
  const auto rows = rows_of(questions(""), *notation_);
  std::vector<const Row*> some;
  for (size_t i = 0; i < rows.size() && static_cast<int64_t>(i) < examples; ++i)
    some.push_back(&rows[i]);
  return {notation_->batch_of(some)[0]};
}

std::vector<Port> Answerer::takes() {
  if (options_.model == "encoder")
    return {{"tokens", DType::i64, {kAnyBatch, kAnyLength}},
            {"lengths", DType::i64, {kAnyBatch}},
            {"types", DType::i64, {kAnyBatch, kAnyLength}}};
  return {{"words", DType::i64, {kAnyBatch, kAnyLength}},
          {"endings", DType::i64, {kAnyBatch, kAnyLength}},
          {"features", DType::f32, {kAnyBatch, kAnyLength, WordNotation::kFeatures}},
          {"lengths", DType::i64, {kAnyBatch}},
          {"question_words", DType::i64, {kAnyBatch, kAnyLength}},
          {"question_endings", DType::i64, {kAnyBatch, kAnyLength}},
          {"question_lengths", DType::i64, {kAnyBatch}}};
}

Tensors Answerer::forward(std::span<const Tensor> in) {
  const Tensor scores = net_->spans(in);
  return {contiguous(select(scores, 2, 0)), contiguous(select(scores, 2, 1))};
}

pretrained::FolderContent Answerer::folder() {
  if (!(options_.model == "encoder")) return Model::folder();
  return pretrained::content_of(dynamic_cast<pretrained::Transformer&>(network()),
                                *options_.encoder, *options_.tokenizer);
}

AskedLine parse_asked(const std::string& line, const std::string& file, int64_t number) {
  const Json asked = Json::parse(line, nullptr, false);
  const auto text = [&](const char* key) {
    check(asked.is_object() && asked.contains(key) && asked[key].is_string(),
          "'{}', line {}: no JSON object with texts \"context\" and \"question\"; or give the text "
          "as a file (--context) and a question a line",
          file, number);
    return asked[key].get<std::string>();
  };
  return {text("context"), text("question")};
}

// The first window of each line's context.
Tensors Answerer::read(const std::string& file) {
  std::vector<Row> rows;
  for (const std::string& line : io::read_lines(file)) {
    const AskedLine asked = parse_asked(line, file, std::ssize(rows) + 1);
    rows.push_back(
        notation_->rows(notation_->context(asked.context), notation_->question(asked.question), {})
            .front());
  }
  check(!rows.empty(), "'{}' is empty", file);
  std::vector<const Row*> all;
  for (const Row& r : rows) all.push_back(&r);
  return notation_->batch_of(all);
}

}  // namespace cairn::tasks::question_answering
