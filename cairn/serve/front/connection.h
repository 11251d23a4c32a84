// What http.cpp stands on: one client's connection, bounded in time, and the threads that serve
// them.
#pragma once
#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <chrono>
#include <string_view>

#include "cairn/serve/front/http.h"

namespace cairn::serve {

using Clock = std::chrono::steady_clock;

inline int milliseconds_to(Clock::time_point then) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(then - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}
inline Clock::time_point seconds_from_now(double seconds) {
  return Clock::now() + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
}

// Follows a body of chunks as it is read, to its end: what may come behind the last chunk
// (trailers) is none of httplib's.
class Chunks {
 public:
  void begin() { place_ = Place::size, size_ = 0, in_size_ = true; }
  void end() { place_ = Place::none; }
  bool at_trailers() const { return place_ == Place::trailers; }
  // How much may be read at once, to stay within one part of it.
  size_t at_once(size_t wanted) const {
    return place_ == Place::none   ? wanted
           : place_ == Place::size ? std::min<size_t>(wanted, 1)
                                   : std::min(wanted, size_);
  }
  void saw(const char* data, size_t count) {
    if (place_ == Place::data) {
      if ((size_ -= count) == 0) begin();
    } else if (place_ == Place::size && count > 0) {
      saw_of_size(*data);
    }
  }

 private:
  enum class Place { none, size, data, trailers };
  void saw_of_size(char c) {
    constexpr size_t kMost = size_t{1} << 40;  // what is larger is refused long before its end
    if (c == '\n') {
      place_ = size_ ? Place::data : Place::trailers;
      size_ += 2;  // and the end of its line
    } else if (in_size_ &= std::isxdigit(static_cast<unsigned char>(c)) != 0; in_size_) {
      const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      size_ = std::min(kMost, size_ * 16 + static_cast<size_t>(digit));
    }
  }
  Place place_ = Place::none;
  size_t size_ = 0;
  bool in_size_ = true;  // before what may follow the number
};

// One client: what is read and written has to be done by a time, whatever the pace.
class Connection : public httplib::Stream {
 public:
  Connection(int socket, int stops, const Limits& limits)
      : socket_(socket), stops_(stops), limits_(limits) {}

  // Until a request begins; false: none came, or the server stops.
  bool waits_for_request() {
    until_ = seconds_from_now(limits_.idle_seconds + limits_.read_seconds), bytes_ = 0;
    if (at_ == end_) {
      pollfd both[] = {{socket_, POLLIN, 0}, {stops_, POLLIN, 0}};
      if (::poll(both, 2, static_cast<int>(limits_.idle_seconds * 1000)) <= 0) return false;
      if (both[1].revents || !fill()) return false;
    }
    began = Clock::now(), until_ = seconds_from_now(limits_.read_seconds);
    chunks_.end(), pending_ = "";
    head_bytes_ = 0, bytes_ = end_ - at_, in_head_ = true, failed = 0, refused = false, status = 0;
    return true;
  }
  void head_is_read() { in_head_ = false; }
  void body_is_chunked() { chunks_.begin(); }
  bool in_head() const { return in_head_; }
  void answers() { until_ = seconds_from_now(limits_.read_seconds + limits_.answer_seconds); }

