// Tensors and Python's buffer protocol (PEP 3118): what numpy, memoryview and array speak.
#include <memory>
#include <string_view>

#include "python/binding.h"
#include "python/strided_copy.h"

namespace cairn::python {

namespace {

// The dtype of elements of a format; throws TypeError.
DType dtype_of_format(const char* format, py::ssize_t size) {
  const std::string_view whole = format ? format : "B";
  std::string_view f = whole;
  bool other_order = false;
  if (!f.empty() && std::string_view("@=<>!^").find(f[0]) != f.npos) {
    other_order = (f[0] == '>' || f[0] == '!') && size > 1;
    f.remove_prefix(1);
  }
  if (other_order)
    throw py::type_error(
        "the array's bytes are in big-endian order: convert it first "
        "(x.astype(x.dtype.newbyteorder('=')))");
  const char kind = f.size() == 1 ? f[0] : ' ';
  if (kind == 'f' && size == 4) return DType::f32;
  if (kind == 'd' && size == 8) return DType::f64;
  if (kind == 'e' && size == 2) return DType::f16;
  if (kind == '?' && size == 1) return DType::boolean;
  if ((kind == 'b' || kind == 'i' || kind == 'l' || kind == 'q') && size == 1) return DType::i8;
  if (kind == 'B' && size == 1) return DType::u8;
  if ((kind == 'i' || kind == 'l') && size == 4) return DType::i32;
  if ((kind == 'l' || kind == 'q') && size == 8) return DType::i64;
  throw py::type_error(fmt::format(
      "elements of the format '{}' ({} bytes) are none of Cairn's: convert the array first "
      "(x.astype('float32'), 'int64', ...)",
      whole, size));
}

}  // namespace

Borrowed::Borrowed(py::handle object, std::optional<DType> as) {
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_RECORDS_RO) != 0)
    throw py::error_already_set();
  try {
    dtype = as ? *as : dtype_of_format(view_.format, view_.itemsize);
  } catch (...) {
    PyBuffer_Release(&view_);
    throw;
  }
  shape.assign(view_.shape, view_.shape + view_.ndim);
  strides.assign(view_.strides, view_.strides + view_.ndim);
}
Borrowed::~Borrowed() { PyBuffer_Release(&view_); }
void Borrowed::copy_to(char* to) const {
  copy_elements(to, data(), shape, strides, size_of(dtype));
}

Tensor tensor_of_strided(const char* from, DType dtype, const Shape& shape, const Ints& strides) {
  constexpr int64_t kLong = 1 << 16;  // others meanwhile get Python's lock
  std::optional<py::gil_scoped_release> unlocked;
  if (numel(shape) >= kLong) unlocked.emplace();
  Tensor t = empty(shape, dtype);
  copy_elements(static_cast<char*>(t.impl()->buffer->data()), from, shape, strides, size_of(dtype));
  return t;
}

namespace {

const char* format_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f";
    case DType::f64: return "d";
    case DType::f16: return "e";
    case DType::i8: return "b";
    case DType::u8: return "B";
    case DType::i32: return "i";
    case DType::i64: return "q";
    case DType::boolean: return "?";
    default: return nullptr;
  }
}

// What a memoryview of a tensor holds: the values, even when a State is assigned others.
struct View {
  Tensor plain;
  SmallVector<Py_ssize_t, 6> shape, strides;  // without memory of their own, mostly
};

