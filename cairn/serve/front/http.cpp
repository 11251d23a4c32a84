#include "cairn/serve/front/http.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>

#include "cairn/serve/front/connection.h"

namespace cairn::serve {
namespace {

// Media types and their parameters' names are written in any case: "Multipart/Form-Data;
// Boundary=b" with all but "b" in small letters, which httplib compares.
std::string plain_type(std::string type) {
  bool in_value = false;
  for (char& c : type) {
    in_value = c != ';' && (in_value || c == '=');
    if (!in_value) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return type;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

const char* reason_of(int status) {
  return status == 408   ? "Request Timeout"
         : status == 413 ? "Content Too Large"
         : status == 431 ? "Request Header Fields Too Large"
                         : "Service Unavailable";
}

thread_local Connection* current = nullptr;  // httplib's handlers get only the request

class Server : public httplib::Server, public HttpServer {
 public:
  Server(HttpHandler& handler, const std::string& host, int port, const Limits& limits)
      : handler_(handler), limits_(limits), stops_(eventfd(0, EFD_CLOEXEC)) {
    new_task_queue = [this] { return new Threads(limits_.connections); };
    set_tcp_nodelay(true);
    set_keep_alive_max_count(1'000'000);  // as answers say; kept by serve_one
    set_keep_alive_timeout(static_cast<time_t>(limits.idle_seconds));
    set_socket_options([this](socket_t socket) {
      listening_ = socket;
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_idle_interval(0, 100'000);
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& r) {
      if (!current->refused && current->request.method != "GET" &&
          current->request.method != "HEAD")
        return HandlerResponse::Unhandled;
      if (!current->refused) answer_to(r);
      else write(current->answer, r);
      return HandlerResponse::Handled;
    });
    Post("/", [this](const httplib::Request& q, httplib::Response& r,
                     const httplib::ContentReader& reader) { read_and_answer(q, r, reader); });
    set_error_handler(Handler([this](const httplib::Request&, httplib::Response& r) {
      if (current->in_head()) r.set_header("Connection", "close");  // where does the next begin?
      if (r.body.empty() && !r.content_provider_)
        write(handler_.error(r.status, "the request is no HTTP/1.1 that can be read"), r);
    }));
    errno = 0;
    port_ = port == 0 ? bind_to_any_port(host) : bind_to_port(host, port) ? port : -1;
    if (port_ > 0) ::listen(listening_, 1024);  // httplib's 5 would make many clients wait a second
  }
  ~Server() override { ::close(stops_); }

  int port() const override { return port_; }
  void run() override {
    if (!stopping_) listen_after_bind();
    ended_ = true;
  }
  // httplib cuts streams off when it stops: it is told when none is left.
  void stop() override {
    stopping_ = true;
    const uint64_t one = 1;
    (void)!::write(stops_, &one, sizeof one);
    while (!ended_ && (serving_ > 0 || !is_running()))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!ended_) httplib::Server::stop();
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    Connection c(socket, stops_, limits_);
    current = &c;
    if (Threads::full) say(c, handler_.error(503, "too many connections; try again in a moment"));
    else if (stopping_) say(c, handler_.error(503, "the server is stopping"));
    else
      while (!stopping_ && c.waits_for_request())
        if (!serve_one(c)) break;
    current = nullptr;
    c.close(Threads::full ? 0.02 : 1);  // where others wait to be accepted, not for long
    return true;
  }

  bool serve_one(Connection& c) {
    ++serving_;
    const bool goes_on = reads_and_answers(c);
    --serving_;
    c.request = {}, c.answer = {};
    held_ -= std::exchange(c.held, 0);
    return goes_on;
  }

  bool reads_and_answers(Connection& c) {
    bool closed = false;
    const auto setup = [&](httplib::Request& q) { see_head(c, q); };
    const bool good = process_request(c, stopping_, closed, setup);
    const int failed = c.failed;  // then what follows is no request
    if (failed) {
      const std::string message =
          c.failed == 431   ? fmt::format("the head is longer than {} bytes", limits_.header)
          : c.failed == 413 ? too_large()
                            : fmt::format("the request took longer than {} seconds to come",
                                          limits_.read_seconds);
      c.status = c.failed;
      say(c, handler_.error(c.failed, message));
    }
    if (c.status) handler_.done(c.request.path, c.status, seconds_since(c.began));
    return good && !closed && !failed && !c.refused && !c.in_head();
  }

  // Without httplib, where it is out of step with the client.
  static void say(Connection& c, const HttpAnswer& a) {
    std::string text = fmt::format(
        "HTTP/1.1 {} {}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        a.status, reason_of(a.status), a.body.size());
    for (const auto& [name, value] : a.headers) text += name + ": " + value + "\r\n";
    text += "\r\n" + a.body;
    c.failed = 0;
    c.answers();
    c.send_all(text.data(), text.size());
  }

  static double seconds_since(Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
  }

  // Before the body is read. httplib gets one path, so that its regular expressions see nothing
  // from outside.
  void see_head(Connection& c, httplib::Request& q) {
    c.head_is_read();
    HttpRequest& r = c.request;
    r.method = q.method, r.path = std::exchange(q.path, "/");
    if (q.has_header("Content-Type")) {
      r.type = plain_type(q.get_header_value("Content-Type"));
      q.headers.erase("Content-Type");
      q.headers.emplace("Content-Type", r.type);
    }
    // Without a length there is no body; httplib would wait for one.
    if (q.method == "POST" && !q.has_header("Content-Length") && !q.has_header("Transfer-Encoding"))
      q.headers.emplace("Content-Length", "0");
    r.host = q.get_header_value("Host");
    read_whole_address(r);
    r.origin = q.get_header_value("Origin"), r.authorization = q.get_header_value("Authorization");
    if (q.has_header("Expect")) {  // httplib compares; clients of HTTP/1.0 do not wait
      const std::string expects = lower(q.get_header_value("Expect"));
      q.headers.erase("Expect");
      if (q.version != "HTTP/1.0") q.headers.emplace("Expect", expects);
    }
    q.ranges.clear();
    q.headers.erase("Accept-Encoding");  // small answers: packing them costs more than it saves
    const std::string wrong = wrong_head(q);
    if (q.has_header("Transfer-Encoding")) c.body_is_chunked();
    if (!wrong.empty())
      c.answer = handler_.error(c.failed ? std::exchange(c.failed, 0) : 400, wrong);
    c.refused = !wrong.empty() || handler_.refuses(r, c.answer);
    if (!c.refused) return;
    q.headers.erase("Expect");  // no "100 Continue" before a refusal
    q.headers.erase("Connection");
    q.headers.emplace("Connection", "close");
  }

  // "http://HOST/path", as a proxy is asked: the Host of the head does not count then.
  static void read_whole_address(HttpRequest& r) {
    const size_t host = lower(r.path.substr(0, 8)).starts_with("http://") ? 7 : 0;
    if (host == 0) return;
    const size_t path = std::min(r.path.find('/', host), r.path.size());
    r.host = r.path.substr(host, path - host);
    r.path = path < r.path.size() ? r.path.substr(path) : "/";
  }

  // What would leave it unclear where a request ends, or is known to be too long.
  std::string wrong_head(const httplib::Request& q) {
    const size_t hosts = q.get_header_value_count("Host");
    if (hosts > 1) return "two Hosts";
    if (hosts == 0 && q.version == "HTTP/1.1") return "HTTP/1.1 wants a Host";
    const size_t lengths = q.get_header_value_count("Content-Length");
    const bool chunked = q.has_header("Transfer-Encoding");
    const std::string length = q.get_header_value("Content-Length");
    if (lengths > 1 || (lengths && chunked)) return "two lengths of one body";
    if (q.get_header_value_count("Transfer-Encoding") > 1 ||
        (chunked && q.get_header_value("Transfer-Encoding") != "chunked"))
      return "Transfer-Encoding: only 'chunked' is taken";
    if (length.find_first_not_of("0123456789") != length.npos) return "Content-Length: no number";
    if (length.size() > 18 || (lengths && std::stoull("0" + length) > limits_.body)) {
      current->failed = 413;
      return too_large();
    }
    if (const std::string expects = q.get_header_value("Expect");
        !expects.empty() && expects != "100-continue") {
      current->failed = 417;
      return "Expect: only 100-continue is known";
    }
    if (q.method != "POST" && (chunked || (lengths && length != "0")))
      return q.method + " has no body here";
    return "";
  }
  std::string too_large() const {
    return fmt::format("the body is larger than {} bytes (--max-body)", limits_.body);
  }

  void read_and_answer(const httplib::Request& q, httplib::Response& r,
                       const httplib::ContentReader& reader) {
    Connection& c = *current;
    size_t total = 0;
    bool large = false, many = false, full = false;
    const auto take = [&](std::string& to, const char* data, size_t size) {
      total += size;
      large = total > limits_.body;
      if (large) return false;
      c.held += size;
      full = (held_ += size) > kMostBodies * limits_.body;
      if (!full) to.append(data, size);
      return !full;
    };
    bool good;
    if (q.is_multipart_form_data())
      good = reader(
          [&](const httplib::MultipartFormData& part) {
            constexpr size_t kMostParts = 1024;
            many = c.request.parts.size() >= kMostParts;
            if (!many) c.request.parts.push_back({part.name, part.filename, ""});
            return !many;
          },
          [&](const char* data, size_t size) {
            return take(c.request.parts.back().content, data, size);
          });
    else
      good =
          reader([&](const char* data, size_t size) { return take(c.request.body, data, size); });
    if (c.failed) return;  // too slow, said at the end
    if (good && !large && !many && !full) return answer_to(r);
    c.refused = true;
    r.set_header("Connection", "close");
    write(large  ? handler_.error(413, too_large())
          : full ? handler_.error(503, "too much is sent at once; try again in a moment")
          : many ? handler_.error(413, "more than 1024 parts")
                 : handler_.error(400, "the body ends early, or is not what its head says"),
          r);
  }

  void answer_to(httplib::Response& r) {
    Connection& c = *current;
    c.answers();
    write(handler_.answer(c.request, seconds_from_now(limits_.answer_seconds)), r);
  }

  void write(HttpAnswer a, httplib::Response& r) {
    current->status = r.status = a.status;
    r.set_header("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : a.headers) r.set_header(name, value);
    if (!a.stream) return r.set_content(a.body, a.type);
    r.set_chunked_content_provider(
        a.type, [stream = std::move(a.stream)](size_t, httplib::DataSink& sink) {
          bool there = true;
          stream([&](std::string_view piece) {
            return there = there && sink.write(piece.data(), piece.size());
          });
          if (there) sink.done();
          return there;
        });
  }

  HttpHandler& handler_;
  const Limits limits_;
  std::atomic<bool> stopping_ = false, ended_ = false;
  static constexpr size_t kMostBodies = 32;  // of the largest size, in memory at once
  std::atomic<size_t> held_ = 0;
  std::atomic<int> serving_ = 0;  // requests whose first byte has come
  int stops_, listening_ = -1, port_ = -1;
};

}  // namespace

std::unique_ptr<HttpServer> make_http_server(HttpHandler& handler, const std::string& host,
                                             int port, const Limits& limits) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM, wanted.ai_flags = AI_PASSIVE;
  check(::getaddrinfo(host.c_str(), nullptr, &wanted, &found) == 0,
        "'{}' is no address of this machine (--host)", host);
  ::freeaddrinfo(found);
  auto server = std::make_unique<Server>(handler, host, port, limits);
  const int why = errno;
  check(server->port() > 0, "cannot listen on {}, port {}: {}; --port 0 takes any that is free",
        host, port, why ? std::strerror(why) : "the address is refused");
  return server;
}

}  // namespace cairn::serve
