// The threads of one recurrent pass: a team for each direction, or one team for all.
#pragma once
#include <algorithm>

#include "cairn/backend/cpu/rnn/rnn.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu::rnn {

struct Member {
  int thread, teams, team, rank, size;
  Barrier *team_barrier, *everyone;

  void meet() const {
    if (size > 1) team_barrier->wait();
  }
  void meet_everyone() const {
    if (teams > 1) everyone->wait();
  }
  bool runs_direction(int direction) const { return direction % teams == team; }
  bool mine(int64_t index) const { return index % size == rank; }
};

// Columns of the state that a member computes.
struct Columns {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

inline Columns columns_of(const RnnPlan& p, const Member& m) {
  if (!p.split_columns) return {0, p.padded_hidden};
  const int64_t panels = p.padded_hidden / p.panel;
  return {panels * m.rank / m.size * p.panel, panels * (m.rank + 1) / m.size * p.panel};
}

// Runs pass(member) on the planned threads. Should fewer start (a serial scope, a thread limit),
// one thread does all: groups and buffers stay as planned, and so do the results.
template <class Pass>
void run_teams(const RnnPlan& p, const Pass& pass) {
  Barrier teams[2] = {Barrier(p.team_size), Barrier(p.team_size)};
  Barrier everyone(p.threads);
  parallel_team(
      [&](int thread, int started) {
        const int team = thread / p.team_size;
        if (started == p.threads)
          pass(Member{thread, p.teams, team, thread % p.team_size, p.team_size, &teams[team],
                      &everyone});
        else if (thread == 0) pass(Member{0, 1, 0, 0, 1, nullptr, nullptr});
      },
      p.threads);
}

}  // namespace cairn::cpu::rnn
