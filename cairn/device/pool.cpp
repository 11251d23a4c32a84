#include "cairn/device/pool.h"

#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "cairn/base/round.h"

namespace cairn {
namespace {

constexpr size_t kHuge = size_t{2} << 20;
constexpr int kClasses = 256;

// Four classes a power of two: at most a fifth is lost to rounding.
size_t rounded_to_class(size_t bytes) {
  if (bytes <= 64) return 64;
  const size_t step = std::max<size_t>(64, std::bit_floor(bytes - 1) / 4);
  return round_up_bytes(bytes, step);
}
int class_of(size_t rounded) {
  const int log = std::bit_width(rounded) - 1;
  return log * 4 + static_cast<int>((rounded >> (log - 2)) & 3);
}
size_t size_of_class(int c) {
  const size_t base = size_t{1} << (c / 4);
  return base + base / 4 * static_cast<size_t>(c % 4);
}

struct Pool {
  std::mutex mutex;
  std::vector<void*> free_blocks[kClasses];
  std::atomic<size_t> in_use{0}, held{0};
};
Pool& pool() {
  static Pool* instance = new Pool;  // never destroyed: buffers may outlive main
  return *instance;
}

// The calling thread's own small blocks: no lock and no count for the tensors of eager code. What
// lies here counts as in use.
struct ThreadCache {
  static constexpr int kSmall = 48, kDepth = 32;  // below 4 KB
  void* blocks[kSmall][kDepth];
  int count[kSmall] = {};
  ~ThreadCache();
};
ThreadCache::~ThreadCache() {
  std::lock_guard lock(pool().mutex);
  for (int c = 0; c < kSmall; ++c)
    for (int i = 0; i < count[c]; ++i) {
      pool().free_blocks[c].push_back(blocks[c][i]);
      pool().in_use -= size_of_class(c);
    }
}

// On the heap: for the thread-local variables of a library that is opened while a program runs
// there are about 1,600 bytes.
struct CacheOwner {
  ThreadCache* cache = nullptr;
  ~CacheOwner();
};
thread_local bool cache_alive = true;
thread_local CacheOwner owner;

CacheOwner::~CacheOwner() {
  cache_alive = false;
  delete cache;
}
ThreadCache& thread_cache() {
  if (!owner.cache) [[unlikely]]
    owner.cache = new ThreadCache;
  return *owner.cache;
}

// Straight from the system, as glibc would keep what is freed. Of `rounded` bytes the caller wants
// `wanted`: those lie in huge pages, but for the rest that does not fill one, of which only what is
// touched is ever there.
void* map_pages(size_t rounded, size_t wanted) {
  void* all =
      mmap(nullptr, rounded + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(all);
  char* memory = begin + (kHuge - reinterpret_cast<uintptr_t>(begin) % kHuge) % kHuge;
  if (memory != begin) munmap(begin, static_cast<size_t>(memory - begin));
  munmap(memory + rounded, static_cast<size_t>(begin + kHuge - memory));
  const size_t whole = wanted / kHuge * kHuge;
  if (whole) madvise(memory, whole, MADV_HUGEPAGE);
  if (whole < rounded) madvise(memory + whole, rounded - whole, MADV_NOHUGEPAGE);
  return memory;
}
void* system_memory(size_t rounded, size_t wanted) {
  return rounded >= kHuge ? map_pages(rounded, wanted) : std::aligned_alloc(64, rounded);
}
void give_back(void* memory, size_t rounded) {
  if (rounded >= kHuge) munmap(memory, rounded);
  else std::free(memory);
}

void* system_allocate(size_t rounded, size_t wanted) {
  void* memory = system_memory(rounded, wanted);
  if (!memory) {
    pool_trim();
    memory = system_memory(rounded, wanted);
  }
  if (!memory)
    throw OutOfMemory(
        fmt::format("out of memory: {} MB wanted beside {} MB in use; use a smaller batch or model",
                    rounded >> 20, pool().in_use >> 20));
  pool().held += rounded;
  return memory;
}

void* take_free_block(int c) {
  std::lock_guard lock(pool().mutex);
  auto& blocks = pool().free_blocks[c];
  if (blocks.empty()) return nullptr;
  void* memory = blocks.back();
  blocks.pop_back();
  return memory;
}

}  // namespace

void* pool_allocate(size_t bytes) {
  if (bytes > (size_t{1} << 46))
    throw OutOfMemory(fmt::format("out of memory: {} bytes wanted", bytes));
  const size_t rounded = rounded_to_class(bytes);
  const int c = class_of(rounded);
  if (c < ThreadCache::kSmall && cache_alive) {
    ThreadCache& cache = thread_cache();
    if (cache.count[c] > 0) return cache.blocks[c][--cache.count[c]];
  }
  void* memory = take_free_block(c);
  if (!memory) memory = system_allocate(rounded, bytes);
  pool().in_use.fetch_add(rounded, std::memory_order_relaxed);
  return memory;
}

void pool_deallocate(void* memory, size_t bytes) {
  if (!memory) return;
  const size_t rounded = rounded_to_class(bytes);
  const int c = class_of(rounded);
  ThreadCache* cache = c < ThreadCache::kSmall && cache_alive ? owner.cache : nullptr;
  if (cache && cache->count[c] < ThreadCache::kDepth) {
    cache->blocks[c][cache->count[c]++] = memory;
    return;
  }
  Pool& p = pool();
  p.in_use.fetch_sub(rounded, std::memory_order_relaxed);
  std::lock_guard lock(p.mutex);
  p.free_blocks[c].push_back(memory);
}

size_t pool_bytes_in_use() { return pool().in_use; }
size_t pool_bytes_held() { return pool().held; }

void pool_trim() {
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  for (int c = 0; c < kClasses; ++c) {
    for (void* memory : p.free_blocks[c]) give_back(memory, size_of_class(c));
    p.held -= p.free_blocks[c].size() * size_of_class(c);
    p.free_blocks[c].clear();
  }
}

}  // namespace cairn
