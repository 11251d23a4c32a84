// HTTP/1.1 over cpp-httplib, with what it leaves open: bounds on the time a request may take, on
// heads and on connections, and refusals before a body is read.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cairn/serve/service.h"

namespace cairn::serve {

struct HttpPart {
  std::string name, file, content;
};
struct HttpRequest {
  std::string method, path, type;  // type: of the content
  std::string host, origin, authorization;
  std::string body;             // where it is in no parts
  std::vector<HttpPart> parts;  // of multipart/form-data
  Coming coming;                // of one that is to be computed
};

// Writes a piece; false: the client is gone.
using HttpSend = std::function<bool(std::string_view piece)>;

struct HttpAnswer {
  int status = 200;
  std::string type = "application/json", body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::function<void(const HttpSend& send)> stream;  // instead of a body
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Sees a head before its body is read; true: `answer` is it, and the connection ends.
  virtual bool refuses(HttpRequest& head, HttpAnswer& answer) = 0;
  virtual HttpAnswer answer(HttpRequest& request, Deadline deadline) = 0;
  virtual HttpAnswer error(int status, const std::string& message) = 0;
  // When the answer has been written. `path` as it was asked for.
  virtual void done(const std::string& path, int status, double seconds) = 0;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
  virtual void run() = 0;
  virtual void stop() = 0;
};
// Listens, not yet accepting. Throws Error where it cannot.
std::unique_ptr<HttpServer> make_http_server(HttpHandler& handler, const std::string& host,
                                             int port, const Limits& limits);

}  // namespace cairn::serve
