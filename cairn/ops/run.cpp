// Eager execution: finds or prepares the plan of a call, provides its memory and launches it.
#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>

#include "cairn/base/hash.h"
#include "cairn/base/parallel.h"
#include "cairn/device/pool.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

class HostPlan : public Plan {  // a user's op: its own plain kernel
 public:
  HostPlan(const OpCall& call, Backend& backend) : backend_(backend), attrs_(*call.attrs) {
    descs_.reserve(call.inputs.size() + call.outputs.size());
    call_.op = call.op, call_.attrs = &attrs_;
    for (TensorDesc* d : call.inputs) call_.inputs.push_back(&descs_.emplace_back(*d));
    for (TensorDesc* d : call.outputs) call_.outputs.push_back(&descs_.emplace_back(*d));
    if (backend.host_readable()) return;
    Backend& host = backend_named("cpu");
    for (const TensorDesc& d : descs_) copies_.push_back(new Buffer(host, d.bytes()));
  }
  void launch(const Launch& args) const override {
    if (copies_.empty()) return call_.op->host_kernel(call_, args);
    const size_t inputs = call_.inputs.size();
    SmallVector<const void*, 8> in;
    SmallVector<void*, 8> out;
    for (size_t i = 0; i < inputs; ++i) {
      backend_.copy_to_host(copies_[i]->data(), args.inputs[i], copies_[i]->bytes());
      in.push_back(copies_[i]->data());
    }
    for (size_t i = inputs; i < copies_.size(); ++i) out.push_back(copies_[i]->data());
    call_.op->host_kernel(call_, {in.data(), out.data(), nullptr, args.fault});
    for (size_t i = inputs; i < copies_.size(); ++i)
      backend_.copy_from_host(args.outputs[i - inputs], copies_[i]->data(), copies_[i]->bytes());
  }

 private:
  Backend& backend_;
  Attrs attrs_;
  std::vector<TensorDesc> descs_;
  OpCall call_;
  std::vector<Ref<Buffer>> copies_;  // on the host, of inputs and outputs
};

// What is known about running one kind of call: a plan, or that it must be rewritten first.
struct Entry {
  const OpDef* op;
  Attrs attrs;
  std::vector<TensorDesc> inputs, outputs;
  Backend* backend;
  int threads;
  std::unique_ptr<Plan> plan;        // null: decompose
  std::vector<int> make_contiguous;  // inputs that the kernel cannot read as they lie

  bool matches(const OpCall& call, Backend& b, int thread_count) const {
    if (op != call.op || backend != &b || threads != thread_count ||
        inputs.size() != call.inputs.size())
      return false;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!(inputs[i] == *call.inputs[i])) return false;
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!(outputs[i] == *call.outputs[i])) return false;
    return attrs == *call.attrs;
  }
};

// The calling thread's entries by key, and before them those met last, one a slot.
class EntryCache {
 public:
  const Entry* find(uint64_t key, const OpCall& call, Backend& backend, int threads) {
    const Entry*& recent = recent_[key % kSlots];
    if (recent && recent->matches(call, backend, threads)) return recent;
    const auto [first, last] = all_.equal_range(key);
    for (auto it = first; it != last; ++it)
      if (it->second->matches(call, backend, threads)) return recent = it->second.get();
    return nullptr;
  }
  const Entry* add(uint64_t key, std::unique_ptr<Entry> entry) {
    if (all_.size() >= kMostEntries) recent_.fill(nullptr), all_.clear();
    return recent_[key % kSlots] = all_.emplace(key, std::move(entry))->second.get();
  }

 private:
  static constexpr size_t kMostEntries = 8192, kSlots = 256;
  std::array<const Entry*, kSlots> recent_{};
  std::unordered_multimap<uint64_t, std::unique_ptr<Entry>> all_;
};

std::unique_ptr<Plan> make_plan(const OpCall& call, Backend& backend) {
  if (backend.supports(call))
    if (auto plan = backend.prepare(call)) return plan;
  if (call.op->decompose) return nullptr;
  if (call.op->host_kernel) return make_host_plan(call, backend);
  call.error("back end '{}' has no kernel for this op", backend.name());
}

std::unique_ptr<Entry> make_entry(const OpCall& call, Backend& backend, int threads) {
  auto entry = std::make_unique<Entry>();
  entry->op = call.op, entry->attrs = *call.attrs, entry->backend = &backend,
  entry->threads = threads;
  for (TensorDesc* d : call.inputs) entry->inputs.push_back(*d);
  for (TensorDesc* d : call.outputs) entry->outputs.push_back(*d);
  for (int i = 0; i < static_cast<int>(call.inputs.size()); ++i)
    if (!call.inputs[i]->contiguous() && !reads_strides(backend, call, i))
      entry->make_contiguous.push_back(i);
  if (entry->make_contiguous.empty()) entry->plan = make_plan(call, backend);
  return entry;
}

