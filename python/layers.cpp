// Modules: the library's layers, and those whose forward() is written in Python, which are nodes of
// the same tree: names, modes and state dicts are the library's.
#include "python/layers.h"

namespace cairn::python {
namespace {

class OwnModule : public nn::Module {
 public:
  explicit OwnModule(const std::string& type) { node()->path_name = node()->type = type; }
  void add_child(const std::string& name, const nn::Module& child) { adopt(name, child); }
  Tensor add_parameter(const std::string& name, const Tensor& initial) {
    return param(name, initial);
  }
  Tensor add_buffer(const std::string& name, const Tensor& initial) {
    return buffer(name, initial);
  }
  void be_list() { make_list(); }
  py::object run(const py::function& forward, const py::args& a, const py::kwargs& k) const {
    return called({}, Loc(), [&] { return py::object(forward(*a, **k)); });
  }
};

OwnModule& own(const Layer& layer) {
  auto* module = dynamic_cast<OwnModule*>(layer.module.get());
  if (!module)
    throw py::type_error(
        "a layer of the library takes no layers or parameters: put both into a Module");
  return *module;
}

py::object call(const Layer& layer, const py::args& arguments, const py::kwargs& options) {
  if (layer.call) return layer.call(arguments, options);
  if (options.size()) throw py::type_error(layer.module->type() + ": no options by name");
  Tensors in;
  for (py::handle argument : arguments) {
    if (!py::isinstance<Tensor>(argument))
      throw py::type_error(fmt::format("{}: takes tensors, not {}", layer.module->type(),
                                       py::repr(py::type::of(argument)).cast<std::string>()));
    in.push_back(argument.cast<Tensor>());
  }
  const nn::Module& module = *layer.module;
  const py::gil_scoped_release unlocked;
  const auto result = [&] {
    switch (in.size()) {
      case 1: return module(in[0], Loc());
      case 2: return module(in[0], in[1], Loc());
      case 3: return module(in[0], in[1], in[2], Loc());
      default: fail("{}: takes 1 to 3 tensors, not {}", module.type(), in.size());
    }
  }();
  const py::gil_scoped_acquire locked;
  return py::cast(result);
}

py::tuple load(const Layer& layer, const py::dict& values, bool strict) {
  const nn::LoadReport report = layer.module->load_state_dict(named_tensors(values), strict);
  return py::make_tuple(report.missing, report.extra);
}

}  // namespace

void add_layers(py::module_& m) {
  using nn::Module;
  py::class_<Layer> c(m, "Layer");
  c.def(py::init([](const std::string& type) { return Layer{std::make_shared<OwnModule>(type)}; }),
        py::arg("type"));
  c.def("__call__", &call);
  c.def("run", [](const Layer& l, const py::function& forward, const py::args& a,
                  const py::kwargs& k) { return own(l).run(forward, a, k); });
  c.def(
      "add_child",
      [](const Layer& l, const std::string& name, const Layer& child) {
        own(l).add_child(name, *child.module);
      },
      py::arg("name"), py::arg("child"));
  c.def(
      "add_parameter",
      [](const Layer& l, const std::string& name, const Tensor& t) {
        return own(l).add_parameter(name, t);
      },
      py::arg("name"), py::arg("initial"));
  c.def(
      "add_buffer",
      [](const Layer& l, const std::string& name, const Tensor& t) {
        return own(l).add_buffer(name, t);
      },
      py::arg("name"), py::arg("initial"));
  c.def("be_list", [](const Layer& l) { own(l).be_list(); });
  c.def_property_readonly("type", [](const Layer& l) { return l.module->type(); });
  c.def_property_readonly("training", [](const Layer& l) { return l.module->training(); });
  c.def(
      "train", [](const Layer& l, bool on) { l.module->train(on); }, py::arg("on"));
  c.def(
      "to", [](const Layer& l, DType dtype) { l.module->to(dtype); }, py::arg("dtype"));
  c.def("zero_grad", [](const Layer& l) { l.module->zero_grad(); });
  c.def(
      "freeze", [](const Layer& l, bool on) { l.module->freeze(on); }, py::arg("on"));
  c.def("parameters", [](const Layer& l) { return l.module->parameters(); });
  c.def("num_parameters", [](const Layer& l) { return l.module->num_parameters(); });
  c.def("named_parameters", [](const Layer& l) { return dict_of(l.module->named_parameters()); });
  c.def("named_buffers", [](const Layer& l) { return dict_of(l.module->named_buffers()); });
  c.def("own_tensors", [](const Layer& l) {
    py::dict all = dict_of(l.module->named_parameters(false));
    for (const auto& [name, t] : l.module->named_buffers(false)) all[py::str(name)] = t;
    return all;
  });
  c.def("state_dict", [](const Layer& l) { return dict_of(l.module->state_dict()); });
  c.def("load_state_dict", &load, py::arg("values"), py::arg("strict") = true);
  m.def("layer", &make_layer, py::arg("name"), py::arg("options"));
  m.def("layer_names", &layer_names);
}

}  // namespace cairn::python
