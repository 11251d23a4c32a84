#include "fuzz/fuzz.h"

#include "cairn/text/tokenizer.h"

using namespace cairn::io;
using namespace cairn::text;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const auto tokenizer = parse_tokenizer(text_of(input), "input");
    const std::string json = tokenizer->to_json();
    promise(parse_tokenizer(json, "again")->to_json() == json, "saving and loading give the same");
    (void)tokenizer->decode(tokenizer->encode("ab \u00e9 \ufb01 <s> 12", "a text"));
  });
  return 0;
}
