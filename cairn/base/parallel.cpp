#include "cairn/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#ifdef CAIRN_STD_THREADS  // the thread sanitizer does not understand libgomp's barriers
#else
#include <omp.h>
#endif
#include <sched.h>

namespace cairn {
namespace {

thread_local int serial_depth = 0;

int available_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

std::atomic<int>& wanted_threads() {
  static std::atomic<int> count{available_processors()};
  return count;
}

#ifdef CAIRN_STD_THREADS
void run_team(int threads, FunctionRef<void(int, int)> body) {
  std::vector<std::thread> team;
  for (int t = 1; t < threads; ++t)
    team.emplace_back([=] {
      SerialScope serial;
      body(t, threads);
    });
  SerialScope serial;
  body(0, threads);
  for (auto& thread : team) thread.join();
}
#else
void run_team(int threads, FunctionRef<void(int, int)> body) {
#pragma omp parallel num_threads(threads)
  {
    SerialScope serial;  // nested calls stay on their thread
    body(omp_get_thread_num(), omp_get_num_threads());
  }
}
#endif

}  // namespace

int num_threads() { return serial_depth > 0 ? 1 : wanted_threads().load(std::memory_order_relaxed); }

void set_num_threads(int count) {
  wanted_threads() = std::max(1, count);
#ifndef CAIRN_STD_THREADS
  omp_set_num_threads(std::max(1, count));  // what oneDNN reads
#endif
}

void parallel_region(FunctionRef<void(int, int)> body, int threads) {
  if (threads <= 0) threads = num_threads();
  threads = std::min(threads, num_threads());
  if (threads == 1) return body(0, 1);
  run_team(threads, body);
}

void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) return;
  const int64_t chunks = std::max<int64_t>(1, count / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), chunks));
  if (threads == 1) return body(0, count);
  run_team(threads, [&](int thread, int started) {
    const int64_t begin = count * thread / started, end = count * (thread + 1) / started;
    if (begin < end) body(begin, end);
  });
}

void Barrier::wait() {
  if (threads_ == 1) return;
  std::atomic_ref<int> arrived(arrived_), phase(phase_);
  const int current = phase.load(std::memory_order_relaxed);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived.store(0, std::memory_order_relaxed);
    phase.store(current + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; phase.load(std::memory_order_acquire) == current; ++spins) {
    if (spins < 20000) __builtin_ia32_pause();
    else std::this_thread::yield();
  }
}

SerialScope::SerialScope() { ++serial_depth; }
SerialScope::~SerialScope() { --serial_depth; }

}  // namespace cairn
