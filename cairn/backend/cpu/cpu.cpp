// The CPU back end: asks its kernel families in turn; what none of them takes (f64, integers, rare
// ops) runs on the reference back end's loops, in the same memory.
#include <cstring>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/machine.h"
#include "cairn/backend/cpu/region/composer.h"
#include "cairn/device/pool.h"

namespace cairn {
namespace cpu {
namespace {

class CpuBackend : public Backend {
 public:
  const char* name() const override { return "cpu"; }
  void* allocate(size_t bytes) override { return pool_allocate(bytes); }
  void deallocate(void* memory, size_t bytes) override { pool_deallocate(memory, bytes); }
  void copy_from_host(void* target, const void* source, size_t bytes) override {
    if (bytes > 0) std::memcpy(target, source, bytes);  // of no bytes, the source may be null
  }
  void copy_within(void* target, const void* source, size_t bytes) override {
    if (bytes > 0) std::memmove(target, source, bytes);
  }
  void copy_to_host(void* target, const void* source, size_t bytes) override {
    if (bytes > 0) std::memcpy(target, source, bytes);  // of no bytes, the target may be null
  }

  bool multiplies(DType dtype) const override {
    return dtype == DType::f32 || dtype == DType::f64 ||
           (dtype == DType::bf16 && multiplies_bf16());
  }
  bool supports(const OpCall& call) const override {
    for (const Family& family : families())
      if (family.supports(call)) return true;
    return reference().supports(call);
  }
  std::unique_ptr<Plan> prepare(const OpCall& call) override {
    for (const Family& family : families())
      if (auto plan = family.prepare(call)) return plan;
    return reference().prepare(call);
  }
  size_t reserve_bytes(const OpCall& call) const override {
    for (const Family& family : families())
      if (family.reserve && family.supports(call)) return family.reserve(call);
    return 0;
  }
  bool preferred_layouts(OpCall& call) const override {
    for (const Family& family : families())
      if (family.layouts && family.supports(call)) return family.layouts(call);
    return false;
  }
  bool can_fuse(const OpCall& call) const override {
    if (!is_float(call.out().dtype) && !holds_in_f32(call)) return false;
    for (const auto* list : {&call.inputs, &call.outputs})
      for (const TensorDesc* d : *list)
        if (!region_dtype(d->dtype)) return false;
    return call.op->is(kReduction) || tile_call_of(*call.op, *call.attrs).fn != nullptr ||
           std::strcmp(call.op->name, "cast") == 0;
  }
  bool reads_strides(const OpCall& call, int index) const override {
    for (const Family& family : families())
      if (family.supports(call)) return family.strides && family.strides(call, index);
    return true;  // the reference loops read anything
  }

 private:
  // Regions compute in f32, where integers do not wrap and truth values are no numbers: they hold
  // what picks, compares or is a truth value.
  static bool holds_in_f32(const OpCall& call) {
    const std::string_view op = call.op->name;
    if (op == "cast") return call.out().dtype != DType::i8 && call.out().dtype != DType::u8;
    for (std::string_view picks : {"where", "copy", "maximum", "minimum", "amax", "amin"})
      if (op == picks) return true;
    return call.out().dtype == DType::boolean && op != "add" && op != "mul" && op != "square" &&
           op != "prod";
  }
  static Backend& reference() { return backend_named("reference"); }
};

}  // namespace
}  // namespace cpu

Backend& make_cpu_backend() {
  static cpu::CpuBackend instance;
  return instance;
}

}  // namespace cairn
