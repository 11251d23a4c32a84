// Decompositions of matrices by LAPACK, whose matrices lie by columns: a row-major matrix is its
// transpose there.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/linalg/lapack.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

using Int = Lapack::Int;

// One matrix and the memory to decompose it in; inputs and outputs are double and row-major.
struct Task {
  Int n, m, k;  // rows, columns, the smaller; solve: n x n and n x k
  double *in, *more, *out[3];
  double* work;
  Int work_size;
  Int* integers;
};

// The largest element of each of the k columns of u [rows, k] becomes positive, the rows of vh with
// it.
void turn_signs(double* u, Int rows, Int k, double* vh, Int columns) {
  for (Int j = 0; j < k; ++j) {
    Int at = 0;
    for (Int i = 1; i < rows; ++i)
      if (std::fabs(u[i * k + j]) > std::fabs(u[at * k + j])) at = i;
    if (!(u[at * k + j] < 0)) continue;
    for (Int i = 0; i < rows; ++i) u[i * k + j] = -u[i * k + j];
    for (Int i = 0; i < columns; ++i) vh[j * columns + i] = -vh[j * columns + i];
  }
}
void turn(const double* x, Int rows, Int columns, double* y) {
  for (Int i = 0; i < rows; ++i)
    for (Int j = 0; j < columns; ++j) y[j * rows + i] = x[i * columns + j];
}

Int eigh(const Task& t) {
  Int info = 0;
  const Int integers = 3 + 5 * t.n;
  lapack().syevd("V", "L", &t.n, t.in, &t.n, t.out[0], t.work, &t.work_size, t.integers, &integers,
                 &info, 1, 1);
  turn(t.in, t.n, t.n, t.out[1]);
  turn_signs(t.out[1], t.n, t.n, nullptr, 0);
  return info;
}
// x is LAPACK's x^T = V S U^T: what it calls V^T is U by rows, and the other way round.
Int svd(const Task& t) {
  Int info = 0;
  lapack().gesdd("S", &t.m, &t.n, t.in, &t.m, t.out[1], t.out[2], &t.m, t.out[0], &t.k, t.work,
                 &t.work_size, t.integers, &info, 1);
  turn_signs(t.out[0], t.n, t.k, t.out[2], t.m);
  return info;
}
Int qr(const Task& t) {
  Int info = 0;
  double* columns = t.more;  // x by columns, then Q
  double* tau = t.work + t.work_size;
  turn(t.in, t.n, t.m, columns);
  lapack().geqrf(&t.n, &t.m, columns, &t.n, tau, t.work, &t.work_size, &info);
  for (Int i = 0; i < t.m; ++i)
    for (Int j = 0; j < t.m; ++j) t.out[1][i * t.m + j] = i <= j ? columns[j * t.n + i] : 0;
  if (info == 0) lapack().orgqr(&t.n, &t.m, &t.m, columns, &t.n, tau, t.work, &t.work_size, &info);
  turn(columns, t.m, t.n, t.out[0]);
  return info;
}
// By rows the lower half is by columns the upper one.
Int cholesky(const Task& t) {
  Int info = 0;
  lapack().potrf("U", &t.n, t.in, &t.n, &info, 1);
  for (Int i = 0; i < t.n; ++i)
    for (Int j = 0; j < t.n; ++j) t.out[0][i * t.n + j] = j <= i ? t.in[i * t.n + j] : 0;
  return info;
}
Int solve(const Task& t) {
  Int info = 0;
  lapack().getrf(&t.n, &t.n, t.in, &t.n, t.integers, &info);
  if (info != 0) return info;
  turn(t.more, t.n, t.k, t.work);
  lapack().getrs("T", &t.n, &t.k, t.in, &t.n, t.integers, t.work, &t.n, &info, 1);
  turn(t.work, t.k, t.n, t.out[0]);
  return info;
}
Int slogdet(const Task& t) {
  Int info = 0;
  lapack().getrf(&t.n, &t.n, t.in, &t.n, t.integers, &info);
  double sign = 1, sum = 0;
  for (Int i = 0; i < t.n; ++i) {
    const double pivot = t.in[i * t.n + i];
    if ((pivot < 0) != (t.integers[i] != i + 1)) sign = -sign;
    sum += std::log(std::fabs(pivot));
  }
  t.out[0][0] = info > 0 ? 0 : sign;
  t.out[1][0] = info > 0 ? -std::numeric_limits<double>::infinity() : sum;
  return std::min<Int>(info, 0);  // singular is an answer
}

struct Routine {
  const char* op;
  Int (*run)(const Task&);
  const char* failure;  // what a positive result means
};
constexpr Routine kRoutines[] = {{"eigh", eigh, "has no eigenvalues that the iteration reaches"},
                                 {"svd", svd, "has no singular values that the iteration reaches"},
                                 {"qr", qr, "has no decomposition"},
                                 {"cholesky", cholesky, "is not positive definite"},
                                 {"solve", solve, "is singular"},
                                 {"slogdet", slogdet, "has no determinant"}};

const Routine* routine_of(const OpCall& call) {
  for (const Routine& r : kRoutines)
    if (is_op(call, r.op)) return &r;
  return nullptr;
}

