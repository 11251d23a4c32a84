// The optimizers and the schedules of their rates.
#include "cairn/optim/optim.h"

#include "python/arguments.h"

namespace cairn::python {

void Arguments::finish() const {
  for (const auto& [key, value] : values_) {
    const std::string name = py::str(key);
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string near = nearest_name(name, known_);
    throw py::type_error(fmt::format("{}: no option {}{}", owner_, name,
                                     near.empty() ? "" : "; is " + near + " meant?"));
  }
}

namespace {

using namespace optim;

// ---- the options of each, by name

void read(Arguments& a, Betas& betas) {
  std::pair<double, double> both(betas.first, betas.second);
  a("betas", both);
  betas = {both.first, both.second};
}
template <class O>
void read_common(Arguments& a, O& o) {
  a("lr", o.lr)("weight_decay", o.weight_decay)("maximize", o.maximize);
  a("clip_norm", o.clip.norm)("clip_value", o.clip.value);
}
void read(Arguments& a, SgdOptions& o) {
  a("momentum", o.momentum)("dampening", o.dampening)("nesterov", o.nesterov);
}
void read(Arguments& a, AdamOptions& o) { read(a, o.betas), a("eps", o.eps)("amsgrad", o.amsgrad); }
void read(Arguments& a, AdamWOptions& o) {
  read(a, o.betas), a("eps", o.eps)("amsgrad", o.amsgrad);
}
void read(Arguments& a, RMSpropOptions& o) {
  a("alpha", o.alpha)("eps", o.eps)("momentum", o.momentum)("centered", o.centered);
}
void read(Arguments& a, AdagradOptions& o) {
  a("lr_decay", o.lr_decay)("initial_accumulator_value", o.initial_accumulator_value)("eps", o.eps);
}
void read(Arguments& a, AdadeltaOptions& o) { a("rho", o.rho)("eps", o.eps); }
void read(Arguments& a, AdamaxOptions& o) { read(a, o.betas), a("eps", o.eps); }
void read(Arguments& a, NAdamOptions& o) {
  read(a, o.betas);
  a("eps", o.eps)("momentum_decay", o.momentum_decay)("decoupled_weight_decay",
                                                      o.decoupled_weight_decay);
}
void read(Arguments& a, RAdamOptions& o) {
  read(a, o.betas), a("eps", o.eps)("decoupled_weight_decay", o.decoupled_weight_decay);
}
void read(Arguments& a, AdafactorOptions& o) {
  a("beta2_decay", o.beta2_decay)("eps1", o.eps1)("eps2", o.eps2)("d", o.d);
}
void read(Arguments& a, MuonOptions& o) {
  a("momentum", o.momentum)("nesterov", o.nesterov)("ns_steps", o.ns_steps)("eps", o.eps);
}

using Groups = std::vector<std::pair<Tensors, py::dict>>;
template <class Made, class Options>
std::unique_ptr<Optimizer> make(const char* name, const Groups& groups) {
  std::vector<Group<Options>> read_groups;
  for (const auto& [parameters, options] : groups) {
    Arguments a(name, options);
    Options o;
    read_common(a, o), read(a, o);
    a.finish();
    read_groups.push_back({parameters, o});
  }
  return std::make_unique<Made>(read_groups);
}

struct OptimizerRow {
  const char* name;
  std::unique_ptr<Optimizer> (*make)(const char* name, const Groups& groups);
};
constexpr OptimizerRow kOptimizers[] = {{"SGD", make<SGD, SgdOptions>},
                                        {"Adam", make<Adam, AdamOptions>},
                                        {"AdamW", make<AdamW, AdamWOptions>},
                                        {"RMSprop", make<RMSprop, RMSpropOptions>},
                                        {"Adagrad", make<Adagrad, AdagradOptions>},
                                        {"Adadelta", make<Adadelta, AdadeltaOptions>},
                                        {"Adamax", make<Adamax, AdamaxOptions>},
                                        {"NAdam", make<NAdam, NAdamOptions>},
                                        {"RAdam", make<RAdam, RAdamOptions>},
                                        {"Adafactor", make<Adafactor, AdafactorOptions>},
                                        {"Muon", make<Muon, MuonOptions>}};

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const Groups& groups) {
  for (const OptimizerRow& row : kOptimizers)
    if (name == row.name) return row.make(row.name, groups);
  throw py::value_error("no optimizer " + name);
}

}  // namespace

void add_optimizers(py::module_& m) {
  py::class_<Optimizer> c(m, "Optimizer");
  c.def(
      "step", [](Optimizer& o, const Tensor& loss) { o.step(loss, Loc()); }, py::arg("loss"),
      Unlocked(), "Differentiates the loss and updates; keeps no gradients.");
  c.def(
      "step", [](Optimizer& o) { o.step(); }, Unlocked(), "Updates from .grad.");
  c.def("zero_grad", &Optimizer::zero_grad);
  c.def_property(
      "lr", [](const Optimizer& o) { return o.lr(); },
      [](Optimizer& o, double lr) { o.set_lr(lr); });
  c.def(
      "set_lr", [](Optimizer& o, size_t group, double lr) { o.set_lr(group, lr); },
      py::arg("group"), py::arg("lr"));
  c.def_property_readonly("steps", &Optimizer::steps);
  c.def_property_readonly("parameters", &Optimizer::parameters);
  c.def("state_dict", [](const Optimizer& o) { return dict_of(o.state_dict()); });
  c.def(
      "load_state_dict",
      [](Optimizer& o, const py::dict& values) { o.load_state_dict(named_tensors(values)); },
      py::arg("values"));
  m.def("optimizer", &make_optimizer, py::arg("name"), py::arg("groups"));

  // Schedules are functions of the step, here and there: Python's own serve too.
  m.def("constant", &constant);
  m.def("step_decay", &step_decay, py::arg("every"), py::arg("factor") = 0.1);
  m.def("cosine", &cosine, py::arg("total"), py::arg("least") = 0.0);
  m.def(
      "warmup",
      [](int64_t steps, const Schedule& next, double start) {
        return warmup(steps, next ? next : constant(), start);
      },
      py::arg("steps"), py::arg("next") = py::none(), py::arg("start") = 0.0);
  m.def("inverse_sqrt", &inverse_sqrt, py::arg("rise"));
  m.def("one_cycle", &one_cycle, py::arg("total"), py::arg("rise") = 0.3, py::arg("divide") = 25.0,
        py::arg("final_divide") = 1e4);
  py::class_<Scheduler>(m, "Scheduler")
      .def(py::init([](Optimizer& o, const Schedule& s, int64_t start) {
             return std::make_unique<Scheduler>(o, s, start);
           }),
           py::arg("optimizer"), py::arg("schedule"), py::arg("start") = 0, py::keep_alive<1, 2>())
      .def("step", &Scheduler::step)
      .def_property_readonly("now", &Scheduler::now);
}

}  // namespace cairn::python
