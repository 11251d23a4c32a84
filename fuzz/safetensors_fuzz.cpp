#include "fuzz/fuzz.h"

#include "cairn/io/safetensors.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const SafetensorsContent content = parse_safetensors(input, "input");
    static volatile uint32_t sink = 0;
    for (const NamedTensor& tensor : content.tensors) {
      promise(checked_bytes(tensor.shape, tensor.dtype) == tensor.data.size(), "shape fills data");
      sink = sink + touch(tensor.data);
    }
  });
  return 0;
}
