#include <cmath>

#include "cairn/text/ngram.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::text;

// What a parser lets through gives finite logarithms, and is read again as it was written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz([&] {
    const NgramModel model = parse_arpa(text_of(Bytes(data, size)), "input");
    promise(std::isfinite(model.log_probability("a b c a")), "a logarithm that is not finite");
    promise(parse_arpa(model.to_arpa(), "again").words() == model.words(), "other words");
  });
  return 0;
}
