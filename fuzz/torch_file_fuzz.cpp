#include "cairn/io/torch_file.h"
#include "cairn/io/zip.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;

namespace {

void parse(Bytes file) {
  const TorchContent content = parse_torch_file(file, "input");
  static volatile uint32_t sink = 0;
  for (const NamedTensor& tensor : content.tensors) {
    promise(checked_bytes(tensor.shape, tensor.dtype) == tensor.data.size(), "shape fills data");
    sink = sink + touch(tensor.data);
  }
}

}  // namespace

// A file; or (first byte 0) a pickle, with an archive put around it, which changed bytes seldom
// are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  if (size == 0 || data[0] != 0) {
    fuzz([&] { parse(input); });
    return 0;
  }
  const ByteVector storage(64);
  const auto archive = zip_pieces(
      {{"a/data.pkl", input.subspan(1)}, {"a/data/0", storage}, {"a/data/1", storage}}, "input");
  ByteVector file;
  for (const Bytes piece : archive.pieces) file.insert(file.end(), piece.begin(), piece.end());
  fuzz([&] { parse(file); });
  return 0;
}
