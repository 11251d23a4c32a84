#include "cairn/backend/cpu/embedding/embedding.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kGrain = 16384;   // floats that are worth a thread
constexpr int64_t kSlice = 64;      // narrowest slice of columns for one thread
constexpr int64_t kCacheLine = 16;  // floats

// The smallest position that any thread reported.
class FirstBad {
 public:
  void report(int64_t position) {
    int64_t seen = first_.load(std::memory_order_relaxed);
    while (position < seen && !first_.compare_exchange_weak(seen, position)) {}
  }
  int64_t result() const { return first_ == INT64_MAX ? -1 : first_.load(); }

 private:
  std::atomic<int64_t> first_{INT64_MAX};
};

template <class Index>
bool inside(Index index, int64_t rows) {
  return index >= 0 && static_cast<int64_t>(index) < rows;
}

void add_to(float* __restrict sum, const float* __restrict x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sum[i] += x[i];
}

}  // namespace

template <class Index>
int64_t embedding_forward(const float* weight, int64_t rows, int64_t dim, const Index* indices,
                          int64_t count, float* out) {
  FirstBad bad;
  parallel_for(count, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, dim)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   if (!inside(indices[i], rows)) bad.report(i);
                   else
                     std::memcpy(out + i * dim, weight + indices[i] * dim,
                                 static_cast<size_t>(dim) * sizeof(float));
                 }
               });
  return bad.result();
}

// Every thread reads all indices but owns a part of the table: a slice of the columns, which
// divides the work evenly however uneven the words are, and, when rows are short, one residue class
// of the rows.
template <class Index>
int64_t embedding_backward(const float* dout, const Index* indices, int64_t count, int64_t rows,
                           int64_t dim, int64_t padding_index, bool accumulate, float* dweight) {
  if (!accumulate)
    parallel_for(rows * dim, kGrain, [&](int64_t begin, int64_t end) {
      std::fill(dweight + begin, dweight + end, 0.0f);
    });
  FirstBad bad;
  const int64_t useful = std::max<int64_t>(1, count * dim / kGrain);
  const int wanted = static_cast<int>(std::min<int64_t>(num_threads(), useful));
  parallel_region(
      [&](int thread, int threads) {
        const int64_t slices = std::clamp<int64_t>(dim / kSlice, 1, threads),
                      classes = threads / slices;
        const int64_t slice = thread % slices, residue = thread / slices;
        if (residue >= classes) return;
        const auto edge = [&](int64_t i) {
          return i == slices ? dim : dim * i / slices / kCacheLine * kCacheLine;
        };
        const int64_t begin = edge(slice), width = edge(slice + 1) - begin;
        for (int64_t i = 0; i < count; ++i) {
          if (!inside(indices[i], rows)) {
            bad.report(i);
            continue;
          }
          const int64_t row = indices[i];
          if (row == padding_index || row % classes != residue) continue;
          add_to(dweight + row * dim + begin, dout + i * dim + begin, width);
        }
      },
      wanted);
  return bad.result();
}

template int64_t embedding_forward(const float*, int64_t, int64_t, const int32_t*, int64_t, float*);
template int64_t embedding_forward(const float*, int64_t, int64_t, const int64_t*, int64_t, float*);
template int64_t embedding_backward(const float*, const int32_t*, int64_t, int64_t, int64_t,
                                    int64_t, bool, float*);
template int64_t embedding_backward(const float*, const int64_t*, int64_t, int64_t, int64_t,
                                    int64_t, bool, float*);

}  // namespace cairn::cpu
