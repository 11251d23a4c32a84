// compile(), gradients, modes, files of tensors.
#include "cairn/autograd/autograd.h"
#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/io/tensors.h"
#include "cairn/ops/context.h"
#include "python/binding.h"

namespace cairn::python {
namespace {

// What a function returned: None, a tensor, or a tuple, list or dict of tensors; flat, and how to
// build it again.
struct Structure {
  enum Kind { nothing, one, tuple, list, dict } kind = nothing;
  size_t count = 0;
  std::vector<std::string> keys;
  friend bool operator==(const Structure&, const Structure&) = default;
};

Tensor result_tensor(py::handle value) {
  if (!py::isinstance<Tensor>(value))
    throw py::type_error(
        "a compiled function returns None, a tensor, or a tuple, list or dict of "
        "tensors; among what was returned is " +
        py::repr(py::type::of(value)).cast<std::string>());
  return value.cast<Tensor>();
}

Tensors flattened(py::handle value, Structure& s) {
  Tensors flat;
  s = {};
  if (value.is_none()) return flat;
  if (py::isinstance<py::dict>(value)) {
    s.kind = Structure::dict;
    for (const auto& [key, item] : py::reinterpret_borrow<py::dict>(value)) {
      s.keys.push_back(py::str(key));
      flat.push_back(result_tensor(item));
    }
  } else if (py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value)) {
    s.kind = py::isinstance<py::tuple>(value) ? Structure::tuple : Structure::list;
    for (py::handle item : py::reinterpret_borrow<py::sequence>(value))
      flat.push_back(result_tensor(item));
  } else {
    s.kind = Structure::one;
    flat.push_back(result_tensor(value));
  }
  s.count = flat.size();
  return flat;
}

py::object rebuilt(const Tensors& flat, const Structure& s) {
  switch (s.kind) {
    case Structure::nothing: return py::none();
    case Structure::one: return py::cast(flat[0]);
    case Structure::list: return py::cast(flat);
    case Structure::tuple: return py::tuple(py::cast(flat));
    case Structure::dict: break;
  }
  py::dict dict;
  for (size_t i = 0; i < flat.size(); ++i) dict[py::str(s.keys[i])] = flat[i];
  return dict;
}

// A Python function that is traced once for each shape and mode, then replayed.
class CompiledStep {
 public:
  explicit CompiledStep(py::function function)
      : function_(std::move(function)),
        compiled_([this](std::span<const Tensor> in) { return trace(in); }) {}

  py::object operator()(const py::args& arguments) {
    Tensors in;
    for (size_t i = 0; i < arguments.size(); ++i) {
      py::handle argument = arguments[i];
      if (!py::isinstance<Tensor>(argument) && !PyObject_CheckBuffer(argument.ptr()) &&
          PyNumber_Check(argument.ptr()))
        throw py::type_error(fmt::format(
            "argument {} of the compiled function is a number, which would be frozen at the first "
            "call: pass a tensor, or close over the number",
            i));
      in.push_back(python::argument(argument, "the compiled function's argument", i));
    }
    Tensors out;
    {
      const py::gil_scoped_release unlocked;
      out = compiled_.call(in);
    }
    return rebuilt(out, structure_);
  }
  size_t executables() const { return compiled_.executables(); }

 private:
  Tensors trace(std::span<const Tensor> in) {
    const py::gil_scoped_acquire locked;
    py::tuple arguments(in.size());
    for (size_t i = 0; i < in.size(); ++i) arguments[i] = in[i];
    Structure now;
    Tensors flat = flattened(function_(*arguments), now);
    if (traced_ && now != structure_)
      throw py::type_error(
          "the compiled function returned a result of another structure than "
          "before");
    structure_ = now, traced_ = true;
    return flat;
  }

  py::function function_;
  Structure structure_;
  bool traced_ = false;
  CompiledFunction compiled_;
};

// `with` statements of scopes of C++.
template <class Scope, class Argument>
class With {
 public:
  With(const char* name, Argument argument) : name_(name), argument_(argument) {}
  void enter() { scopes_.push_back(std::make_unique<Scope>(argument_)); }
  void exit(const py::args&) {
    check(!scopes_.empty(), "{}: was not entered, or was left already: write 'with cairn.{}():'",
          name_, name_);
    scopes_.pop_back();
  }

 private:
  const char* name_;
  Argument argument_;
  std::vector<std::unique_ptr<Scope>> scopes_;
};
template <class Scope, class Argument, class... Extra>
void add_with(py::module_& m, const char* name, const char* doc, const Extra&... extra) {
  using W = With<Scope, Argument>;
  py::class_<W> c(m, name, doc);
  c.def(py::init([name](Argument argument) { return W(name, argument); }), extra...);
  c.def("__enter__", &W::enter).def("__exit__", &W::exit);
}

void save(const py::dict& tensors, const py::object& path, const io::Metadata& metadata) {
  NamedTensors list = named_tensors(tensors);
  for (auto& [name, t] : list) t = plain_value(t);
  const std::string file = py::str(path);
  const py::gil_scoped_release unlocked;
  io::save_tensors(file, list, metadata);
}

py::dict load_tensors(const py::object& path) {
  const std::string file = py::str(path);
  NamedTensors list;
  {
    const py::gil_scoped_release unlocked;
    list = io::load_tensors(file);
  }
  return dict_of(list);
}

}  // namespace

void add_training(py::module_& m) {
  py::class_<CompiledStep> c(m, "Compiled");
  c.doc() = "A function that was traced, and is replayed as one planned sequence of kernels.";
  c.def("__call__", &CompiledStep::operator());
  c.def_property_readonly("executables", &CompiledStep::executables);
  m.def(
      "compile", [](py::function f) { return std::make_unique<CompiledStep>(std::move(f)); },
      py::arg("function"));

  m.def(
      "grad",
      [](const Tensors& outputs, const Tensors& inputs, bool create_graph, bool allow_unused) {
        GradOptions options;
        options.create_graph = create_graph, options.allow_unused = allow_unused;
        std::vector<std::optional<Tensor>> gradients;
        for (const Tensor& g : grad(outputs, inputs, options))
          gradients.push_back(g.defined() ? std::optional(g) : std::nullopt);
        return gradients;
      },
      py::arg("outputs"), py::arg("inputs"), py::arg("create_graph") = false,
      py::arg("allow_unused") = false, Unlocked());
  add_with<NoGrad, bool>(m, "no_grad", "No gradients inside.", py::arg("grad_mode") = false);
  add_with<AutocastScope, DType>(m, "autocast",
                                 "Matrix products and convolutions in this type inside.",
                                 py::arg("dtype") = DType::bf16);
  m.def(
      "state", [](const Tensor& initial) { return state(initial); }, py::arg("initial"),
      "A State that starts as a copy; assign() gives it another value.");
  m.def(
      "parameter", [](const Tensor& initial) { return parameter(initial); }, py::arg("initial"),
      "A State that wants a gradient.");
  m.def("set_num_threads", &set_num_threads, py::arg("count"));
  m.def("num_threads", &num_threads);
  m.def("save_file", &save, py::arg("tensors"), py::arg("path"),
        py::arg("metadata") = io::Metadata{}, "Writes a safetensors file, atomically.");
  m.def("load_file", &load_tensors, py::arg("path"), "The tensors of a safetensors file, by name.");
}

}  // namespace cairn::python
