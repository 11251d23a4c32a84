// The one thread that computes, and the requests that wait for it. Examples of one model are
// computed as a batch; all else takes turns in the order in which it came.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "cairn/serve/plans.h"
#include "cairn/serve/service.h"

namespace cairn::serve {

struct EngineLimits {
  int64_t batch = 32;   // examples at once
  int64_t queue = 256;  // requests that wait
  double wait_ms = 4;   // for more of them, where some are on their way
};

class Engine {
 public:
  explicit Engine(const EngineLimits& limits);
  ~Engine();  // after what waits is done
  Engine(const Engine&) = delete;

  struct Job;
  // The examples of one request, which has one place in the queue however many they are. Those that
  // still wait when this goes away are not computed.
  class Request {
   public:
    Request(Engine& engine, Plans& plans, Deadline deadline);
    ~Request();
    Request(const Request&) = delete;
    // Throws Refused (503) where the queue is full when the first one comes, and where there is no
    // room for so much in time.
    void add(Tensors inputs);
    // What the model says of example `i`. Throws Refused (503) where its turn did not come in time,
    // and what computing it threw.
    std::vector<float> result(size_t i);

   private:
    Engine& engine_;
    Plans& plans_;
    const Deadline deadline_;
    std::vector<std::shared_ptr<Job>> jobs_;
    const std::shared_ptr<int64_t> waiting_;
  };
  // `work` in its turn; of several at once none is computed beside another. Throws as the two
  // above, and what `work` throws.
  void run(const std::function<void()>& work, Deadline deadline);
  // The same for the next step of what has begun: never refused.
  void go_on(const std::function<void()>& work);

  void expect(int change);
  void wrote(int64_t tokens);
  Work work() const;

 private:
  void push(const std::shared_ptr<Job>& job, bool begun);
  void leaves(const Job& job);
  void give_back(std::vector<std::shared_ptr<Job>>& batch, size_t kept);
  void wait(Job& job);
  void loop();
  std::vector<std::shared_ptr<Job>> next(std::unique_lock<std::mutex>& lock);
  void collect(std::vector<std::shared_ptr<Job>>& batch);
  static void compute(std::span<const std::shared_ptr<Job>> batch);

  const EngineLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable work_came_, room_came_;
  std::deque<std::shared_ptr<Job>> waiting_;
  int64_t requests_ = 0, bytes_ = 0;  // that wait, and their examples
  int coming_ = 0;
  bool ends_ = false;
  Work done_;
  std::map<int64_t, int64_t> batches_;
  std::thread thread_;
};

}  // namespace cairn::serve
