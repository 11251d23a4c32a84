// Matrix decompositions by the plainest methods (rotations, elimination, reflections), and the
// Fourier transform by its definition.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

struct Matrix {
  int64_t rows, columns;
  std::vector<double> values;
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(static_cast<size_t>(rows * columns), 0) {}
  double& operator()(int64_t i, int64_t j) { return values[static_cast<size_t>(i * columns + j)]; }
  double operator()(int64_t i, int64_t j) const {
    return values[static_cast<size_t>(i * columns + j)];
  }
  Matrix turned() const {
    Matrix t(columns, rows);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) t(j, i) = (*this)(i, j);
    return t;
  }
};
int64_t batch_of(const View& x) {
  const Shape& s = x.shape();
  return x.count() / (s.back() * s[s.size() - 2]);
}
Matrix read(const View& x, int64_t batch) {
  const Shape& s = x.shape();
  Matrix m(s[s.size() - 2], s.back());
  const int64_t first = batch * m.rows * m.columns;
  for (size_t i = 0; i < m.values.size(); ++i) {
    m.values[i] = x.get(first + static_cast<int64_t>(i));
    check(std::isfinite(m.values[i]), "matrix {} holds NaN or infinity", batch);
  }
  return m;
}
void write(const View& y, int64_t batch, const Matrix& m) {
  const int64_t first = batch * m.rows * m.columns;
  for (size_t i = 0; i < m.values.size(); ++i) y.set(first + static_cast<int64_t>(i), m.values[i]);
}
void write(const View& y, int64_t batch, const std::vector<double>& v) {
  for (size_t i = 0; i < v.size(); ++i)
    y.set(batch * static_cast<int64_t>(v.size()) + static_cast<int64_t>(i), v[i]);
}

// Columns p and q turned by an angle.
void rotate(Matrix& m, int64_t p, int64_t q, double c, double s) {
  for (int64_t i = 0; i < m.rows; ++i) {
    const double a = m(i, p), b = m(i, q);
    m(i, p) = c * a - s * b, m(i, q) = s * a + c * b;
  }
}
// The columns in the order of the keys; each with its largest element (of `by`) positive.
Matrix chosen(const Matrix& m, const std::vector<int64_t>& order) {
  Matrix r(m.rows, static_cast<int64_t>(order.size()));
  for (int64_t j = 0; j < r.columns; ++j)
    for (int64_t i = 0; i < m.rows; ++i) r(i, j) = m(i, order[static_cast<size_t>(j)]);
  return r;
}
bool is_turned(const Matrix& m, int64_t column) {
  int64_t at = 0;
  for (int64_t i = 1; i < m.rows; ++i)
    if (std::fabs(m(i, column)) > std::fabs(m(at, column))) at = i;
  return m(at, column) < 0;
}
void negate(Matrix& m, int64_t column) {
  for (int64_t i = 0; i < m.rows; ++i) m(i, column) = -m(i, column);
}

constexpr int kSweeps = 60;

// One-sided Jacobi (Hestenes 1958) of a matrix with rows >= columns: work = U S, v.
void orthogonalize(Matrix& work, Matrix& v) {
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    double most = 0;
    for (int64_t p = 0; p < work.columns; ++p)
      for (int64_t q = p + 1; q < work.columns; ++q) {
        double a = 0, b = 0, both = 0;
        for (int64_t i = 0; i < work.rows; ++i)
          a += work(i, p) * work(i, p), b += work(i, q) * work(i, q),
              both += work(i, p) * work(i, q);
        if (both == 0) continue;
        most = std::max(most, std::fabs(both) / std::sqrt(a * b));
        const double zeta = (b - a) / (2 * both);
        const double t = std::copysign(1 / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta)), zeta);
        const double c = 1 / std::sqrt(1 + t * t);
        rotate(work, p, q, c, c * t), rotate(v, p, q, c, c * t);
      }
    if (most < 1e-16) break;
  }
}
Matrix identity(int64_t n) {
  Matrix m(n, n);
  for (int64_t i = 0; i < n; ++i) m(i, i) = 1;
  return m;
}

