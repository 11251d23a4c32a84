#include "cairn/compile/retrace.h"

#include <algorithm>
#include <sstream>

#include "cairn/base/hash.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

// A constant's first values, and a number for all of them.
std::string values_of(const Tensor& t) {
  const RecorderScope eager(nullptr);
  const std::vector<double> values = t.to_vector<double>();
  uint64_t all = 0;
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t bits;
    static_assert(sizeof bits == sizeof values[i]);
    std::memcpy(&bits, &values[i], sizeof bits);
    all = hash_mix(all, bits);
    if (i < 4) text += fmt::format(" {}", values[i]);
  }
  return fmt::format("{}{} ({:x})", text, values.size() > 4 ? " ..." : "", all);
}

std::string name_of(const Held<TensorImpl>& tensor, int argument) {
  return tensor ? fmt::format("tensor {} of {}", static_cast<const void*>(tensor.get()),
                              to_string(tensor->desc.shape))
                : fmt::format("argument {}", argument);
}

}  // namespace

std::string frozen_text(const Graph& g) {
  std::string text = to_text(g);
  for (const GraphInput& in : g.inputs) {
    if (in.kind == InputKind::constant)
      text += fmt::format("%{} holds{}\n", in.value, values_of(Tensor(in.tensor)));
    else if (in.tensor)
      text += fmt::format("%{} is read from {}\n", in.value, name_of(in.tensor, in.argument));
  }
  for (size_t i = 0; i < g.nodes.size(); ++i)  // all digits of their numbers
    text += fmt::format("node {} ({}) with {} ({:x})\n", i, g.nodes[i].op->name,
                        to_string(g.nodes[i].attrs), g.nodes[i].attrs.hash(0));
  for (const Assignment& a : g.assignments)
    text += fmt::format("%{} is assigned to {}\n", a.value, name_of(a.state, -1));
  for (const Gradient& d : g.gradients)
    text += fmt::format("%{} is the gradient of {}\n", d.value, name_of(d.leaf, d.argument));
  return text;
}

void check_same_trace(const std::string& before, const std::string& now) {
  if (before == now) return;
  std::istringstream old_lines(before), new_lines(now);
  std::string was, is;
  do {
    if (!std::getline(old_lines, was)) was = "nothing more";
    if (!std::getline(new_lines, is)) is = "nothing more";
  } while (was == is && was != "nothing more");
  fail(
      "CAIRN_RETRACE: the function traces to another graph than before with the same shapes and "
      "modes: it depends on something of "
      "the host that changed; pass that in as a tensor, or keep it in a State\n  before: {}\n"
      "  now:    {}",
      was, is);
}

}  // namespace cairn
