// Gradients that travel together: packed into one piece of memory, summed over the ranks while the
// step goes on, and unpacked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cairn/dist/world.h"

namespace cairn::dist {

// How numbers travel: as they are; rounded to bf16; or the hundredth part of them that is largest,
// the rest being kept and added to the next step's (Lin et al. 2018, without its momentum).
enum class Packing : uint8_t { f32, bf16, topk };
Packing packing_named(const std::string& name);  // throws Error

class Bucket {
 public:
  Bucket(std::vector<int64_t> sizes, Packing packing);  // sizes: elements of each tensor

  void start(const void* const* tensors);               // f32; they may be gone afterwards
  void finish(float scale, void* const* tensors);       // waits for the sum; times scale
  void again(float scale, void* const* tensors) const;  // the same once more
  const std::vector<int64_t>& sizes() const { return sizes_; }

 private:
  void pack(const void* const* tensors);
  void start_topk();
  void sum_topk();

  std::vector<int64_t> sizes_;
  Packing packing_;
  int64_t count_ = 0, chosen_ = 0;       // elements; of topk: how many travel
  std::vector<float> own_, sum_;         // f32 and topk
  std::vector<uint16_t> low_, low_sum_;  // bf16
  struct Entry {
    int32_t place;
    float value;
  };
  std::vector<Entry> sent_, received_;
  std::vector<int32_t> order_;
  World::Ticket ticket_;
};

// Buckets live for the whole training; ops name them by number.
int64_t add_bucket(std::vector<int64_t> sizes, Packing packing);
Bucket& bucket(int64_t number);

}  // namespace cairn::dist
