#include "cairn/backend/cpu/linalg/lapack.h"

#include <dlfcn.h>

#include <type_traits>

#include "cairn/base/error.h"

namespace cairn::cpu {
namespace {

Lapack opened() {
  void* library = dlopen("liblapack.so.3", RTLD_NOW | RTLD_LOCAL);
  check(library,
        "matrix decompositions need LAPACK, and liblapack.so.3 cannot be opened: install "
        "the package liblapack3 (or libopenblas0, which is quicker)");
  Lapack routines;
  const auto find = [&](const char* name, auto& routine) {
    routine = reinterpret_cast<std::remove_reference_t<decltype(routine)>>(dlsym(library, name));
    check(routine, "liblapack.so.3 has no routine {}", name);
  };
  find("dsyevd_", routines.syevd);
  find("dgesdd_", routines.gesdd);
  find("dgeqrf_", routines.geqrf);
  find("dorgqr_", routines.orgqr);
  find("dpotrf_", routines.potrf);
  find("dgetrf_", routines.getrf);
  find("dgetrs_", routines.getrs);
  return routines;
}

}  // namespace

const Lapack& lapack() {
  static const Lapack routines = opened();
  return routines;
}

}  // namespace cairn::cpu
