#include "cairn/onnx/file.h"
#include "fuzz/fuzz.h"
#include "onnx.pb.h"

using namespace cairn;

// A file's messages, its names, and the values of its weights; external data lie nowhere.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  io::fuzz([&] {
    const onnx::ModelFile file(io::Bytes(data, size), "input", "/nowhere");
    static volatile uint32_t sink = 0;
    for (const auto& tensor : file.model().graph().initializer()) {
      const onnx::TensorData values = file.data_of(tensor);
      io::promise(io::checked_bytes(values.shape, values.dtype) == values.bytes.size(),
                  "shape fills data");
      sink = sink + io::touch(values.bytes);
    }
  });
  return 0;
}
