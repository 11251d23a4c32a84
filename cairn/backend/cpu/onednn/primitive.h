// Small wrapper types over oneDNN: the engine, descriptions of tensors, and a primitive that is
// ready to run.
#pragma once
#include <unordered_map>

#include "cairn/backend/cpu/onednn/compat.h"
#include "cairn/backend/cpu/onednn/openmp.h"
#include "cairn/base/small_vector.h"

namespace cairn::cpu::onednn {

const dnnl::engine& engine();
dnnl::stream& stream();  // of the calling thread

// What the library calls the tensor. `groups`: a convolution's weight [O, I/groups, ...] seen as
// [groups, O/groups, I/groups, ...]. The layout's offset is not part of it.
MemoryDesc describe(const TensorDesc& desc, int64_t groups = 1);
// The same tensor in whatever layout the library likes.
MemoryDesc any_layout(const TensorDesc& desc, int64_t groups = 1);
dnnl::memory::data_type type_of(DType dtype);

// The library's primitives use this many threads of Cairn's pool while alive (it reads OpenMP's
// setting).
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  LibraryOnPool on_pool_;
  int saved_;
};

// A primitive with its arguments: memory objects are made once, pointers set where they changed.
// For one thread at a time.
class Primitive {
 public:
  Primitive() = default;
  template <class PrimitiveDesc>
  explicit Primitive(const PrimitiveDesc& pd)
      : primitive_(pd.get()), scratch_bytes_(pd.scratchpad_desc().get_size()) {
    if (scratch_bytes_ > 0) add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
  }
  explicit operator bool() const { return static_cast<bool>(primitive_); }
  void add(int argument, const MemoryDesc& md);
  void bind(int argument, const void* data);
  void run();
  size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  dnnl::primitive primitive_;
  size_t scratch_bytes_ = 0;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::unordered_map<int, const void*> bound_;
};

// Copies between two descriptions of one tensor; padding of the target becomes zero.
Primitive make_reorder(const MemoryDesc& from, const MemoryDesc& to);

}  // namespace cairn::cpu::onednn
