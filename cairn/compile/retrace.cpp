#include "cairn/compile/retrace.h"

#include <cstdlib>
#include <string_view>

#include "cairn/base/hash.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

// A number for whatever is put in.
class Mixed {
 public:
  Mixed& operator<<(uint64_t word) { return number_ = hash_mix(number_, word), *this; }
  Mixed& operator<<(const void* object) { return *this << reinterpret_cast<uintptr_t>(object); }
  Mixed& operator<<(std::string_view bytes) {
    return *this << std::hash<std::string_view>()(bytes);
  }
  Mixed& operator<<(const TensorDesc& desc) {
    *this << static_cast<uint64_t>(desc.dtype);
    for (int64_t size : desc.shape) *this << static_cast<uint64_t>(size);
    return *this;
  }
  operator uint32_t() const { return static_cast<uint32_t>(number_); }  // NOLINT: implicit

 private:
  uint64_t number_ = 1;
};

std::string bytes_of(const Tensor& t) {
  const RecorderScope eager(nullptr);
  std::string bytes(static_cast<size_t>(t.numel()) * size_of(t.dtype()), 0);
  copy_to_host(t, bytes.data());
  return bytes;
}
// A constant's first values, and a number for all of them.
std::string values_of(const Tensor& t) {
  const RecorderScope eager(nullptr);
  const std::vector<double> values = t.to_vector<double>();
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(4, values.size()); ++i)
    text += fmt::format(" {}", values[i]);
  return fmt::format("{}{} ({:x})", text, values.size() > 4 ? " ..." : "",
                     uint32_t(Mixed() << bytes_of(t)));
}

std::string name_of(const Held<TensorImpl>& tensor, int argument) {
  return tensor ? fmt::format("tensor {} of {}", static_cast<const void*>(tensor.get()),
                              to_string(tensor->desc.shape))
                : fmt::format("argument {}", argument);
}

uint32_t number_of(const Graph& g, const GraphInput& in) {
  Mixed mixed;
  mixed << static_cast<uint64_t>(in.kind) << static_cast<uint64_t>(in.argument) << g.desc(in.value);
  return in.kind == InputKind::constant ? mixed << bytes_of(Tensor(in.tensor))
                                        : mixed << in.tensor.get();
}
std::string text_of(const Graph& g, const GraphInput& in) {
  const std::string what = fmt::format("%{}: {}", in.value, to_string(g.desc(in.value)));
  if (in.kind == InputKind::constant) return what + " holds" + values_of(Tensor(in.tensor));
  if (in.kind == InputKind::generator) return what + " is the random generator";
  return fmt::format("{} is read from {}{}", what,
                     in.kind == InputKind::gradient ? "the gradient of " : "",
                     name_of(in.tensor, in.argument));
}

uint32_t number_of(const Graph& g, const Node& node) {
  Mixed mixed;
  mixed << node.op << node.attrs.hash(0) << node.path;
  for (ValueId v : node.inputs) mixed << static_cast<uint64_t>(v);
  for (ValueId v : node.outputs) mixed << g.desc(v);
  return mixed;
}
std::string text_of(const Graph& g, const Node& node) {
  std::string text = node.op->name + std::string("(");
  for (ValueId v : node.inputs) text += fmt::format("{}%{}", text.back() == '(' ? "" : ", ", v);
  text += ") " + to_string(node.attrs);
  for (ValueId v : node.outputs) text += " " + to_string(g.desc(v));
  return fmt::format("{} ({:x}){}{}", text, uint32_t(node.attrs.hash(0)),
                     node.path.empty() ? "" : " of " + node.path, where(node.loc));
}

// Calls item(number, text()) for everything that a trace froze.
template <class Item>
void each_frozen(const Graph& g, const Item& item) {
  for (const GraphInput& in : g.inputs) item(number_of(g, in), [&] { return text_of(g, in); });
  for (const Node& node : g.nodes) item(number_of(g, node), [&] { return text_of(g, node); });
  for (ValueId v : g.outputs)
    item(Mixed() << static_cast<uint64_t>(v), [&] { return fmt::format("%{} is returned", v); });
  for (const Assignment& a : g.assignments)
    item(Mixed() << a.state.get() << static_cast<uint64_t>(a.value),
         [&] { return fmt::format("%{} is assigned to {}", a.value, name_of(a.state, -1)); });
  for (const Gradient& d : g.gradients)
    item(Mixed() << d.leaf.get() << static_cast<uint64_t>(d.argument)
                 << static_cast<uint64_t>(d.value),
         [&] {
           return fmt::format("%{} is the gradient of {}", d.value, name_of(d.leaf, d.argument));
         });
}

}  // namespace

Frozen::Frozen(const Graph& traced, bool keep_text) {
  each_frozen(traced, [&](uint32_t number, const auto& text) {
    numbers_.push_back(number);
    if (keep_text) texts_.push_back(text());
  });
}

void Frozen::check_same(const Graph& now, const std::string& since) const {
  const Frozen other(now, false);
  if (other == *this) return;
  size_t differs = 0, i = 0;
  while (differs < std::min(numbers_.size(), other.numbers_.size()) &&
         numbers_[differs] == other.numbers_[differs])
    ++differs;
  std::string is = "nothing more";
  each_frozen(now, [&](uint32_t, const auto& text) {
    if (i++ == differs) is = text();
  });
  const std::string was = texts_.empty() ? "(CAIRN_RETRACE=1 stops at the first such call and says)"
                          : differs < texts_.size() ? texts_[differs]
                                                    : "nothing more";
  fail(
      "compile: the function traces to another graph than before with the same shapes and modes{}: "
      "it depends on something of the host that changed (a number, a branch, the length of a "
      "list); pass that in as a tensor, or keep it in a State\n  before: {}\n  now:    {}",
      since, was, is);
}

Retracing::Mode Retracing::mode_from_environment() {
  const char* text = std::getenv("CAIRN_RETRACE");
  return text && *text == '1' ? always : text && *text == '0' ? never : sometimes;
}

std::string Retracing::since() const {
  return calls_ - good_ < 2
             ? ""
             : fmt::format(", and the results since call {} of {} may be wrong", good_ + 1, calls_);
}

}  // namespace cairn
