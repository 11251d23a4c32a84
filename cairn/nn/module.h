// Module: a handle to named parameters, buffers and children. Copies alias; clone() copies.
//
//   struct Digits : nn::Module {
//     nn::Conv2d c1 = child("c1", nn::Conv2d(1, 32, 3, {.padding = 1}));
//     nn::Linear f1 = child("f1", nn::Linear(32 * 28 * 28, 10));
//     Tensor forward(Tensor x) { return f1(flatten(relu(c1(x)), 1)); }
//   };
//
// Names are PyTorch's dotted ones ("c1.weight"), so that state dicts move both ways.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "cairn/ops/op.h"

namespace cairn::nn {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// Sees a module's inputs and output; returns what the caller gets instead, or an undefined tensor.
using ForwardHook = std::function<Tensor(const Tensors& inputs, const Tensor& output)>;

// What all copies of one module share.
struct Node : RefCounted {
  std::string name;       // under its parent; "" for the outermost
  std::string path_name;  // what a call adds to the path, lists around it included: "blocks.0"
  bool list = false;      // is never called itself
  std::string type;       // "Conv2d"
  NamedTensors parameters, buffers;
  std::vector<std::pair<std::string, Ref<Node>>> children;
  std::vector<std::pair<int, ForwardHook>> hooks;
  int next_hook = 0;
  bool training = true;
};

// A parameter or buffer as a member of its module: a Tensor that clone() can follow.
class Param : public Tensor {
 public:
  Param() = default;
  Param(const Param& other);
  Param(Param&&) noexcept = default;
  Param& operator=(Param&&) noexcept = default;

 private:
  friend class Module;
  explicit Param(const Tensor& state) : Tensor(state) {}
};

struct LoadReport {
  std::vector<std::string> missing, extra;  // names the file lacks, names the module lacks
};

class Module {
 public:
  Module();
  Module(const Module& other);
  Module(Module&&) noexcept = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) noexcept = default;
  virtual ~Module() = default;

  // What a subclass writes: one of these. Another signature: an operator() of its own, with
  // called().
  virtual Tensor forward(Tensor x);
  virtual Tensor forward(Tensor a, Tensor b);
  virtual Tensor forward(Tensor a, Tensor b, Tensor c);

  // The one way to call a module: notes its path and the caller's line, then runs forward and the
  // hooks.
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const;
  Tensor operator()(const Tensor& a, const Tensor& b, Loc loc = Loc::current()) const;
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& c,
                    Loc loc = Loc::current()) const;

  // Parameters want gradients; buffers (running statistics) do not. Tied ones are listed once.
  Tensors parameters() const;
  NamedTensors named_parameters(bool recurse = true) const;
  NamedTensors named_buffers(bool recurse = true) const;
  int64_t num_parameters() const;
  // Handles of this module and all below, outermost first, with their dotted names ("" for this
  // one).
  std::vector<std::pair<std::string, Module>> named_modules() const;
  Module find(const std::string& path) const;  // by dotted name; throws Error, naming the nearest
  std::string type() const;
  const std::string& name() const { return node_->name; }

  // Parameters and buffers; the tensors are the States themselves.
  NamedTensors state_dict() const;
  // Assigns all or nothing, casting to the module's dtypes. Strict: throws Error that lists tensors
  // that are missing, extra or of another shape; else only shapes must agree.
  LoadReport load_state_dict(const NamedTensors& values, bool strict = true) const;

  const Module& train(bool on = true) const;
  const Module& eval() const { return train(false); }
  bool training() const;                // a trace that reads it depends on it
  const Module& to(DType dtype) const;  // floating-point parameters and buffers, in place
  void zero_grad() const;
  void freeze(bool frozen = true) const;  // parameters stop (or start) to require gradients
  const Module& apply(const std::function<void(const Module&)>& fn) const;  // children first

  // Runs after forward, for calls that give one Tensor. Returns an id for remove_hook.
  int on_forward(ForwardHook hook) const;
  void remove_hook(int id) const;

  const Ref<Node>& node() const { return node_; }

 protected:
  Param param(const std::string& name, const Tensor& initial);
  Param buffer(const std::string& name, const Tensor& initial);
  template <class M>
  M child(const std::string& name, M module) {
    static_assert(std::is_base_of_v<Module, M>);
    adopt(name, module);
    return module;
  }
  void adopt(const std::string& name, const Module& module);
  void make_list() { node_->list = true; }

  // Runs body() as a call of this module; the hooks see a Tensor, or the member `output` of a
  // result.
  template <class F>
  auto called(const Tensors& inputs, Loc loc, const F& body) const {
    const CallScope scope(*this, loc);
    auto result = body();
    if constexpr (std::is_same_v<decltype(result), Tensor>) result = hooked(inputs, result);
    else if constexpr (requires { result.output; }) result.output = hooked(inputs, result.output);
    return result;
  }

 private:
  struct CallScope {
    CallScope(const Module& module, Loc loc);
    ~CallScope();
  };
  explicit Module(Ref<Node> node) : node_(std::move(node)) {}
  void check_free(const std::string& name) const;
  Tensor hooked(const Tensors& inputs, Tensor output) const;

  Ref<Node> node_;
};

// While alive, copying a handle of the module (or of one below, or of a Param) gives the copy's.
class CloneScope {
 public:
  explicit CloneScope(const Module& module);
  ~CloneScope();
  CloneScope(const CloneScope&) = delete;
  CloneScope& operator=(const CloneScope&) = delete;
  void finish(const Module& module);  // throws Error when a parameter was not followed
  static CloneScope* current();
  Ref<Node> of(const Ref<Node>& node) const;
  Tensor of(const Tensor& state);

 private:
  struct Maps;
  std::unique_ptr<Maps> maps_;
};

// A module of its own, with copies of all parameters and buffers.
template <class M>
M clone(const M& module) {
  CloneScope scope(module);
  M copy(module);
  scope.finish(module);
  return copy;
}

// A module of any type, as an element of a container.
class AnyModule {
 public:
  template <class M>
  requires std::is_base_of_v<Module, M> AnyModule(M module)  // NOLINT: implicit
      : self_(std::make_shared<M>(std::move(module))),
        copy_([](const Module& m) -> std::shared_ptr<Module> {
          return std::make_shared<M>(static_cast<const M&>(m));
        }) {}
  AnyModule(const AnyModule& other)
      : self_(CloneScope::current() ? other.copy_(*other.self_) : other.self_),
        copy_(other.copy_) {}
  AnyModule(AnyModule&&) noexcept = default;
  AnyModule& operator=(AnyModule&&) noexcept = default;
  Module& operator*() const { return *self_; }
  Module* operator->() const { return self_.get(); }

 private:
  std::shared_ptr<Module> self_;
  std::shared_ptr<Module> (*copy_)(const Module&);
};

}  // namespace cairn::nn
