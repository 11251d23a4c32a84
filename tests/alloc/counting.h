// Counts heap allocations: this binary's malloc and operator new are replaced by ones that ask who
// called.
#pragma once
#include <cstddef>
#include <string>

namespace cairn::testing {

struct HeapCounts {
  size_t ours = 0;    // Cairn's code, and what it calls of the standard library
  size_t theirs = 0;  // oneDNN's and the OpenMP runtime's
};

bool counts_allocations();  // false under the sanitizers, which have a malloc of their own
void start_counting();
HeapCounts stop_counting();
// Where the first of our allocations came from, as addresses for addr2line.
std::string first_callers();

}  // namespace cairn::testing
