#include "cairn/ops/doc.h"

#include "cairn/ops/families.h"

namespace cairn {
namespace {

std::string count_of(int n) { return n < 0 ? "any" : std::to_string(n); }

std::string gradient_of(const OpDef& op) {
  if (op.no_gradient) return std::string("none: ") + op.no_gradient;
  return op.vjp ? "yes" : "";
}

std::string marks_of(const OpDef& op) {
  struct Mark {
    bool on;
    const char* text;
  };
  std::string text;
  for (const Mark& m : {Mark{op.is(kElementwise), "elementwise"},
                        {op.is(kView), "view"},
                        {op.is(kReduction), "reduction"},
                        {op.is(kRandom), "random"},
                        {op.is(kMayFault), "checks values"},
                        {op.decompose != nullptr, "composite"},
                        {op.autocast == Autocast::low, "low precision"},
                        {op.autocast == Autocast::f32, "always f32"}})
    if (m.on) text += (text.empty() ? "" : ", ") + std::string(m.text);
  return text;
}

// A cell of a Markdown table cannot hold a bar.
std::string cell(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string table_of(const char* title, std::span<const OpDef> rows) {
  std::string text = fmt::format(
      "\n## {}\n\n"
      "| op | computes | in | out | gradient | ONNX | notes |\n|---|---|---|---|---|---|---|\n",
      title);
  for (const OpDef& op : rows)
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", op.name, cell(op.doc),
                        count_of(op.inputs), count_of(op.outputs), cell(gradient_of(op)),
                        op.onnx ? op.onnx : "", marks_of(op));
  return text;
}

}  // namespace

std::string ops_markdown() {
  std::string text =
      "# Ops\n\n"
      "The rows of the op table, written from it (`ops_markdown()`). Functions that users call are "
      "in `cairn/ops/*.h`; many are\n"
      "composed of several ops. *Composite* ops have a decomposition in basic ops: back ends "
      "without a kernel run that, and\n"
      "compile() may. Under autocast *low precision* ops take their inputs in the low type, "
      "*always f32* ones in f32.\n";
  for (const OpFamily& f : op_families()) text += table_of(f.title, f.rows);
  return text;
}

}  // namespace cairn