void svd(const Call& c) {
  for (int64_t b = 0; b < batch_of(c.in(0)); ++b) {
    const Matrix x = read(c.in(0), b);
    const bool wide = x.rows < x.columns;
    Matrix work = wide ? x.turned() : x;
    Matrix v = identity(work.columns);
    orthogonalize(work, v);
    std::vector<double> s(static_cast<size_t>(work.columns), 0);
    for (int64_t j = 0; j < work.columns; ++j) {
      for (int64_t i = 0; i < work.rows; ++i) s[j] = std::hypot(s[j], work(i, j));
      for (int64_t i = 0; i < work.rows; ++i) work(i, j) = s[j] > 0 ? work(i, j) / s[j] : 0;
    }
    std::vector<int64_t> order(s.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    std::sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return s[i] > s[j]; });
    Matrix u = chosen(work, order), w = chosen(v, order);
    if (wide) std::swap(u, w);
    for (int64_t j = 0; j < u.columns; ++j)
      if (is_turned(u, j)) negate(u, j), negate(w, j);
    std::vector<double> sorted;
    for (const int64_t j : order) sorted.push_back(s[static_cast<size_t>(j)]);
    write(c.out(0), b, u), write(c.out(1), b, sorted), write(c.out(2), b, w.turned());
  }
}

// Jacobi's rotations (1846) until nothing is left beside the diagonal.
void eigh(const Call& c) {
  for (int64_t b = 0; b < batch_of(c.in(0)); ++b) {
    Matrix a = read(c.in(0), b);
    const int64_t n = a.rows;
    Matrix v = identity(n);
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      double beside = 0;
      for (int64_t p = 0; p < n; ++p)
        for (int64_t q = p + 1; q < n; ++q) {
          if (a(p, q) == 0) continue;
          beside += std::fabs(a(p, q));
          const double theta = (a(q, q) - a(p, p)) / (2 * a(p, q));
          const double t =
              std::copysign(1 / (std::fabs(theta) + std::sqrt(1 + theta * theta)), theta);
          const double cosine = 1 / std::sqrt(1 + t * t);
          rotate(a, p, q, cosine, cosine * t);
          a = a.turned();
          rotate(a, p, q, cosine, cosine * t);
          a = a.turned();
          a(p, q) = a(q, p) = 0;
          rotate(v, p, q, cosine, cosine * t);
        }
      if (beside == 0) break;
    }
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t{0});
    std::sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return a(i, i) < a(j, j); });
    Matrix vectors = chosen(v, order);
    std::vector<double> values;
    for (int64_t j = 0; j < n; ++j) {
      values.push_back(a(order[j], order[j]));
      if (is_turned(vectors, j)) negate(vectors, j);
    }
    write(c.out(0), b, values), write(c.out(1), b, vectors);
  }
}

// Householder's reflections, signed as LAPACK does.
void qr(const Call& c) {
  for (int64_t b = 0; b < batch_of(c.in(0)); ++b) {
    Matrix r = read(c.in(0), b);
    Matrix q = identity(r.rows);
    for (int64_t k = 0; k < r.columns && k + 1 < r.rows; ++k) {
      double below = 0;
      for (int64_t i = k + 1; i < r.rows; ++i) below = std::hypot(below, r(i, k));
      if (below == 0) continue;
      const double length = -std::copysign(std::hypot(below, r(k, k)), r(k, k));
      std::vector<double> v(static_cast<size_t>(r.rows), 0);
      double square = 0;
      for (int64_t i = k; i < r.rows; ++i) v[i] = r(i, k) - (i == k ? length : 0);
      for (const double value : v) square += value * value;
      const auto reflect = [&](Matrix& m) {
        for (int64_t j = 0; j < m.columns; ++j) {
          double sum = 0;
          for (int64_t i = k; i < m.rows; ++i) sum += v[i] * m(i, j);
          for (int64_t i = k; i < m.rows; ++i) m(i, j) -= 2 * v[i] * sum / square;
        }
      };
      reflect(r), reflect(q);
    }
    Matrix first(r.rows, r.columns), upper(r.columns, r.columns);
    for (int64_t j = 0; j < r.columns; ++j) {
      for (int64_t i = 0; i < r.rows; ++i) first(i, j) = q(j, i);
      for (int64_t i = 0; i <= j; ++i) upper(i, j) = r(i, j);
    }
    write(c.out(0), b, first), write(c.out(1), b, upper);
  }
}

