#include "cairn/serve/front/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace cairn::serve {
namespace {

int64_t resident_bytes() {
  int64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

void head(std::string& text, const char* name, const char* kind, const char* help) {
  text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, kind, help);
}

}  // namespace

void Metrics::add(const std::string& route, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++answered_;
  ++requests_[{route, status}];
  Latency& l = latency_[route];
  ++l.count, l.sum += seconds;
  for (size_t i = 0; i < kBounds.size(); ++i)
    if (seconds <= kBounds[i]) ++l.within[i];
}

std::string Metrics::text(const Work& work) const {
  const std::lock_guard lock(mutex_);
  std::string t;
  head(t, "cairn_requests_total", "counter", "Requests answered, by route and HTTP status.");
  for (const auto& [key, count] : requests_)
    t += fmt::format("cairn_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", key.first,
                     key.second, count);
  head(t, "cairn_request_seconds", "histogram", "From a request's first byte to its last answer.");
  for (const auto& [route, l] : latency_) {
    const auto bucket = [&, &route = route](const std::string& bound, int64_t count) {
      t += fmt::format("cairn_request_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n", route, bound,
                       count);
    };
    for (size_t i = 0; i < kBounds.size(); ++i)
      bucket(fmt::format("{:g}", kBounds[i]), l.within[i]);
    bucket("+Inf", l.count);
    t += fmt::format(
        "cairn_request_seconds_sum{{route=\"{0}\"}} {1}\n"
        "cairn_request_seconds_count{{route=\"{0}\"}} {2}\n",
        route, l.sum, l.count);
  }
  head(t, "cairn_queue_length", "gauge", "Requests that wait to be computed.");
  t += fmt::format("cairn_queue_length {}\n", work.waiting);
  head(t, "cairn_batch_size", "histogram", "Examples that were computed together.");
  int64_t batches = 0;
  for (const auto& [size, count] : work.batches)
    t += fmt::format("cairn_batch_size_bucket{{le=\"{}\"}} {}\n", size, batches += count);
  t += fmt::format(
      "cairn_batch_size_bucket{{le=\"+Inf\"}} {0}\ncairn_batch_size_sum {1}\n"
      "cairn_batch_size_count {0}\n",
      batches, work.examples);
  head(t, "cairn_tokens_total", "counter", "Tokens written.");
  t += fmt::format("cairn_tokens_total {}\n", work.tokens);
  head(t, "process_resident_memory_bytes", "gauge", "Memory in use.");
  t += fmt::format("process_resident_memory_bytes {}\n", resident_bytes());
  return t;
}

}  // namespace cairn::serve