const Entry& find_entry(const OpCall& call, Backend& backend) {
  const int threads = num_threads();
  uint64_t key = hash_mix(reinterpret_cast<uintptr_t>(call.op), static_cast<uint64_t>(threads));
  for (TensorDesc* d : call.inputs) key = d->hash(key);
  key = call.attrs->hash(key);
  thread_local const auto cache =
      std::make_unique<EntryCache>();  // on the heap, as in device/pool.cpp
  if (const Entry* known = cache->find(key, call, backend, threads)) return *known;
  return *cache->add(key, make_entry(call, backend, threads));
}

// The workspace of the calling thread's kernels: grows to the largest.
class Workspace {
 public:
  void* get(Backend& backend, size_t bytes) {
    if (bytes == 0) return nullptr;
    if (!buffer_ || buffer_->bytes() < bytes || &buffer_->backend() != &backend) {
      buffer_ = Ref<Buffer>();
      buffer_ = new Buffer(backend, bytes);
    }
    return buffer_->data();
  }

 private:
  Ref<Buffer> buffer_;
};

void launch(const Plan& plan, Backend& backend, OpCall& call, std::span<const Tensor> inputs,
            std::span<Tensor> outputs) {
  thread_local Workspace workspace;
  SmallVector<const void*, 8> in;
  SmallVector<void*, 8> out;
  for (const Tensor& t : inputs) in.push_back(t.impl()->buffer->data());
  for (Tensor& t : outputs) {
    t.impl()->buffer = new Buffer(backend, t.desc().bytes());
    out.push_back(t.impl()->buffer->data());
  }
  Fault fault;
  try {
    plan.launch({in.data(), out.data(), workspace.get(backend, plan.workspace_bytes), &fault});
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& refusal) {  // of what it found on the host: a length beyond the sequence
    call.raise(refusal.what());
  }
  if (call.op->is(kMayFault)) {
    backend.synchronize();
    if (fault.kind == Fault::bad_index)
      call.error("index {} at position {} is out of range", fault.value, fault.position);
    if (fault.kind == Fault::not_finite) call.error("value {} is NaN or infinite", fault.position);
  }
}

bool run_view(OpCall& call, const Tensor& input, Tensor& output) {
  if (call.inputs[0]->layout.blocked() || !call.op->view(call)) return false;
  output.impl()->buffer = input.impl()->buffer;
  return true;
}

Backend& backend_of(const OpCall& call, std::span<const Tensor> inputs) {
  if (inputs.empty()) return current_backend();
  Backend& first = inputs[0].impl()->buffer->backend();
  for (const Tensor& t : inputs) {
    if (t.traced() && !t.impl()->buffer)
      call.error("an input was traced by compile() and has no value outside it");
    if (&t.impl()->buffer->backend() != &first)
      call.error("inputs live on '{}' and '{}'; move one with to()", first.name(),
                 t.impl()->buffer->backend().name());
  }
  return first;
}

void run_rewritten(const Entry& entry, OpCall& call, std::span<const Tensor> inputs,
                   std::span<Tensor> outputs) {
  NoGrad no_grad;
  if (entry.make_contiguous.empty()) return call.op->decompose(inputs, *call.attrs, outputs);
  std::vector<Tensor> copies(inputs.begin(), inputs.end());
  const std::vector<int> make_contiguous =
      entry.make_contiguous;  // the copies' own calls may drop the entry
  for (int i : make_contiguous) {
    copies[i] = contiguous(copies[i]);
    call.inputs[i] = &copies[i].impl()->desc;
  }
  run_op(call, copies, outputs);
}

}  // namespace

bool reads_strides(const Backend& backend, const OpCall& call, int index) {
  if (call.op->host_kernel && !backend.supports(call)) return call.op->is(kReadsStrides);
  return backend.reads_strides(call, index);
}

std::unique_ptr<Plan> make_host_plan(const OpCall& call, Backend& backend) {
  return std::make_unique<HostPlan>(call, backend);
}

void run_op(OpCall& call, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  for (const Tensor& t : inputs)
    if (!t.impl()->buffer)
      call.error("an input was traced by compile() and has no value outside it");
  if (call.op->is(kView) && run_view(call, inputs[0], outputs[0])) return;
  Backend& backend = backend_of(call, inputs);
  const Entry& entry = find_entry(call, backend);
  if (!entry.plan) return run_rewritten(entry, call, inputs, outputs);
  launch(*entry.plan, backend, call, inputs, outputs);
}

}  // namespace cairn
