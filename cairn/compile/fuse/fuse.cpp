#include "cairn/compile/fuse/fusion.h"

namespace cairn {

Graph fuse(const Graph& graph, const Backend& backend) {
  fusing::Fusion fusion(graph);
  fusing::grow_groups(fusion, backend);
  fusing::compute_again(fusion);
  return without_dead(fusing::write_regions(fusion));
}

}  // namespace cairn
