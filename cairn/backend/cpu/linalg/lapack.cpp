#include "cairn/backend/cpu/linalg/lapack.h"

#include <type_traits>

#include "cairn/base/library.h"

namespace cairn::cpu {
namespace {

// LAPACK comes without a header for C.
struct Opened : Library, Lapack {
  Opened()
      : Library("liblapack.so.3", "decomposing a matrix",
                "liblapack3 (or libopenblas0, which is quicker)") {
    take("dsyevd_", syevd);
    take("dgesdd_", gesdd);
    take("dgeqrf_", geqrf);
    take("dorgqr_", orgqr);
    take("dpotrf_", potrf);
    take("dgetrf_", getrf);
    take("dgetrs_", getrs);
  }
  template <class Routine>
  void take(const char* name, Routine& routine) {
    routine = reinterpret_cast<Routine>(find(name));
  }
};

}  // namespace

const Lapack& lapack() {
  static const Opened routines;
  return routines;
}

}  // namespace cairn::cpu
