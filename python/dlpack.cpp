// DLPack (dmlc.github.io/dlpack), version 1.0 and the one before it: tensors between libraries of
// one process. What is given away is a copy, unless copy=False asks for a view of the values, which
// version 1 can mark read-only: not all respect the mark (PyTorch 2.15 writes there), so only who
// asks for it shares. What is taken is copied.
#include <memory>

#include "python/binding.h"
#include "python/strided_copy.h"

namespace cairn::python {
namespace {

// The structures of dlpack.h.
struct DLDevice {
  int32_t type, id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: row-major without gaps
  uint64_t byte_offset;
};
struct DLManaged {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManaged* self);
};
struct DLManagedVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLManagedVersioned* self);
  uint64_t flags;
  DLTensor tensor;
};
constexpr uint64_t kReadOnly = 1, kIsCopied = 2;
constexpr int32_t kCpu = 1, kCudaHost = 3;
constexpr const char* kName = "dltensor";
constexpr const char* kVersionedName = "dltensor_versioned";

struct Code {
  DType dtype;
  uint8_t code, bits;
};
constexpr Code kCodes[] = {{DType::f32, 2, 32},  {DType::f64, 2, 64},    {DType::f16, 2, 16},
                           {DType::bf16, 4, 16}, {DType::f8e4m3, 10, 8}, {DType::f8e5m2, 12, 8},
                           {DType::i8, 0, 8},    {DType::u8, 1, 8},      {DType::i32, 0, 32},
                           {DType::i64, 0, 64},  {DType::boolean, 6, 8}};

[[noreturn]] void refuse(const std::string& message) { throw py::buffer_error(message); }

// ---- giving

template <class Managed>
struct Given {
  Managed managed{};
  Tensor plain;  // keeps the buffer: a State that is assigned meanwhile takes another
  Shape shape;   // a copy: who takes it may write there
  Ints strides;
};

template <class Managed>
Managed* give(const Tensor& plain) {
  auto given = std::make_unique<Given<Managed>>();
  given->plain = plain;
  given->shape = plain.shape(), given->strides = contiguous_strides(plain.shape());
  DLTensor& t = given->managed.tensor;
  t.data = plain.numel() ? plain.impl()->buffer->data() : nullptr;
  t.device = {kCpu, 0};
  t.ndim = plain.rank();
  for (const Code& c : kCodes)
    if (c.dtype == plain.dtype()) t.dtype = {c.code, c.bits, 1};
  t.shape = given->shape.data();
  t.strides = given->strides.data();
  given->managed.context = given.get();
  given->managed.deleter = [](Managed* self) {
    delete static_cast<Given<Managed>*>(self->context);
  };
  return &given.release()->managed;
}

// Of a capsule that nobody took.
template <class Managed>
void drop(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (managed->deleter) managed->deleter(managed);
}

Tensor copy_of(const Tensor& plain) {
  return tensor_of_strided(static_cast<const char*>(plain.impl()->buffer->data()), plain.dtype(),
                           plain.shape(), [&] {
                             Ints bytes = contiguous_strides(plain.shape());
                             for (int64_t& s : bytes)
                               s *= static_cast<int64_t>(size_of(plain.dtype()));
                             return bytes;
                           }());
}

py::capsule to_dlpack(const Tensor& t, const py::object& stream, const py::object& max_version,
                      const py::object& dl_device, const py::object& copy) {
  if (!stream.is_none())
    refuse("__dlpack__: tensors of the processor have no streams: stream=None");
  if (!dl_device.is_none() && dl_device.cast<std::pair<int, int>>() != std::pair<int, int>(kCpu, 0))
    refuse("__dlpack__: the tensor is on the processor, device (1, 0), and goes to no other");
  if (t.requires_grad()) refuse("__dlpack__: the tensor wants a gradient: x.detach() first");
  Tensor plain = plain_value(t);
  const bool versioned =
      !max_version.is_none() && max_version.cast<std::pair<int64_t, int64_t>>().first >= 1;
  const bool shared = !copy.is_none() && !copy.cast<bool>();
  if (!versioned) {
    if (shared)
      refuse(
          "__dlpack__: a tensor's values never change, which version 0 of DLPack cannot say: "
          "ask with max_version=(1, 0), or for a copy");
    auto* managed = give<DLManaged>(copy_of(plain));
    return py::reinterpret_steal<py::capsule>(
        PyCapsule_New(managed, kName, [](PyObject* capsule) { drop<DLManaged>(capsule, kName); }));
  }
  auto* managed = give<DLManagedVersioned>(shared ? plain : copy_of(plain));
  managed->major = 1, managed->minor = 0;
  managed->flags = shared ? kReadOnly : kIsCopied;
  return py::reinterpret_steal<py::capsule>(
      PyCapsule_New(managed, kVersionedName,
                    [](PyObject* capsule) { drop<DLManagedVersioned>(capsule, kVersionedName); }));
}

