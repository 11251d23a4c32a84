#include "counting.h"

#include <link.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "cairn/base/error.h"

#if defined(CAIRN_SANITIZED) || !defined(__GLIBC__)
#define CAIRN_COUNTS_ALLOCATIONS 0
#else
#define CAIRN_COUNTS_ALLOCATIONS 1
#endif

namespace cairn::testing {
namespace {

struct Range {
  uintptr_t begin = 0, end = 0;
};
std::array<Range, 16> theirs;  // where the code of oneDNN and the OpenMP runtime lies
size_t their_count = 0;
uintptr_t program_base = 0;
std::atomic<bool> counting{false};
std::atomic<size_t> our_allocations{0}, their_allocations{0};
std::array<std::atomic<uintptr_t>, 8> callers;

int note_library(dl_phdr_info* info, size_t, void*) {
  if (!*info->dlpi_name && program_base == 0) program_base = info->dlpi_addr;
  if (!std::strstr(info->dlpi_name, "dnnl") && !std::strstr(info->dlpi_name, "omp")) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X) || their_count == theirs.size())
      continue;
    const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    theirs[their_count++] = {begin, begin + segment.p_memsz};
  }
  return 0;
}

[[maybe_unused]] void note_allocation(void* caller) {
  if (!counting.load(std::memory_order_relaxed)) return;
  const auto address = reinterpret_cast<uintptr_t>(caller);
  for (size_t i = 0; i < their_count; ++i)
    if (address >= theirs[i].begin && address < theirs[i].end) return void(++their_allocations);
  const size_t number = our_allocations++;
  if (number < callers.size()) callers[number] = address;
}

}  // namespace

bool counts_allocations() { return CAIRN_COUNTS_ALLOCATIONS; }

void start_counting() {
  their_count = 0;
  dl_iterate_phdr(note_library, nullptr);
  our_allocations = their_allocations = 0;
  counting = true;
}

HeapCounts stop_counting() {
  counting = false;
  return {our_allocations, their_allocations};
}

std::string first_callers() {
  std::string text;
  for (size_t i = 0; i < std::min(callers.size(), our_allocations.load()); ++i)
    text += fmt::format(" {:#x}", callers[i].load() - program_base);
  return text;
}

}  // namespace cairn::testing

#if CAIRN_COUNTS_ALLOCATIONS

using cairn::testing::note_allocation;

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  note_allocation(__builtin_return_address(0));
  *memory = __libc_memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}
void free(void* memory) { __libc_free(memory); }
}

namespace {
void* take(void* memory) {
  if (!memory) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return take(__libc_malloc(bytes));
}
void* operator new[](size_t bytes) {
  note_allocation(__builtin_return_address(0));
  return take(__libc_malloc(bytes));
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  note_allocation(__builtin_return_address(0));
  return take(__libc_memalign(static_cast<size_t>(alignment), bytes));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  note_allocation(__builtin_return_address(0));
  return take(__libc_memalign(static_cast<size_t>(alignment), bytes));
}
void operator delete(void* memory) noexcept { __libc_free(memory); }
void operator delete[](void* memory) noexcept { __libc_free(memory); }
void operator delete(void* memory, size_t) noexcept { __libc_free(memory); }
void operator delete[](void* memory, size_t) noexcept { __libc_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { __libc_free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { __libc_free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { __libc_free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { __libc_free(memory); }

#endif
