#include "cairn/dist/mpi_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace cairn::dist {
namespace {

constexpr auto kOften = std::chrono::milliseconds(50);  // a look at the neighbour's process
constexpr auto kBetweenSigns = std::chrono::seconds(1);
constexpr int kMostMissed = 7;

}  // namespace

Process Process::own() {
  Process p;
  gethostname(p.host.data(), p.host.size() - 1);
  if (readlink("/proc/self/ns/pid", p.space.data(), p.space.size() - 1) < 0) p.space = {};
  p.id = getpid();
  return p;
}

std::string Process::text(int rank) const {
  return fmt::format("rank {} ({}, process {})", rank, host.data(), id);
}

MpiWatch::MpiWatch(const std::vector<Process>& ranks) : ranks_(ranks) {
  MPI_Comm_dup(MPI_COMM_WORLD, &comm_);
  MPI_Comm_rank(comm_, &rank_);
  const int count = static_cast<int>(ranks_.size());
  before_ = (rank_ + count - 1) % count, next_ = (rank_ + 1) % count;
  MPI_Irecv(heard_.data(), kLongest, MPI_CHAR, MPI_ANY_SOURCE, kAlarm, comm_, &alarm_);
  await_beat();
}

void MpiWatch::await_beat() { MPI_Irecv(&beat_in_, 1, MPI_CHAR, before_, kBeat, comm_, &beat_); }

std::string MpiWatch::look() {
  int came = 0;
  MPI_Test(&alarm_, &came, MPI_STATUS_IGNORE);
  if (came) return heard_.data();
  const auto now = Clock::now();
  if (now - last_look_ < kOften) return "";
  last_look_ = now;
  return look_at_neighbour();
}

std::string MpiWatch::look_at_neighbour() {
  int came = 0, sent = 0;
  for (MPI_Test(&beat_, &came, MPI_STATUS_IGNORE); came;
       MPI_Test(&beat_, &came, MPI_STATUS_IGNORE)) {
    missed_ = 0;
    await_beat();
  }
  const Process& before = ranks_[static_cast<size_t>(before_)];
  const bool near = before.is_near(ranks_[static_cast<size_t>(rank_)]);
  if (near && kill(static_cast<pid_t>(before.id), 0) < 0 && errno == ESRCH)
    return before.text(before_) + " died";
  const auto now = Clock::now();
  if (now - last_sign_ < kBetweenSigns) return "";
  last_sign_ = now;
  MPI_Test(&sign_, &sent, MPI_STATUS_IGNORE);
  if (sent) MPI_Isend(&beat_out_, 1, MPI_CHAR, next_, kBeat, comm_, &sign_);
  if (++missed_ <= kMostMissed) return "";
  return fmt::format("{} has given no sign of life for {} s", before.text(before_), kMostMissed);
}

void MpiWatch::tell(const std::string& what) {
  const size_t size = std::min(what.size(), kLongest - 1);
  std::copy_n(what.begin(), size, told_.begin());
  told_[size] = 0;
  const int count = static_cast<int>(ranks_.size());
  for (int r = 0; r < count; ++r) {
    if (r == rank_) continue;
    MPI_Isend(told_.data(), static_cast<int>(size) + 1, MPI_CHAR, r, kAlarm, comm_,
              &telling_.emplace_back(MPI_REQUEST_NULL));
  }
}

void MpiWatch::end() {
  for (MPI_Request* request : {&alarm_, &beat_}) {
    MPI_Cancel(request);
    MPI_Request_free(request);
  }
  if (sign_ != MPI_REQUEST_NULL) MPI_Request_free(&sign_);
}

}  // namespace cairn::dist