// ---- taking

DType dtype_of(const DLDataType& d) {
  if (d.lanes == 1)
    for (const Code& c : kCodes)
      if (c.code == d.code && c.bits == d.bits) return c.dtype;
  if (d.code == 5) refuse("from_dlpack: complex numbers: take x.real and x.imag");
  refuse(
      fmt::format("from_dlpack: elements of {} bits and DLPack's type code {} are none of "
                  "Cairn's: convert them first (to float32, int64, ...)",
                  d.bits, d.code));
}

Tensor taken(const DLTensor& t) {
  if (t.device.type != kCpu && t.device.type != kCudaHost)
    refuse(
        fmt::format("from_dlpack: the tensor is on another device (DLPack's type {}, number {}): "
                    "move it to the processor first (x.cpu())",
                    t.device.type, t.device.id));
  const DType dtype = dtype_of(t.dtype);
  const Shape shape(t.shape, t.shape + t.ndim);
  Ints strides = t.strides ? Ints(t.strides, t.strides + t.ndim) : contiguous_strides(shape);
  for (int64_t& s : strides) s *= static_cast<int64_t>(size_of(dtype));
  return tensor_of_strided(static_cast<const char*>(t.data) + t.byte_offset, dtype, shape, strides);
}

template <class Managed>
Tensor take(py::handle capsule, const char* name, const char* used) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (!managed) throw py::error_already_set();
  PyCapsule_SetName(capsule.ptr(), used);
  struct Release {
    Managed* managed;
    ~Release() {
      if (managed->deleter) managed->deleter(managed);
    }
  } const release{managed};
  return taken(managed->tensor);
}

bool says(py::handle object, const char* question) {
  return has(object, question) && py::bool_(object.attr(question)());
}

}  // namespace

Tensor from_dlpack(py::handle object) {
  if (py::isinstance<Tensor>(object)) return copy_of(plain_value(object.cast<Tensor>()));
  // What only PyTorch's objects know of themselves, and the structure cannot say.
  if (says(object, "is_neg"))
    refuse("from_dlpack: the tensor's negative bit is set: x.resolve_neg() first");
  if (says(object, "is_conj"))
    refuse(
        "from_dlpack: the tensor is a conjugate that is not computed yet: x.resolve_conj() first");
  if (has(object, "requires_grad") && py::isinstance<py::bool_>(object.attr("requires_grad")) &&
      object.attr("requires_grad").cast<bool>())
    refuse("from_dlpack: the tensor wants a gradient: x.detach() first");
  if (has(object, "__dlpack_device__")) {
    const auto device = object.attr("__dlpack_device__")().cast<std::pair<py::int_, int>>();
    const int type = py::int_(device.first).cast<int>();
    if (type != kCpu && type != kCudaHost)
      taken({nullptr, {type, device.second}, 0, {}, nullptr, nullptr, 0});
  }
  py::object capsule;
  try {
    capsule = object.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0));
  } catch (py::error_already_set& e) {  // of before version 1
    if (!e.matches(PyExc_TypeError)) throw;
    capsule = object.attr("__dlpack__")();
  }
  if (PyCapsule_IsValid(capsule.ptr(), kVersionedName)) {
    const auto* managed =
        static_cast<DLManagedVersioned*>(PyCapsule_GetPointer(capsule.ptr(), kVersionedName));
    if (managed->major != 1)
      refuse(fmt::format("from_dlpack: version {} of DLPack; 1 and the one before it are read",
                         managed->major));
    return take<DLManagedVersioned>(capsule, kVersionedName, "used_dltensor_versioned");
  }
  if (PyCapsule_IsValid(capsule.ptr(), kName))
    return take<DLManaged>(capsule, kName, "used_dltensor");
  throw py::type_error(
      "from_dlpack: __dlpack__() gave no capsule of a tensor that is not taken yet");
}

void add_dlpack(py::class_<Tensor>& c) {
  c.def("__dlpack__", &to_dlpack, py::kw_only(), py::arg("stream") = py::none(),
        py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
        py::arg("copy") = py::none());
  c.def("__dlpack_device__", [](const Tensor&) { return py::make_tuple(kCpu, 0); });
}

}  // namespace cairn::python
