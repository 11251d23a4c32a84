#include "cairn/tasks/texts.h"

namespace cairn::tasks {

data::TextTokens TextOptions::open_text() {
  std::shared_ptr<const text::Tokenizer> kept;
  if (!tokenizer.is_open()) kept = text::parse_tokenizer(tokenizer->dump(), *out);
  auto text = data::tokenize_text(data::read_text(data), data_name(), tokens, val_split, kept);
  train::note_counts(*this, {{"tokens", text.train.size() + text.validation.size()}});
  vocab.fill(text.tokenizer->size());
  tokenizer.fill(Json::parse(text.tokenizer->to_json()));
  train::say_left_out(data, data::left_out_of_text(data));
  return text;
}

}  // namespace cairn::tasks
