#include "cairn/dist/world.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace cairn::dist {
namespace {

World* the_world = nullptr;
bool synchronised = false;
thread_local int searching = 0;

}  // namespace

void set_world(World* world) { the_world = world; }
World* world() { return the_world; }

World::Place place() { return the_world ? the_world->place() : World::Place{}; }

int64_t largest(int64_t value) {
  if (!the_world) return value;
  int64_t all = value;
  the_world->wait(the_world->start_largest(&value, &all));
  return all;
}

void broadcast(void* data, int64_t bytes) {
  constexpr int64_t kMost = int64_t{1} << 30;  // MPI counts in int
  auto* at = static_cast<char*>(data);
  for (int64_t done = 0; the_world && done < bytes; done += kMost)
    the_world->wait(the_world->start_broadcast(at + done, std::min(kMost, bytes - done)));
}

std::string broadcast(const std::string& text) {
  int64_t size = std::ssize(text);
  broadcast(&size, sizeof size);
  std::string all = text;
  all.resize(static_cast<size_t>(size));
  broadcast(all.data(), size);
  return all;
}

std::vector<std::string> gather(const std::string& text) {
  if (!the_world) return {text};
  const auto size = static_cast<size_t>(largest(std::ssize(text)));
  const size_t row = size + sizeof(int64_t);
  check(row <= std::numeric_limits<int32_t>::max(),  // MPI counts in int
        "a rank has {} bytes to tell the others, which are too many; use more ranks, or less data",
        size);
  std::vector<char> own(row, 0), all(row * static_cast<size_t>(ranks()));
  const int64_t length = std::ssize(text);
  std::memcpy(own.data(), &length, sizeof length);
  std::memcpy(own.data() + sizeof length, text.data(), text.size());
  the_world->wait(the_world->start_gather(Lane::control, own.data(), all.data(), std::ssize(own)));
  std::vector<std::string> texts;
  for (size_t at = 0; at < all.size(); at += row) {
    int64_t bytes = 0;
    std::memcpy(&bytes, all.data() + at, sizeof bytes);
    texts.emplace_back(all.data() + at + sizeof bytes, static_cast<size_t>(bytes));
  }
  return texts;
}

Share share_of(int64_t rows, int rank) {
  const int64_t first = rows * rank / ranks(), end = rows * (rank + 1) / ranks();
  return {first, end - first};
}

void synchronise_statistics(bool on) { synchronised = on && the_world; }
bool synchronises_statistics() { return synchronised; }

Searching::Searching() { ++searching; }
Searching::~Searching() { --searching; }
bool Searching::now() { return searching > 0; }

namespace {

// What says how many there are, and which one this is: of Open MPI, of MPICH and others, of Slurm.
struct Names {
  const char *ranks, *rank;
};
constexpr Names kLaunchers[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                                {"PMI_SIZE", "PMI_RANK"},
                                {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};

int number_in(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : 0;
}

}  // namespace

Launched launched() {
  for (const auto& [ranks, rank] : kLaunchers)
    if (number_in(ranks) > 1) return {number_in(rank), number_in(ranks)};
  return {};
}

void forget_launcher() {
  for (const auto& [ranks, rank] : kLaunchers) unsetenv(ranks), unsetenv(rank);
}

}  // namespace cairn::dist
