// How a thread's workspace is cut up, and who may see which key: shared by planning and the
// kernels.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/base/round.h"

namespace cairn::cpu::attention {

constexpr int64_t kForwardKeys =
    96;  // keys of a block: 24 KB at D = 64, and a multiple of the tile's 6 rows
constexpr int64_t kKeyBlock = 64;     // the same for backward
constexpr int64_t kDecodeKeys = 256;  // the same for decode
constexpr int64_t kMaxPanel = 32;     // columns of a register tile, at most (AVX-512)
constexpr int64_t kDecodeRows =
    8;  // at most so many query rows of one key head take the decode path
constexpr int64_t kBackwardQueries = 64;

// Hands out cache-line aligned parts of a workspace; with a null base it only measures.
class Carver {
 public:
  explicit Carver(void* base) : base_(reinterpret_cast<uintptr_t>(base)), at_(align(base_)) {}
  float* floats(int64_t count) {
    float* part = reinterpret_cast<float*>(at_);
    at_ = align(at_ + static_cast<uintptr_t>(count) * sizeof(float));
    return part;
  }
  size_t bytes() const { return at_ - base_; }

 private:
  static uintptr_t align(uintptr_t at) { return (at + 63) & ~uintptr_t{63}; }
  uintptr_t base_, at_;
};

// Operands in bf16, in whole tiles of 16 rows by 32 of the depth or 32 columns by 32 of it.
class NarrowCarver {
 public:
  NarrowCarver(Carver& carver, const AttentionPlan& plan) : carver_(carver), plan_(plan) {}
  uint16_t* matrix(int64_t rows, int64_t columns) {
    if (!plan_.options.bf16) return nullptr;
    return reinterpret_cast<uint16_t*>(carver_.floats(whole(rows) * whole(columns) / 2));
  }

 private:
  static int64_t whole(int64_t size) { return round_up(size, 32); }
  Carver& carver_;
  const AttentionPlan& plan_;
};
struct NarrowForward {
  uint16_t* queries;        // B [D][block]
  uint16_t *keys, *values;  // A [kForwardKeys][D], [D][kForwardKeys]
  uint16_t* weights;        // B [kForwardKeys][panel]

  NarrowForward(NarrowCarver carver, int64_t dim, int64_t block)
      : queries(carver.matrix(dim, block)),
        keys(carver.matrix(kForwardKeys, dim)),
        values(carver.matrix(dim, kForwardKeys)),
        weights(carver.matrix(kForwardKeys, kMaxPanel)) {}
};
struct NarrowBackward {
  uint16_t *queries_t, *douts_t;  // B [D][block]
  uint16_t *queries, *douts;      // B [block][D]
  uint16_t *keys_a, *values;      // A [kKeyBlock][D]
  uint16_t* keys;                 // B [kKeyBlock][D]
  uint16_t* weights;              // A [kKeyBlock][block] or [block][kKeyBlock]

  NarrowBackward(NarrowCarver carver, int64_t dim)
      : queries_t(carver.matrix(dim, kBackwardQueries)),
        douts_t(carver.matrix(dim, kBackwardQueries)),
        queries(carver.matrix(kBackwardQueries, dim)),
        douts(carver.matrix(kBackwardQueries, dim)),
        keys_a(carver.matrix(kKeyBlock, dim)),
        values(carver.matrix(kKeyBlock, dim)),
        keys(carver.matrix(kKeyBlock, dim)),
        weights(carver.matrix(kKeyBlock, kBackwardQueries)) {}
};

// Panels: blocks of queries transposed to [D][panel]. Rows beyond D * panel are never touched.
struct ForwardScratch {
  float *queries, *outputs;  // [block / panel][D][panel]
  float* scores;             // [block / panel][kForwardKeys][panel]
  float* mask;               // [kForwardKeys][panel]
  float *row_max, *row_sum;  // [block]
  int32_t* last;             // [block] last visible key of each query, -1: none
  float *keys, *values;      // [kForwardKeys][D], copies when rows are not contiguous
  NarrowForward narrow;

  ForwardScratch(Carver& carver, const AttentionPlan& plan)
      : narrow({carver, plan}, plan.shape.dim, plan.query_block) {
    const int64_t dim = plan.shape.dim, block = plan.query_block;
    queries = carver.floats(block * dim);
    outputs = carver.floats(block * dim);
    scores = carver.floats(block * kForwardKeys);
    mask = carver.floats(kForwardKeys * kMaxPanel);
    row_max = carver.floats(block);
    row_sum = carver.floats(block);
    last = reinterpret_cast<int32_t*>(carver.floats(block));
    keys = carver.floats(kForwardKeys * dim);
    values = carver.floats(kForwardKeys * dim);
  }
};

struct BackwardScratch {
  float *queries_t, *douts_t;  // [block / panel][D][panel]
  float *queries, *douts;      // [block][D], copies
  float *keys, *values;        // [kKeyBlock][D], copies
  float *weights, *dscores;    // [kKeyBlock][block]
  float* mask;                 // [kKeyBlock][panel]
  float *lse, *delta;          // [block]
  float* shift;                // [block], see settle_far_rows
  int32_t* last;               // [block]
  NarrowBackward narrow;

  BackwardScratch(Carver& carver, const AttentionPlan& plan)
      : narrow({carver, plan}, plan.shape.dim) {
    const int64_t dim = plan.shape.dim, block = kBackwardQueries;
    queries_t = carver.floats(block * dim);
    douts_t = carver.floats(block * dim);
    queries = carver.floats(block * dim);
    douts = carver.floats(block * dim);
    keys = carver.floats(kKeyBlock * dim);
    values = carver.floats(kKeyBlock * dim);
    weights = carver.floats(kKeyBlock * block);
    dscores = carver.floats(kKeyBlock * block);
    mask = carver.floats(kKeyBlock * kMaxPanel);
    lse = carver.floats(block);
    delta = carver.floats(block);
    shift = carver.floats(block);
    last = reinterpret_cast<int32_t*>(carver.floats(block));
  }
};

// Decode: what every (batch, key head, part) leaves for the final combination.
struct DecodeScratch {
  float* partial;  // [B * Hkv][splits][rows][2 + D]: maximum, sum, unnormalised output
  int64_t row_size;
  float* thread;  // [threads][rows * (D + kDecodeKeys)]: queries, scores
  int64_t thread_size;

  DecodeScratch(Carver& carver, const AttentionPlan& plan) {
    const AttentionShape& s = plan.shape;
    const int64_t rows = s.heads / s.kv_heads * s.queries;
    row_size = 2 + s.dim;
    partial = carver.floats(s.batch * s.kv_heads * plan.key_splits * rows * row_size);
    thread_size = (rows * (s.dim + kDecodeKeys) + 15) & ~int64_t{15};
    thread = carver.floats(plan.threads * thread_size);
  }
};

// Keys of sequence b that exist.
inline int64_t key_count(const AttentionPlan& plan, const AttentionInputs& in, int64_t b) {
  if (!in.lengths) return plan.shape.keys;
  return std::clamp<int64_t>(in.lengths[b], 0, plan.shape.keys);
}

// The last key that query i may see, -1 when none; `count` as above.
inline int64_t last_key(const AttentionPlan& plan, int64_t count, int64_t i) {
  if (!plan.options.causal) return count - 1;
  const int64_t end = plan.options.causal_from_length ? count : plan.shape.keys;
  return std::max<int64_t>(-1, std::min(count - 1, i + end - plan.shape.queries));
}

}  // namespace cairn::cpu::attention
