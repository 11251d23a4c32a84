#include "cairn/dist/world.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

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

std::string refusal_of_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    const char* size = std::getenv(name);
    if (size && std::atoi(size) > 1)
      return fmt::format(
          "{} ranks were started, but this program was built without MPI: each would train alone; "
          "build it with -DCAIRN_MPI=ON",
          size);
  }
  return "";
}

}  // namespace cairn::dist
