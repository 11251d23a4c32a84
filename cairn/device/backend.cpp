#include "cairn/device/backend.h"

#include <map>
#include <mutex>

#include "cairn/base/error.h"

namespace cairn {

// Defined by the back ends that are built in.
Backend& make_cpu_backend();
Backend& make_reference_backend();

namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, Backend*> by_name;
  Registry() {
    for (Backend* b : {&make_cpu_backend(), &make_reference_backend()}) by_name[b->name()] = b;
  }
};
Registry& registry() {
  static Registry instance;
  return instance;
}
thread_local Backend* current = nullptr;

}  // namespace

void register_backend(Backend& backend) {
  std::lock_guard lock(registry().mutex);
  registry().by_name[backend.name()] = &backend;
}

Backend& backend_named(const std::string& name) {
  std::lock_guard lock(registry().mutex);
  const auto& known = registry().by_name;
  if (const auto it = known.find(name); it != known.end()) return *it->second;
  std::string list;
  for (const auto& [key, value] : known) list += (list.empty() ? "" : ", ") + key;
  fail("no back end '{}' in this build: it has {}", name, list);
}

Backend& current_backend() {
  if (!current) [[unlikely]]
    current = &backend_named("cpu");
  return *current;
}

BackendScope::BackendScope(Backend& backend) : previous_(current) { current = &backend; }
BackendScope::~BackendScope() { current = previous_; }

}  // namespace cairn