int buffer_error(const std::string& message) {
  PyErr_SetString(PyExc_BufferError, message.c_str());
  return -1;
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  try {
    const Tensor* is = tensor_in(self);
    const Tensor t = is ? *is : py::handle(self).cast<Tensor>();
    if (flags & PyBUF_WRITABLE)
      return buffer_error("a tensor's values never change: ask for a copy (x.numpy())");
    if (t.requires_grad())
      return buffer_error("the tensor wants a gradient: x.detach() first, or x.numpy() for a copy");
    const char* format = format_of(t.dtype());
    if (!format)
      return buffer_error(
          fmt::format("{} has no code in Python's buffer protocol: x.to('f32') "
                      "first, or DLPack",
                      name_of(t.dtype())));
    auto held = std::make_unique<View>();
    held->plain = plain_value(t);
    const TensorDesc& desc = held->plain.desc();
    for (const int64_t size : desc.shape) held->shape.push_back(size);
    const auto element = static_cast<Py_ssize_t>(size_of(desc.dtype));
    for (const int64_t stride : contiguous_strides(desc.shape))
      held->strides.push_back(stride * element);
    view->buf = held->plain.impl()->buffer->data();
    view->len = static_cast<Py_ssize_t>(held->plain.numel()) * element;
    view->readonly = 1, view->itemsize = element;
    view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format) : nullptr;
    view->ndim = desc.shape.ssize();
    view->shape = (flags & PyBUF_ND) ? held->shape.data() : nullptr;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? held->strides.data() : nullptr;
    view->suboffsets = nullptr;
    view->internal = held.release();
    view->obj = self;
    Py_INCREF(self);
    return 0;
  } catch (const std::exception& e) { return buffer_error(e.what()); }
}
void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<View*>(view->internal); }

Tensor from_buffer(py::handle object, std::optional<DType> as = {}) {
  const Borrowed array(object, as);
  return tensor_of_strided(array.data(), array.dtype, array.shape, array.strides);
}

// numpy arrays of ml_dtypes' types, for which the protocol has no code: their bits. Undefined for
// others.
Tensor from_extension(py::handle object) {
  if (!has(object, "dtype") || !has(object, "view") || !has(object.attr("dtype"), "name"))
    return {};
  const std::string name = py::str(object.attr("dtype").attr("name"));
  if (name != "bfloat16" && !name.starts_with("float8_")) return {};
  const DType dtype = dtype_of(py::str(name));
  return from_buffer(object.attr("view")(size_of(dtype) == 2 ? "int16" : "uint8"), dtype);
}

// Nested lists: the shape, then the numbers. All of one kind: bool, int or float.
struct Nested {
  Shape shape;
  std::vector<double> numbers;
  std::vector<int64_t> whole;
  bool any_float = false, any_int = false, any_bool = false;

  void add(py::handle value, int depth) {
    if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
      constexpr int kDeepest = 64;  // as numpy's arrays; a list may contain itself
      if (depth == kDeepest)
        throw py::value_error(fmt::format(
            "lists nested deeper than the {} dimensions that a tensor may have here", kDeepest));
      const auto items = py::reinterpret_borrow<py::sequence>(value);
      const auto size = static_cast<int64_t>(items.size());
      if (depth == shape.ssize()) {
        if (!numbers.empty()) ragged();
        shape.push_back(size);
      } else if (depth > shape.ssize() || shape[depth] != size) {
        ragged();
      }
      for (py::handle item : items) add(item, depth + 1);
      return;
    }
    if (depth != shape.ssize()) ragged();
    if (PyBool_Check(value.ptr())) any_bool = true;
    else if (PyFloat_Check(value.ptr())) any_float = true;
    else if (PyIndex_Check(value.ptr())) any_int = true;
    else if (PyNumber_Check(value.ptr())) any_float = true;  // numpy's numbers
    else
      throw py::type_error(
          "a tensor is made of numbers, nested lists of numbers or an array, not "
          "of " +
          py::repr(value).cast<std::string>());
    whole.push_back(
        any_float ? 0
                  : PyLong_AsLongLong(py::int_(py::reinterpret_borrow<py::object>(value)).ptr()));
    if (PyErr_Occurred()) throw py::error_already_set();
    numbers.push_back(PyFloat_AsDouble(value.ptr()));
    if (PyErr_Occurred()) throw py::error_already_set();
  }
  [[noreturn]] static void ragged() {
    throw py::value_error("the nested lists are of different lengths");
  }
};

Tensor from_numbers(py::handle object) {
  Nested nested;
  nested.add(object, 0);
  if (!nested.any_float && nested.any_int)
    return from_host(nested.whole.data(), nested.shape, DType::i64);
  const DType dtype = nested.any_float || nested.numbers.empty() ? DType::f32 : DType::boolean;
  const Tensor wide = from_host(nested.numbers.data(), nested.shape, DType::f64);
  return cast(In(wide, Loc()), dtype);
}

