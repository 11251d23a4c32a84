// What every fuzz target does: feed a parser, and take an Error for an answer. Anything else that
// goes wrong (another exception, a sanitizer, a broken promise, time, memory) is a finding.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "cairn/base/error.h"
#include "cairn/io/bytes.h"

namespace cairn::io {

// Runs `parse`; its Errors are fine, as long as they say something.
template <class Parse>
void fuzz(Parse parse) {
  try {
    parse();
  } catch (const Error& error) {
    if (error.what()[0] == '\0') std::abort();
  }
}

inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// Reads every byte, so that the address sanitizer sees a view that leaves its file.
inline uint32_t touch(Bytes bytes) {
  uint32_t sum = 0;
  for (uint8_t byte : bytes) sum = sum * 31 + byte;
  return sum;
}

}  // namespace cairn::io