  bool is_readable() const override {
    return !pending_.empty() || at_ < end_ || ready(POLLIN, until_);
  }
  bool is_writable() const override { return !failed && ready(POLLOUT, until_); }
  ssize_t read(char* to, size_t size) override {
    if (chunks_.at_trailers() && !skip_trailers()) return failed ? -1 : 0;
    if (!pending_.empty()) {
      const size_t count = pending_.copy(to, size);
      pending_.remove_prefix(count);
      return static_cast<ssize_t>(count);
    }
    const ssize_t got = take(to, chunks_.at_once(size));
    if (got > 0) chunks_.saw(to, static_cast<size_t>(got));
    return got;
  }
  ssize_t write(const char* from, size_t size) override {
    if (failed) return static_cast<ssize_t>(size);  // what is said then is said at the end
    return send_all(from, size) ? static_cast<ssize_t>(size) : -1;
  }
  bool send_all(const char* from, size_t size) {
    while (size > 0) {
      const ssize_t sent = ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) from += sent, size -= static_cast<size_t>(sent);
      else if (errno == EAGAIN ? !ready(POLLOUT, until_) : errno != EINTR) return false;
    }
    return true;
  }
  // Lets the client read the answer before the rest of what it sends is thrown away: a reset would
  // take it back.
  void close(double seconds) {
    ::shutdown(socket_, SHUT_WR);
    const auto until = seconds_from_now(seconds);
    for (size_t total = 0; total < size_t{4} << 20 && ready(POLLIN, until);) {
      const ssize_t got = ::recv(socket_, buffer_, sizeof buffer_, MSG_DONTWAIT);
      if (got <= 0) break;
      total += static_cast<size_t>(got);
    }
    ::close(socket_);
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

  Clock::time_point began;
  int failed = 0;        // why no more is read: 408, 413, 431
  bool refused = false;  // what follows cannot be read: the connection ends
  int status = 0;        // of what was answered
  size_t held = 0;       // of its request, bytes of the body
  HttpRequest request;
  HttpAnswer answer;

 private:
  ssize_t take(char* to, size_t size) {
    if (failed) return -1;
    if (at_ == end_ && !fill()) return failed ? -1 : 0;
    const size_t count = std::min(size, end_ - at_);
    std::memcpy(to, buffer_ + at_, count);
    at_ += count;
    if (in_head_ && (head_bytes_ += count) > limits_.header) return failed = 431, -1;
    return static_cast<ssize_t>(count);
  }
  // To the empty line that ends the body, which is left.
  bool skip_trailers() {
    size_t line = 1, total = 0;
    for (char c = 0; line > 0;) {
      line = 0;
      do {
        if (take(&c, 1) <= 0) return false;
        if (++total > limits_.header) return failed = 431, false;
        line += c != '\r' && c != '\n';
      } while (c != '\n');
    }
    chunks_.end(), pending_ = "\r\n";
    return true;
  }
  bool ready(short what, Clock::time_point until) const {
    pollfd one{socket_, what, 0};
    int got;
    do got = ::poll(&one, 1, milliseconds_to(until));
    while (got < 0 && errno == EINTR);
    return got > 0;
  }
  bool fill() {
    while (true) {
      if (Clock::now() >= until_) return failed = 408, false;
      const ssize_t got = ::recv(socket_, buffer_, sizeof buffer_, MSG_DONTWAIT);
      if (got > 0) {
        // With what chunks have around them, of which small ones have much.
        if ((bytes_ += static_cast<size_t>(got)) > limits_.header + 2 * limits_.body)
          return failed = 413, false;
        return at_ = 0, end_ = static_cast<size_t>(got), true;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) return false;
      if (errno == EAGAIN && !ready(POLLIN, until_)) return failed = 408, false;
    }
  }

  int socket_, stops_;
  const Limits& limits_;
  Clock::time_point until_;
  char buffer_[16384];
  size_t at_ = 0, end_ = 0, head_bytes_ = 0, bytes_ = 0;  // bytes_: of the whole request
  bool in_head_ = true;
  Chunks chunks_;
  std::string_view pending_;  // what httplib reads before what comes
};

// A thread for each connection, as many as are allowed; one more is told so at once.
class Threads : public httplib::TaskQueue {
 public:
  explicit Threads(int most) : most_(most) {}
  void enqueue(std::function<void()> serve) override {
    {
      const std::lock_guard lock(mutex_);
      if (static_cast<int>(waiting_.size()) < idle_ || grow()) {
        waiting_.push_back(std::move(serve));
        wakes_.notify_one();
        return;
      }
    }
    full = true;
    serve();
    full = false;
  }
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    wakes_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  static thread_local bool full;

 private:
  bool grow() {
    if (static_cast<int>(threads_.size()) >= most_) return false;
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) { return false; }
    return true;
  }
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wakes_.wait(lock, [&] { return ends_ || !waiting_.empty(); });
      --idle_;
      if (waiting_.empty()) return;
      const auto serve = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      serve();
      lock.lock();
    }
  }

  const int most_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  int idle_ = 0;
  bool ends_ = false;
};
inline thread_local bool Threads::full = false;

}  // namespace cairn::serve
