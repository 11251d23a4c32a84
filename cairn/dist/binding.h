// Which processors each rank of a machine computes on. mpirun -n 2 binds each to one core, others
// bind none: two ranks with all processors each would be in each other's way.
#pragma once
#include <string>

namespace cairn::dist {

// How many threads this rank has room for: the processors it is bound to; where ranks of one
// machine are bound to the same ones, its part of them. Collective.
int threads_for_rank();

// Where `threads` are more than the processors that this rank is bound to and the machine has more:
// binds it, with all threads that it has, to so many. What was wrong and what was done, for people;
// "": nothing.
std::string mend_binding(int threads);

}  // namespace cairn::dist
