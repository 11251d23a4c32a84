#include "fake_device.h"

#include <sys/mman.h>

#include <cstring>

#include "cairn/backend/reference/reference.h"
#include "cairn/ops/op.h"

namespace cairn::testing {
namespace {

constexpr size_t kRange = size_t{1} << 32;
constexpr size_t kAlign = 64;
constexpr int kPoison = 0xCB;  // as a float -2.7e7: what was freed spoils every result
constexpr int kBlock = 4;      // no other back end blocks channels by four

size_t rounded(size_t bytes) { return (bytes + kAlign) / kAlign * kAlign; }
Backend& reference() { return backend_named("reference"); }

}  // namespace

// Its launch only notes what to do. The plan may be gone by then: the work keeps the kernel alive.
class FakePlan : public Plan {
 public:
  FakePlan(FakeDevice& device, const OpCall& call)
      : device_(device),
        kernel_(reference().prepare(call)),
        inputs_(call.inputs.size()),
        outputs_(call.outputs.size()),
        reorders_(std::strcmp(call.op->name, "reorder") == 0) {
    workspace_bytes = kernel_->workspace_bytes;
  }
  void launch(const Launch& args) const override {
    ++device_.counts_.kernels;
    device_.counts_.reorders += reorders_;
    std::vector<const void*> in(args.inputs, args.inputs + inputs_);
    std::vector<void*> out(args.outputs, args.outputs + outputs_);
    device_.enqueue([kernel = kernel_, in, out, workspace = args.workspace, fault = args.fault] {
      kernel->launch({in.data(), out.data(), workspace, fault});
    });
  }

 private:
  FakeDevice& device_;
  std::shared_ptr<Plan> kernel_;
  size_t inputs_, outputs_;
  bool reorders_;
};

FakeDevice& FakeDevice::instance() {
  static FakeDevice* device = [] {
    auto* made = new FakeDevice;  // never destroyed: tensors in static storage may outlive anything
    register_backend(*made);
    return made;
  }();
  return *device;
}

FakeDevice::FakeDevice() {
  void* range =
      mmap(nullptr, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(range != MAP_FAILED, "the fake device: no address space for its memory");
  memory_ = static_cast<char*>(range);
}

void* FakeDevice::allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  if (const auto found = free_.find(size); found != free_.end()) {
    void* block = found->second;
    free_.erase(found);
    return block;
  }
  check(used_ + size <= kRange, "the fake device: out of memory");
  void* block = memory_ + used_;
  used_ += size;
  enqueue([block, size] { std::memset(block, kPoison, size); });  // nothing may count on zeros
  return block;
}

void FakeDevice::deallocate(void* memory, size_t bytes) {
  const size_t size = rounded(bytes);
  enqueue([this, memory, size] {
    std::memset(memory, kPoison, size);
    free_.emplace(size, memory);
  });
}

void FakeDevice::copy_from_host(void* target, const void* source, size_t bytes) {
  counts_.bytes_from_host += static_cast<int64_t>(bytes);
  const char* first = static_cast<const char*>(source);
  enqueue([target, staged = std::vector<char>(first, first + bytes)] {
    if (!staged.empty()) std::memcpy(target, staged.data(), staged.size());
  });
}

void FakeDevice::copy_to_host(void* target, const void* source, size_t bytes) {
  counts_.bytes_to_host += static_cast<int64_t>(bytes);
  enqueue([target, source, bytes] { std::memcpy(target, source, bytes); });
  synchronize();
}

void FakeDevice::copy_within(void* target, const void* source, size_t bytes) {
  enqueue([target, source, bytes] { std::memmove(target, source, bytes); });
}

void FakeDevice::synchronize() {
  ++counts_.waits;
  run_queue();
}

void FakeDevice::run_queue() {
  check(mprotect(memory_, (used_ + 4095) / 4096 * 4096, PROT_READ | PROT_WRITE) == 0,
        "the fake device: cannot open its memory");
  for (size_t i = 0; i < queue_.size(); ++i) queue_[i]();
  queue_.clear();
  mprotect(memory_, kRange, PROT_NONE);
}

bool FakeDevice::supports(const OpCall& call) const { return reference().supports(call); }
std::unique_ptr<Plan> FakeDevice::prepare(const OpCall& call) {
  return std::make_unique<FakePlan>(*this, call);
}
bool FakeDevice::can_fuse(const OpCall& call) const { return reference().supports(call); }

// Convolutions read and write images in blocks of four channels; pooling takes what it gets.
bool FakeDevice::preferred_layouts(OpCall& call) const {
  const std::string op = call.op->name;
  const Layout blocked = Layout::channel_blocked(kBlock);
  if (op == "conv" || op == "conv_grad_input")
    call.inputs[0]->layout = call.outputs[0]->layout = blocked;
  else if (op == "conv_grad_weight") call.inputs[0]->layout = call.inputs[1]->layout = blocked;
  else return false;
  return true;
}

}  // namespace cairn::testing
