// Modules in a row, named "0", "1", ... Fill a container before you copy its handle.
#pragma once
#include "cairn/nn/module.h"

namespace cairn::nn {

// Calls its modules one after another. Empty: the identity.
class Sequential : public Module {
 public:
  Sequential() = default;
  template <class First, class... Rest>
  requires(std::is_base_of_v<Module, First> &&
           (sizeof...(Rest) > 0 ||
            !std::is_same_v<First, Sequential>)) explicit Sequential(First first, Rest... rest) {
    push_back(std::move(first));
    (push_back(std::move(rest)), ...);
  }
  template <class M>
  Sequential& push_back(M module) {
    items_.emplace_back(child(std::to_string(items_.size()), std::move(module)));
    return *this;
  }
  size_t size() const { return items_.size(); }
  Module& operator[](size_t i) const { return *items_[i]; }
  Tensor forward(Tensor x) override {
    for (const AnyModule& item : items_) x = (*item)(x);
    return x;
  }

 private:
  std::vector<AnyModule> items_;
};

// A list of modules of one type that its owner calls.
template <class M>
class ModuleList : public Module {
 public:
  ModuleList() { make_list(); }
  void push_back(M module) {
    items_.push_back(child(std::to_string(items_.size()), std::move(module)));
  }
  size_t size() const { return items_.size(); }
  M& operator[](size_t i) { return items_[i]; }
  const M& operator[](size_t i) const { return items_[i]; }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

 private:
  std::vector<M> items_;
};

}  // namespace cairn::nn
