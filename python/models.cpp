// load(): trained models, computed as cairn::infer does: one set of weights for all threads, and a
// context in memory of its own for whoever is computing.
#include <map>
#include <mutex>
#include <span>

#include "cairn/infer/context.h"
#include "python/strided_copy.h"

namespace cairn::python {
namespace {

using infer::Context;
using infer::Opened;

// A context and the memory that it works in.
struct Worker {
  Worker(const std::shared_ptr<Opened>& opened, int64_t batch, int64_t length, int threads)
      : context(opened, batch, length, threads),
        memory(empty({static_cast<int64_t>(context.memory())}, DType::u8)) {
    context.lend(memory.impl()->buffer->data(), context.memory());
    for (size_t i = 0; i < opened->takes.size(); ++i)
      arrays.push_back(empty(context.input(i).shape, context.input(i).dtype));
    inputs.resize(opened->takes.size()), outputs.resize(opened->gives.size());
  }
  Context context;
  Tensor memory;
  Tensors arrays;  // where arrays are copied: their owner may write into them meanwhile
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

char* data_of(const Tensor& t) { return static_cast<char*>(t.impl()->buffer->data()); }

// What a caller gives: an array, borrowed, or a tensor.
struct Input {
  std::optional<Borrowed> array;
  Tensor tensor;
  DType dtype() const { return array ? array->dtype : tensor.dtype(); }
  const Shape& shape() const { return array ? array->shape : tensor.shape(); }
};
Input input_of(py::handle object, size_t index) {
  if (const Tensor* tensor = tensor_in(object)) return {{}, *tensor};
  if (PyObject_CheckBuffer(object.ptr())) {
    try {
      return {Borrowed(object), {}};
    } catch (py::error_already_set& refusal) {  // ml_dtypes', bf16: argument() knows them
      if (!refusal.matches(PyExc_ValueError) && !refusal.matches(PyExc_BufferError)) throw;
    }
  }
  return {{}, argument(object, "input", index)};
}

std::string text_of(const Port& port) {
  std::string sizes;
  for (const int64_t size : port.shape)
    sizes += (sizes.empty() ? "" : ", ") + (size == kAnyBatch    ? "batch"
                                            : size == kAnyLength ? "length"
                                                                 : std::to_string(size));
  return fmt::format("{}[{}]", name_of(port.dtype), sizes);
}

const char* conversion_to(DType dtype) {
  switch (dtype) {
    case DType::f32: return "x.astype('float32')";
    case DType::i64: return "x.astype('int64')";
    case DType::u8: return "x.astype('uint8')";
    default: return "astype() of an array, to() of a tensor";
  }
}

class LoadedModel {
 public:
  LoadedModel(const std::string& path, int threads) : threads_(threads) {
    check(threads == 0 || threads == 1, "load: threads is 1 (the calling one) or 0 (all)");
    opened_ = std::make_shared<Opened>(path);
  }
  const Opened& opened() const { return *opened_; }

  Tensors read(const std::string& file) {
    const std::lock_guard turn(opened_->turn);
    return opened_->model->read(file);
  }

  // Throws TypeError and ValueError for inputs that are not what the model takes.
  Tensors predict(std::vector<Input> in) {
    const std::vector<Port>& ports = opened_->takes;
    if (in.size() != ports.size())
      throw py::type_error(
          fmt::format("the model takes {} inputs ({}), not {}", ports.size(), names(), in.size()));
    int64_t batch = 0, length = 0;
    for (size_t i = 0; i < in.size(); ++i) match(ports[i], in[i], batch, length);
    const Sizes sizes{batch ? batch : 1, length ? length : 1};
    for (Input& input : in)
      if (!input.array) input.tensor = plain_value(input.tensor);
    Tensors out;
    const py::gil_scoped_release unlocked;
    std::unique_ptr<Worker> worker = take(sizes);
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i].array) in[i].array->copy_to(data_of(worker->arrays[i]));
      worker->inputs[i] = data_of(in[i].array ? worker->arrays[i] : in[i].tensor);
    }
    for (size_t i = 0; i < worker->outputs.size(); ++i) {
      const TensorDesc& desc = worker->context.output(i);
      out.push_back(empty(desc.shape, desc.dtype));
      worker->outputs[i] = data_of(out.back());
    }
    worker->context.run(worker->inputs.data(), worker->outputs.data());
    give_back(sizes, std::move(worker));
    return out;
  }

 private:
  using Sizes = std::pair<int64_t, int64_t>;

  std::string names() const {
    std::string list;
    for (const Port& p : opened_->takes)
      list += (list.empty() ? "" : ", ") + fmt::format("{} {}", p.name, text_of(p));
    return list;
  }

  static void match(const Port& port, const Input& input, int64_t& batch, int64_t& length) {
    const Shape& shape = input.shape();
    const DType dtype = input.dtype();
    bool fits = shape.size() == port.shape.size();
    for (int d = 0; fits && d < shape.ssize(); ++d) {
      const int64_t size = shape[d], wanted = port.shape[d];
      int64_t* free = wanted == kAnyBatch ? &batch : wanted == kAnyLength ? &length : nullptr;
      if (!free) fits = size == wanted;
      else if (*free) fits = size == *free;  // the other inputs' size
      else *free = size, fits = size > 0;
    }
    if (fits && dtype == port.dtype) return;
    std::string said = fmt::format("input '{}' is {}; got {}{}", port.name, text_of(port),
                                   name_of(dtype), to_string(shape));
    if (dtype == port.dtype) throw py::value_error(said);
    throw py::type_error(said + ": convert it first (" + conversion_to(port.dtype) + ")");
  }

