// `cairn serve` as a process, and a client that says what it likes on a socket.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/cli/program.h"

namespace cairn::serve_test {

using cli_test::Arguments, cli_test::content_of, cli_test::Outcome, cli_test::Running;
using Json = nlohmann::ordered_json;

struct Answer {
  int status = 0;  // 0: the connection ended before one came
  std::string head, body;
  Json json() const { return Json::parse(body); }
  bool has(const std::string& text) const {
    return head.find(text) != head.npos || body.find(text) != body.npos;
  }
};

// The pieces of a chunked body, joined; `whole`: the last one has come.
inline std::string joined(const std::string& chunks, bool* whole = nullptr) {
  std::string body;
  for (size_t at = 0; at < chunks.size();) {
    const size_t end = chunks.find("\r\n", at);
    if (end == chunks.npos) break;
    const size_t size = std::stoul("0" + chunks.substr(at, end - at), nullptr, 16);
    if (whole) *whole = size == 0;
    if (size == 0) break;
    body += chunks.substr(end + 2, size);
    at = end + 4 + size;
  }
  return body;
}

// One connection.
class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET, to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  bool connected() const { return connected_; }

  // False: the other side is gone.
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // More of what comes; false: nothing does any more.
  bool more() {
    char buffer[65536];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got > 0) read_.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }
  int socket() const { return socket_; }
  const std::string& so_far() const { return read_; }
  // One answer, of known length or chunked.
  Answer answer(bool to_head = false) {
    size_t head = 0;
    while ((head = read_.find("\r\n\r\n")) == read_.npos)
      if (!more()) return {0, read_, ""};
    Answer a{std::stoi(read_.substr(9, 3)), read_.substr(0, head + 2), ""};
    read_.erase(0, head + 4);
    if (to_head) return a;
    if (const size_t at = a.head.find("Content-Length: "); at != a.head.npos) {
      const size_t size = std::stoul(a.head.substr(at + 16));
      while (read_.size() < size)
        if (!more()) return {0, a.head, read_};
      a.body = read_.substr(0, size);
      read_.erase(0, size);
      return a;
    }
    bool whole = false;
    while (a.body = joined(read_, &whole), !whole)
      if (!more()) return {0, a.head, a.body};
    read_.clear();
    return a;
  }
  Answer ask(const std::string& method, const std::string& path, const std::string& body = "",
             const std::string& type = "application/json", const std::string& headers = "") {
    send(fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}", method, path, headers) +
         (method == "POST"
              ? fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n\r\n", type, body.size())
              : "\r\n") +
         body);
    return answer();
  }

 private:
  int socket_;
  bool connected_ = false;
  std::string read_;
};

class Server {
 public:
  explicit Server(Arguments arguments, const std::string& port = "0") {
    arguments.insert(arguments.begin(), "serve");
    arguments.insert(arguments.end(), {"--port", port, "--threads", "1"});
    running_ = std::make_unique<Running>(arguments, cli_test::Setting{{}, folder_ / "said"});
    const bool listens = running_->wait_for([&] {
      const std::string said = content_of(folder_ / "said");
      if (!said.ends_with('\n')) return false;
      this->port = std::stoi(said.substr(said.rfind(':') + 1));
      return true;
    });
    EXPECT_TRUE(listens) << running_->wait().err;
  }
  Client connect() const { return Client(port); }
  Answer get(const std::string& path) const { return Client(port).ask("GET", path); }
  Answer post(const std::string& path, const std::string& body,
              const std::string& type = "application/json", const std::string& headers = "") const {
    return Client(port).ask("POST", path, body, type, headers);
  }
  Answer post(const std::string& path, const Json& body) const { return post(path, body.dump()); }
  void send(int signal) const { running_->send(signal); }
  Outcome wait() { return running_->wait(); }
  // Of /metrics.
  double measured(const std::string& name) const {
    const std::string text = get("/metrics").body;
    const size_t at = text.find("\n" + name + " ");
    return at == text.npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  // What it comes to: a request is counted when its answer has been written, which may be read
  // before.
  double settled(const std::string& name, double value) const {
    for (int i = 0; i < 1000 && measured(name) != value; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return measured(name);
  }
  int port = 0;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Running> running_;
};

}  // namespace cairn::serve_test
