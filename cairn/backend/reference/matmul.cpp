#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

void matmul(const Call& c) {
  const View a = c.in(0), b = c.in(1), y = c.out();
  const int rank = y.shape().ssize();
  const int64_t shared = a.shape()[rank - 1];
  if (y.count() == 0) return;
  Ints where(y.shape().size(), 0);
  int64_t i = 0;
  do {
    Ints wa = where, wb = where;
    for (int d = 0; d < rank - 2; ++d) {
      if (a.shape()[d] == 1) wa[d] = 0;
      if (b.shape()[d] == 1) wb[d] = 0;
    }
    double sum = 0;
    for (int64_t k = 0; k < shared; ++k) {
      wa[rank - 1] = wb[rank - 2] = k;
      sum += a.get(wa) * b.get(wb);
    }
    y.set(i++, sum);
  } while (next(where, y.shape()));
}

const Row kRows[] = {{"matmul", matmul}};

}  // namespace

std::span<const Row> matmul_kernels() { return kRows; }

}  // namespace cairn::reference
