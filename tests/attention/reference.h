// Attention by plain loops in double over contiguous [B, H, T, D] arrays: what the kernels must
// agree with.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/base/philox.h"

namespace cairn::cpu::attention_testing {

struct Case {
  AttentionShape shape;
  AttentionOptions options;
  std::vector<double> q{}, k{}, v{};  // [B, H, T, D]
  std::vector<int32_t> lengths{};     // [B] or empty
  std::vector<double> mask{};         // [B, Hq, Tq, Tk] or empty
  uint64_t seed = 0, offset = 0;

  double scale() const {
    return options.scale != 0 ? options.scale : 1 / std::sqrt(double(shape.dim));
  }
  int64_t length(int64_t b) const {
    return lengths.empty() ? shape.keys : std::clamp<int64_t>(lengths[b], 0, shape.keys);
  }
  bool visible(int64_t b, int64_t i, int64_t j) const {
    const int64_t end = options.causal_from_length ? length(b) : shape.keys;
    return j < length(b) && (!options.causal || j <= i + end - shape.queries);
  }
  double kept(int64_t index) const {  // the factor of dropout
    if (options.dropout == 0) return 1;
    const uint32_t word = philox(seed, offset, static_cast<uint64_t>(index) / 4)[index % 4];
    return uniform_from(word) >= options.dropout ? 1 / (1 - double(options.dropout)) : 0;
  }
};

struct Result {
  std::vector<double> out, lse;
};
struct Gradients {
  std::vector<double> dq, dk, dv;
};

// Calls visit(b, h, kv_head, i, scores) for every query with its Tk scores (-infinity where
// hidden).
template <class Visit>
void for_each_query(const Case& c, Visit visit) {
  const AttentionShape& s = c.shape;
  std::vector<double> scores(s.keys);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t i = 0; i < s.queries; ++i) {
        const int64_t kv = h / (s.heads / s.kv_heads), row = (b * s.heads + h) * s.queries + i;
        for (int64_t j = 0; j < s.keys; ++j) {
          double dot = 0;
          for (int64_t d = 0; d < s.dim; ++d)
            dot += c.q[row * s.dim + d] * c.k[((b * s.kv_heads + kv) * s.keys + j) * s.dim + d];
          scores[j] = dot * c.scale() + (c.mask.empty() ? 0 : c.mask[row * s.keys + j]);
          if (!c.visible(b, i, j)) scores[j] = -std::numeric_limits<double>::infinity();
        }
        visit(b, h, kv, i, scores);
      }
}

inline double logsumexp(const std::vector<double>& x) {
  const double top = x.empty() ? -INFINITY : *std::max_element(x.begin(), x.end());
  if (top == -INFINITY) return -INFINITY;
  double sum = 0;
  for (double value : x) sum += std::exp(value - top);
  return top + std::log(sum);
}

// e^score over their sum; not by way of logsumexp, which forgets the sum at scores of -1e30.
inline std::vector<double> softmax(std::vector<double> x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& value : x) sum += value = std::exp(value - top);
  for (double& value : x) value /= sum;
  return x;
}

inline Result forward(const Case& c) {
  const AttentionShape& s = c.shape;
  Result r;
  r.out.assign(s.batch * s.heads * s.queries * s.dim, 0);
  r.lse.assign(s.batch * s.heads * s.queries, 0);
  for_each_query(
      c, [&](int64_t b, int64_t h, int64_t kv, int64_t i, const std::vector<double>& scores) {
        const int64_t row = (b * s.heads + h) * s.queries + i;
        r.lse[row] = logsumexp(scores);
        if (r.lse[row] == -INFINITY) return;
        const std::vector<double> weights = softmax(scores);
        for (int64_t j = 0; j < s.keys; ++j) {
          const double p = weights[j] * c.kept(row * s.keys + j);
          for (int64_t d = 0; d < s.dim; ++d)
            r.out[row * s.dim + d] +=
                p == 0 ? 0 : p * c.v[((b * s.kv_heads + kv) * s.keys + j) * s.dim + d];
        }
      });
  return r;
}

inline Gradients backward(const Case& c, const Result& r, const std::vector<double>& dout) {
  const AttentionShape& s = c.shape;
  Gradients g;
  g.dq.assign(c.q.size(), 0), g.dk.assign(c.k.size(), 0), g.dv.assign(c.v.size(), 0);
  for_each_query(
      c, [&](int64_t b, int64_t h, int64_t kv, int64_t i, const std::vector<double>& scores) {
        const int64_t row = (b * s.heads + h) * s.queries + i;
        if (r.lse[row] == -INFINITY) return;
        const std::vector<double> weights = softmax(scores);
        double delta = 0;
        for (int64_t d = 0; d < s.dim; ++d) delta += dout[row * s.dim + d] * r.out[row * s.dim + d];
        for (int64_t j = 0; j < s.keys; ++j) {
          const double p = weights[j], kept = c.kept(row * s.keys + j);
          if (p == 0) continue;
          const int64_t key = ((b * s.kv_heads + kv) * s.keys + j) * s.dim;
          double dp = 0;
          for (int64_t d = 0; d < s.dim; ++d) dp += dout[row * s.dim + d] * c.v[key + d] * kept;
          const double ds = p * (dp - delta) * c.scale();
          for (int64_t d = 0; d < s.dim; ++d) {
            g.dv[key + d] += p * kept * dout[row * s.dim + d];
            g.dq[row * s.dim + d] += ds * c.k[key + d];
            g.dk[key + d] += ds * c.q[row * s.dim + d];
          }
        }
      });
  return g;
}

}  // namespace cairn::cpu::attention_testing
