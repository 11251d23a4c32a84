#include "fuzz/fuzz.h"

#include "cairn/text/tokenizer.h"
#include "cairn/io/utf8.h"

using namespace cairn::io;
using namespace cairn::text;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  const std::string_view text = text_of(input);
  complete_utf8_prefix(text);
  const bool valid = find_invalid_utf8(text) == text.npos;
  fuzz([&] {
    promise(encode_utf8(decode_utf8(text, "input")) == text, "decoding and encoding give the same");
    promise(valid, "only valid text is decoded");
    const CharTokenizer tokenizer = CharTokenizer::from_text(text, "input");
    promise(tokenizer.decode(tokenizer.encode(text, "input")) == text, "tokens give the text back");
  });
  return 0;
}
