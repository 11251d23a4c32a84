// MPI as what carries the traffic between ranks (MPI 3.1: Open MPI and MPICH). Only the program
// that was built with CAIRN_MPI has it.
#pragma once
#include <memory>

#include "cairn/dist/world.h"

namespace cairn::dist {

// Joins the others. One thread of this process speaks MPI, starts what is asked for and moves it on
// while the others compute; it also sends a sign of life to the next rank and looks for one of the
// rank before. Throws Error where MPI does not start.
std::unique_ptr<World> join_mpi();

}  // namespace cairn::dist
