// What a module's tensors hold: saved, loaded, of another type, frozen; and its mode.
#include <map>

#include "cairn/nn/module.h"
#include "cairn/nn/module_walk.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

std::string listed(const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::string text = fmt::format("\n  {} ({}):", what, names.size());
  constexpr size_t kShown = 12;
  for (size_t i = 0; i < names.size() && i < kShown; ++i) text += (i ? ", " : " ") + names[i];
  return names.size() > kShown ? text + ", ..." : text;
}

}  // namespace

// PyTorch's order: a module's parameters, its buffers, then its children.
NamedTensors Module::state_dict() const {
  NamedTensors all;
  walk("", node_, [&](const std::string& prefix, const Ref<Node>& node) {
    for (const auto& [name, t] : node->parameters) all.emplace_back(joined(prefix, name), t);
    for (const auto& [name, t] : node->buffers) all.emplace_back(joined(prefix, name), t);
  });
  return all;
}

LoadReport Module::load_state_dict(const NamedTensors& values, bool strict) const {
  std::map<std::string, Tensor> given;
  for (const auto& [name, value] : values) given[name] = value;
  LoadReport report;
  std::vector<std::string> reshaped;
  std::vector<std::pair<Tensor, Tensor>> todo;
  for (const auto& [name, target] : state_dict()) {
    const auto it = given.find(name);
    if (it == given.end()) {
      report.missing.push_back(name);
      continue;
    }
    if (it->second.shape() != target.shape())
      reshaped.push_back(fmt::format("{} {} instead of {}", name, to_string(it->second.shape()),
                                     to_string(target.shape())));
    todo.emplace_back(target, it->second);
    given.erase(it);
  }
  for (const auto& [name, value] : given) report.extra.push_back(name);
  if (!reshaped.empty() || (strict && !(report.missing.empty() && report.extra.empty())))
    fail("{}: these weights are of another model{}{}{}", type(), listed("missing", report.missing),
         listed("extra", report.extra), listed("of another shape", reshaped));
  NoGrad no_grad;
  for (const auto& [target, value] : todo)
    assign(target, value.dtype() == target.dtype() ? value : cast(value, target.dtype()));
  return report;
}

const Module& Module::train(bool on) const {
  walk("", node_, [on](const std::string&, const Ref<Node>& node) { node->training = on; });
  note_mode_change();
  return *this;
}

bool Module::training() const {
  if (Recorder* recorder = context().recorder)
    recorder->depends_on(Ref<RefCounted>(node_.get()), [](const RefCounted& n) -> int64_t {
      return static_cast<const Node&>(n).training;
    });
  return node_->training;
}

const Module& Module::to(DType dtype) const {
  check(is_float(dtype), "to: modules hold floating-point numbers, not {}", name_of(dtype));
  check(!context().recorder, "to: change a module's dtype outside compile()");
  NoGrad no_grad;
  for (const auto& [name, t] : state_dict()) {
    if (!is_float(t.dtype()) || t.dtype() == dtype) continue;
    const Tensor converted = cast(t, dtype);
    TensorImpl& impl =
        *t.impl();  // the State stays the same object: every handle sees the new dtype
    impl.desc = converted.desc();
    impl.buffer = converted.impl()->buffer;
    impl.grad = {};
    ++impl.version;
  }
  note_mode_change();
  return *this;
}

void Module::zero_grad() const {
  for (const Tensor& t : parameters()) t.set_grad({});
}

void Module::freeze(bool frozen) const {
  for (Tensor& t : parameters()) t.set_requires_grad(!frozen);
}

const Module& Module::apply(const std::function<void(const Module&)>& fn) const {
  const auto all = named_modules();
  for (size_t i = all.size(); i-- > 1;) fn(all[i].second);
  fn(*this);
  return *this;
}

}  // namespace cairn::nn
