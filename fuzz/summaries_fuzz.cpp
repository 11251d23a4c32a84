#include "cairn/data/summaries.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::data;

// A text that is read with its summaries has some, and its lead is its beginning.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const Summarized read = parse_summarized(std::string(text_of(input)), "input", 1);
    promise(!read.summaries.empty(), "no summary");
    promise(read.text.starts_with(lead_of(read.text)), "a lead from elsewhere");
  });
  return 0;
}
