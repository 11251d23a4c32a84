#include "fuzz/fuzz.h"

#include "cairn/io/idx.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const IdxArray array = parse_idx(input, "input");
    static volatile uint32_t sink = 0;
    sink = sink + touch(array.data);
    promise(checked_bytes(array.shape, cairn::DType::u8) == array.data.size(), "shape fills data");
  });
  return 0;
}
