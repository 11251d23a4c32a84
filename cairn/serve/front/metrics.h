// What the server has done, as Prometheus reads it (text exposition format 0.0.4).
#pragma once
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "cairn/serve/service.h"

namespace cairn::serve {

class Metrics {
 public:
  void add(const std::string& route, int status, double seconds);
  std::string text(const Work& work) const;
  int64_t answered() const { return answered_; }

 private:
  static constexpr std::array kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                         0.25,  0.5,    1.0,   2.5,  5.0,   10.0, 60.0};
  struct Latency {
    std::array<int64_t, kBounds.size()> within{};
    int64_t count = 0;
    double sum = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, int64_t> requests_;
  std::map<std::string, Latency> latency_;
  std::atomic<int64_t> answered_ = 0;
};

}  // namespace cairn::serve
