#include "cairn/base/parallel.h"

#include <algorithm>
#include <atomic>

namespace cairn {
namespace {

thread_local int serial_depth = 0;

std::atomic<int>& wanted_threads() {
  static std::atomic<int> count{available_processors()};
  return count;
}

void run_parts(FunctionRef<void(int, int)> body, int parts, bool together) {
  parts = parts <= 0 ? num_threads() : std::min(parts, num_threads());
  if (parts > 1) {
    const bool done = run_on_pool(parts, together, [&](int part) {
      const SerialScope serial;  // nested calls stay on their thread
      body(part, parts);
    });
    if (done) return;
  }
  body(0, 1);
}

}  // namespace

int num_threads() {
  return serial_depth > 0 ? 1 : wanted_threads().load(std::memory_order_relaxed);
}

void set_num_threads(int count) { wanted_threads() = std::max(1, count); }

void parallel_region(FunctionRef<void(int, int)> body, int parts) { run_parts(body, parts, false); }

void parallel_team(FunctionRef<void(int, int)> body, int threads) {
  run_parts(body, threads, true);
}

void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) return;
  const int threads = threads_for(count, std::max<int64_t>(1, grain));
  if (threads == 1) return body(0, count);
  parallel_region(
      [&](int part, int parts) {
        const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
        if (begin < end) body(begin, end);
      },
      threads);
}

void Barrier::wait() {
  if (threads_ == 1) return;
  const uint32_t current = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < threads_)
    return waiter_.wait_while(phase_, current);
  arrived_.store(0, std::memory_order_relaxed);
  phase_.store(current + 1, std::memory_order_seq_cst);
  waiter_.wake(phase_);
}

SerialScope::SerialScope() { ++serial_depth; }
SerialScope::~SerialScope() { --serial_depth; }

}  // namespace cairn
