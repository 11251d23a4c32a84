// sentencepiece's models (Kudo and Richardson 2018; files .model, .spm) as tokenizers. Its own
// library reads and runs them, through libcairn_sentencepiece.so, which is opened at the first one.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "cairn/text/normalizers.h"
#include "cairn/text/subword_models.h"

namespace cairn::text {

// Whether bytes begin as such a model does; a JSON file does not.
bool is_sentencepiece(std::string_view bytes);

// The tokenizer.json that holds a model: {"model": {"type": "SentencePiece", "model": base64}, ...}
// with its control and unknown tokens as special ones. Throws Error for what is no such model.
std::string sentencepiece_tokenizer(std::string_view bytes, const std::string& name);

// From the "model" of such a tokenizer.json.
std::unique_ptr<SubwordModel> make_sentencepiece(const Fields& model);

}  // namespace cairn::text
