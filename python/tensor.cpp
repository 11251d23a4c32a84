// The class Tensor: what it says of itself, its parts, and what autograd keeps with it.
#include <algorithm>
#include <cstring>

#include "cairn/autograd/autograd.h"
#include "cairn/ops/context.h"
#include "cairn/ops/pick.h"
#include "python/binding.h"

namespace cairn::python {

DType dtype_of(py::handle name) {
  static const std::pair<const char*, DType> kOthers[] = {
      {"float32", DType::f32},   {"float64", DType::f64},
      {"double", DType::f64},    {"float16", DType::f16},
      {"half", DType::f16},      {"bfloat16", DType::bf16},
      {"float", DType::f32},     {"int", DType::i64},
      {"int8", DType::i8},       {"uint8", DType::u8},
      {"int32", DType::i32},     {"int64", DType::i64},
      {"bool", DType::boolean},  {"float8_e4m3fn", DType::f8e4m3},
      {"bool_", DType::boolean}, {"float8_e5m2", DType::f8e5m2}};
  std::string text;
  if (py::isinstance<py::str>(name)) text = name.cast<std::string>();
  else if (has(name, "name")) text = py::str(name.attr("name"));  // numpy.dtype
  else if (has(name, "__name__")) text = py::str(name.attr("__name__"));
  else text = py::str(name);
  if (text.starts_with("torch.")) text = text.substr(6);
  for (const auto& [known, dtype] : kOthers)
    if (text == known) return dtype;
  try {
    return dtype_from_name(text);
  } catch (const Error& e) { throw py::type_error(e.what()); }
}

bool read_ints(py::handle from, Ints& ints) {
  ints = {};
  if (PyIndex_Check(from.ptr())) {
    const int64_t one = PyNumber_AsSsize_t(from.ptr(), PyExc_OverflowError);
    if (one == -1 && PyErr_Occurred()) throw py::error_already_set();
    ints.push_back(one);
    return true;
  }
  if (!py::isinstance<py::tuple>(from) && !py::isinstance<py::list>(from)) return false;
  for (py::handle item : py::reinterpret_borrow<py::sequence>(from)) {
    if (!PyIndex_Check(item.ptr())) return false;
    const int64_t value = PyNumber_AsSsize_t(item.ptr(), PyExc_OverflowError);
    if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
    ints.push_back(value);
  }
  return true;
}

int named_value(const char* what, py::handle name, std::initializer_list<EnumName> known) {
  const std::string given = py::isinstance<py::str>(name) ? name.cast<std::string>() : "";
  std::string list;
  for (const EnumName& e : known) {
    if (given == e.name) return e.value;
    list += (list.empty() ? "" : ", ") + std::string(e.name);
  }
  throw py::value_error(
      fmt::format("{} is one of {}, not {}", what, list, py::repr(name).cast<std::string>()));
}

namespace {
PyTypeObject* tensor_type = nullptr;  // the class itself, not those below it
}
const Tensor* tensor_in(py::handle object) {
  if (Py_TYPE(object.ptr()) != tensor_type) return nullptr;
  const auto* instance = reinterpret_cast<const py::detail::instance*>(object.ptr());
  if (!instance->simple_layout) return nullptr;
  return static_cast<const Tensor*>(instance->simple_value_holder[0]);
}

py::object object_of(Tensor&& tensor) {
  static const py::detail::type_info* const type = py::detail::get_type_info(typeid(Tensor));
  const auto moved = [](const void* from) -> void* {
    return new Tensor(std::move(*static_cast<Tensor*>(const_cast<void*>(from))));
  };
  return py::reinterpret_steal<py::object>(py::detail::type_caster_generic::cast(
      &tensor, py::return_value_policy::move, {}, type, nullptr, moved));
}

Tensor plain_value(const Tensor& t) {
  check(!t.traced(),
        "a value is read inside a compiled function, where there is none yet: return "
        "the tensor and read it outside");
  if (!t.is_state() && !t.requires_grad() && t.desc().contiguous()) return t;
  const NoGrad no_grad;
  return contiguous(In(t.detach(Loc()), Loc()));
}

namespace {

py::object number_at(const char* p, DType dtype) {
  if (dtype == DType::i64) {
    int64_t value;
    std::memcpy(&value, p, sizeof value);
    return py::int_(value);
  }
  const double value = load_element(p, dtype);
  if (dtype == DType::boolean) return py::bool_(value != 0);
  if (is_integer(dtype)) return py::int_(static_cast<int64_t>(value));
  return py::float_(value);
}

py::object list_of(const char*& p, const TensorDesc& desc, int axis) {
  if (axis == desc.shape.ssize()) {
    py::object number = number_at(p, desc.dtype);
    p += size_of(desc.dtype);
    return number;
  }
  py::list list;
  for (int64_t i = 0; i < desc.shape[axis]; ++i) list.append(list_of(p, desc, axis + 1));
  return list;
}
py::object to_list(const Tensor& t) {
  const Tensor plain = plain_value(t);
  const char* p = static_cast<const char*>(plain.impl()->buffer->data());
  return list_of(p, plain.desc(), 0);
}

std::string repr(const Tensor& t) {
  const std::string type =
      fmt::format("{}{}", name_of(t.dtype()), to_string(static_cast<const Ints&>(t.shape())));
  if (t.traced()) return fmt::format("Tensor({}, traced)", type);
  constexpr int64_t kShown = 100;
  if (t.numel() > kShown) return fmt::format("Tensor({})", type);
  return fmt::format("Tensor({}, {})", type, py::repr(to_list(t)).cast<std::string>());
}

py::object item(const Tensor& t) {
  check(t.numel() == 1, "item: the tensor has {} elements, not one", t.numel());
  const Tensor plain = plain_value(t);
  return number_at(static_cast<const char*>(plain.impl()->buffer->data()), plain.dtype());
}

// x[a:b:s] of one axis.
Tensor sliced(const Tensor& x, int64_t axis, const py::slice& slice) {
  py::ssize_t start, stop, step, length;
  if (!slice.compute(x.size(axis), &start, &stop, &step, &length)) throw py::error_already_set();
  if (step > 0) return cairn::slice(In(x, Loc()), axis, start, length, step);
  const Tensor turned = flip(In(x, Loc()), {axis});
  return cairn::slice(In(turned, Loc()), axis, x.size(axis) - 1 - start, length, -step);
}

int axes_taken(const py::tuple& keys) {
  int taken = 0;
  for (py::handle key : keys) taken += !key.is_none() && !key.is(py::ellipsis());
  return taken;
}

Tensor at(Tensor x, const py::object& key) {
  const py::tuple keys = py::isinstance<py::tuple>(key) ? py::tuple(key) : py::make_tuple(key);
  const int rank = x.rank(), taken = axes_taken(keys);
  if (taken > rank)
    throw py::index_error(fmt::format("{} indices for a tensor of {} dimensions", taken, rank));
  if (std::count_if(keys.begin(), keys.end(), [](py::handle k) { return k.is(py::ellipsis()); }) >
      1)
    throw py::index_error("an index has one '...' at most");
  int64_t axis = 0;
  for (py::handle k : keys) {
    const Tensor index = py::isinstance<Tensor>(k) ? k.cast<Tensor>() : tensor_of_array(k);
    if (k.is_none()) {
      x = unsqueeze(In(x, Loc()), axis++);
    } else if (k.is(py::ellipsis())) {
      axis += rank - taken;
    } else if (py::isinstance<py::slice>(k)) {
      x = sliced(x, axis++, py::reinterpret_borrow<py::slice>(k));
    } else if (index.defined()) {
      if (index.dtype() == DType::boolean) {
        check(keys.size() == 1, "a mask is the only index");
        return masked_select(In(x, Loc()), index);
      }
      x = index_select(In(x, Loc()), axis++, index);
    } else if (PyIndex_Check(k.ptr()) && !PyBool_Check(k.ptr())) {
      const int64_t i = PyNumber_AsSsize_t(k.ptr(), PyExc_IndexError), size = x.size(axis);
      if (i == -1 && PyErr_Occurred()) throw py::error_already_set();
      if (i < -size || i >= size)  // what ends a for loop over the tensor, too
        throw py::index_error(
            fmt::format("index {} of axis {}, which has {} elements", i, axis, size));
      x = select(In(x, Loc()), axis, i < 0 ? i + size : i);
    } else {
      throw py::type_error(
          "a tensor is indexed by ints, slices, None, ..., a tensor or an array of indices or a "
          "mask of its shape, not by " +
          py::repr(k).cast<std::string>());
    }
  }
  return x;
}

}  // namespace

void add_tensors(py::module_& m) {
  py::class_<Tensor> c(m, "Tensor", py::custom_type_setup([](PyHeapTypeObject* type) {
                         type->ht_type.tp_as_buffer = &type->as_buffer;  // arrays.cpp fills it
                       }));
  tensor_type = reinterpret_cast<PyTypeObject*>(c.ptr());
  c.doc() = "A value that never changes, or a State (a parameter, a buffer) that is assigned.";
  c.def_property_readonly("shape", [](const Tensor& t) { return t.shape(); });
  c.def_property_readonly("dtype", [](const Tensor& t) { return t.dtype(); });
  c.def_property_readonly("ndim", [](const Tensor& t) { return t.rank(); });
  c.def_property_readonly("is_state", [](const Tensor& t) { return t.is_state(); });
  c.def_property_readonly("device", [](const Tensor&) { return "cpu"; });
  c.def_property_readonly("T", [](const Tensor& t) {
    check(t.rank() == 2, "T: of a matrix, not of {} dimensions; use permute()", t.rank());
    return transpose(In(t, Loc()), 0, 1);
  });
  c.def("numel", [](const Tensor& t) { return t.numel(); });
  c.def(
      "size", [](const Tensor& t, int64_t axis) { return t.size(axis); }, py::arg("axis"));
  c.def("item", &item);
  c.def("tolist", &to_list);
  c.def("__repr__", &repr);
  c.def("__float__", [](const Tensor& t) { return py::float_(item(t)); });
  c.def("__int__", [](const Tensor& t) { return py::int_(item(t)); });
  c.def("__bool__", [](const Tensor& t) { return py::bool_(item(t)); });
  c.def("__len__", [](const Tensor& t) {
    if (t.rank() == 0) throw py::type_error("len() of a tensor without dimensions");
    return t.size(0);
  });
  c.def("__getitem__", &at, py::arg("index"));

  c.def_property_readonly("requires_grad", [](const Tensor& t) { return t.requires_grad(); });
  c.def(
      "requires_grad_", [](Tensor& t, bool on) { return t.set_requires_grad(on, Loc()); },
      py::arg("on") = true);
  c.def_property(
      "grad", [](const Tensor& t) { return or_none(t.grad(Loc())); },
      [](const Tensor& t, const std::optional<Tensor>& g) { t.set_grad(or_none(g), Loc()); });
  c.def("detach", [](const Tensor& t) { return t.detach(Loc()); });
  c.def(
      "backward",
      [](const Tensor& t, const std::optional<Tensor>& gradient, bool create_graph) {
        backward(t, or_none(gradient), create_graph);
      },
      py::arg("gradient") = py::none(), py::arg("create_graph") = false, Unlocked());
  c.def(
      "assign", [](const Tensor& t, const Tensor& value) { assign(t, value); }, py::arg("value"),
      Unlocked());
  add_arrays(c, m);
  add_dlpack(c);
  add_ops(c, m);
  add_functions(c, m);
  add_losses(m);
}

}  // namespace cairn::python
