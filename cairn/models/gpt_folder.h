// A trained GPT as a folder of Hugging Face's transformers.
#pragma once
#include "cairn/models/language_model.h"
#include "cairn/pretrained/folder.h"
#include "cairn/text/tokenizer.h"

namespace cairn::models {

// As GPT-NeoX, whose rotary positions, LayerNorm and biases it has, one part of a block after the
// other; a tokenizer of characters or bytes as a tokenizer.json.
pretrained::FolderContent folder_of(const Gpt& gpt, const LanguageModelSize& size,
                                    const text::Tokenizer& tokenizer);

}  // namespace cairn::models
