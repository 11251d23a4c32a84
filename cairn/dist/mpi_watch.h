// Whether the other ranks live. Each sends a sign of life to the next one every second and looks
// for that of the one before; who misses it, or sees that process gone from the same machine, tells
// all. Used by the one thread that speaks MPI.
#pragma once
#define OMPI_SKIP_MPICXX 1  // Debian's mpi.h would include a C++ interface that nobody has
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>
#include <sys/types.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace cairn::dist {

// Where a rank runs.
struct Process {
  std::array<char, 64> host{};
  std::array<char, 32> space{};  // of process ids: those of another container mean others
  int64_t id = 0;

  static Process own();
  std::string text(int rank) const;  // "rank 1 (node7, process 4711)"
  bool is_near(const Process& other) const { return host == other.host && space == other.space; }
};

class MpiWatch {
 public:
  // Collective.
  explicit MpiWatch(const std::vector<Process>& ranks);

  // To be called often: what is known of a rank that is lost; "": all is well.
  std::string look();
  // Tells all others, who then hear it from look().
  void tell(const std::string& what);
  void end();  // all is well, and nobody needs to look any more

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kAlarm = 1, kBeat = 2;  // tags
  static constexpr size_t kLongest = 2048;     // bytes of an alarm

  void await_beat();
  std::string look_at_neighbour();

  MPI_Comm comm_ = MPI_COMM_NULL;
  std::vector<Process> ranks_;
  int rank_ = 0, before_ = 0, next_ = 0;
  std::array<char, kLongest> heard_{}, told_{};
  char beat_in_ = 0, beat_out_ = 0;
  MPI_Request alarm_ = MPI_REQUEST_NULL, beat_ = MPI_REQUEST_NULL, sign_ = MPI_REQUEST_NULL;
  std::vector<MPI_Request> telling_;
  Clock::time_point last_look_ = Clock::now(), last_sign_ = Clock::now();
  int missed_ = 0;  // seconds without a sign, as this process lived them
};

}  // namespace cairn::dist
