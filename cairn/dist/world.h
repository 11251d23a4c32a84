// Several processes (ranks) that train one network together: which of them this one is, and what
// goes between them. What carries it is a World (mpi.h: MPI); without one there is rank 0 of 1, and
// every function below does nothing.
//
// All ranks call what is collective here in the same order. When one of them can go on no more, the
// others' waits throw Error with its name.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cairn/base/error.h"

namespace cairn::dist {

// Another rank is gone, or cannot go on: what it said, or what is known of it.
class RankLost : public Error {
 public:
  using Error::Error;
};

enum class Number : uint8_t { f32, bf16, i64 };

// What is started in one lane goes in the order in which it was started, whatever the others do.
enum class Lane : uint8_t {
  gradients,    // begun by a step while it still computes
  activations,  // waited for in the middle of a step: synchronised statistics
  control       // between steps
};
inline constexpr int kLanes = 3;

class World {
 public:
  struct Place {
    int rank = 0, ranks = 1;
    int local_rank = 0, local_ranks = 1;  // of those on this machine
  };
  // What has been sent so far, and for how long.
  struct Traffic {
    int64_t bytes = 0;   // that this rank gave
    double seconds = 0;  // with something under way
    double waited = 0;   // of these nothing else was done
  };
  struct Transfer {  // one that was started
    virtual ~Transfer() = default;
  };
  using Ticket = std::shared_ptr<Transfer>;

  virtual ~World() = default;
  virtual Place place() const = 0;
  virtual std::string name(int rank) const = 0;  // "rank 1 (node7, process 4711)"

  // The sum of all ranks' numbers, the same bits on each. Neither buffer is touched until wait().
  virtual Ticket start_sum(Lane lane, Number type, const void* in, void* out, int64_t count) = 0;
  // The bytes of all ranks, one after another: `out` has ranks times as many.
  virtual Ticket start_gather(Lane lane, const void* in, void* out, int64_t bytes) = 0;
  virtual Ticket start_largest(const int64_t* in, int64_t* out) = 0;  // in the lane of control
  virtual Ticket start_broadcast(void* data, int64_t bytes) = 0;      // from rank 0; the same lane
  // Throws RankLost.
  virtual void wait(const Ticket& ticket) = 0;
  virtual Traffic traffic() const = 0;

  // The end: all ranks have come to theirs.
  virtual void leave() = 0;
  // The end of this rank alone, which tells the others why.
  virtual void give_up(const std::string& why) = 0;
};

void set_world(World* world);  // nullptr: alone
World* world();

World::Place place();
inline int rank() { return place().rank; }
inline int ranks() { return place().ranks; }
inline bool leads() { return rank() == 0; }  // the one that writes

int64_t largest(int64_t value);
void broadcast(void* data, int64_t bytes);
std::string broadcast(const std::string& text);  // rank 0's
std::vector<std::string> gather(const std::string& text);

// Rows of `count` that are this rank's where each takes neighbouring ones: [first, first + count).
struct Share {
  int64_t first, count;
};
Share share_of(int64_t rows, int rank = dist::rank());

// Whether batch normalisation is over the rows of all ranks (or each over its own).
void synchronise_statistics(bool on);
bool synchronises_statistics();

// While alive, on this thread, what was transferred last is looked at again and nothing goes
// between ranks: a step that failed is run a second time, alone, to find out where.
class Searching {
 public:
  Searching();
  ~Searching();
  Searching(const Searching&) = delete;
  Searching& operator=(const Searching&) = delete;
  static bool now();
};

// As which of how many a launcher (mpirun, mpiexec, srun) started this process; 0 of 1: none did.
struct Launched {
  int rank = 0, ranks = 1;
};
Launched launched();
// This process and those that it starts know of no launcher any more.
void forget_launcher();

}  // namespace cairn::dist
