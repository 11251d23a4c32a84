// Items 0, 1, 2, ... made by background threads a few ahead of the reader, handed out in order.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "cairn/base/parallel.h"

namespace cairn::data {

// `make(number, item)` fills an item (an old one, whose memory it may reuse); it runs on several
// threads at once for different numbers. The order and content of what comes out do not depend on
// the threads. next() belongs to one reader. Destroying it half-way stops the threads after their
// current item.
template <class Item>
class Prefetcher {
 public:
  Prefetcher(int64_t first, int64_t end, int threads, int ahead,
             std::function<void(int64_t, Item&)> make)
      : make_(std::move(make)),
        slots_(static_cast<size_t>(ahead)),
        claimed_(first),
        taken_(first),
        end_(end) {
    for (int t = 0; t < threads; ++t) threads_.emplace_back([this] { work(); });
  }
  Prefetcher(const Prefetcher&) = delete;
  ~Prefetcher() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    space_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // Swaps the next item into `item`; false after the last. Throws what its maker threw.
  bool next(Item& item) {
    std::unique_lock lock(mutex_);
    if (taken_ == end_) return false;
    Slot& slot = slot_of(taken_);
    ready_.wait(lock, [&] { return slot.ready; });
    slot.ready = false;
    ++taken_;
    const std::exception_ptr error = std::exchange(slot.error, nullptr);
    if (!error) std::swap(item, slot.item);
    lock.unlock();
    space_.notify_one();
    if (error) std::rethrow_exception(error);
    return true;
  }

 private:
  struct Slot {
    Item item{};
    std::exception_ptr error;
    bool ready = false;
  };
  Slot& slot_of(int64_t number) { return slots_[static_cast<size_t>(number) % slots_.size()]; }

  void work() {
    SerialScope serial;  // kernels called here must not start a team of threads of their own
    std::unique_lock lock(mutex_);
    while (true) {
      space_.wait(lock, [&] {
        return stopping_ || claimed_ == end_ ||
               claimed_ < taken_ + static_cast<int64_t>(slots_.size());
      });
      if (stopping_ || claimed_ == end_) return;
      const int64_t number = claimed_++;
      Slot& slot = slot_of(number);  // free: its last item was taken
      lock.unlock();
      std::exception_ptr error;
      try {
        make_(number, slot.item);
      } catch (...) { error = std::current_exception(); }
      lock.lock();
      slot.error = error;
      slot.ready = true;
      ready_.notify_one();
    }
  }

  const std::function<void(int64_t, Item&)> make_;
  std::mutex mutex_;
  std::condition_variable space_, ready_;
  std::vector<Slot> slots_;
  int64_t claimed_, taken_;
  const int64_t end_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace cairn::data
