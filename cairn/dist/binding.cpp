#include "cairn/dist/binding.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/dist/world.h"

namespace cairn::dist {
namespace {

cpu_set_t own_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  return set;
}

// "0,2": as text, so that it can be gathered.
std::string text_of(const cpu_set_t& set) {
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) text += fmt::format("{}{}", text.empty() ? "" : ",", cpu);
  return text;
}

// Host and processors of every rank; the host is what name() says in front of the process.
std::string host_of(int rank) {
  const std::string name = world()->name(rank);
  return name.substr(name.find('('), name.find(',') - name.find('('));
}

void bind_all_threads(const cpu_set_t& set) {
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone))
    sched_setaffinity(std::atoi(task.path().filename().c_str()), sizeof set, &set);
}

}  // namespace

int threads_for_rank() {
  const int all = available_processors();
  if (!world()) return all;
  const auto processors = gather(text_of(own_processors()));
  int sharing = 0;  // ranks of this machine with the same processors
  for (int r = 0; r < ranks(); ++r)
    sharing += processors[static_cast<size_t>(r)] == processors[static_cast<size_t>(rank())] &&
               host_of(r) == host_of(rank());
  return std::max(1, all / std::max(1, sharing));
}

std::string mend_binding(int threads) {
  const cpu_set_t bound = own_processors();
  const auto there = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (!world() || threads <= CPU_COUNT(&bound)) return "";
  const World::Place here = place();
  cpu_set_t wider;
  CPU_ZERO(&wider);
  const bool room = here.local_ranks * threads <= there;
  for (int i = 0; i < (room ? threads : there); ++i)
    CPU_SET(static_cast<size_t>(room ? here.local_rank * threads + i : i), &wider);
  const std::string what = fmt::format(
      "{} threads on {} processor(s), to which the launcher bound "
      "this rank",
      threads, CPU_COUNT(&bound));
  bind_all_threads(wider);
  const cpu_set_t now = own_processors();
  if (CPU_COUNT(&now) > CPU_COUNT(&bound))
    return fmt::format("{}; it is bound to {} now", what, text_of(now));
  return what + "; there are no more, and fewer threads would be quicker (--threads)";
}

}  // namespace cairn::dist
