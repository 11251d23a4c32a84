// The routines of LAPACK that are used, in double. The library is opened at the first use, so that
// no program waits for it that does not decompose matrices.
#pragma once

namespace cairn::cpu {

struct Lapack {
  using Int = int;  // of Debian's build
  void (*syevd)(const char* job, const char* half, const Int* n, double* a, const Int* lda,
                double* values, double* work, const Int* lwork, Int* iwork, const Int* liwork,
                Int* info, long, long);
  void (*gesdd)(const char* job, const Int* m, const Int* n, double* a, const Int* lda, double* s,
                double* u, const Int* ldu, double* vt, const Int* ldvt, double* work,
                const Int* lwork, Int* iwork, Int* info, long);
  void (*geqrf)(const Int* m, const Int* n, double* a, const Int* lda, double* tau, double* work,
                const Int* lwork, Int* info);
  void (*orgqr)(const Int* m, const Int* n, const Int* k, double* a, const Int* lda,
                const double* tau, double* work, const Int* lwork, Int* info);
  void (*potrf)(const char* half, const Int* n, double* a, const Int* lda, Int* info, long);
  void (*getrf)(const Int* m, const Int* n, double* a, const Int* lda, Int* pivots, Int* info);
  void (*getrs)(const char* form, const Int* n, const Int* columns, const double* a, const Int* lda,
                const Int* pivots, double* b, const Int* ldb, Int* info, long);
};
// Throws Error where the library is not installed.
const Lapack& lapack();

}  // namespace cairn::cpu
