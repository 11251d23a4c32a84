#include "cairn/nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "cairn/nn/module_walk.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

thread_local CloneScope* current_clone = nullptr;

// Guards the places of all nodes: handles are made and dropped by any thread.
std::mutex& places_mutex() {
  static std::mutex* instance = new std::mutex;
  return *instance;
}
template <class T>
void drop(std::vector<T*>& list, const T* entry) {
  list.erase(std::remove(list.begin(), list.end(), entry), list.end());
}

// "cairn::nn::Conv2d" -> "Conv2d".
std::string short_type(const std::type_info& info) {
  int status = 0;
  char* text = abi::__cxa_demangle(info.name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? text : info.name();
  std::free(text);
  const size_t bracket = name.find('<');
  const size_t colon = name.rfind("::", bracket);
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

NamedTensors collect(const Ref<Node>& root, bool recurse, bool once, NamedTensors Node::*list) {
  NamedTensors all;
  std::set<const TensorImpl*> seen;
  const auto add = [&](const std::string& prefix, const Ref<Node>& node) {
    for (const auto& [name, tensor] : (*node).*list)
      if (!once || seen.insert(tensor.impl()).second)
        all.emplace_back(joined(prefix, name), tensor);
  };
  if (recurse) walk("", root, add);
  else add("", root);
  return all;
}

// `node` is from now on the child of that name.
void set_path_name(const Node& parent, Node& node) {
  node.path_name = parent.list ? joined(parent.path_name, node.name) : node.name;
  if (!node.list) return;
  for (const auto& [name, child] : node.children) set_path_name(node, *child);
}

// Whoever walks the tree would never end where a module is below itself.
void check_acyclic(const Node* parent, const std::string& type, const std::string& name,
                   const Ref<Node>& child) {
  walk("", child, [&](const std::string& path, const Ref<Node>& node) {
    check(node.get() != parent,
          "module: '{}' of {} would close a cycle: it is {}. Modules are a tree; keep a plain "
          "reference to it outside the tree (C++: a pointer; Python: object.__setattr__(self, "
          "'{}', module))",
          name, type,
          path.empty() ? "that module itself" : "a module that has this one as '" + path + "'",
          name);
  });
}

// Parameters of a layer that left its place: an optimizer that still has them says so.
void mark_retired(const Ref<Node>& node, bool retired) {
  for (const auto& [name, t] : collect(node, true, true, &Node::parameters))
    t.impl()->retired = retired;
}

void put_in_place(Node& parent, const std::string& name, Ref<Node>& place, const Ref<Node>& node) {
  const std::lock_guard lock(places_mutex());
  drop(place->places.parents, &parent);
  node->places.parents.push_back(&parent);
  place = node;
  node->name = name;
  set_path_name(parent, *node);
  ++parent.changes;
}

}  // namespace

Param::Param(const Param& other) : Tensor(other) {
  if (current_clone && other.defined()) static_cast<Tensor&>(*this) = current_clone->of(other);
}

Param& Param::operator=(Param&& first) {
  check(!defined(), "module: a parameter is given a value by assign(), not by =");
  Tensor::operator=(std::move(first));
  return *this;
}

// ---- handles

Node::~Node() {
  const std::lock_guard lock(places_mutex());
  for (const auto& [name, child] : children) drop(child->places.parents, this);
}

void Module::enlist() {
  const std::lock_guard lock(places_mutex());
  node_->places.handles.push_back(this);
}
void Module::delist() {
  if (!node_) return;  // moved from
  const std::lock_guard lock(places_mutex());
  drop(node_->places.handles, this);
}
Module::Module() : node_(new Node) { enlist(); }
Module::Module(Ref<Node> node) : node_(std::move(node)) { enlist(); }
Module::Module(const Module& other)
    : node_(current_clone ? current_clone->of(other.node_) : other.node_) {
  check(static_cast<bool>(node_), "module: a copy of a module that was moved from");
  enlist();
}
Module::Module(Module&& other) noexcept : node_(std::move(other.node_)) {
  if (!node_) return;
  const std::lock_guard lock(places_mutex());
  auto& handles = node_->places.handles;
  std::replace(handles.begin(), handles.end(), &other, this);
}
Module::~Module() { delist(); }

void AnyModule::enlist() {
  const std::lock_guard lock(places_mutex());
  self_->node_->places.elements.push_back(this);
}
void AnyModule::delist() {
  if (!self_) return;
  const std::lock_guard lock(places_mutex());
  drop(self_->node_->places.elements, this);
}
AnyModule::AnyModule(const AnyModule& other)
    : self_(CloneScope::current() ? other.copy_(*other.self_) : other.self_), copy_(other.copy_) {
  enlist();
}
AnyModule::AnyModule(AnyModule&& other) noexcept
    : self_(std::move(other.self_)), copy_(other.copy_) {
  if (!self_) return;
  const std::lock_guard lock(places_mutex());
  auto& elements = self_->node_->places.elements;
  std::replace(elements.begin(), elements.end(), &other, this);
}
AnyModule::~AnyModule() { delist(); }

// ---- calls

Tensor Module::forward(Tensor) {
  fail("{}: has no forward(Tensor){}", type(), where(context().loc));
}
Tensor Module::forward(Tensor, Tensor) {
  fail("{}: has no forward(Tensor, Tensor){}", type(), where(context().loc));
}
Tensor Module::forward(Tensor, Tensor, Tensor) {
  fail("{}: has no forward(Tensor, Tensor, Tensor){}", type(), where(context().loc));
}

Module::CallScope::CallScope(const Module& module, Loc loc) {
  Context& ctx = context();
  check(static_cast<bool>(module.node_), "module: a module that was moved from is called{}",
        where(loc));
  if (ctx.recorder)
    ctx.recorder->depends_on(
        Ref<RefCounted>(module.node_.get()),
        [](const RefCounted& n) -> int64_t { return static_cast<const Node&>(n).changes; });
  ctx.path.push_back({module.node_->path_name, loc, &module,
                      [](const void* m) { return static_cast<const Module*>(m)->type(); }});
}
Module::CallScope::~CallScope() { context().path.pop_back(); }

// A module is a handle: calling does not change the handle, though forward() need not say so.
Tensor Module::operator()(const Tensor& x, Loc loc) const {
  return called({x}, loc, [&] { return const_cast<Module*>(this)->forward(x); });
}
Tensor Module::operator()(const Tensor& a, const Tensor& b, Loc loc) const {
  return called({a, b}, loc, [&] { return const_cast<Module*>(this)->forward(a, b); });
}
Tensor Module::operator()(const Tensor& a, const Tensor& b, const Tensor& c, Loc loc) const {
  return called({a, b, c}, loc, [&] { return const_cast<Module*>(this)->forward(a, b, c); });
}

Tensor Module::hooked(const Tensors& inputs, Tensor output) const {
  for (const auto& [id, hook] : node_->hooks)
    if (const Tensor other = hook(inputs, output); other.defined()) output = other;
  return output;
}

int Module::on_forward(ForwardHook hook) const {
  ++node_->changes;
  note_mode_change();
  node_->hooks.emplace_back(node_->next_hook, std::move(hook));
  return node_->next_hook++;
}
void Module::remove_hook(int id) const {
  ++node_->changes;
  note_mode_change();
  std::erase_if(node_->hooks, [id](const auto& entry) { return entry.first == id; });
}

// ---- registration

void Module::check_free(const std::string& name) const {
  check(!name.empty() && name.find('.') == std::string::npos,
        "module: '{}' is not a name: it must not be empty or contain '.'", name);
  const auto taken = [&](const auto& list) {
    for (const auto& entry : list)
      if (entry.first == name) return true;
    return false;
  };
  check(!taken(node_->parameters) && !taken(node_->buffers) && !taken(node_->children),
        "module: the name '{}' is used twice", name);
}

Param Module::param(const std::string& name, const Tensor& initial) {
  check_free(name);
  node_->parameters.emplace_back(name, parameter(initial));
  return Param(node_->parameters.back().second);
}
Param Module::buffer(const std::string& name, const Tensor& initial) {
  check_free(name);
  node_->buffers.emplace_back(name, state(initial));
  return Param(node_->buffers.back().second);
}
void Module::adopt(const std::string& name, const Module& module) {
  check_free(name);
  check_acyclic(node_.get(), type(), name, module.node_);
  module.node_->name = name;
  module.node_->type = module.type();
  set_path_name(*node_, *module.node_);
  node_->children.emplace_back(name, module.node_);
  mark_retired(module.node_, false);
  const std::lock_guard lock(places_mutex());
  module.node_->places.parents.push_back(node_.get());
}
AnyModule Module::child(const std::string& name, AnyModule module) {
  adopt(name, *module);
  return module;
}

// ---- replacing a child

void Module::replace_child(const std::string& path, const Replacement& r) const {
  check(!path.empty(), "replace: '' is the module itself; name one of its children");
  const Ref<Node> old = find(path).node(),
                  fresh = r.layer->node_;  // copied: a handle whose node moved out is not delisted
  if (old == fresh) return;
  std::vector<Module*> handles;
  std::vector<AnyModule*> elements;
  std::vector<Node*> parents;
  {
    const std::lock_guard lock(places_mutex());
    handles = old->places.handles, elements = old->places.elements, parents = old->places.parents;
  }
  // Those inside an element go with it; the others must be able to become the layer.
  std::erase_if(handles, [&](Module* h) {
    return std::any_of(elements.begin(), elements.end(),
                       [h](AnyModule* e) { return e->self_.get() == h; });
  });
  for (Module* h : handles)
    check(typeid(*h) == typeid(Module) || typeid(*h) == r.type,
          "replace: '{}' of {} is held as {} and cannot become a {}; hold it as nn::AnyModule",
          path, type(), short_type(typeid(*h)), short_type(r.type));

  for (const Node* parent : parents)
    check_acyclic(parent, parent->type.empty() ? type() : parent->type, path, fresh);
  mark_retired(old, true);
  for (Node* parent : parents)
    for (auto& [name, child] : parent->children)
      if (child == old) put_in_place(*parent, name, child, fresh);
  fresh->type = short_type(r.type);
  mark_retired(fresh, false);
  for (AnyModule* e : elements) {
    e->delist();
    e->self_ = r.layer.self_, e->copy_ = r.layer.copy_;
    e->enlist();
  }
  for (Module* h : handles) {
    if (typeid(*h) != typeid(Module)) {
      r.rebuild(*h, *r.layer);
      continue;
    }
    h->delist();
    h->node_ = fresh;
    h->enlist();
  }
  ++old->changes;
  note_mode_change();
}

// ---- listing

NamedTensors Module::named_parameters(bool recurse) const {
  return collect(node_, recurse, true, &Node::parameters);
}
NamedTensors Module::named_buffers(bool recurse) const {
  return collect(node_, recurse, true, &Node::buffers);
}

Tensors Module::parameters() const {
  Tensors all;
  for (const auto& [name, tensor] : named_parameters()) all.push_back(tensor);
  return all;
}
int64_t Module::num_parameters() const {
  int64_t total = 0;
  for (const Tensor& t : parameters()) total += t.numel();
  return total;
}

std::vector<std::pair<std::string, Module>> Module::named_modules() const {
  std::vector<std::pair<std::string, Module>> all;
  walk("", node_, [&](const std::string& name, const Ref<Node>& node) {
    all.emplace_back(name, Module(node));
  });
  return all;
}

Module Module::find(const std::string& path) const {
  std::vector<std::string> names;
  for (const auto& [name, module] : named_modules()) {
    if (name == path) return module;
    names.push_back(name);
  }
  const std::string near = nearest_name(path, names);
  fail("{}: has no module '{}'{}", type(), path,
       near.empty() ? "" : "; did you mean '" + near + "'?");
}

std::string Module::type() const {
  if (!node_->type.empty()) return node_->type;  // also what was written elsewhere than in C++
  return short_type(typeid(*this));
}

// ---- clone

struct CloneScope::Maps {
  std::map<const Node*, Ref<Node>> nodes;
  std::map<const TensorImpl*, Tensor> tensors;
  std::set<const TensorImpl*> followed;

  Ref<Node> copy(const Ref<Node>& node) {
    Ref<Node>& target = nodes[node.get()];
    if (target) return target;
    Ref<Node> made = new Node(*node);  // hooks and the mode come along
    target = made;
    for (NamedTensors* list : {&made->parameters, &made->buffers})
      for (auto& [name, t] : *list) t = copy(t);
    for (auto& [name, child] : made->children) {
      child = copy(child);
      const std::lock_guard lock(places_mutex());
      child->places.parents.push_back(made.get());
    }
    return made;
  }
  Tensor copy(const Tensor& t) {
    Tensor& target = tensors[t.impl()];
    if (!target.defined()) target = t.requires_grad() ? parameter(t) : state(t);
    return target;
  }
};

CloneScope::CloneScope(const Module& module) : maps_(std::make_unique<Maps>()) {
  check(!current_clone, "clone: a copy constructor may not clone");
  NoGrad no_grad;
  maps_->copy(module.node());
  current_clone = this;
}
CloneScope::~CloneScope() { current_clone = nullptr; }
CloneScope* CloneScope::current() { return current_clone; }

Ref<Node> CloneScope::of(const Ref<Node>& node) const {
  const auto it = maps_->nodes.find(node.get());
  return it == maps_->nodes.end() ? node : it->second;
}
Tensor CloneScope::of(const Tensor& state) {
  const auto it = maps_->tensors.find(state.impl());
  if (it == maps_->tensors.end()) return state;
  maps_->followed.insert(state.impl());
  return it->second;
}

void CloneScope::finish(const Module& module) {
  current_clone = nullptr;
  for (const auto& [name, t] : module.state_dict())
    check(maps_->followed.count(t.impl()) > 0,
          "clone: '{}' of {} would still be shared; hold it as nn::Param, not as Tensor", name,
          module.type());
}

}  // namespace cairn::nn
