// What is said of wrong arguments. pybind11 lists the C++ signatures that it tried; here it becomes
//   sum: got (axis='a'); it takes (axes: int or ints = (), keepdim: bool = False)
// by a function of one's own in front of the one that pybind11 gives to every function.
#include "python/binding.h"

namespace cairn::python {
namespace {

PyCFunction dispatcher = nullptr;  // pybind11's, which all functions share

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
}

// What is between the parentheses, in words: of "    1. (self: X, axis: int = 0) -> Y".
std::string parameters_of(std::string line, bool& method) {
  const size_t begin = line.find('(') + 1, end = std::min(line.rfind(") ->"), line.rfind(')'));
  line = line.substr(begin, end - begin);
  method = line.starts_with("self");
  if (method) line.erase(0, line.find(", ") == line.npos ? line.npos : line.find(", ") + 2);
  for (const auto& [from, to] : {std::pair{"cairn._cairn.", ""},
                                 {"cairn.", ""},
                                 {"Union[int, Sequence[int]]", "int or ints"},
                                 {": object", ""},
                                 {": handle", ""},
                                 {": function", ": a function"}})
    replace_all(line, from, to);
  return line;
}

// A value that says more than its type: short, and of Python's own.
std::string text_of(py::handle value) {
  constexpr size_t kLong = 40;
  if (value.is_none() || PyUnicode_Check(value.ptr()) || PyLong_Check(value.ptr()) ||
      PyFloat_Check(value.ptr())) {
    const auto text = py::repr(value).cast<std::string>();
    if (text.size() <= kLong) return text;
  }
  return Py_TYPE(value.ptr())->tp_name;
}

std::string list_of(const py::tuple& arguments, py::handle options, bool method) {
  std::string list;
  const auto add = [&](const std::string& text) { list += (list.empty() ? "" : ", ") + text; };
  for (size_t i = method ? 1 : 0; i < arguments.size(); ++i) add(text_of(arguments[i]));
  if (options)
    for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(options))
      add(fmt::format("{}={}", py::str(name).cast<std::string>(), text_of(value)));
  replace_all(list, "cairn._cairn.", "");
  return list;
}

// Empty when it is not what pybind11 says of wrong arguments.
std::string own_words(const std::string& said, const py::tuple& arguments, py::handle options) {
  const size_t name = said.find("(): incompatible ");
  if (name == said.npos) return {};
  std::string takes;
  bool method = false;
  for (size_t at = said.find('\n'); at != said.npos && said.compare(at, 5, "\n    ") == 0;) {
    const size_t end = said.find('\n', at + 1);
    takes +=
        (takes.empty() ? "(" : " or (") + parameters_of(said.substr(at, end - at), method) + ")";
    at = end;
  }
  return fmt::format("{}: got ({}); it takes {}", said.substr(0, name),
                     list_of(arguments, options, method), takes);
}

PyObject* explained(PyObject* self, PyObject* arguments, PyObject* options) {
  PyObject* result = reinterpret_cast<PyCFunctionWithKeywords>(reinterpret_cast<void*>(dispatcher))(
      self, arguments, options);
  if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result;
  try {
    py::error_already_set error;
    const std::string words = own_words(py::str(error.value()).cast<std::string>(),
                                        py::reinterpret_borrow<py::tuple>(arguments), options);
    if (words.empty()) error.restore();
    else PyErr_SetString(PyExc_TypeError, words.c_str());
  } catch (py::error_already_set& while_writing) { while_writing.restore(); }
  return nullptr;
}

void explain(py::handle function) {
  if (PyInstanceMethod_Check(function.ptr()))
    function = PyInstanceMethod_GET_FUNCTION(function.ptr());
  if (!PyCFunction_Check(function.ptr())) return;
  PyMethodDef* method = reinterpret_cast<PyCFunctionObject*>(function.ptr())->m_ml;
  if (method->ml_flags != (METH_VARARGS | METH_KEYWORDS)) return;  // not pybind11's
  const auto own = reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(explained));
  if (method->ml_meth == own) return;
  if (!dispatcher) dispatcher = method->ml_meth;
  if (method->ml_meth == dispatcher) method->ml_meth = own;
}

void explain_all(py::handle dictionary) {
  for (const auto& [name, value] : py::reinterpret_steal<py::dict>(PyDict_Copy(dictionary.ptr()))) {
    if (!PyType_Check(value.ptr())) explain(value);
    else explain_all(py::dict(value.attr("__dict__")));
  }
}

}  // namespace

void use_own_words(py::module_& m) { explain_all(m.attr("__dict__")); }

}  // namespace cairn::python
