// What the files of the Python module share: which Python values are which types of the library.
#pragma once
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <string_view>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"
#include "cairn/tensor/named_tensors.h"

namespace cairn::python {

namespace py = pybind11;

// Ops and replays run without Python's lock.
using Unlocked = py::call_guard<py::gil_scoped_release>;

// "f32", "float32", numpy's and torch's dtypes, float, int, bool. Throws TypeError.
DType dtype_of(py::handle name);
bool read_ints(py::handle from, Ints& ints);  // an int, or a sequence of them

// Python's hasattr(); pybind11's also swallows a Ctrl-C that comes while it looks.
bool has(py::handle object, const char* name);

// The tensor that a Python object is, unless it is none or of a subclass: without pybind11's search
// for what a C++ type is in Python, which a call of a small model feels.
const Tensor* tensor_in(py::handle object);
py::object object_of(Tensor&& tensor);  // py::cast() without that search

// A new tensor of the values of anything that has them: a tensor, an object with __dlpack__ or
// Python's buffer protocol. Copies; undefined for what is none of these.
Tensor tensor_of(py::handle object);
// The same of an argument that must be one: throws TypeError that names it (and its index).
inline constexpr size_t kNoIndex = SIZE_MAX;
Tensor argument(py::handle object, std::string_view name, size_t index = kNoIndex);

// The tensor of an array of one dimension or more; undefined for all else, numbers of numpy's
// among it, which are numbers. Arrays are taken so wherever a tensor is. Throws TypeError.
Tensor tensor_of_array(py::handle object);

// Python's None is an undefined tensor.
inline Tensor or_none(const std::optional<Tensor>& t) { return t ? *t : Tensor(); }
inline py::object or_none(const Tensor& t) { return t.defined() ? py::cast(t) : py::none(); }
// A value that nobody differentiates or assigns, row-major and without gaps. Throws Error while
// traced.
Tensor plain_value(const Tensor& t);

NamedTensors named_tensors(const py::dict& tensors);  // arrays, too; throws TypeError
py::dict dict_of(const NamedTensors& tensors);

struct EnumName {
  const char* name;
  int value;
};
// The value under a name. Throws ValueError that lists the names.
int named_value(const char* what, py::handle name, std::initializer_list<EnumName> known);

void add_tensors(py::module_& m);                        // tensor.cpp
void add_arrays(py::class_<Tensor>& c, py::module_& m);  // arrays.cpp
void add_dlpack(py::class_<Tensor>& c);                  // dlpack.cpp
Tensor from_dlpack(py::handle object);
void add_ops(py::class_<Tensor>& c, py::module_& m);        // ops.cpp
void add_functions(py::class_<Tensor>& c, py::module_& m);  // functions.cpp
void add_losses(py::module_& m);
void add_layers(py::module_& m);  // layers.cpp
void add_optimizers(py::module_& m);
void add_training(py::module_& m);   // training.cpp
void add_models(py::module_& m);     // models.cpp
void use_own_words(py::module_& m);  // words.cpp, last

}  // namespace cairn::python

namespace pybind11::detail {

template <>
struct type_caster<cairn::Ints> {
  PYBIND11_TYPE_CASTER(cairn::Ints, const_name("Union[int, Sequence[int]]"));
  bool load(handle from, bool) { return cairn::python::read_ints(from, value); }
  static handle cast(const cairn::Ints& ints, return_value_policy, handle) {
    tuple t(ints.size());
    for (size_t i = 0; i < ints.size(); ++i) t[i] = int_(ints[i]);
    return t.release();
  }
};

template <>
struct type_caster<cairn::DType> {
  PYBIND11_TYPE_CASTER(cairn::DType, const_name("object"));
  bool load(handle from, bool) {
    value = cairn::python::dtype_of(from);
    return true;
  }
  static handle cast(cairn::DType dtype, return_value_policy, handle) {
    return str(cairn::name_of(dtype)).release();
  }
};

// A tensor without the line of a C++ call: Python's traceback says where it was.
template <>
struct type_caster<cairn::In> {
  static constexpr auto name = make_caster<cairn::Tensor>::name;
  template <class>
  using cast_op_type = cairn::In;
  bool load(handle from, bool convert) {
    return from && !from.is_none() && inner_.load(from, convert);
  }
  operator cairn::In() { return cairn::In(cast_op<const cairn::Tensor&>(inner_), cairn::Loc()); }

 private:
  make_caster<cairn::Tensor> inner_;
};

template <>
struct type_caster<cairn::Reduction> {
  PYBIND11_TYPE_CASTER(cairn::Reduction, const_name("str"));
  bool load(handle from, bool) {
    using cairn::Reduction;
    value = static_cast<Reduction>(
        cairn::python::named_value("reduction", from,
                                   {{"mean", int(Reduction::mean)},
                                    {"sum", int(Reduction::sum)},
                                    {"none", int(Reduction::none)},
                                    {"batchmean", int(Reduction::batchmean)}}));
    return true;
  }
  static handle cast(cairn::Reduction, return_value_policy, handle) { return none().release(); }
};

}  // namespace pybind11::detail