  std::unique_ptr<Worker> take(const Sizes& sizes) {
    {
      const std::lock_guard lock(mutex_);
      auto& idle = idle_[sizes];
      if (!idle.empty()) {
        std::unique_ptr<Worker> worker = std::move(idle.back());
        idle.pop_back();
        return worker;
      }
    }
    return std::make_unique<Worker>(opened_, sizes.first, sizes.second, threads_);
  }
  // Contexts of sizes that were used long ago go, when there are many.
  void give_back(const Sizes& sizes, std::unique_ptr<Worker> worker) {
    constexpr size_t kSizesKept = 16;
    const std::lock_guard lock(mutex_);
    idle_[sizes].push_back(std::move(worker));
    if (!recent_.empty() && recent_.back() == sizes) return;
    std::erase(recent_, sizes);
    recent_.push_back(sizes);
    if (recent_.size() > kSizesKept) {
      idle_.erase(recent_.front());
      recent_.erase(recent_.begin());
    }
  }

  std::shared_ptr<Opened> opened_;
  int threads_;
  std::mutex mutex_;
  std::map<Sizes, std::vector<std::unique_ptr<Worker>>> idle_;
  std::vector<Sizes> recent_;  // the last used last
};

// [(name, dtype, shape)], None where a size is free.
py::list described(const std::vector<Port>& ports) {
  py::list list;
  for (const Port& p : ports) {
    py::tuple shape(p.shape.size());
    for (size_t i = 0; i < p.shape.size(); ++i)
      shape[i] = p.shape[i] < 0 ? py::object(py::none()) : py::object(py::int_(p.shape[i]));
    list.append(py::make_tuple(p.name, name_of(p.dtype), shape));
  }
  return list;
}

PyObject* error_class = nullptr;  // cairn.Error, which the module keeps

bool is_path(py::handle argument) {
  return py::isinstance<py::str>(argument) ||
         (!PyObject_CheckBuffer(argument.ptr()) && has(argument, "__fspath__"));
}

py::object predicted(LoadedModel& model, std::span<PyObject* const> arguments) {
  std::vector<Input> in;
  in.reserve(arguments.size());
  if (arguments.size() == 1 && is_path(arguments[0])) {
    const std::string file = py::str(arguments[0]);
    const py::gil_scoped_release unlocked;
    for (Tensor& t : model.read(file)) in.push_back({{}, t});
  } else {
    for (size_t i = 0; i < arguments.size(); ++i) in.push_back(input_of(arguments[i], i));
  }
  Tensors out = model.predict(std::move(in));
  if (out.size() == 1) return object_of(std::move(out[0]));
  py::tuple all(out.size());
  for (size_t i = 0; i < out.size(); ++i) all[i] = object_of(std::move(out[i]));
  return all;
}

// predict() as Python calls it, without pybind11's way to a function: beside a network of 60
// microseconds, whose weights fill the cache each time, that is felt. Errors are pybind11's.
PyObject* predict(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  try {
    const auto* instance = reinterpret_cast<py::detail::instance*>(self);
    auto* model = static_cast<LoadedModel*>(instance->simple_value_holder[0]);
    if (!instance->simple_layout || !model) throw py::type_error("predict: of a model of load()");
    return predicted(*model, {arguments, static_cast<size_t>(count)}).release().ptr();
  } catch (py::error_already_set& e) { e.restore(); } catch (const py::builtin_exception& e) {
    e.set_error();
  } catch (const std::bad_alloc&) { PyErr_NoMemory(); } catch (const std::exception& e) {
    PyErr_SetString(error_class, e.what());
  }
  return nullptr;
}
PyMethodDef predict_method = {
    "predict", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(predict)), METH_FASTCALL,
    "predict(self: cairn._cairn.Model, *args) -> object\n\n"
    "The outputs for inputs (tensors or arrays), or for a file."};

}  // namespace

void add_models(py::module_& m) {
  py::class_<LoadedModel> c(m, "Model");
  c.doc() = "A trained model, shared by any number of threads.";
  c.def_property_readonly("task", [](const LoadedModel& l) { return l.opened().task; });
  c.def_property_readonly("inputs",
                          [](const LoadedModel& l) { return described(l.opened().takes); });
  c.def_property_readonly("outputs", [](const LoadedModel& l) { return l.opened().gives; });
  c.def_property_readonly("labels", [](const LoadedModel& l) { return l.opened().labels; });
  c.def(
      "read",
      [](LoadedModel& l, const py::object& file) {
        const std::string path = py::str(file);
        const py::gil_scoped_release unlocked;
        return l.read(path);
      },
      py::arg("file"), "The inputs that a file becomes, prepared as in training.");
  error_class = m.attr("Error").ptr();
  c.attr("predict") = py::reinterpret_steal<py::object>(
      PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(c.ptr()), &predict_method));
  c.def("__call__", [](LoadedModel& model, const py::args& arguments) {
    return predicted(model, {&PyTuple_GET_ITEM(arguments.ptr(), 0), arguments.size()});
  });
  m.def(
      "load",
      [](const py::object& path, int threads) {
        if (!py::isinstance<py::str>(path) && !has(path, "__fspath__"))
          throw py::type_error("load: a path is a str or a pathlib.Path, not " +
                               py::repr(path).cast<std::string>());
        const std::string text = py::str(path);
        const py::gil_scoped_release unlocked;
        return std::make_unique<LoadedModel>(text, threads);
      },
      py::arg("path"), py::arg("threads") = 1,
      "Opens a run folder, the model.safetensors of one, or a folder of Hugging Face's.");
}

}  // namespace cairn::python
