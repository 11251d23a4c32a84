#include "fuzz/fuzz.h"

#include <nlohmann/json.hpp>

#include "cairn/io/jsonl.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] { parse_jsonl(text_of(input), "input"); });
  return 0;
}
