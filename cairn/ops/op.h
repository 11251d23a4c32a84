// An operation is data: one OpDef row in the table of its family says everything the engine needs.
#pragma once
#include <source_location>
#include <span>
#include <string>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/ops/attrs.h"
#include "cairn/tensor/tensor.h"

namespace cairn {

struct OpDef;
struct RegionSpec;  // graph/: what a fused node computes

// An op with the descriptions of its inputs and outputs; the descriptions belong to the caller.
struct OpCall {
  const OpDef* op = nullptr;
  const Attrs* attrs = nullptr;
  SmallVector<TensorDesc*, 6> inputs, outputs;
  const RegionSpec* region = nullptr;  // fused nodes only
  // Bit i: input i stays the same from run to run, so a layout that is dear to make is made once.
  unsigned fixed = 0;

  bool is_fixed(int i) const { return (fixed >> i & 1) != 0; }

  const TensorDesc& in(int i) const { return *inputs[i]; }
  const TensorDesc& out(int i = 0) const { return *outputs[i]; }
  int rank(int i = 0) const { return inputs[i]->shape.ssize(); }
  const Shape& shape(int i = 0) const { return inputs[i]->shape; }
  DType dtype(int i = 0) const { return inputs[i]->dtype; }
  // infer(): says what output i is (plain layout). Throws Error for a shape that no tensor can
  // have.
  void set(int i, DType dtype, Shape shape) {
    if (!is_possible(shape)) [[unlikely]]
      impossible(shape);
    *outputs[i] = TensorDesc(dtype, std::move(shape));
  }
  // infer(): throws Error with the op's name, the shapes, the module path and the source line.
  template <class... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args&&... args) const {
    raise(fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void raise(const std::string& message) const;
  [[noreturn]] void impossible(const Shape& shape) const;
};

// What a vector-Jacobian product sees and fills.
struct VjpCall {
  const OpDef& op;
  const Attrs& attrs;
  std::span<const Tensor> inputs, outputs;  // as saved (kSaveInputs, kSaveOutputs), else undefined
  std::span<const Shape> input_shapes;      // always there
  std::span<const Tensor> grads;            // of the outputs; undefined where nothing flowed
  std::span<const bool> needs;              // which input gradients are wanted
  std::span<Tensor> results;                // to fill; undefined means zero

  const Tensor& grad() const { return grads[0]; }
};

enum class Autocast : uint8_t {
  follow,  // the widest of the inputs' types
  low,     // inputs are cast to the low type (matmul, convolution)
  f32,     // inputs are cast to f32 (losses, norms, softmax, reductions)
};

enum OpFlags : unsigned {
  kElementwise = 1,     // output element i depends on input elements i only (after broadcasting)
  kView = 2,            // may alias its input: OpDef::view
  kRandom = 4,          // last input is the generator's state: never merged with another
  kReduction = 8,       // combines over attribute "axes"
  kSaveInputs = 16,     // vjp reads `inputs`
  kSaveOutputs = 32,    // vjp reads `outputs`
  kMayFault = 64,       // the kernel may set the fault word
  kExpand = 128,        // compile() always takes its decomposition, to fuse it with what is around
  kReadsStrides = 256,  // host_kernel goes by its inputs' layouts (call.in(i).layout: strides and
                        // offset in elements)
};

struct OpDef {
  const char* name;
  const char* doc;  // one line: what it computes
  int inputs;       // -1: any number
  int outputs;      // -1: any number
  void (*infer)(OpCall& call);
  unsigned flags = 0;
  void (*vjp)(VjpCall& call) = nullptr;
  const char* no_gradient = nullptr;  // why there is none, when vjp is null
  void (*decompose)(std::span<const Tensor> in, const Attrs& attrs,
                    std::span<Tensor> out) = nullptr;
  // kView: layout of the output as a view of the input; false when it needs a copy.
  bool (*view)(OpCall& call) = nullptr;
  Autocast autocast = Autocast::follow;
  const char* onnx = nullptr;  // the ONNX operator, where there is one
  // A plain host kernel, for ops that users define; the back ends' own kernels come first. Inputs
  // and outputs are contiguous, eagerly and compiled; with the flag kReadsStrides inputs may be
  // views, to be read by call.in(i).layout.
  void (*host_kernel)(const OpCall& call, const Launch& launch) = nullptr;

  bool is(OpFlags flag) const { return (flags & flag) != 0; }

  // For rows of a table: the same row with one more column filled.
  constexpr OpDef with_view(bool (*v)(OpCall&)) const {
    OpDef r = *this;
    r.view = v;
    return r;
  }
  constexpr OpDef with_autocast(Autocast a) const {
    OpDef r = *this;
    r.autocast = a;
    return r;
  }
  constexpr OpDef with_onnx(const char* o) const {
    OpDef r = *this;
    r.onnx = o;
    return r;
  }
};

// The table: every op of every family. Names are unique.
std::span<const OpDef* const> all_ops();
const OpDef& op_named(const char* name);  // throws Error with the nearest name
void register_op(const OpDef& op);        // a user's own op; the row must live for ever

// The line of the call that is being given an undefined tensor, for the error of whoever reads it.
inline constinit thread_local Loc undefined_argument;

// A tensor argument that remembers the line of the call: functions take `In x` for `const Tensor&
// x`.
struct In {
  Tensor t;
  Loc loc;
  In(const Tensor& t, Loc loc = Loc::current()) : t(t), loc(loc) {  // NOLINT: implicit
    if (!this->t.defined()) [[unlikely]]
      undefined_argument = loc;
  }
  In(const In&) = default;
  In(In&&) noexcept = default;
  ~In() {
    if (!t.defined()) [[unlikely]]
      undefined_argument = Loc();
  }
  const Tensor* operator->() const { return &t; }
  operator const Tensor&() const { return t; }  // NOLINT: implicit
};

// The one choke point: infer, check, autocast, then run now or record; tape when a gradient is
// wanted.
Tensor apply(const OpDef& op, std::initializer_list<Tensor> inputs, const Attrs& attrs = {},
             Loc loc = Loc::current());
void apply(const OpDef& op, std::span<const Tensor> inputs, const Attrs& attrs,
           std::span<Tensor> outputs, Loc loc = Loc::current());

}  // namespace cairn