class LinalgPlan : public Plan {
 public:
  LinalgPlan(const OpCall& call, const Routine& routine) : call_(call), routine_(routine) {
    const Shape& s = call.shape();
    const int64_t rows = s[s.size() - 2], columns = s.back(), kLimit = 1 << 14;
    if (rows > kLimit || columns > kLimit) call.error("matrices of more than {} rows", kLimit);
    n_ = static_cast<Int>(rows), m_ = static_cast<Int>(columns);
    k_ = call.inputs.size() > 1 ? static_cast<Int>(call.shape(1).back()) : std::min(n_, m_);
    batch_ = numel(s) / (rows * columns);
    for (const TensorDesc* d : call.inputs) sizes_.push_back(numel(d->shape) / batch_);
    if (call.inputs.size() == 1) sizes_.push_back(rows * columns);  // a second matrix, for qr
    for (const TensorDesc* d : call.outputs) sizes_.push_back(numel(d->shape) / batch_);
    work_ = work_size();
    size_t numbers = static_cast<size_t>(work_ + m_);  // qr's factors behind it
    for (const int64_t size : sizes_) numbers += static_cast<size_t>(size);
    const size_t integers = static_cast<size_t>(3 + 8 * int64_t{std::max(n_, m_)});
    a_part_ = whole_lines(numbers * sizeof(double)) + whole_lines(integers * sizeof(Int));
    integers_ = whole_lines(numbers * sizeof(double));
    constexpr int64_t kWorthAThread = 64 << 10;  // multiplications
    parts_ = static_cast<int>(
        std::clamp<int64_t>(threads_for(numel(s) * rows * 4, kWorthAThread), 1, batch_));
    workspace_bytes = a_part_ * static_cast<size_t>(parts_);
    lapack();  // a missing library is told of before anything runs
  }
  void launch(const Launch& args) const override {
    std::atomic<int64_t> bad = INT64_MAX, strange = INT64_MAX;
    parallel_region(
        [&](int part, int parts) {
          for (int64_t b = batch_ * part / parts; b < batch_ * (part + 1) / parts; ++b) {
            std::atomic<int64_t>* to =
                one(args, b, at(args, a_part_ * static_cast<size_t>(part)), bad, strange);
            int64_t known = INT64_MAX;
            if (to) to->compare_exchange_strong(known, b);
          }
        },
        parts_);
    check(strange == INT64_MAX, "matrix {} holds NaN or infinity", strange.load());
    check(bad == INT64_MAX, "matrix {} {}", bad.load(), routine_.failure);
  }

 private:
  Int work_size() const {
    const int64_t n = n_, m = m_, k = k_, block = 64;
    const int64_t size = is_op(*call_, "eigh")    ? 1 + 6 * n + 2 * n * n
                         : is_op(*call_, "svd")   ? 4 * k * k + 7 * k + std::max(n, m) * block
                         : is_op(*call_, "qr")    ? m * block
                         : is_op(*call_, "solve") ? n * k
                                                  : 1;
    if (size > std::numeric_limits<Int>::max()) call_->error("matrices too large");
    return static_cast<Int>(size);
  }
  // Where the matrix counts when it has no result.
  std::atomic<int64_t>* one(const Launch& args, int64_t batch, char* memory,
                            std::atomic<int64_t>& bad, std::atomic<int64_t>& strange) const {
    auto* next = reinterpret_cast<double*>(memory);
    std::array<double*, 5> places{};
    for (size_t i = 0; i < sizes_.size(); ++i) places[i] = next, next += sizes_[i];
    for (size_t i = 0; i < call_->inputs.size(); ++i) {
      if (call_->dtype() == DType::f64) read<double>(args.inputs[i], batch, sizes_[i], places[i]);
      else read<float>(args.inputs[i], batch, sizes_[i], places[i]);
      for (int64_t k = 0; k < sizes_[i]; ++k)
        if (!std::isfinite(places[i][k])) return &strange;
    }
    Task task{n_,        m_,        k_,
              places[0], places[1], {},
              next,      work_,     reinterpret_cast<Int*>(memory + integers_)};
    for (size_t i = 2; i < sizes_.size(); ++i) task.out[i - 2] = places[i];
    if (routine_.run(task) != 0) return &bad;
    for (size_t i = 2; i < sizes_.size(); ++i) {
      if (call_->dtype() == DType::f64)
        write<double>(places[i], batch, sizes_[i], args.outputs[i - 2]);
      else write<float>(places[i], batch, sizes_[i], args.outputs[i - 2]);
    }
    return nullptr;
  }
  template <class T>
  static void read(const void* from, int64_t batch, int64_t size, double* to) {
    std::copy_n(static_cast<const T*>(from) + batch * size, size, to);
  }
  template <class T>
  static void write(const double* from, int64_t batch, int64_t size, void* to) {
    for (int64_t i = 0; i < size; ++i)
      static_cast<T*>(to)[batch * size + i] = static_cast<T>(from[i]);
  }

  OwnedCall call_;
  const Routine& routine_;
  Int n_, m_, k_, work_;
  int64_t batch_;
  SmallVector<int64_t, 5> sizes_;  // elements of each input (two), then of each output
  size_t a_part_, integers_;
  int parts_;
};

bool supports(const OpCall& call) { return routine_of(call) != nullptr; }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  const Routine* routine = routine_of(call);
  if (!routine) return nullptr;
  for (const TensorDesc* d : call.inputs)
    if (!d->contiguous()) return nullptr;
  for (const TensorDesc* d : call.outputs)
    if (!d->contiguous()) return nullptr;
  return std::make_unique<LinalgPlan>(call, *routine);
}

}  // namespace

Family linalg_family() { return {"linalg", supports, prepare}; }

}  // namespace cairn::cpu
