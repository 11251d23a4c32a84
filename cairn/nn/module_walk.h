// The tree below a module, for this folder.
#pragma once
#include <functional>
#include <string>

#include "cairn/nn/module.h"

namespace cairn::nn {

inline std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

// Calls fn(dotted name, node) for `node` and all below, outermost first.
inline void walk(const std::string& prefix, const Ref<Node>& node,
                 const std::function<void(const std::string&, const Ref<Node>&)>& fn) {
  fn(prefix, node);
  for (const auto& [name, child] : node->children) walk(joined(prefix, name), child, fn);
}

}  // namespace cairn::nn
