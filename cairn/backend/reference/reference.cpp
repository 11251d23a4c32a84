// The reference back end: host memory, one plan a call, kernels from the tables.
#include "cairn/backend/reference/reference.h"

#include <atomic>
#include <cstring>

#include "cairn/backend/reference/kernels.h"
#include "cairn/device/pool.h"

namespace cairn {
namespace reference {

View::View(const TensorDesc& desc, const void* data)
    : desc_(&desc),
      data_(static_cast<char*>(const_cast<void*>(data))),
      size_(size_of(desc.dtype)),
      count_(numel(desc.shape)) {}

int64_t View::offset(int64_t flat) const {
  int64_t result = desc_->layout.offset;
  if (!desc_->layout.blocked()) {
    for (int d = desc_->shape.ssize() - 1; d >= 0; --d) {
      result += flat % desc_->shape[d] * desc_->layout.strides[d];
      flat /= desc_->shape[d];
    }
    return result;
  }
  return offset(coordinates(flat, desc_->shape));
}

int64_t View::offset(const Ints& where) const {
  const Layout& layout = desc_->layout;
  if (!layout.blocked()) {
    int64_t result = layout.offset;
    for (size_t d = 0; d < where.size(); ++d) result += where[d] * layout.strides[d];
    return result;
  }
  const int64_t b = layout.block;
  Ints physical = where;
  physical[1] = where[1] / b;
  if (layout.kind == LayoutKind::channel_block) {
    physical.push_back(where[1] % b);
  } else {
    physical[0] = where[0] / b;
    const bool io = layout.kind == LayoutKind::weight_io;
    physical.push_back(io ? where[1] % b : where[0] % b);
    physical.push_back(io ? where[0] % b : where[1] % b);
  }
  return flat_index(physical, physical_of(*desc_).dims);
}

int64_t View::get_integer(int64_t flat) const {
  if (desc_->dtype != DType::i64) return static_cast<int64_t>(get(flat));
  int64_t value;
  std::memcpy(&value, at(offset(flat)), sizeof value);
  return value;
}
void View::set_integer(int64_t flat, int64_t value) const {
  // Little-endian: the low bytes of the number are its value in a narrow type.
  if (!is_integer(desc_->dtype)) return set(flat, static_cast<double>(value));
  std::memcpy(at(offset(flat)), &value, size_);
}
void View::fill_zero() const {
  if (count_ > 0) std::memset(data_, 0, desc_->bytes());
}

void Call::bad_index(int64_t position, int64_t value) const {
  if (launch.fault && launch.fault->kind == Fault::none)
    *launch.fault = {Fault::bad_index, position, value};
}

void Call::not_finite(int64_t position) const {
  if (launch.fault && launch.fault->kind == Fault::none)
    *launch.fault = {Fault::not_finite, position, 0};
}

Ints coordinates(int64_t flat, const Shape& shape) {
  Ints where(shape.size(), 0);
  for (int d = shape.ssize() - 1; d >= 0; --d) {
    where[d] = flat % shape[d];
    flat /= shape[d];
  }
  return where;
}
int64_t flat_index(const Ints& where, const Shape& shape) {
  int64_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + where[d];
  return flat;
}
bool next(Ints& where, const Shape& shape) {
  for (int d = shape.ssize() - 1; d >= 0; --d) {
    if (++where[d] < shape[d]) return true;
    where[d] = 0;
  }
  return false;
}

Kernel find_kernel(const char* op) {
  static const auto* table = [] {
    auto* rows = new std::map<std::string, Kernel, std::less<>>;
    for (const auto family :
         {elementwise_kernels(), reduce_kernels(), view_kernels(), matmul_kernels(), conv_kernels(),
          pool_kernels(), index_kernels(), random_kernels(), sort_kernels(), linalg_kernels(),
          qlinear_kernels()})
      for (const Row& row : family)
        check(rows->emplace(row.op, row.kernel).second, "reference: two kernels for '{}'", row.op);
    return rows;
  }();
  const auto it = table->find(op);
  return it == table->end() ? nullptr : it->second;
}

namespace {

class ReferencePlan : public Plan {
 public:
  ReferencePlan(const OpCall& call, Kernel kernel) : attrs_(*call.attrs), kernel_(kernel) {
    descs_.reserve(call.inputs.size() + call.outputs.size());
    call_.op = call.op, call_.attrs = &attrs_;
    for (TensorDesc* d : call.inputs) call_.inputs.push_back(&descs_.emplace_back(*d));
    for (TensorDesc* d : call.outputs) call_.outputs.push_back(&descs_.emplace_back(*d));
  }
  void launch(const Launch& args) const override {
    const Call call{call_, args};
    for (size_t i = 0; i < call_.outputs.size(); ++i)
      if (call_.outputs[i]->layout.blocked()) call.out(static_cast<int>(i)).fill_zero();
    kernel_(call);
  }

 private:
  Attrs attrs_;
  std::vector<TensorDesc> descs_;
  OpCall call_;
  Kernel kernel_;
};

std::atomic<bool> fusion{false};

std::unique_ptr<Plan> prepare_op(const OpCall& call) {
  const Kernel kernel = find_kernel(call.op->name);
  return kernel ? std::make_unique<ReferencePlan>(call, kernel) : nullptr;
}

class ReferenceBackend : public Backend {
 public:
  const char* name() const override { return "reference"; }
  void* allocate(size_t bytes) override { return pool_allocate(bytes); }
  void deallocate(void* memory, size_t bytes) override { pool_deallocate(memory, bytes); }
  void copy_from_host(void* target, const void* source, size_t bytes) override {
    if (bytes > 0) std::memcpy(target, source, bytes);
  }
  void copy_within(void* target, const void* source, size_t bytes) override {
    if (bytes > 0) std::memmove(target, source, bytes);
  }
  void copy_to_host(void* target, const void* source, size_t bytes) override {
    if (bytes > 0) std::memcpy(target, source, bytes);  // of no bytes, the target may be null
  }
  bool supports(const OpCall& call) const override {
    return call.region || find_kernel(call.op->name);
  }
  std::unique_ptr<Plan> prepare(const OpCall& call) override {
    return call.region ? prepare_region(call, prepare_op) : prepare_op(call);
  }
  bool can_fuse(const OpCall& call) const override { return fusion && supports(call); }
  bool reads_strides(const OpCall&, int) const override { return true; }
};

}  // namespace

void set_fusion(bool on) { fusion = on; }

}  // namespace reference

Backend& make_reference_backend() {
  static reference::ReferenceBackend instance;
  return instance;
}

}  // namespace cairn
