// What is cheap to compute again, from what lies in memory anyway, is computed in each group that
// reads it, not stored.
#include <algorithm>
#include <map>

#include "cairn/compile/fuse/fusion.h"

namespace cairn::fusing {
namespace {

constexpr int kMostCloned = 6;  // steps that may be computed again instead of stored

class Cloner {
 public:
  explicit Cloner(Fusion& fusion) : f_(fusion) {}

  void run() {
    for (size_t i = 0; i < f_.graph.nodes.size(); ++i) {
      if (f_.group_of[i] < 0 || f_.node(i).op->is(kReduction)) continue;
      const ValueId v = f_.node(i).outputs[0];
      if (numel(f_.desc(v).shape) < kLarge || stored_anyway(v)) continue;
      std::map<int, std::vector<int>> chains;  // by reading group
      bool pays = true;
      for (int r : f_.readers[v]) {
        const int g = f_.group_of[r];
        if (g == f_.group_of[i] || chains.count(g)) continue;
        std::set<ValueId> loads;
        std::vector<int> chain;
        pays = pays && f_.desc(v).shape == f_.groups[g].domain &&
               chain_for(f_.groups[g], v, &chain, &loads);
        int fresh = 0;
        for (ValueId load : loads) fresh += !reads(f_.groups[g], load);
        pays = pays && fresh <= 1;
        pays = pays && has_room(f_.groups[g], chain);
        if (pays && makes_cycle(g, chain)) pays = false;
        chains[g] = chain;
      }
      if (!pays) continue;
      for (auto& [g, chain] : chains)
        for (int c : chain)
          if (auto& clones = f_.groups[g].clones;
              std::find(clones.begin(), clones.end(), c) == clones.end())
            clones.push_back(c);
    }
  }

 private:
  bool stored_anyway(ValueId v) const {
    if (f_.results.count(v)) return true;
    const int p = f_.producer(v);
    if (p < 0 || f_.group_of[p] < 0) return true;
    if (f_.node(p).op->is(kReduction)) return true;
    for (int r : f_.readers[v])
      if (f_.group_of[r] < 0) return true;
    return false;
  }
  bool reads(const Group& g, ValueId v) const {
    for (const auto* list : {&g.members, &g.clones})
      for (int m : *list)
        for (ValueId in : f_.node(m).inputs)
          if (in == v) return true;
    return false;
  }

  // The elementwise nodes that compute v from what group g could load; false when it does not pay.
  bool chain_for(const Group& g, ValueId v, std::vector<int>* chain,
                 std::set<ValueId>* loads) const {
    const int p = f_.producer(v);
    if (std::find(chain->begin(), chain->end(), p) != chain->end()) return true;
    if (static_cast<int>(chain->size()) >= kMostCloned) return false;
    for (ValueId in : f_.node(p).inputs) {
      const int q = f_.producer(in);
      const bool inside =
          q >= 0 && (std::find(g.members.begin(), g.members.end(), q) != g.members.end() ||
                     std::find(g.clones.begin(), g.clones.end(), q) != g.clones.end());
      if (inside || f_.constant(in) || numel(f_.desc(in).shape) < numel(g.domain) / 32) {
        // A small value made by a non-row reduction of this very group is not there yet.
        if (inside && f_.node(q).op->is(kReduction) && f_.row_rank_of(q) == 0) return false;
        continue;
      }
      if (stored_anyway(in)) {
        loads->insert(in);
        continue;
      }
      if (f_.node(q).op->is(kReduction) || !chain_for(g, in, chain, loads)) return false;
    }
    chain->push_back(p);
    return true;
  }

  bool has_room(const Group& g, const std::vector<int>& chain) const {
    std::set<int> all(g.members.begin(), g.members.end());
    all.insert(g.clones.begin(), g.clones.end());
    all.insert(chain.begin(), chain.end());
    return f_.has_room({all.begin(), all.end()});
  }

  // Cloned nodes bring their inputs into the group: none of them may depend on it.
  bool makes_cycle(int g, const std::vector<int>& chain) const {
    for (int c : chain)
      for (ValueId v : f_.node(c).inputs)
        if (const int p = f_.producer(v); p >= 0 && f_.group_of[p] == g &&
                                          f_.node(p).op->is(kReduction) && f_.row_rank_of(p) == 0)
          return true;
    return f_.outside_path({g}, chain);
  }

  Fusion& f_;
};

}  // namespace

void compute_again(Fusion& fusion) { Cloner(fusion).run(); }

}  // namespace cairn::fusing
