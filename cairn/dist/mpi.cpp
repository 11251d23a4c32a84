#include "cairn/dist/mpi.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "cairn/dist/mpi_watch.h"

namespace cairn::dist {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

float widened(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }
uint16_t narrowed(float x) {  // to the nearest, ties to even
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void add_bf16(void* in, void* sum, int* count, MPI_Datatype*) {
  const auto* x = static_cast<const uint16_t*>(in);
  auto* y = static_cast<uint16_t*>(sum);
  for (int i = 0; i < *count; ++i) y[i] = narrowed(widened(x[i]) + widened(y[i]));
}

std::string text_of(int error) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(error, text, &length);
  return std::string(text, static_cast<size_t>(length));
}

struct Job : World::Transfer {
  std::function<int(MPI_Request*)> start;
  int64_t counted = 0;  // bytes of the training's traffic
  MPI_Request request = MPI_REQUEST_NULL;
  bool done = false;
  int error = MPI_SUCCESS;
};
using JobPtr = std::shared_ptr<Job>;

class MpiWorld : public World {
 public:
  MpiWorld() : thread_([this] { speak(); }) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return began_; });
    if (failure_.empty()) return;
    lock.unlock();
    thread_.join();
    fail("MPI does not start: {}", failure_);
  }
  ~MpiWorld() override {
    if (thread_.joinable()) give_up("left without a word");
  }

  Place place() const override { return place_; }
  std::string name(int rank) const override {
    return processes_[static_cast<size_t>(rank)].text(rank);
  }

  Ticket start_sum(Lane lane, Number type, const void* in, void* out, int64_t count) override {
    const MPI_Datatype types[] = {MPI_FLOAT, MPI_UINT16_T, MPI_INT64_T};
    const int sizes[] = {4, 2, 8};
    const auto t = static_cast<size_t>(type);
    const MPI_Datatype as = types[t];
    const MPI_Op op = type == Number::bf16 ? sum_bf16_ : MPI_SUM;
    return start(lane, count * sizes[t], [=, this](MPI_Request* r) {
      return MPI_Iallreduce(in, out, static_cast<int>(count), as, op, comm(lane), r);
    });
  }
  Ticket start_gather(Lane lane, const void* in, void* out, int64_t bytes) override {
    const int size = static_cast<int>(bytes);
    return start(lane, bytes, [=, this](MPI_Request* r) {
      return MPI_Iallgather(in, size, MPI_CHAR, out, size, MPI_CHAR, comm(lane), r);
    });
  }
  Ticket start_largest(const int64_t* in, int64_t* out) override {
    return start(Lane::control, 0, [=, this](MPI_Request* r) {
      return MPI_Iallreduce(in, out, 1, MPI_INT64_T, MPI_MAX, comm(Lane::control), r);
    });
  }
  Ticket start_broadcast(void* data, int64_t bytes) override {
    return start(Lane::control, 0, [=, this](MPI_Request* r) {
      return MPI_Ibcast(data, static_cast<int>(bytes), MPI_CHAR, 0, comm(Lane::control), r);
    });
  }

  void wait(const Ticket& ticket) override {
    const auto& job = static_cast<const Job&>(*ticket);
    std::unique_lock lock(mutex_);
    if (!job.done && failure_.empty()) {
      const auto began = Clock::now();
      ++waiting_;
      wake_.notify_one();
      done_.wait(lock, [&] { return job.done || !failure_.empty(); });
      --waiting_;
      if (job.counted > 0) traffic_.waited += seconds_since(began);
    }
    if (!job.done) throw RankLost(failure_);
    if (job.error != MPI_SUCCESS) throw RankLost("MPI: " + text_of(job.error));
  }
  Traffic traffic() const override {
    const std::lock_guard lock(mutex_);
    return traffic_;
  }

  void leave() override {
    wait(start(Lane::control, 0,
               [this](MPI_Request* r) { return MPI_Ibarrier(comm(Lane::control), r); }));
    end("");
  }
  void give_up(const std::string& why) override { end(why); }

 private:
  MPI_Comm comm(Lane lane) const { return lanes_[static_cast<size_t>(lane)]; }

  Ticket start(Lane lane, int64_t bytes, std::function<int(MPI_Request*)> how) {
    const auto job = std::make_shared<Job>();
    job->start = std::move(how);
    job->counted = lane == Lane::control ? 0 : bytes;
    {
      const std::lock_guard lock(mutex_);
      if (!failure_.empty()) throw RankLost(failure_);
      queue_.push_back(job);
      traffic_.bytes += job->counted;
    }
    wake_.notify_one();
    return job;
  }
  void end(const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      last_words_ = why;
    }
    wake_.notify_one();
    thread_.join();
  }

  // All that follows runs on the one thread that speaks MPI.
  void speak() {
    if (!begin()) return;
    MpiWatch watch(processes_);
    std::unique_lock lock(mutex_);
    began_ = true;
    done_.notify_all();
    while (!ending_) {
      for (; !queue_.empty(); queue_.pop_front()) launch(queue_.front());
      lock.unlock();
      const auto before = Clock::now();
      const bool moved = move_on();
      const bool busy = Clock::now() - before > microseconds(5);
      const std::string lost = watch.look();
      lock.lock();
      if (moved) done_.notify_all(), progress_ = Clock::now();
      if (!lost.empty() && failure_.empty()) {
        failure_ = lost;
        done_.notify_all();
        watch.tell(lost);
      }
      count_time();
      if (!moved && !busy) pause(lock);
    }
    const std::string words = last_words_;
    const bool known = !failure_.empty();
    lock.unlock();
    finish(watch, words, known);
  }

  bool begin() {
    int provided = 0;
    const int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    if (error != MPI_SUCCESS || provided < MPI_THREAD_FUNNELED) {
      const std::lock_guard lock(mutex_);
      failure_ = error != MPI_SUCCESS ? text_of(error) : "it supports no threads";
      began_ = true;
      done_.notify_all();
      return false;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &place_.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &place_.ranks);
    MPI_Comm near = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near);
    MPI_Comm_rank(near, &place_.local_rank);
    MPI_Comm_size(near, &place_.local_ranks);
    MPI_Comm_free(&near);
    for (MPI_Comm& lane : lanes_) MPI_Comm_dup(MPI_COMM_WORLD, &lane);
    MPI_Op_create(add_bf16, 1, &sum_bf16_);
    const Process own = Process::own();
    processes_.resize(static_cast<size_t>(place_.ranks));
    MPI_Allgather(&own, sizeof own, MPI_BYTE, processes_.data(), sizeof own, MPI_BYTE,
                  MPI_COMM_WORLD);
    return true;
  }

  void launch(const JobPtr& job) {
    job->error = job->start(&job->request);
    if (job->error == MPI_SUCCESS) return active_.push_back(job);
    job->done = true;
    done_.notify_all();
  }

  // Open MPI 4.1 moves nothing while nobody calls it. True: something came to its end.
  bool move_on() {
    std::vector<JobPtr> ended;
    for (const JobPtr& job : active_) {
      int done = 0;
      const int error = MPI_Test(&job->request, &done, MPI_STATUS_IGNORE);
      if (!done && error == MPI_SUCCESS) continue;
      job->error = error;
      ended.push_back(job);
    }
    if (ended.empty()) return false;
    const std::lock_guard lock(mutex_);
    for (const JobPtr& job : ended) {
      job->done = true;
      std::erase(active_, job);
    }
    return true;
  }

  void count_time() {
    const auto now = Clock::now();
    const bool training = std::any_of(active_.begin(), active_.end(),
                                      [](const JobPtr& job) { return job->counted > 0; });
    if (training) traffic_.seconds += std::chrono::duration<double>(now - counted_).count();
    counted_ = now;
  }

  // While somebody waits it hurries, unless nothing has come for a while (another rank evaluates);
  // while others compute on this processor it looks in between.
  void pause(std::unique_lock<std::mutex>& lock) {
    const auto wanted = [&] { return ending_ || !queue_.empty(); };
    if (active_.empty()) {
      wake_.wait_for(lock, milliseconds(20), wanted);
      progress_ = counted_ = Clock::now();
    } else if (waiting_ > 0 && Clock::now() - progress_ < milliseconds(20)) {
      lock.unlock();
      sched_yield();
      lock.lock();
    } else {
      const int waiting = waiting_;
      wake_.wait_for(lock, microseconds(waiting > 0 ? 200 : 50),
                     [&] { return wanted() || waiting_ > waiting; });
    }
  }

  void finish(MpiWatch& watch, const std::string& words, bool known) {
    if (words.empty()) {
      watch.end();
      MPI_Finalize();
      return;
    }
    // Who leaves without MPI_Finalize and with a status that is not 0 is taken for failed by every
    // launcher; what the others are to know must be on its way first.
    if (!known) watch.tell(words);
    for (const auto begin = Clock::now(); Clock::now() - begin < milliseconds(300);) {
      move_on();
      watch.look();
      sched_yield();
    }
  }

  Place place_;
  std::vector<Process> processes_;
  MPI_Comm lanes_[kLanes] = {MPI_COMM_NULL, MPI_COMM_NULL, MPI_COMM_NULL};
  MPI_Op sum_bf16_ = MPI_OP_NULL;

  mutable std::mutex mutex_;
  std::condition_variable wake_, done_;  // for the thread; for who waits
  std::deque<JobPtr> queue_;
  std::vector<JobPtr> active_;  // changed by the thread alone
  std::string failure_, last_words_;
  Traffic traffic_;
  int waiting_ = 0;
  bool began_ = false, ending_ = false;
  Clock::time_point progress_ = Clock::now(), counted_ = Clock::now();
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<World> join_mpi() { return std::make_unique<MpiWorld>(); }

}  // namespace cairn::dist
