// What the server's front (HTTP, in a library of its own that is opened at its first use) asks of
// the program, which holds the models. Both are built together; strings and exceptions pass between
// them.
#pragma once
#include <arpa/inet.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/error.h"

namespace cairn::serve {

using Deadline = std::chrono::steady_clock::time_point;

// A request that is not answered: by its HTTP status, in OpenAI's form. `param`: the field of the
// request that is at fault, or "".
class Refused : public Error {
 public:
  Refused(int status, const std::string& message, std::string param = "")
      : Error(message), status(status), param(std::move(param)) {}
  int status;
  std::string param;
};

// A model that is served.
struct About {
  std::string name, task, title;
  std::string
      given;  // what predict takes: "picture", "sound", "text", ...; "": it predicts nothing
  bool writes = false, embeds = false, explains = false;
};

constexpr size_t kMostTexts = 2048;  // of one request

// Whether a server there, or a client that says so, is this machine alone.
inline bool is_loopback(const std::string& host) {
  in_addr v4{};
  return host == "localhost" || host == "::1" ||
         (inet_pton(AF_INET, host.c_str(), &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

// One thing to predict from: a file's content (of texts: one a line), or what `given` says that it
// is, in words of About::given: a text, a question (a line of JSON), a table (CSV).
struct Item {
  std::string name, content, given = "";
  bool is_text() const { return given == "text" || given == "question"; }
};

struct WriteRequest {
  std::string prompt;
  int64_t max_tokens = 16;
  double temperature = 1, top_p = 1;
  int64_t top_k = 0;
  uint64_t seed = 0;
  std::vector<std::string> stop;
};
struct Written {
  int64_t prompt_tokens = 0, tokens = 0;
  bool stopped = false;  // at one of `stop`; else it is as long as it may be
};

struct Embedded {
  std::vector<std::vector<float>> rows;
  int64_t tokens = 0;
};

// What it has done since it began, for /metrics.
struct Work {
  int64_t waiting = 0;                               // requests, now
  std::vector<std::pair<int64_t, int64_t>> batches;  // size, how many of it
  int64_t examples = 0, tokens = 0;
};

// A text that is about to be written: what can be refused was. run() is called once; `show` gets
// the text in whole characters as it comes, and says whether to go on.
class Writing {
 public:
  virtual ~Writing() = default;
  virtual Written run(const std::function<bool(std::string_view)>& show) = 0;
};

// While one is held, a request to be computed is on its way: batches wait a little for it. It is
// let go when what it asks for waits with the others.
using Coming = std::shared_ptr<void>;

// Called by many threads at once. All throw Refused.
class Service {
 public:
  virtual ~Service() = default;
  virtual const std::vector<About>& models() const = 0;
  // What `cairn predict --json` prints of each item, as JSON. `options`: those of the verb, as a
  // JSON object, or "".
  virtual std::vector<std::string> predict(size_t model, const std::vector<Item>& items,
                                           const std::string& options, Deadline deadline,
                                           Coming& coming) = 0;
  virtual std::unique_ptr<Writing> write(size_t model, const WriteRequest& request,
                                         Deadline deadline) = 0;
  virtual Embedded embed(size_t model, const std::vector<std::string>& texts, Deadline deadline,
                         Coming& coming) = 0;
  // A page (HTML) of why the model decides as it does.
  virtual std::string explain(size_t model, const Item& item, Deadline deadline) = 0;
  virtual Coming expect() = 0;
  virtual Work work() const = 0;
};

struct Limits {
  size_t body = size_t{32} << 20, header = 16384;
  double read_seconds = 10, answer_seconds = 60, idle_seconds = 15;
  int connections = 256;
};
struct FrontSettings {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any that is free
  std::string key;  // "": none is asked for
  Limits limits;
};

class Front {
 public:
  virtual ~Front() = default;
  virtual int port() const = 0;
  virtual void run() = 0;   // until it is stopped and all that had begun is answered
  virtual void stop() = 0;  // from another thread
  virtual int64_t answered() const = 0;
};

// What the library has by these names.
inline constexpr const char* kMakeFront = "cairn_make_front";
inline constexpr const char* kFrontVersion = "cairn_front_version";
// Throws Error where it cannot listen.
using MakeFront = Front*(Service& service, const FrontSettings& settings);

}  // namespace cairn::serve
