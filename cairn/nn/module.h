// Module: a handle to named parameters, buffers and children. Copies alias; clone() copies.
//
//   struct Digits : nn::Module {
//     nn::Conv2d c1 = child("c1", nn::Conv2d(1, 32, 3, {.padding = 1}));
//     nn::Linear f1 = child("f1", nn::Linear(32 * 28 * 28, 10));
//     Tensor forward(Tensor x) { return f1(flatten(relu(c1(x)), 1)); }
//   };
//
// Names are PyTorch's dotted ones ("c1.weight"), so that state dicts move both ways.
//
// A handle is never assigned (net.c1 = ... does not compile): forward() would use the new layer and
// parameters() list the old. net.replace("c1", layer) puts another layer in a child's place, for
// all handles of it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "cairn/ops/op.h"
#include "cairn/tensor/named_tensors.h"

namespace cairn::nn {

using cairn::NamedTensors;

// Sees a module's inputs and output; returns what the caller gets instead, or an undefined tensor.
using ForwardHook = std::function<Tensor(const Tensors& inputs, const Tensor& output)>;

class Module;
class AnyModule;

// What all copies of one module share.
struct Node : RefCounted {
  Node() = default;
  Node(const Node&) = default;
  ~Node() override;

  std::string name;       // under its parent; "" for the outermost
  std::string path_name;  // what a call adds to the path, lists around it included: "blocks.0"
  bool list = false;      // is never called itself
  std::string type;       // "Conv2d"
  NamedTensors parameters, buffers;
  std::vector<std::pair<std::string, Ref<Node>>> children;
  std::vector<std::pair<int, ForwardHook>> hooks;
  int next_hook = 0;
  bool training = true;
  int64_t changes =
      0;  // grows when a call does something else: other hooks, another layer in a child's place

  // Who refers to it, for replace(). A copy of a node is referred to by nobody yet.
  struct Places {
    Places() = default;
    Places(const Places&) {}
    std::vector<Module*> handles;
    std::vector<AnyModule*> elements;
    std::vector<Node*> parents;
  };
  Places places;
};

// A parameter or buffer as a member of its module: a Tensor that clone() can follow.
class Param : public Tensor {
 public:
  Param() = default;
  Param(const Param& other);
  Param(Param&&) noexcept = default;
  // Once, from param() or buffer(): later values are assign()ed, so that parameters() and forward()
  // mean the same tensor.
  Param& operator=(Param&& first);

 private:
  friend class Module;
  explicit Param(const Tensor& state) : Tensor(state) {}
};

template <class T>
Param& operator+=(Param&,
                  const T&) = delete;  // would rebind the member; assign() changes the parameter
template <class T>
Param& operator-=(Param&, const T&) = delete;
template <class T>
Param& operator*=(Param&, const T&) = delete;
template <class T>
Param& operator/=(Param&, const T&) = delete;

struct LoadReport {
  std::vector<std::string> missing, extra;  // names the file lacks, names the module lacks
};

class Module {
 public:
  Module();
  Module(const Module& other);
  Module(Module&&) noexcept;
  Module& operator=(const Module&) = delete;  // replace() puts another layer in this one's place
  virtual ~Module();

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

  // Puts `layer` in the place of the child of that dotted name ("fc", "layer4.0.conv1"). Every
  // handle of the child becomes one of the layer: the member that forward() calls, copies of it,
  // elements of containers; parameters() and state_dict() list the layer's. What was compiled
  // before is compiled again. An optimizer keeps the old parameters and says so at its next step:
  // make it afterwards. A child that is held as a member of its own type takes that type only; one
  // held as AnyModule, or in a Sequential, takes any. Throws Error for a name that is not there and
  // for another type. Not while the module runs.
  template <class M>
  void replace(const std::string& path, M layer) const;

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
  AnyModule child(const std::string& name, AnyModule module);  // of any type, also after replace()
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
  friend class AnyModule;
  struct CallScope {
    CallScope(const Module& module, Loc loc);
    ~CallScope();
  };
  struct Replacement {
    const AnyModule& layer;
    const std::type_info& type;
    void (*rebuild)(Module& place,
                    const Module& layer);  // makes the handle of that type another of the layer
  };
  explicit Module(Ref<Node> node);
  void enlist();
  void delist();
  void replace_child(const std::string& path, const Replacement& replacement) const;
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
        }) {
    enlist();
  }
  AnyModule(const AnyModule& other);
  AnyModule(AnyModule&&) noexcept;
  AnyModule& operator=(const AnyModule&) = delete;  // Module::replace()
  ~AnyModule();
  Module& operator*() const { return *self_; }
  Module* operator->() const { return self_.get(); }
  Tensor operator()(const Tensor& x, Loc loc = Loc::current()) const { return (*self_)(x, loc); }
  Tensor operator()(const Tensor& a, const Tensor& b, Loc loc = Loc::current()) const {
    return (*self_)(a, b, loc);
  }
  Tensor operator()(const Tensor& a, const Tensor& b, const Tensor& c,
                    Loc loc = Loc::current()) const {
    return (*self_)(a, b, c, loc);
  }

 private:
  friend class Module;
  void enlist();
  void delist();

  std::shared_ptr<Module> self_;
  std::shared_ptr<Module> (*copy_)(const Module&);
};

template <class M>
void Module::replace(const std::string& path, M layer) const {
  static_assert(std::is_base_of_v<Module, M>);
  replace_child(path, {AnyModule(layer), typeid(M), [](Module& place, const Module& with) {
                         M fresh(static_cast<const M&>(with));
                         M& old = static_cast<M&>(place);
                         std::destroy_at(&old);
                         std::construct_at(&old, std::move(fresh));
                       }});
}

}  // namespace cairn::nn
