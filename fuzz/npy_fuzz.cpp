#include "fuzz/fuzz.h"

#include "cairn/io/npy.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const NpyArray array = parse_npy(input, "input");
    promise(checked_bytes(array.shape, array.dtype) == array.data.size(), "shape fills data");
  });
  return 0;
}
