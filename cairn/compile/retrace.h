// CAIRN_RETRACE=1: whether a function still traces to what its executable does.
#pragma once
#include <string>

#include "cairn/graph/graph.h"

namespace cairn {

// Everything that a trace froze, one thing a line: the ops with their numbers, which tensors are
// read and written, and the values of those that were made while tracing.
std::string frozen_text(const Graph& traced);
// Throws Error with the first line in which the two differ.
void check_same_trace(const std::string& before, const std::string& now);

}  // namespace cairn
