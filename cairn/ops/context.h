// What the calling thread's ops depend on: gradient mode, autocast, recorder, module path,
// generator.
#pragma once
#include <string>

#include "cairn/ops/op.h"

namespace cairn {

// compile() listens here; declared in ops/ so that apply() needs nothing above it.
class Recorder {
 public:
  virtual ~Recorder() = default;
  // The traced value that stands for `t` now: itself when traced here, the current version of a
  // State, or a captured input.
  virtual Tensor read(const Tensor& t) = 0;
  // Adds a node; `outputs` come with descriptions and get their value numbers.
  virtual void record(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
                      std::span<Tensor> outputs, Loc loc) = 0;
  virtual void assign(const Tensor& state, const Tensor& value) = 0;
  virtual Tensor grad(const TensorImpl& leaf) = 0;
  virtual void set_grad(const Tensor& leaf, const Tensor& gradient) = 0;
  // Something of the host was read while tracing: the executable holds while probe(owner) gives the
  // same and the owner is not forgotten. Whoever changes what it gives calls note_mode_change():
  // without that it is not asked again.
  using Probe = int64_t (*)(const RefCounted& owner);
  virtual void depends_on(const Ref<RefCounted>& owner, Probe probe) = 0;
  // The number of the next random op, counted from the start of the step.
  virtual int64_t next_random() = 0;
  // True for compile()'s own rewriting of a graph: composite ops are recorded in basic ones.
  virtual bool decomposes(const OpCall& call) { return false; }
};

struct PathEntry {   // a module being called
  std::string name;  // "": it is nobody's child, and goes by its type where it is the outermost
  Loc loc;
  const void* module = nullptr;
  std::string (*type_of)(const void* module) = nullptr;
};

struct Context {
  Recorder* recorder = nullptr;
  bool grad_mode = true;
  bool autocast = false;
  DType autocast_dtype = DType::bf16;
  int recompute = 0;                        // inside a recomputed region: its id
  std::vector<Tensor>* captures = nullptr;  // where recompute() notes what its function reads
  Loc loc;                                  // of the op being applied
  std::vector<PathEntry> path;
  std::string path_text() const;  // "Net.layer1.conv", "" outside modules
};
Context& context();  // of the calling thread

class NoGrad {  // no tape while alive
 public:
  explicit NoGrad(bool grad_mode = false) : saved_(context().grad_mode) {
    context().grad_mode = grad_mode;
  }
  ~NoGrad() { context().grad_mode = saved_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool saved_;
};

// Mixed precision while alive: matmul and convolution in `dtype`; f32: none.
// AutocastScope(product_dtype(DType::bf16)) is never slower than f32.
class AutocastScope {
 public:
  explicit AutocastScope(DType dtype);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  bool saved_;
  DType saved_dtype_;
};

// The type in which the current back end's products are quickest: `wanted`, or f32 where the
// processor does not multiply it.
DType product_dtype(DType wanted);

// Whether the parameter is trained. A trace that asks depends on the answer.
bool is_trained(const Tensor& parameter);

class RecorderScope {
 public:
  explicit RecorderScope(Recorder* recorder) : saved_(context().recorder) {
    context().recorder = recorder;
  }
  ~RecorderScope() { context().recorder = saved_; }
  RecorderScope(const RecorderScope&) = delete;
  RecorderScope& operator=(const RecorderScope&) = delete;

 private:
  Recorder* saved_;
};

// Puts the op on the tape (autograd/): called by apply() when an input requires a gradient.
// `inputs` are as the caller gave them, `saved` as read at this moment (a State's version).
void tape_record(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
                 std::span<const Tensor> saved, std::span<Tensor> outputs);

// The inputs' gradients of an op by differentiating its decomposition in basic ops (autograd/): for
// what its fused backward op does not give, and for that op itself. vjp_by_decomposition is the
// same as a vjp column.
std::vector<Tensor> gradient_by_decomposition(const OpDef& op, std::span<const Tensor> inputs,
                                              const Attrs& attrs, std::span<const Tensor> grads,
                                              std::span<const bool> needs);
void vjp_by_decomposition(VjpCall& call);

// Runs an op now, on the back end of its inputs (ops/run.cpp): called by apply().
void run_op(OpCall& call, std::span<const Tensor> inputs, std::span<Tensor> outputs);

// The plan of a user's op that brings its own plain kernel (OpDef::host_kernel). Where the host
// cannot read the back end's memory, operands go through copies: correct, and every launch waits.
std::unique_ptr<Plan> make_host_plan(const OpCall& call, Backend& backend);

// Whether whatever runs the call on the back end reads input `index` through strides: its kernel,
// or a user's host_kernel.
bool reads_strides(const Backend& backend, const OpCall& call, int index);

// The same value outside the tape.
Tensor same_value(const Tensor& t);

// Whether the line is one of the library's own layers, which says nothing to a user.
bool is_library_line(const Loc& loc);
// The line of the user's that led to `loc`: where that is inside the library, the innermost call of
// a module from outside it.
Loc user_line(Loc loc);
// " (at net.conv1, train.cpp:12)": the module path and the user's line for an error message. Put
// into words when it is formatted: checks that pass name it, too.
struct Where {
  Loc loc;
  std::string text() const;
};
inline Where where(Loc loc) { return {loc}; }
// normalize_axis() of tensor/ whose error says where.
int normalize_axis(const char* op, int64_t axis, int rank, Loc loc);

}  // namespace cairn

template <>
struct fmt::formatter<cairn::Where> : fmt::formatter<fmt::string_view> {
  auto format(const cairn::Where& where, fmt::format_context& ctx) const {
    return fmt::formatter<fmt::string_view>::format(where.text(), ctx);
  }
};
