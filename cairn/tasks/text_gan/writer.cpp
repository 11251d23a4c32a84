#include "cairn/ops/functions.h"
#include "cairn/tasks/text_gan/task.h"

namespace cairn::tasks::text_gan {
namespace {

models::SentenceWriter network_of(const train::SavedModel& saved, const Options& o) {
  models::SentenceWriter network(o.size());
  train::load_weights(saved, network);
  network.eval();
  return network;
}

}  // namespace

TextWriter::TextWriter(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved, &Options::vocab, &Options::tokenizer)),
      tokenizer_(text::parse_tokenizer(options_.tokenizer->dump(), saved.config_file())),
      network_(network_of(saved, options_)),
      likelihood_(options_.size()),
      author_(network_, options_.longest) {
  check(tokenizer_->size() == options_.vocab && tokenizer_->kind() == "word",
        "'{}': the tokenizer has {} tokens of the kind {}, the network {} words",
        saved.config_file(), tokenizer_->size(), tokenizer_->kind(), *options_.vocab);
}

Author& TextWriter::by_likelihood() {
  if (by_likelihood_) return *by_likelihood_;
  train::SavedModel other = saved();
  const auto slash = other.weights.find_last_of('/');
  other.weights =
      (slash == std::string::npos ? "" : other.weights.substr(0, slash + 1)) + kLikelihood;
  train::load_weights(other, likelihood_);
  likelihood_.eval();
  return by_likelihood_.emplace(likelihood_, options_.longest);
}

bool TextWriter::met() {
  by_likelihood();
  const NamedTensors own = network_.state_dict(), before = likelihood_.state_dict();
  for (size_t i = 0; i < own.size(); ++i)
    if (own[i].second.to_vector<float>() != before[i].second.to_vector<float>()) return true;
  return false;
}

Splits TextWriter::splits(const std::string& source) const {
  Splits s = open_splits(options_, source.empty() ? *options_.data : source);
  return s;
}

std::vector<Port> TextWriter::takes() { return {{"words", DType::i64, {kAnyBatch, kAnyLength}}}; }

std::vector<Tensor> TextWriter::inputs(int64_t examples) {
  const Numbers all = numbers_of(splits("").train, *tokenizer_, options_.longest);
  const int64_t rows = std::min<int64_t>(options_.batch, all.count);
  std::vector<Tensor> batches;
  for (int64_t first = 0; first < examples && first + rows <= all.count; first += rows)
    batches.push_back(from_host(all.sentence(first).data(), {rows, options_.longest}, DType::i64));
  return batches;
}

Tensors TextWriter::read(const std::string& file) {
  const auto sentences = data::open_sentences(file);
  const Numbers words = numbers_of({sentences.train.front()}, *tokenizer_, options_.longest);
  check(words.count == 1, "'{}': its first sentence has words that the model never saw", file);
  return {from_host(words.words.data(), {1, options_.longest}, DType::i64)};
}

}  // namespace cairn::tasks::text_gan