Tensor make(py::handle object, const py::object& dtype) {
  Tensor t = tensor_of(object);
  if (!t.defined()) t = from_numbers(object);
  if (dtype.is_none()) return t;
  const NoGrad no_grad;
  return cast(In(t, Loc()), dtype_of(dtype));
}

}  // namespace

bool has(py::handle object, const char* name) {
  if (PyObject* found = PyObject_GetAttrString(object.ptr(), name)) {
    Py_DECREF(found);
    return true;
  }
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
  PyErr_Clear();
  return false;
}

Tensor tensor_of(py::handle object) {
  if (py::isinstance<Tensor>(object)) return object.cast<Tensor>();
  if (PyObject_CheckBuffer(object.ptr())) {
    if (has(object, "mask") && has(object, "filled"))
      throw py::type_error(
          "a masked array: a tensor has no mask; give x.filled(value), or x.data and the mask "
          "apart");
    try {
      return from_buffer(object);
    } catch (py::error_already_set& refusal) {
      if (!refusal.matches(PyExc_ValueError) && !refusal.matches(PyExc_BufferError)) throw;
      if (Tensor t = from_extension(object); t.defined()) return t;
      throw;
    }
  }
  if (has(object, "__dlpack__")) return from_dlpack(object);
  return {};
}

Tensor tensor_of_array(py::handle object) {
  PyObject* p = object.ptr();
  if (PyFloat_Check(p) || PyLong_Check(p) || PyUnicode_Check(p) || PyBytes_Check(p) ||
      object.is_none())
    return {};
  if (PyObject_CheckBuffer(p)) {
    Py_buffer view;
    if (PyObject_GetBuffer(p, &view, PyBUF_RECORDS_RO) == 0) {
      const int rank = view.ndim;
      PyBuffer_Release(&view);
      if (rank == 0) return {};
    } else {
      PyErr_Clear();  // tensor_of() tells why, or knows the type
    }
    return tensor_of(object);
  }
  return has(object, "__dlpack__") ? from_dlpack(object) : Tensor();
}

Tensor argument(py::handle object, std::string_view name, size_t index) {
  Tensor t = tensor_of(object);
  if (t.defined()) return t;
  throw py::type_error(fmt::format("{}{} is a tensor or an array, not {}", name,
                                   index == kNoIndex ? "" : fmt::format(" {}", index),
                                   py::repr(py::type::of(object)).cast<std::string>()));
}

NamedTensors named_tensors(const py::dict& tensors) {
  NamedTensors list;
  for (const auto& [key, value] : tensors) {
    const std::string name = py::str(key);
    list.emplace_back(name, argument(value, name));
  }
  return list;
}
py::dict dict_of(const NamedTensors& tensors) {
  py::dict dict;
  for (const auto& [name, t] : tensors) dict[py::str(name)] = t;
  return dict;
}

void add_arrays(py::class_<Tensor>& c, py::module_& m) {
  auto* type = reinterpret_cast<PyHeapTypeObject*>(c.ptr());
  type->as_buffer.bf_getbuffer = get_buffer;
  type->as_buffer.bf_releasebuffer = release_buffer;
  PyType_Modified(&type->ht_type);
  // numpy leaves operators to the tensor: its own would give an array, and lose the gradient.
  c.attr("__array_ufunc__") = py::none();
  py::detail::get_type_info(typeid(Tensor))
      ->implicit_conversions.push_back([](PyObject* object, PyTypeObject*) -> PyObject* {
        Tensor t = tensor_of_array(object);
        return t.defined() ? py::cast(std::move(t)).release().ptr() : nullptr;
      });
  m.def("_plain", &plain_value, py::arg("x"));
  m.def("tensor", &make, py::arg("data"), py::arg("dtype") = py::none(),
        "A tensor of a number, nested lists, an array or another library's tensor. Copies.");
  m.def("from_dlpack", &from_dlpack, py::arg("x"),
        "A tensor of what an object with __dlpack__ holds. Copies.");
}

}  // namespace cairn::python
