// One recurrent layer in one direction as plain loops in double, forward and backward: what the
// kernels are compared with.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/rnn/rnn.h"

namespace cairn::cpu {

using Doubles = std::vector<double>;

inline int gates_of(RnnCell cell) {
  return cell == RnnCell::kLstm ? 4 : cell == RnnCell::kGru ? 3 : 1;
}
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One direction in double: x [T][N][I] to y [T][N][H], and back.
struct Reference {
  RnnCell cell;
  int64_t T, N, I, H;
  bool reverse;
  std::vector<int32_t> lengths;
  Doubles w_ih, w_hh, b_ih, b_hh, x, h0, c0;
  Doubles y, h_final, c_final;                       // out
  Doubles dy, dh_final, dc_final;                    // in
  Doubles dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0;  // out
  Doubles saved;  // [T][N][6][H]: activated gates, q at 3 (GRU), c at 4, previous c at 5

  double& save(int64_t t, int64_t n, int part, int64_t j) {
    return saved[((t * N + n) * 6 + part) * H + j];
  }
  int64_t step(int64_t n, int64_t s) const { return reverse ? lengths[n] - 1 - s : s; }

  void forward() {
    const int G = gates_of(cell);
    y.assign(T * N * H, 0);
    saved.assign(T * N * 6 * H, 0);
    h_final = h0, c_final = c0;
    for (int64_t n = 0; n < N; ++n)
      for (int64_t s = 0; s < lengths[n]; ++s) {
        const int64_t t = step(n, s);
        Doubles from_x(G * H), from_h(G * H);
        for (int64_t g = 0; g < G * H; ++g) {
          from_x[g] = b_ih[g], from_h[g] = b_hh[g];
          for (int64_t k = 0; k < I; ++k) from_x[g] += w_ih[g * I + k] * x[(t * N + n) * I + k];
          for (int64_t k = 0; k < H; ++k) from_h[g] += w_hh[g * H + k] * h_final[n * H + k];
        }
        for (int64_t j = 0; j < H; ++j) {
          double &h = h_final[n * H + j], &c = c_final[n * H + j];
          const auto sum = [&](int g) { return from_x[g * H + j] + from_h[g * H + j]; };
          if (cell == RnnCell::kLstm) {
            const double i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = std::tanh(sum(2)),
                         o = sigmoid(sum(3));
            save(t, n, 5, j) = c;
            c = f * c + i * g;
            save(t, n, 0, j) = i, save(t, n, 1, j) = f, save(t, n, 2, j) = g, save(t, n, 3, j) = o,
                          save(t, n, 4, j) = c;
            h = o * std::tanh(c);
          } else if (cell == RnnCell::kGru) {
            const double r = sigmoid(sum(0)), z = sigmoid(sum(1)), q = from_h[2 * H + j];
            const double v = std::tanh(from_x[2 * H + j] + r * q);
            save(t, n, 0, j) = r, save(t, n, 1, j) = z, save(t, n, 2, j) = v, save(t, n, 3, j) = q;
            h = (1 - z) * v + z * h;
          } else {
            h = cell == RnnCell::kTanh ? std::tanh(sum(0)) : sum(0) <= 0 ? 0 : sum(0);
          }
          y[(t * N + n) * H + j] = h;
        }
      }
  }

  void backward() {
    const int G = gates_of(cell);
    dx.assign(T * N * I, 0), dw_ih.assign(G * H * I, 0), dw_hh.assign(G * H * H, 0);
    db_ih.assign(G * H, 0), db_hh.assign(G * H, 0);
    dh0 = dh_final, dc0 = dc_final;
    for (int64_t n = 0; n < N; ++n)
      for (int64_t s = lengths[n] - 1; s >= 0; --s) {
        const int64_t t = step(n, s);
        const double* h_previous = s > 0 ? &y[(step(n, s - 1) * N + n) * H] : &h0[n * H];
        Doubles to_x(G * H), to_h(G * H);
        for (int64_t j = 0; j < H; ++j) {
          double &dh_state = dh0[n * H + j], &dc = dc0[n * H + j];
          const double dh = dh_state + dy[(t * N + n) * H + j];
          const auto get = [&](int part) { return save(t, n, part, j); };
          dh_state = 0;
          if (cell == RnnCell::kLstm) {
            const double i = get(0), f = get(1), g = get(2), o = get(3), tc = std::tanh(get(4));
            dc += dh * o * (1 - tc * tc);
            to_x[j] = dc * g * i * (1 - i);
            to_x[H + j] = dc * get(5) * f * (1 - f);
            to_x[2 * H + j] = dc * i * (1 - g * g);
            to_x[3 * H + j] = dh * tc * o * (1 - o);
            dc *= f;
          } else if (cell == RnnCell::kGru) {
            const double r = get(0), z = get(1), v = get(2), q = get(3);
            const double dn = dh * (1 - z) * (1 - v * v);
            to_x[2 * H + j] = dn;
            to_x[j] = dn * q * r * (1 - r);
            to_x[H + j] = dh * (h_previous[j] - v) * z * (1 - z);
            to_h[2 * H + j] = dn * r;
            dh_state = dh * z;
          } else {
            const double h = y[(t * N + n) * H + j];
            to_x[j] = cell == RnnCell::kTanh ? dh * (1 - h * h) : h > 0 ? dh : 0;
          }
        }
        for (int64_t g = 0; g < G * H; ++g)
          if (cell != RnnCell::kGru || g < 2 * H) to_h[g] = to_x[g];
        for (int64_t g = 0; g < G * H; ++g) {
          db_ih[g] += to_x[g], db_hh[g] += to_h[g];
          for (int64_t k = 0; k < I; ++k) {
            dw_ih[g * I + k] += to_x[g] * x[(t * N + n) * I + k];
            dx[(t * N + n) * I + k] += to_x[g] * w_ih[g * I + k];
          }
          for (int64_t k = 0; k < H; ++k) {
            dw_hh[g * H + k] += to_h[g] * h_previous[k];
            dh0[n * H + k] += to_h[g] * w_hh[g * H + k];
          }
        }
      }
  }
};

}  // namespace cairn::cpu
