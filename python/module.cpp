// The extension module cairn._cairn; what Python's users see is put together in cairn/__init__.py.
#include "cairn/base/version.h"
#include "python/binding.h"

PYBIND11_MODULE(_cairn, m) {
  namespace python = cairn::python;
  pybind11::register_exception<cairn::Error>(m, "Error", PyExc_RuntimeError);
  m.attr("__version__") = cairn::kVersion;
  python::add_tensors(m);
  python::add_layers(m);
  python::add_optimizers(m);
  python::add_training(m);
  python::add_models(m);
  python::use_own_words(m);
}
