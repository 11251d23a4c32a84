#include "cairn/ops/linalg.h"

#include <cmath>
#include <limits>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// Gradients: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation" (2008); Murray, "Differentiation of the Cholesky decomposition" (2016); Seeger
// et al., "Auto-differentiating linear algebra" (2017); Townsend, "Differentiating the singular
// value decomposition" (2016).
namespace cairn {
namespace {

Tensor turned(const Tensor& x) { return transpose(x, -1, -2); }
Tensor symmetric(const Tensor& x) { return (x + turned(x)) * 0.5; }
Tensor eye_like(const Tensor& x, int64_t n) { return eye(n, x.dtype()); }
// 1 / x, and 0 where x is 0.
Tensor inverse_or_zero(const Tensor& x) {
  const Tensor none = eq(x, 0);
  return where(none, full({}, 0, x.dtype()), 1.0 / where(none, full({}, 1, x.dtype()), x));
}
// The vector as the diagonal of a matrix.
Tensor on_diagonal(const Tensor& v) { return unsqueeze(v, -1) * eye_like(v, v.shape().back()); }
Tensor or_zero(const Tensor& gradient, const Tensor& like) {
  return gradient.defined() ? gradient : full(like.shape(), 0, like.dtype());
}
// x over v_j - v_i in row i and column j, 0 on the diagonal. Where values are equal there is no
// gradient by their vectors, and NaN says so.
Tensor over_differences(const Tensor& x, const Tensor& v) {
  const Tensor one = eye_like(v, v.size(-1));
  const Tensor zero = full({}, 0, v.dtype());
  return where(eq(one, 0), x / (unsqueeze(v, -2) - unsqueeze(v, -1) + one), zero);
}

void infer_matrix(OpCall& c) {
  if (c.dtype() != DType::f32 && c.dtype() != DType::f64)
    c.error("wants f32 or f64: cast() other numbers first");
  if (c.rank() < 2) c.error("wants matrices, [..., n, m]");
  if (numel(c.shape()) == 0) c.error("an empty matrix, or an empty batch of them");
}
void infer_square(OpCall& c) {
  infer_matrix(c);
  if (c.shape()[c.rank() - 1] != c.shape()[c.rank() - 2]) c.error("wants square matrices");
}
Shape with_last(const Shape& shape, std::initializer_list<int64_t> last) {
  Shape s(shape.begin(), shape.end() - 2);
  for (const int64_t n : last) s.push_back(n);
  return s;
}

void vjp_eigh(VjpCall& c) {
  const Tensor &values = c.outputs[0], &v = c.outputs[1];
  Tensor inner = on_diagonal(or_zero(c.grads[0], values));
  if (c.grads[1].defined()) inner = inner + over_differences(matmul(turned(v), c.grads[1]), values);
  c.results[0] = symmetric(matmul(v, matmul(inner, turned(v))));
}

void vjp_svd(VjpCall& c) {
  const Tensor &u = c.outputs[0], &s = c.outputs[1], &vh = c.outputs[2];
  const int64_t n = u.size(-2), k = s.size(-1), m = vh.size(-1);
  const Tensor row = unsqueeze(s, -2), column = unsqueeze(s, -1), inverse = 1.0 / s;
  const auto skew = [&](const Tensor& x) { return over_differences(x - turned(x), square(s)); };
  Tensor inner = on_diagonal(or_zero(c.grads[1], s));
  Tensor outer;
  if (c.grads[0].defined()) {
    const Tensor along = matmul(turned(u), c.grads[0]);
    inner = inner + skew(along) * row;
    if (n > k) outer = matmul((c.grads[0] - matmul(u, along)) * unsqueeze(inverse, -2), vh);
  }
  if (c.grads[2].defined()) {
    const Tensor along = matmul(vh, turned(c.grads[2]));
    inner = inner + column * skew(along);
    if (m > k) {
      const Tensor more =
          matmul(u, unsqueeze(inverse, -1) * (c.grads[2] - matmul(turned(along), vh)));
      outer = outer.defined() ? outer + more : more;
    }
  }
  const Tensor whole = matmul(u, matmul(inner, vh));
  c.results[0] = outer.defined() ? whole + outer : whole;
}

void vjp_qr(VjpCall& c) {
  const Tensor &q = c.outputs[0], &r = c.outputs[1];
  const Tensor gq = or_zero(c.grads[0], q), gr = or_zero(c.grads[1], r);
  const Tensor m = matmul(r, turned(gr)) - matmul(turned(gq), q);
  const Tensor inner = tril(m) + turned(tril(m, -1));
  c.results[0] = turned(solve(In(r, context().loc), turned(gq + matmul(q, inner))));
}

void vjp_cholesky(VjpCall& c) {
  const Tensor &l = c.outputs[0], lt = turned(l);
  const Tensor product = matmul(lt, c.grad());
  const Tensor half = tril(product) - product * eye_like(l, l.size(-1)) * 0.5;
  const Tensor left = solve(In(lt, context().loc), half);  // L^-T Phi
  c.results[0] = symmetric(turned(solve(In(lt, context().loc), turned(left))));
}

void vjp_solve(VjpCall& c) {
  const Tensor gb = solve(In(turned(c.inputs[0]), context().loc), c.grad());
  c.results[1] = gb;
  if (c.needs[0]) c.results[0] = -matmul(gb, turned(c.outputs[0]));
}

void vjp_slogdet(VjpCall& c) {
  if (!c.grads[1].defined()) return;
  c.results[0] =
      turned(inverse(In(c.inputs[0], context().loc))) * unsqueeze(unsqueeze(c.grads[1], -1), -1);
}

const OpDef kOps[] = {
    OpDef{"eigh", "eigenvalues, rising, and eigenvectors of symmetric matrices", 1, 2,
          [](OpCall& c) {
            infer_square(c);
            const int64_t n = c.shape().back();
            c.set(0, c.dtype(), Shape(c.shape().begin(), c.shape().end() - 1));
            c.set(1, c.dtype(), with_last(c.shape(), {n, n}));
          },
          kSaveOutputs, vjp_eigh}
        .with_autocast(Autocast::f32),
    OpDef{"svd", "the reduced singular value decomposition: U, the values, falling, and V^T", 1, 3,
          [](OpCall& c) {
            infer_matrix(c);
            const int64_t n = c.shape()[c.rank() - 2], m = c.shape().back(), k = std::min(n, m);
            c.set(0, c.dtype(), with_last(c.shape(), {n, k}));
            c.set(1, c.dtype(), with_last(c.shape(), {k}));
            c.set(2, c.dtype(), with_last(c.shape(), {k, m}));
          },
          kSaveOutputs, vjp_svd}
        .with_autocast(Autocast::f32),
    OpDef{"qr", "Q R of matrices with at least as many rows as columns, reduced", 1, 2,
          [](OpCall& c) {
            infer_matrix(c);
            const int64_t n = c.shape()[c.rank() - 2], m = c.shape().back();
            if (n < m) c.error("wants at least as many rows as columns");
            c.set(0, c.dtype(), c.shape());
            c.set(1, c.dtype(), with_last(c.shape(), {m, m}));
          },
          kSaveOutputs, vjp_qr}
        .with_autocast(Autocast::f32),
    OpDef{"cholesky", "the lower factor of positive definite matrices", 1, 1,
          [](OpCall& c) {
            infer_square(c);
            c.set(0, c.dtype(), c.shape());
          },
          kSaveOutputs, vjp_cholesky}
        .with_autocast(Autocast::f32),
    OpDef{"solve", "X of A X = B", 2, 1,
          [](OpCall& c) {
            infer_square(c);
            const int64_t n = c.shape().back();
            if (c.dtype(1) != c.dtype()) c.error("wants A and B of one dtype");
            if (c.rank(1) != c.rank() || c.shape(1)[c.rank() - 2] != n ||
                with_last(c.shape(1), {}) != with_last(c.shape(), {}))
              c.error("wants A [..., n, n] and B [..., n, k]");
            c.set(0, c.dtype(), c.shape(1));
          },
          kSaveInputs | kSaveOutputs, vjp_solve}
        .with_autocast(Autocast::f32),
    OpDef{"slogdet", "the determinant's sign and the logarithm of its size", 1, 2,
          [](OpCall& c) {
            infer_square(c);
            c.set(0, c.dtype(), with_last(c.shape(), {}));
            c.set(1, c.dtype(), with_last(c.shape(), {}));
          },
          kSaveInputs, vjp_slogdet}
        .with_autocast(Autocast::f32),
};

void check_matrix(const char* name, const In& x) {
  check(x.t.defined() && x.t.rank() >= 2, "{}: wants matrices, [..., n, m]{}", name, where(x.loc));
}
void check_square(const char* name, const In& x) {
  check_matrix(name, x);
  check(x.t.size(-1) == x.t.size(-2), "{}: wants square matrices, not {}{}", name,
        to_string(x.t.shape()), where(x.loc));
}

}  // namespace

std::span<const OpDef> linalg_ops() { return kOps; }

Eigen eigh(In x) {
  check_square("eigh", x);
  Tensor out[2];
  const Tensor in[] = {symmetric(x)};
  apply(op_named("eigh"), in, {}, out, x.loc);
  return {out[0], out[1]};
}
Svd svd(In x) {
  check_matrix("svd", x);
  Tensor out[3];
  const Tensor in[] = {x.t};
  apply(op_named("svd"), in, {}, out, x.loc);
  return {out[0], out[1], out[2]};
}
Qr qr(In x) {
  check_matrix("qr", x);
  const int64_t n = x.t.size(-2), m = x.t.size(-1);
  Tensor out[2];
  const Tensor in[] = {n < m ? slice(x, -1, 0, n) : x.t};
  apply(op_named("qr"), in, {}, out, x.loc);
  if (n >= m) return {out[0], out[1]};
  return {out[0], cat({out[1], matmul(turned(out[0]), slice(x, -1, n, m - n))}, -1)};
}
Tensor cholesky(In x) {
  check_square("cholesky", x);
  return apply(op_named("cholesky"), {symmetric(x)}, {}, x.loc);
}
Tensor solve(In a, const Tensor& b) {
  check_square("solve", a);
  check(b.defined() && b.rank() >= 2, "solve: wants b [..., n, k]{}", where(a.loc));
  const Shape batch =
      broadcast_shapes("solve", with_last(a.t.shape(), {}), with_last(b.shape(), {}));
  const auto whole = [&](const Tensor& t) {
    Shape s = batch;
    s.push_back(t.size(-2)), s.push_back(t.size(-1));
    return expand(t, s);
  };
  return apply(op_named("solve"), {whole(a), whole(b)}, {}, a.loc);
}
Tensor inverse(In a) {
  check_square("inverse", a);
  return solve(a, eye_like(a, a.t.size(-1)));
}
LogDet slogdet(In a) {
  check_square("slogdet", a);
  Tensor out[2];
  const Tensor in[] = {a.t};
  apply(op_named("slogdet"), in, {}, out, a.loc);
  return {out[0], out[1]};
}
Tensor det(In a) {
  const LogDet d = slogdet(a);
  return d.sign.detach() * exp(d.logabsdet);
}
Tensor pinv(In x, double rtol) {
  check_matrix("pinv", x);
  const double epsilon = x.t.dtype() == DType::f64 ? std::numeric_limits<double>::epsilon()
                                                   : std::numeric_limits<float>::epsilon();
  const Svd d = svd(x);
  const double share =
      rtol > 0 ? rtol : epsilon * static_cast<double>(std::max(x.t.size(-1), x.t.size(-2)));
  const Tensor small = le(d.s, (slice(d.s, -1, 0, 1) * share).detach());
  const Tensor kept = where(small, full({}, 0, d.s.dtype()), d.s);
  return matmul(turned(d.vh) * unsqueeze(inverse_or_zero(kept), -2), turned(d.u));
}

}  // namespace cairn
