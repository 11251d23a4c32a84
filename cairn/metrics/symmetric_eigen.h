// Eigenvalues and eigenvectors of a symmetric matrix.
#pragma once
#include <cstdint>
#include <vector>

namespace cairn::metrics {

// A = sum over i of values[i] vectors[i] vectors[i]^T; row i of `vectors` is of unit length. In no
// particular order.
struct SymmetricEigen {
  std::vector<double> values;   // [n]
  std::vector<double> vectors;  // [n, n]
};

// By Jacobi's rotations (1846; Golub & Van Loan, section 8.5): slower than reduction to three
// diagonals, short, and exact to rounding. `matrix` [n, n], row-major.
SymmetricEigen symmetric_eigen(std::vector<double> matrix, int64_t n);

}  // namespace cairn::metrics
