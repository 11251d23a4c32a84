#include "cairn/serve/engine.h"

#include <algorithm>

namespace cairn::serve {

using Clock = std::chrono::steady_clock;

namespace {
// Of examples that wait: one more comes when there is less.
constexpr int64_t kMostBytes = int64_t{1} << 29;
}  // namespace

struct Engine::Job {
  Plans* plans = nullptr;  // nullptr: `work`
  int64_t length = 0;
  Example example;
  int64_t bytes = 0;  // of its inputs
  const std::function<void()>* work = nullptr;
  std::shared_ptr<int64_t> of_request = std::make_shared<int64_t>(0);  // how many of it wait
  Deadline came, deadline;
  enum { waits, runs, done } state = waits;
  std::condition_variable is_done;
  std::exception_ptr error;
};

Engine::Engine(const EngineLimits& limits) : limits_(limits), thread_([this] { loop(); }) {}

Engine::~Engine() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  work_came_.notify_all();
  thread_.join();
}

void Engine::push(const std::shared_ptr<Job>& job, bool begun) {
  std::unique_lock lock(mutex_);
  if (!begun && requests_ >= limits_.queue)
    throw Refused(503, fmt::format("{} requests wait already (--queue); try again in a moment",
                                   limits_.queue));
  const auto has_room = [&] { return bytes_ == 0 || bytes_ + job->bytes <= kMostBytes; };
  if (job->bytes > 0 && !room_came_.wait_until(lock, job->deadline, has_room))
    throw Refused(503, "too much waits already; try again in a moment");
  job->came = Clock::now();
  waiting_.push_back(job);
  bytes_ += job->bytes;
  if (++*job->of_request == 1) ++requests_;
  work_came_.notify_one();
}

// Of those that wait.
void Engine::leaves(const Job& job) {
  bytes_ -= job.bytes;
  if (--*job.of_request == 0) --requests_;
  if (job.bytes > 0) room_came_.notify_all();
}

Engine::Request::Request(Engine& engine, Plans& plans, Deadline deadline)
    : engine_(engine), plans_(plans), deadline_(deadline), waiting_(std::make_shared<int64_t>(0)) {}

Engine::Request::~Request() {
  const std::lock_guard lock(engine_.mutex_);
  if (*waiting_ == 0) return;
  std::erase_if(engine_.waiting_, [&](const auto& job) {
    const bool own = job->of_request == waiting_;
    if (own) engine_.leaves(*job);
    return own;
  });
}

void Engine::Request::add(Tensors inputs) {
  const auto job = std::make_shared<Job>();
  job->plans = &plans_, job->deadline = deadline_, job->of_request = waiting_;
  job->length = plans_.length_for(inputs);
  for (const Tensor& t : inputs) job->bytes += t.numel() * static_cast<int64_t>(size_of(t.dtype()));
  job->example.inputs = std::move(inputs);
  engine_.push(job, !jobs_.empty());
  jobs_.push_back(job);
}

std::vector<float> Engine::Request::result(size_t i) {
  engine_.wait(*jobs_.at(i));
  return std::move(jobs_[i]->example.output);
}

void Engine::wait(Job& job) {
  std::unique_lock lock(mutex_);
  const auto is_done = [&] { return job.state == Job::done; };
  if (!job.is_done.wait_until(lock, job.deadline, is_done)) {
    if (job.state == Job::waits) {
      std::erase_if(waiting_, [&](const auto& other) { return other.get() == &job; });
      leaves(job);
      throw Refused(503, "its turn did not come in time; try again in a moment");
    }
    job.is_done.wait(lock, is_done);  // what runs is not interrupted
  }
  if (job.error) std::rethrow_exception(job.error);
}

void Engine::run(const std::function<void()>& work, Deadline deadline) {
  const auto job = std::make_shared<Job>();
  job->work = &work, job->deadline = deadline;
  push(job, false);
  wait(*job);
}

void Engine::go_on(const std::function<void()>& work) {
  const auto job = std::make_shared<Job>();
  job->work = &work, job->deadline = Clock::now() + std::chrono::hours(24 * 365);
  push(job, true);
  wait(*job);
}

void Engine::expect(int change) {
  const std::lock_guard lock(mutex_);
  coming_ += change;
  if (coming_ == 0) work_came_.notify_one();
}

void Engine::wrote(int64_t tokens) {
  const std::lock_guard lock(mutex_);
  done_.tokens += tokens;
}

Work Engine::work() const {
  const std::lock_guard lock(mutex_);
  Work work = done_;
  work.waiting = requests_;
  work.batches.assign(batches_.begin(), batches_.end());
  return work;
}

// Those of the first one's kind, as many as go together.
void Engine::collect(std::vector<std::shared_ptr<Job>>& batch) {
  for (auto it = waiting_.begin(); it != waiting_.end() && std::ssize(batch) < limits_.batch;) {
    const Job& job = **it;
    const bool fits = batch.empty() ||
                      (job.plans && job.plans == batch[0]->plans && job.length == batch[0]->length);
    if (!fits) {
      ++it;
      continue;
    }
    (*it)->state = Job::runs;
    leaves(**it);
    batch.push_back(std::move(*it));
    it = waiting_.erase(it);
    if (!batch[0]->plans) return;
  }
}

// Those after the first `kept` wait again, before all others.
void Engine::give_back(std::vector<std::shared_ptr<Job>>& batch, size_t kept) {
  for (; batch.size() > kept; batch.pop_back()) {
    Job& job = *batch.back();
    job.state = Job::waits;
    bytes_ += job.bytes;
    if (++*job.of_request == 1) ++requests_;
    waiting_.push_front(std::move(batch.back()));
  }
}

std::vector<std::shared_ptr<Engine::Job>> Engine::next(std::unique_lock<std::mutex>& lock) {
  std::vector<std::shared_ptr<Job>> batch;
  work_came_.wait(lock, [&] { return ends_ || !waiting_.empty(); });
  collect(batch);
  if (batch.empty() || !batch[0]->plans) return batch;
  const auto until =
      batch[0]->came + std::chrono::microseconds(static_cast<int64_t>(limits_.wait_ms * 1000));
  while (std::ssize(batch) < limits_.batch && coming_ > 0 &&
         work_came_.wait_until(lock, until) == std::cv_status::no_timeout)
    collect(batch);
  collect(batch);
  give_back(batch, static_cast<size_t>(Plans::part_of(std::ssize(batch))));
  return batch;
}

void Engine::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto batch = next(lock);
    if (batch.empty()) return;
    lock.unlock();
    compute(batch);
    lock.lock();
    for (const auto& job : batch) {
      job->example.inputs.clear();
      job->state = Job::done, job->is_done.notify_one();
    }
    if (batch[0]->plans) ++batches_[std::ssize(batch)], done_.examples += std::ssize(batch);
  }
}

void Engine::compute(std::span<const std::shared_ptr<Job>> batch) {
  try {
    if (!batch[0]->plans) return (*batch[0]->work)();
    std::vector<Example*> examples;
    for (const auto& job : batch) examples.push_back(&job->example);
    batch[0]->plans->run(examples);
  } catch (...) {
    if (batch.size() == 1) batch[0]->error = std::current_exception();
    else  // whose fault it is
      for (size_t i = 0; i < batch.size(); ++i) compute(batch.subspan(i, 1));
  }
}

}  // namespace cairn::serve
