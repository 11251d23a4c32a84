#include "cairn/base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "cairn/base/parallel.h"

namespace cairn {
namespace {

using Clock = std::chrono::steady_clock;

// How long memory is looked at before the thread sleeps. Waking a sleeper takes 5 to 50 us, and the
// parts of a step that run on one thread are mostly shorter than 100. Measured on two Zen 4 cores:
// an idle machine gains nothing beyond 200 us (LeNet's step 6.4 ms with 50 to 5,000 us, as with
// libgomp, which spins for milliseconds); beside two other processes training takes 5.9 s with 200
// us, 6.8 without spinning, and with libgomp's team 11.2, or 6.1 where OMP_WAIT_POLICY=passive.
constexpr auto kSpin = std::chrono::microseconds(200);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void sleep_while(const std::atomic<uint32_t>& word, uint32_t value) {
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

// True once the word has changed, false when it did not for kSpin.
bool changes_soon(const std::atomic<uint32_t>& word, uint32_t value) {
  constexpr int kLooks = 32;  // between two looks at the clock
  Clock::time_point end{};
  while (true) {
    for (int i = 0; i < kLooks; ++i, relax())
      if (word.load(std::memory_order_acquire) != value) return true;
    const auto now = Clock::now();
    if (end == Clock::time_point{}) end = now + kSpin;
    else if (now > end) return false;
  }
}

// A place where one thread is offered a part of the work, and takes it or finds it taken back.
struct alignas(64) Worker {
  static constexpr uint32_t kNothing = 0, kOffered = 1, kTaken = 2;
  std::atomic<uint32_t> state{kNothing};
  Waiter waiter;
};

class Pool {
 public:
  bool run(int count, bool together, FunctionRef<void(int)> body) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    if (!start(count - 1)) return false;
    body_ = &body;
    done_.store(0, std::memory_order_relaxed);
    for (int w = 1; w < count; ++w) offer(*workers_[w - 1]);
    body(0);
    uint32_t taken = 0;
    for (int w = 1; w < count; ++w) {
      if (!together && take_back(*workers_[w - 1])) body(w);
      else ++taken;
    }
    for (uint32_t done; (done = done_.load(std::memory_order_acquire)) != taken;)
      caller_.wait_while(done_, done);
    return true;
  }

 private:
  bool start(int count) try {
    while (static_cast<int>(workers_.size()) < count) {
      auto worker = std::make_unique<Worker>();
      std::thread([this, index = static_cast<int>(workers_.size()) + 1, w = worker.get()] {
        work(*w, index);
      }).detach();
      workers_.push_back(std::move(worker));
    }
    return true;
  } catch (const std::system_error&) {  // the system gives no more threads
    return false;
  }

  static void offer(Worker& worker) {
    worker.state.store(Worker::kOffered, std::memory_order_seq_cst);
    worker.waiter.wake(worker.state);
  }
  static bool take_back(Worker& worker) {
    uint32_t state = Worker::kOffered;
    return worker.state.compare_exchange_strong(state, Worker::kNothing, std::memory_order_acquire);
  }

  // body_ is read only after a part was taken: until it is done the call does not return.
  [[noreturn]] void work(Worker& worker, int index) {
    const SerialScope serial;  // nested calls stay on their thread
    while (true) {
      worker.waiter.wait_while(worker.state, Worker::kNothing);
      uint32_t state = Worker::kOffered;
      if (!worker.state.compare_exchange_strong(state, Worker::kTaken, std::memory_order_acquire))
        continue;
      (*body_)(index);
      worker.state.store(Worker::kNothing, std::memory_order_relaxed);
      done_.fetch_add(1, std::memory_order_seq_cst);
      caller_.wake(done_);
    }
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
  FunctionRef<void(int)>* body_ = nullptr;
  alignas(64) std::atomic<uint32_t> done_{0};
  Waiter caller_;
};

// Never destroyed: its threads sleep until the process ends. A forked child has none of them and
// starts with a new one.
Pool*& instance() {
  static Pool* pool = [] {
    pthread_atfork(nullptr, nullptr, [] { instance() = new Pool; });
    return new Pool;
  }();
  return pool;
}

}  // namespace

void Waiter::wait_while(const std::atomic<uint32_t>& word, uint32_t value) {
  if (changes_soon(word, value)) return;
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (word.load(std::memory_order_seq_cst) == value) sleep_while(word, value);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void Waiter::wake(std::atomic<uint32_t>& word) {
  if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

bool run_on_pool(int count, bool together, FunctionRef<void(int)> body) {
  return instance()->run(count, together, body);
}

}  // namespace cairn
