#include "cairn/tasks/texts.h"

namespace cairn::tasks {

data::TextTokens TextOptions::open_text() {
  std::shared_ptr<const text::Tokenizer> kept;
  if (!tokenizer.is_open()) kept = text::parse_tokenizer(tokenizer->dump(), *out);
  const bool learns = !kept && !(tokens == "char" || tokens == "byte");
  vocab_size.require(kept || learns || vocab_size.is_open(),
                     "is of bpe, wordpiece and word; '{}' has what the text has", *tokens);
  if (learns) vocab_size.fill(tokens == "word" ? 10000 : 8000);
  auto text =
      data::tokenize_text(data::read_text(data), data_name(), tokens, val_split, kept, vocab_size);
  train::note_counts(*this, {{"tokens", text.train.size() + text.validation.size()}});
  vocab.fill(text.tokenizer->size());
  tokenizer.fill(Json::parse(text.tokenizer->to_json()));
  train::say_left_out(data, data::left_out_of_text(data));
  return text;
}

}  // namespace cairn::tasks
