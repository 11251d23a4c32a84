#include "cairn/ops/context.h"

#include <string_view>

namespace cairn {
namespace {

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

DType product_dtype(DType wanted) {
  return current_backend().multiplies(wanted) ? wanted : DType::f32;
}

AutocastScope::AutocastScope(DType dtype)
    : saved_(context().autocast), saved_dtype_(context().autocast_dtype) {
  context().autocast = dtype != DType::f32;
  context().autocast_dtype = dtype;
}
AutocastScope::~AutocastScope() {
  context().autocast = saved_;
  context().autocast_dtype = saved_dtype_;
}

bool is_library_line(const Loc& loc) { return is_internal(loc.file_name()); }

// Lines inside the library's own layers say nothing to a user: the line of the call into them does.
Loc user_line(Loc loc) {
  const auto& path = context().path;
  for (size_t i = path.size(); i-- > 0 && is_internal(loc.file_name());) loc = path[i].loc;
  return loc;
}

namespace {
// For people a module that is nobody's child goes by its type.
std::string path_with_root() {
  const std::string below = context().path_text();
  const auto& path = context().path;
  if (path.empty() || !path[0].name.empty() || !path[0].type_of) return below;
  const std::string root = path[0].type_of(path[0].module);
  return below.empty() ? root : root + "." + below;
}
}  // namespace

std::string Where::text() const {
  const std::string path = path_with_root();
  const Loc line = user_line(loc);
  if (line.line() == 0)
    return path.empty() ? "" : fmt::format(" (at {})", path);  // called by Python
  return fmt::format(" (at {}{}{})", path, path.empty() ? "" : ", ", line_of(line));
}

int normalize_axis(const char* op, int64_t axis, int rank, Loc loc) {
  if (axis < -rank || axis >= rank)
    fail("{}: axis {} is out of range for a tensor of {} dimensions{}", op, axis, rank, where(loc));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

void OpCall::impossible(const Shape& shape) const {
  raise("the result would be " + to_string(shape) +
        "; sizes are 0 or more, and at most 2^60 elements");
}

void OpCall::raise(const std::string& message) const {
  std::string text = std::string(op->name) + ": " + message + "; inputs";
  for (size_t i = 0; i < inputs.size(); ++i) text += (i ? ", " : " ") + to_string(*inputs[i]);
  if (attrs && !attrs->empty()) text += "; " + to_string(*attrs);
  throw Error(text + where(context().loc).text());
}

}  // namespace cairn
