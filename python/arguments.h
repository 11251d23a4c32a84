// Options by name, as Python gives them.
#pragma once
#include "python/binding.h"

namespace cairn::python {

class Arguments {
 public:
  Arguments(std::string owner, py::dict values)
      : owner_(std::move(owner)), values_(std::move(values)) {}

  // The option under a name, when it was given (None: not). Throws TypeError for another type.
  template <class T>
  Arguments& operator()(const char* name, T& target) {
    known_.push_back(name);
    if (!values_.contains(name)) return *this;
    const py::object value = values_[name];
    if (value.is_none()) return *this;
    try {
      target = value.cast<T>();
    } catch (const py::cast_error&) {
      throw py::type_error(
          fmt::format("{}: {} cannot be {}", owner_, name, py::repr(value).cast<std::string>()));
    }
    return *this;
  }
  template <class T>
  T get(const char* name) {
    T value{};
    if constexpr (std::is_same_v<T, py::object>) value = py::none();
    (*this)(name, value);
    return value;
  }
  // Throws TypeError for a name that nobody asked for.
  void finish() const;

 private:
  std::string owner_;
  py::dict values_;
  std::vector<std::string> known_;
};

}  // namespace cairn::python
