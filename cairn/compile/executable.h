// A compiled step: plans with fixed memory, run one after another.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cairn/compile/passes.h"
#include "cairn/graph/graph.h"
#include "cairn/ops/random.h"

namespace cairn {

// What one executable is made of and did: for tests, --profile and reports.
struct ExecutableStats {
  size_t kernels = 0, reorders = 0, regions = 0, views = 0;
  size_t arena_bytes = 0, bytes_without_reuse = 0;
  double compile_seconds = 0;
  int64_t runs = 0;
};

// The arena that the executables of one compile() share: as large as the largest of them.
class Arena {
 public:
  Arena() = default;
  // One whose memory is the caller's. Until some is lent, nothing can run.
  struct Lent {};
  explicit Arena(Lent) : lent_(true) {}
  void lend(void* memory, size_t bytes);  // 64-byte aligned

  // Grows; earlier addresses become invalid. Throws Error when less was lent.
  void* reserve(Backend& backend, size_t bytes);
  void* data() const { return lent_ ? memory_ : buffer_ ? buffer_->data() : nullptr; }
  bool waits() const { return lent_ && !memory_; }
  uint64_t generation() const { return generation_; }

 private:
  bool lent_ = false;
  void* memory_ = nullptr;
  size_t bytes_ = 0;
  Ref<Buffer> buffer_;
  uint64_t generation_ = 0;
};

class Executable {
 public:
  // Runs the passes over a traced graph and prepares every kernel.
  Executable(Graph traced, Backend& backend, std::shared_ptr<Arena> arena);
  ~Executable();

  // Replays the step. `arguments` in the traced order; results own their buffers. Throws Error when
  // a kernel met a bad index or a value was not finite: no State, gradient or generator has changed
  // then.
  void run(std::span<const Tensor> arguments, std::span<Tensor> outputs);

  // The same on addresses of the caller's, 64-byte aligned, plain row-major: for steps that change
  // no State and draw nothing. Allocates nothing.
  void run_on(std::span<const void* const> arguments, std::span<void* const> outputs);
  // Makes what is derived from States now, before the first run, or takes it from another
  // executable of the same graph; returns it, to be given to more of them.
  Ref<Buffer> pack(const Ref<Buffer>& from_another);

  size_t output_count() const { return graph_.outputs.size(); }
  const Graph& traced() const { return traced_; }  // as recorded
  const Graph& graph() const { return graph_; }    // as compiled
  // About what it keeps from one run to the next, beside the arena.
  size_t bytes() const;
  const ExecutableStats& stats() const { return stats_; }

 private:
  struct Step {
    std::unique_ptr<Plan> plan;
    std::vector<const void*> in;
    std::vector<void*> out;
    void* workspace = nullptr;
    int node = 0;
    bool may_fault = false;
    bool derived = false;
  };
  // A pointer slot of a step that follows an input, output or State.
  struct Slot {
    int step;
    int index;
    bool output;
  };

  void prepare_steps();
  void bind_arena();
  void set_slots(const std::vector<Slot>& slots, void* address);
  Tensor source_of(const GraphInput& in, std::span<const Tensor> arguments) const;
  void bind_input(size_t i, const TensorImpl* source, std::span<const Tensor> arguments);
  void bind_address(size_t i, void* address);
  void bind_inputs(std::span<const Tensor> arguments);
  void bind_lasting();
  Tensors copies_of(std::span<const void* const> arguments) const;
  void bind_states();
  void bind_outputs(std::span<Tensor> outputs);
  Tensor& result(size_t number);  // one of the kept ones that is free, or a new one
  void run_derived();
  void check_late();
  void run_steps(std::span<const Tensor> arguments);
  void run_profiled(std::span<const Tensor> arguments);
  void launch_timed(const Step& step);
  void commit(std::span<const Tensor> arguments);
  const void* where_is(ValueId v) const;  // after a run
  void launch(std::span<const Tensor> arguments, const Step& step);
  [[noreturn]] void raise(std::span<const Tensor> arguments, const Step& step,
                          const char* refusal = nullptr);
  void* address_of(ValueId v) const;
  ValueId root(ValueId v) const;

  Graph traced_, graph_;  // as recorded; as compiled
  Fault fault_;           // where kernels report
  Backend& backend_;
  std::shared_ptr<Arena> arena_;
  uint64_t arena_generation_ = 0;
  MemoryPlan memory_;
  std::vector<char> derived_;  // by node
  Ref<Buffer> derived_memory_;
  std::vector<std::pair<Held<TensorImpl>, uint64_t>>
      sources_;  // of derived values: version they are of
  bool derived_ready_ = false;
  std::vector<Step> steps_;
  std::vector<std::vector<Slot>> input_slots_, output_slots_, state_slots_;
  std::vector<void*> input_addresses_, output_addresses_, state_addresses_;
  std::vector<Tensor> staged_;  // arguments made contiguous
  Tensor random_;               // the generator's words at the start of the run
  GeneratorWords words_ = {};
  // Kept, to be handed out again when the caller let go: two of each, as callers keep one for a
  // while.
  std::vector<std::array<Tensor, 2>> results_;
  ExecutableStats stats_;
};

}  // namespace cairn
