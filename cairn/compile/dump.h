// What the environment asks of compile(): CAIRN_DUMP=DIR writes the graph after each pass (text and
// Graphviz); CAIRN_PASSES=-fuse,-layout leaves passes out; CAIRN_VERIFY=1 checks the graph after
// each.
#pragma once
#include <string>

#include "cairn/graph/graph.h"

namespace cairn {

class Dump {
 public:
  explicit Dump(const Graph& traced);
  void after(const char* pass, const Graph& graph);

 private:
  std::string folder_;  // "": nothing is written
  int number_ = 0;
};

struct ExecutableStats;
// CAIRN_STATS=1: a line on standard error for each executable made. Whether it is on.
bool note_stats(const ExecutableStats& stats);

bool pass_enabled(const char* pass);
// For tests: leaves a pass out (or back in) for this process.
void set_pass(const char* pass, bool enabled);
bool verify_passes();

}  // namespace cairn
