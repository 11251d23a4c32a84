#include "fuzz/fuzz.h"

#include "cairn/io/gzip.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  constexpr uint64_t kLimit = 1 << 20;
  fuzz([&] {
    const ByteVector content = gunzip(input, "input", kLimit);
    promise(content.size() <= kLimit, "the limit holds");
    promise(gunzip(gzip(content), "again", kLimit) == content,
            "packing and unpacking give the same");
  });
  return 0;
}
