// A back end that keeps the engine honest where no accelerator is: memory that the host cannot
// touch, a stream that runs late, frees that poison, a convolution layout of its own; the
// arithmetic is the reference's.
//
// Launches, copies and frees are queued and run at copy_to_host() or synchronize(). Only while the
// queue runs is the device's memory accessible: anything else that reads or writes it ends the
// process.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "cairn/device/backend.h"
#include "cairn/tensor/dtype.h"

namespace cairn::testing {

struct FakeCounts {
  int64_t kernels = 0, reorders = 0;  // launches, and those of them that only change a layout
  int64_t waits = 0;                  // copy_to_host() and synchronize()
  int64_t bytes_from_host = 0, bytes_to_host = 0;
};

class FakeDevice : public Backend {
 public:
  static FakeDevice& instance();  // registered as "fake"; lives for ever

  const FakeCounts& counts() const { return counts_; }
  void reset_counts() { counts_ = {}; }

  const char* name() const override { return "fake"; }
  void* allocate(size_t bytes) override;
  void deallocate(void* memory, size_t bytes) override;
  void copy_from_host(void* target, const void* source, size_t bytes) override;
  void copy_to_host(void* target, const void* source, size_t bytes) override;
  void copy_within(void* target, const void* source, size_t bytes) override;
  void synchronize() override;
  bool host_readable() const override { return false; }
  bool multiplies(DType dtype) const override { return dtype != DType::bf16; }
  bool supports(const OpCall& call) const override;
  std::unique_ptr<Plan> prepare(const OpCall& call) override;
  bool preferred_layouts(OpCall& call) const override;
  bool can_fuse(const OpCall& call) const override;
  bool reads_strides(const OpCall&, int) const override { return true; }

 private:
  friend class FakePlan;
  FakeDevice();
  void enqueue(std::function<void()> work) { queue_.push_back(std::move(work)); }
  void run_queue();

  char* memory_;  // one range of addresses, closed to the host
  size_t used_ = 0;
  std::multimap<size_t, void*> free_;  // by size: blocks whose free has run
  std::vector<std::function<void()>> queue_;
  FakeCounts counts_;
};

}  // namespace cairn::testing
