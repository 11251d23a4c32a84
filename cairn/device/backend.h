// What a back end must answer: memory, and kernels prepared once and launched many times.
//
// A launch never allocates, makes a descriptor or reads a value on the host. Frees are ordered by
// the stream. Only copy_to_host() and synchronize() wait.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "cairn/base/ref.h"

namespace cairn {

struct OpCall;  // ops/op.h: an op with the descriptions of its inputs and outputs
enum class DType : uint8_t;

// Set by kernels that meet a value they cannot use; read by the host between kernels and commit.
struct Fault {
  enum Kind : int32_t { none = 0, bad_index = 1, not_finite = 2 };
  int32_t kind = none;
  int64_t position = 0;  // flat logical index of the first bad element
  int64_t value = 0;     // the bad index
};

struct Launch {
  const void* const* inputs;  // base address of each input's buffer
  void* const* outputs;
  void* workspace;  // Plan::workspace_bytes, 64-byte aligned
  Fault* fault;
};

// A kernel ready to run for fixed descriptions and attributes.
class Plan {
 public:
  virtual ~Plan() = default;
  virtual void launch(const Launch& args) const = 0;
  size_t workspace_bytes = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;

  virtual void* allocate(size_t bytes) = 0;  // 64-byte aligned; throws Error when memory is out
  virtual void deallocate(void* memory, size_t bytes) = 0;
  virtual void copy_from_host(void* target, const void* source, size_t bytes) = 0;
  virtual void copy_to_host(void* target, const void* source, size_t bytes) = 0;  // waits
  virtual void copy_within(void* target, const void* source,
                           size_t bytes) = 0;  // ordered by the stream
  virtual void synchronize() {}
  virtual bool host_readable() const { return true; }

  // Whether its processor multiplies floating-point numbers of this type. Where not, such a product
  // widens every operand and is slower than one in f32.
  virtual bool multiplies(DType dtype) const { return true; }
  // Whether the op, in some layout, has a kernel here; otherwise it is decomposed.
  virtual bool supports(const OpCall& call) const = 0;
  // The kernel for the call as described. Throws Error where supports() said no.
  virtual std::unique_ptr<Plan> prepare(const OpCall& call) = 0;
  // Bytes that the call's kernel keeps for its backward kernel, where the op has an output for
  // them.
  virtual size_t reserve_bytes(const OpCall& call) const { return 0; }
  // The layouts that the call's kernel would rather have: rewrites those of the call's inputs and
  // outputs in place and returns true, or returns false when it has no wish.
  virtual bool preferred_layouts(OpCall& call) const { return false; }
  // Whether the call may become part of a fused region (op "region") of this back end.
  virtual bool can_fuse(const OpCall& call) const { return false; }
  // Whether the kernel reads input `index` through strides; otherwise it is made contiguous first.
  virtual bool reads_strides(const OpCall& call, int index) const { return false; }
};

// Device memory with one owner count.
class Buffer : public RefCounted {
 public:
  Buffer(Backend& backend, size_t bytes)
      : backend_(backend), data_(backend.allocate(bytes)), bytes_(bytes) {}
  ~Buffer() override { backend_.deallocate(data_, bytes_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Backend& backend() const { return backend_; }

 private:
  Backend& backend_;
  void* data_;
  size_t bytes_;
};

// The back ends of this process by name: "cpu", "reference". Throws Error for an unknown name.
Backend& backend_named(const std::string& name);
void register_backend(Backend& backend);
// The back end on which new tensors of this thread live (default "cpu").
Backend& current_backend();

class BackendScope {  // selects a back end for the calling thread while alive
 public:
  explicit BackendScope(Backend& backend);
  ~BackendScope();
  BackendScope(const BackendScope&) = delete;
  BackendScope& operator=(const BackendScope&) = delete;

 private:
  Backend* previous_;
};

}  // namespace cairn
