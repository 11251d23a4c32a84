// A GPT as a folder of Hugging Face's transformers, and one begun from such a folder.
#pragma once
#include "cairn/models/language_model.h"
#include "cairn/pretrained/folder.h"
#include "cairn/text/tokenizer.h"

namespace cairn::models {

// As GPT-NeoX, whose rotary positions, LayerNorm and biases it has, one part of a block after the
// other; with learned positions as GPT-2. A tokenizer of characters or bytes as a tokenizer.json.
pretrained::FolderContent folder_of(const Gpt& gpt, const LanguageModelSize& size,
                                    const text::Tokenizer& tokenizer);

// The sizes of the Gpt that a folder's network is, `context` as many tokens as it has positions
// for: a GPT-2, or a GPT-NeoX as folder_of() makes it. Throws Error naming the folder and what of
// it a Gpt has not.
LanguageModelSize gpt_size(const pretrained::Folder& folder);
// The folder's weights under the Gpt's names, of the first `context` positions.
NamedTensors gpt_weights(const pretrained::Folder& folder, int64_t context);

}  // namespace cairn::models
