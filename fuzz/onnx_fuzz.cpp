#include <new>

#include "cairn/backend/reference/reference.h"
#include "cairn/base/parallel.h"
#include "cairn/device/backend.h"
#include "cairn/graph/cost.h"
#include "cairn/onnx/import.h"
#include "cairn/ops/op.h"
#include "fuzz/fuzz.h"
#include "onnx.pb.h"

namespace cairn {

Backend& make_reference_backend();

namespace {

// The plain loops within bounds: a small file may ask for any amount of memory and time, and is
// told here that there is none. Memory is the system's own, so that the address sanitizer knows
// where each tensor ends.
class Bounded : public Backend {
 public:
  const char* name() const override { return "cpu"; }
  void begin() { calls_ = 0, taken_ = 0; }

  void* allocate(size_t bytes) override {
    constexpr size_t kLargest = 1 << 18, kMost = 16 << 20;
    constexpr int kCalls = 2000;
    check(bytes <= kLargest && (taken_ += bytes) <= kMost && ++calls_ <= kCalls,
          "beyond the bounds of this test");
    return ::operator new(bytes, kAlignment);
  }
  void deallocate(void* memory, size_t) override { ::operator delete(memory, kAlignment); }
  void copy_from_host(void* to, const void* from, size_t bytes) override {
    loops_.copy_from_host(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, size_t bytes) override {
    loops_.copy_to_host(to, from, bytes);
  }
  void copy_within(void* to, const void* from, size_t bytes) override {
    loops_.copy_within(to, from, bytes);
  }
  bool supports(const OpCall& call) const override { return loops_.supports(call); }
  bool reads_strides(const OpCall& call, int i) const override {
    return loops_.reads_strides(call, i);
  }
  std::unique_ptr<Plan> prepare(const OpCall& call) override {
    constexpr double kMostProducts = 2e5;
    check(multiply_adds(call) <= kMostProducts, "beyond the bounds of this test");
    return loops_.prepare(call);
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  Backend& loops_ = make_reference_backend();
  size_t taken_ = 0;
  int calls_ = 0;
};

Bounded& bounded() {
  static Bounded instance;
  return instance;
}

// Zeros for each input; sizes that are free are 2.
void run(const onnx::Imported& imported) {
  Tensors in;
  for (const onnx::ImportedInput& input : imported.inputs()) {
    Shape shape;
    for (const onnx::ImportedDim& dim : input.dims) shape.push_back(dim.size < 0 ? 2 : dim.size);
    in.push_back(full(shape, 0, input.dtype));
  }
  static volatile uint32_t sink = 0;
  for (const Tensor& t : imported.run(in)) {
    const Tensor bytes = contiguous(t);
    io::promise(bytes.shape() == t.shape(), "a result has its shape");
    sink = sink + io::touch({static_cast<const uint8_t*>(bytes.impl()->buffer->data()),
                             bytes.desc().bytes()});
  }
}

}  // namespace

Backend& make_cpu_backend() { return bounded(); }

}  // namespace cairn

using namespace cairn;

// A file's messages, its names, and the values of its weights (external data lie nowhere); then its
// nodes are run, those of weights alone first.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bounded().begin();
  set_num_threads(1);
  io::fuzz([&] {
    onnx::ModelFile file(io::Bytes(data, size), "input", "/nowhere");
    static volatile uint32_t sink = 0;
    for (const auto& tensor : file.model().graph().initializer()) {
      const onnx::TensorData values = file.data_of(tensor);
      io::promise(io::checked_bytes(values.shape, values.dtype) == values.bytes.size(),
                  "shape fills data");
      sink = sink + io::touch(values.bytes);
    }
    run(onnx::Imported(std::move(file)));
  });
  return 0;
}
