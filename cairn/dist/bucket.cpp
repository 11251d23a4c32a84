#include "cairn/dist/bucket.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>
#include <numeric>
#include <utility>

namespace cairn::dist {
namespace {

constexpr int64_t kPartOfTopk = 100;

uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float from_bf16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }

std::deque<Bucket>& all_buckets() {
  static std::deque<Bucket> all;
  return all;
}

}  // namespace

Packing packing_named(const std::string& name) {
  if (name == "f32") return Packing::f32;
  if (name == "bf16") return Packing::bf16;
  check(name == "topk", "gradients: '{}' is none of f32, bf16, topk", name);
  return Packing::topk;
}

Bucket::Bucket(std::vector<int64_t> sizes, Packing packing)
    : sizes_(std::move(sizes)),
      packing_(packing),
      count_(std::accumulate(sizes_.begin(), sizes_.end(), int64_t{0})) {
  const auto count = static_cast<size_t>(count_);
  if (packing_ == Packing::bf16) {
    low_.resize(count), low_sum_.resize(count);
    return;
  }
  own_.assign(count, 0), sum_.assign(count, 0);
  if (packing_ != Packing::topk) return;
  chosen_ = std::max<int64_t>(1, count_ / kPartOfTopk);
  order_.resize(count);
  sent_.resize(static_cast<size_t>(chosen_));
  received_.resize(static_cast<size_t>(chosen_ * ranks()));
}

void Bucket::pack(const void* const* tensors) {
  size_t at = 0;
  for (size_t t = 0; t < sizes_.size(); ++t) {
    const auto* from = static_cast<const float*>(tensors[t]);
    const auto size = static_cast<size_t>(sizes_[t]);
    if (packing_ == Packing::f32) std::memcpy(own_.data() + at, from, size * sizeof(float));
    else if (packing_ == Packing::bf16)
      for (size_t i = 0; i < size; ++i) low_[at + i] = to_bf16(from[i]);
    else
      for (size_t i = 0; i < size; ++i) own_[at + i] += from[i];  // to what was kept
    at += size;
  }
}

void Bucket::start(const void* const* tensors) {
  if (Searching::now()) return;
  pack(tensors);
  if (packing_ == Packing::topk) return start_topk();
  const bool low = packing_ == Packing::bf16;
  ticket_ = world()->start_sum(Lane::gradients, low ? Number::bf16 : Number::f32,
                               low ? static_cast<const void*>(low_.data()) : own_.data(),
                               low ? static_cast<void*>(low_sum_.data()) : sum_.data(), count_);
}

void Bucket::start_topk() {
  std::iota(order_.begin(), order_.end(), 0);
  const auto larger = [&](int32_t a, int32_t b) {
    const float x = std::fabs(own_[static_cast<size_t>(a)]),
                y = std::fabs(own_[static_cast<size_t>(b)]);
    return x != y ? x > y : a < b;
  };
  std::nth_element(order_.begin(), order_.begin() + (chosen_ - 1), order_.end(), larger);
  std::sort(order_.begin(), order_.begin() + chosen_);
  for (size_t i = 0; i < sent_.size(); ++i) {
    float& value = own_[static_cast<size_t>(order_[i])];
    sent_[i] = {order_[i], std::exchange(value, 0.0f)};
  }
  ticket_ = world()->start_gather(Lane::gradients, sent_.data(), received_.data(),
                                  static_cast<int64_t>(sent_.size() * sizeof(Entry)));
}

void Bucket::sum_topk() {
  std::fill(sum_.begin(), sum_.end(), 0.0f);
  for (const Entry& e : received_) sum_[static_cast<size_t>(e.place)] += e.value;
}

void Bucket::finish(float scale, void* const* tensors) {
  if (!Searching::now()) {
    world()->wait(ticket_);
    if (packing_ == Packing::topk) sum_topk();
  }
  again(scale, tensors);
}

void Bucket::again(float scale, void* const* tensors) const {
  size_t at = 0;
  for (size_t t = 0; t < sizes_.size(); ++t) {
    auto* to = static_cast<float*>(tensors[t]);
    const auto size = static_cast<size_t>(sizes_[t]);
    if (packing_ == Packing::bf16)
      for (size_t i = 0; i < size; ++i) to[i] = from_bf16(low_sum_[at + i]) * scale;
    else
      for (size_t i = 0; i < size; ++i) to[i] = sum_[at + i] * scale;
    at += size;
  }
}

int64_t add_bucket(std::vector<int64_t> sizes, Packing packing) {
  all_buckets().emplace_back(std::move(sizes), packing);
  return std::ssize(all_buckets()) - 1;
}
Bucket& bucket(int64_t number) { return all_buckets().at(static_cast<size_t>(number)); }

}  // namespace cairn::dist
