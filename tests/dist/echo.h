// A World without processes, for tests of what stands on one.
#pragma once
#include <cstring>

#include "cairn/dist/world.h"

namespace cairn::dist {

// Two ranks of which the other always has what this one has: a sum is twice, a gather two copies.
class Echo : public World {
 public:
  Echo() { set_world(this); }
  ~Echo() override { set_world(nullptr); }
  Place place() const override { return {.rank = 0, .ranks = 2}; }
  std::string name(int rank) const override { return "rank " + std::to_string(rank); }
  Ticket start_sum(Lane, Number type, const void* in, void* out, int64_t count) override {
    for (int64_t i = 0; i < count; ++i)
      if (type == Number::f32) static_cast<float*>(out)[i] = 2 * static_cast<const float*>(in)[i];
      else  // twice a bf16 is one more in its exponent
        static_cast<uint16_t*>(out)[i] = static_cast<uint16_t>(
            static_cast<const uint16_t*>(in)[i] + (static_cast<const uint16_t*>(in)[i] ? 0x80 : 0));
    bytes += count * (type == Number::f32 ? 4 : 2);
    return std::make_shared<Transfer>();
  }
  Ticket start_gather(Lane, const void* in, void* out, int64_t size) override {
    std::memcpy(out, in, static_cast<size_t>(size));
    std::memcpy(static_cast<char*>(out) + size, in, static_cast<size_t>(size));
    bytes += size;
    return std::make_shared<Transfer>();
  }
  Ticket start_largest(const int64_t* in, int64_t* out) override {
    *out = *in;
    return std::make_shared<Transfer>();
  }
  Ticket start_broadcast(void*, int64_t) override { return std::make_shared<Transfer>(); }
  void wait(const Ticket&) override {}
  Traffic traffic() const override { return {}; }
  void leave() override {}
  void give_up(const std::string&) override {}
  int64_t bytes = 0;
};

}  // namespace cairn::dist