void cholesky(const Call& c) {
  for (int64_t b = 0; b < batch_of(c.in(0)); ++b) {
    const Matrix a = read(c.in(0), b);
    Matrix l(a.rows, a.rows);
    for (int64_t i = 0; i < a.rows; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        double left = a(i, j);
        for (int64_t k = 0; k < j; ++k) left -= l(i, k) * l(j, k);
        check(i != j || left > 0, "matrix {} is not positive definite", b);
        l(i, j) = i == j ? std::sqrt(left) : left / l(j, j);
      }
    write(c.out(), b, l);
  }
}

// Elimination with pivots of `a`, `x` along with it; the determinant's sign, 0 where it is 0.
int eliminate(Matrix& a, Matrix& x) {
  int sign = 1;
  for (int64_t k = 0; k < a.rows; ++k) {
    int64_t best = k;
    for (int64_t i = k + 1; i < a.rows; ++i)
      if (std::fabs(a(i, k)) > std::fabs(a(best, k))) best = i;
    if (a(best, k) == 0) return 0;
    for (int64_t j = 0; j < a.columns; ++j) std::swap(a(k, j), a(best, j));
    for (int64_t j = 0; j < x.columns; ++j) std::swap(x(k, j), x(best, j));
    if (best != k) sign = -sign;
    if (a(k, k) < 0) sign = -sign;
    for (int64_t i = k + 1; i < a.rows; ++i) {
      const double factor = a(i, k) / a(k, k);
      for (int64_t j = k; j < a.columns; ++j) a(i, j) -= factor * a(k, j);
      for (int64_t j = 0; j < x.columns; ++j) x(i, j) -= factor * x(k, j);
    }
  }
  return sign;
}
void solve(const Call& c) {
  if (c.in(1).count() == 0) return;
  for (int64_t b = 0; b < batch_of(c.in(0)); ++b) {
    Matrix a = read(c.in(0), b), x = read(c.in(1), b);
    check(eliminate(a, x) != 0, "matrix {} is singular", b);
    for (int64_t i = a.rows - 1; i >= 0; --i)
      for (int64_t j = 0; j < x.columns; ++j) {
        for (int64_t k = i + 1; k < a.rows; ++k) x(i, j) -= a(i, k) * x(k, j);
        x(i, j) /= a(i, i);
      }
    write(c.out(), b, x);
  }
}
void slogdet(const Call& c) {
  for (int64_t b = 0; b < batch_of(c.in(0)); ++b) {
    Matrix a = read(c.in(0), b), none(a.rows, 0);
    const int sign = eliminate(a, none);
    double sum = 0;
    for (int64_t i = 0; i < a.rows; ++i) sum += std::log(std::fabs(a(i, i)));
    c.out(0).set(b, sign), c.out(1).set(b, sign == 0 ? -INFINITY : sum);
  }
}

void fft(const Call& c) {
  const View z = c.in(0), y = c.out();
  const int64_t axis = c.attrs().integer("axis"), n = z.shape()[axis];
  const double turn = (c.attrs().integer("inverse") ? 2 : -2) * std::numbers::pi / double(n);
  int64_t step = 1;  // between elements along the axis
  for (size_t d = static_cast<size_t>(axis) + 1; d < z.shape().size(); ++d) step *= z.shape()[d];
  for (int64_t at = 0; at < z.count(); at += 2) {
    const int64_t place = at / step % n, first = at - place * step;
    double re = 0, im = 0;
    for (int64_t k = 0; k < n; ++k) {
      const double angle = turn * static_cast<double>(place * k % n);
      const double x = z.get(first + k * step), i = z.get(first + k * step + 1);
      re += x * std::cos(angle) - i * std::sin(angle);
      im += x * std::sin(angle) + i * std::cos(angle);
    }
    y.set(at, re), y.set(at + 1, im);
  }
}

const Row kRows[] = {{"eigh", eigh},   {"svd", svd},         {"qr", qr},  {"cholesky", cholesky},
                     {"solve", solve}, {"slogdet", slogdet}, {"fft", fft}};

}  // namespace

std::span<const Row> linalg_kernels() { return kRows; }

}  // namespace cairn::reference
