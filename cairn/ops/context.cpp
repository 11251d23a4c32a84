#include "cairn/ops/context.h"

#include <string_view>

namespace cairn {
namespace {

// Lines inside the library's own layers say nothing to a user: the line of the call into them does.
bool is_internal(std::string_view file) {
  for (const char* folder : {"cairn/ops/", "cairn/nn/", "cairn/optim/", "cairn/autograd/",
                             "cairn/tensor/", "cairn/models/"})
    if (file.find(folder) != std::string_view::npos) return true;
  return false;
}

std::string line_of(const Loc& loc) { return fmt::format("{}:{}", loc.file_name(), loc.line()); }

}  // namespace

Context& context() {
  thread_local Context instance;
  return instance;
}

std::string Context::path_text() const {
  std::string text;
  for (const PathEntry& entry : path) {
    if (!text.empty() && !entry.name.empty()) text += ".";
    text += entry.name;
  }
  return text;
}

DType product_dtype(DType wanted) { return current_backend().multiplies(wanted) ? wanted : DType::f32; }

AutocastScope::AutocastScope(DType dtype)
    : saved_(context().autocast), saved_dtype_(context().autocast_dtype) {
  context().autocast = dtype != DType::f32;
  context().autocast_dtype = dtype;
}
AutocastScope::~AutocastScope() {
  context().autocast = saved_;
  context().autocast_dtype = saved_dtype_;
}

Loc user_line(Loc loc) {
  const auto& path = context().path;
  for (size_t i = path.size(); i-- > 0 && is_internal(loc.file_name());) loc = path[i].loc;
  return loc;
}

std::string where(Loc loc) {
  const std::string path = context().path_text();
  if (loc.line() == 0 && path.empty()) return "";
  return fmt::format(" (at {}{}{})", path, path.empty() ? "" : ", ", line_of(user_line(loc)));
}

int normalize_axis(const char* op, int64_t axis, int rank, Loc loc) {
  if (axis < -rank || axis >= rank) fail("{}: axis {} is out of range for a tensor of {} dimensions{}", op, axis, rank, where(loc));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

void OpCall::raise(const std::string& message) const {
  std::string text = std::string(op->name) + ": " + message + "; inputs";
  for (size_t i = 0; i < inputs.size(); ++i) text += (i ? ", " : " ") + to_string(*inputs[i]);
  if (attrs && !attrs->empty()) text += "; " + to_string(*attrs);
  throw Error(text + where(context().loc));
}

}  // namespace cairn
