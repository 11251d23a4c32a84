#include "cairn/backend/cpu/onednn/openmp.h"

#include <dlfcn.h>
#include <omp.h>

#include "cairn/base/parallel.h"

namespace cairn::cpu::onednn {
namespace {

// The region of the pool that this thread is in; threads 0: none.
struct Region {
  int thread = 0, threads = 0;
  Barrier* barrier = nullptr;
};
thread_local Region region;
thread_local int on_pool = 0;

template <class F>
F libgomp(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

void run_region(void (*body)(void*), void* data, int threads) {
  Barrier barrier(threads), alone(1);
  parallel_team(
      [&](int thread, int started) {
        const Region before = region;
        region = {thread, started, started == threads ? &barrier : &alone};
        body(data);
        region = before;
      },
      threads);
}

}  // namespace

LibraryOnPool::LibraryOnPool() { ++on_pool; }
LibraryOnPool::~LibraryOnPool() { --on_pool; }

}  // namespace cairn::cpu::onednn

#define CAIRN_OVER_LIBGOMP extern "C" __attribute__((visibility("default")))

using namespace cairn::cpu::onednn;

CAIRN_OVER_LIBGOMP void GOMP_parallel(void (*body)(void*), void* data, unsigned threads,
                                      unsigned flags) {
  if (on_pool > 0 && region.threads == 0)
    return run_region(body, data, threads > 0 ? static_cast<int>(threads) : omp_get_max_threads());
  static const auto next =
      libgomp<void (*)(void (*)(void*), void*, unsigned, unsigned)>("GOMP_parallel");
  next(body, data, threads, flags);
}
CAIRN_OVER_LIBGOMP void GOMP_barrier() {
  if (region.threads > 0) return region.barrier->wait();
  static const auto next = libgomp<void (*)()>("GOMP_barrier");
  next();
}
CAIRN_OVER_LIBGOMP int omp_get_thread_num() {
  if (region.threads > 0) return region.thread;
  static const auto next = libgomp<int (*)()>("omp_get_thread_num");
  return next();
}
CAIRN_OVER_LIBGOMP int omp_get_num_threads() {
  if (region.threads > 0) return region.threads;
  static const auto next = libgomp<int (*)()>("omp_get_num_threads");
  return next();
}
CAIRN_OVER_LIBGOMP int omp_in_parallel() {
  if (region.threads > 0) return region.threads > 1;
  static const auto next = libgomp<int (*)()>("omp_in_parallel");
  return next();
}

bool cairn::cpu::onednn::regions_run_on_pool() {
  static const bool own =
      dlsym(RTLD_DEFAULT, "GOMP_parallel") == reinterpret_cast<void*>(GOMP_parallel);
  return own;
}
