// oneDNN's threads are those of Cairn's pool.
//
// The library enters parallel regions through libgomp's GOMP_parallel and asks omp_get_thread_num()
// and the like inside. Two teams that take turns on the same processors are in each other's way:
// the one that waits either spins where the other computes, or sleeps and has to be woken for each
// primitive (LeNet's step on two Zen 4 cores: 15 ms, 7.4 with libgomp's spinning bounded, 6.4 with
// one team). So openmp.cpp defines these five functions itself: inside a LibraryOnPool they run the
// region on the pool, everywhere else they hand on to libgomp. Where the loader finds libgomp's
// first (cairn::infer, which exports nothing but its interface), regions_run_on_pool() is false and
// several threads compute by Cairn's own kernels.
#pragma once

namespace cairn::cpu::onednn {

// Whether what the loader finds under these names, from here, is openmp.cpp's.
bool regions_run_on_pool();

// While alive, parallel regions that this thread enters through OpenMP run on Cairn's pool.
class LibraryOnPool {
 public:
  LibraryOnPool();
  ~LibraryOnPool();
  LibraryOnPool(const LibraryOnPool&) = delete;
  LibraryOnPool& operator=(const LibraryOnPool&) = delete;
};

}  // namespace cairn::cpu::onednn
