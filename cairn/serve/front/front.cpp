// Routes: what a request wants of which model, who may ask, and answers in the field's forms.
#include <fmt/format.h>

#include <atomic>
#include <ctime>

#include "cairn/base/version.h"
#include "cairn/io/base64.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/serve/front/http.h"
#include "cairn/serve/front/metrics.h"
#include "cairn/serve/front/page.h"
#include "cairn/serve/front/requests.h"

namespace cairn::serve {
namespace {

struct Route {
  const char *path, *method;
  bool of_model;  // "/NAME" may follow
  bool computes;
};
constexpr Route kRoutes[] = {{"/", "GET", false, false},
                             {"/health", "GET", false, false},
                             {"/metrics", "GET", false, false},
                             {"/v1/models", "GET", true, false},
                             {"/v1/predict", "POST", true, true},
                             {"/v1/explain", "POST", true, false},
                             {"/v1/completions", "POST", false, false},
                             {"/v1/chat/completions", "POST", false, false},
                             {"/v1/embeddings", "POST", false, true}};

const Route* route_of(const std::string& path, std::string* name = nullptr) {
  for (const Route& r : kRoutes) {
    if (path == r.path) return &r;
    const std::string folder = std::string(r.path) + "/";
    if (!r.of_model || !path.starts_with(folder)) continue;
    if (name) *name = path.substr(folder.size());
    return &r;
  }
  return nullptr;
}

// Of "Bearer KEY", whose first word is written as one likes; "": there is none.
std::string_view key_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  for (size_t i = 0; i < kScheme.size(); ++i)
    if (i >= authorization.size() ||
        std::tolower(static_cast<unsigned char>(authorization[i])) != kScheme[i])
      return "";
  return authorization.substr(kScheme.size());
}

// Takes as long for every key of one length.
bool same(std::string_view a, std::string_view b) {
  unsigned char differ = a.size() != b.size();
  for (size_t i = 0; i < a.size(); ++i)
    differ |= static_cast<unsigned char>(a[i] ^ b[b.empty() ? 0 : i % b.size()]);
  return differ == 0;
}

// "localhost:8080", "127.0.0.1", "[::1]:80".
std::string without_port(const std::string& host) {
  if (host.starts_with("[")) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

const char* kind_of(int status) {
  return status == 401                    ? "authentication_error"
         : status == 503 || status == 429 ? "overloaded_error"
         : status >= 500                  ? "server_error"
                                          : "invalid_request_error";
}

Json error_json(int status, const std::string& message, const std::string& param = "") {
  return {{"error",
           {{"message", io::valid_utf8(message)},
            {"type", kind_of(status)},
            {"param", param.empty() ? Json() : Json(param)},
            {"code", status == 404 ? Json("not_found") : Json()}}}};
}

class Routes : public HttpHandler, public Front {
 public:
  Routes(Service& service, const FrontSettings& settings)
      : service_(service),
        settings_(settings),
        http_(make_http_server(*this, settings.host, settings.port, settings.limits)) {}
  int port() const override { return http_->port(); }
  void run() override { http_->run(); }
  void stop() override { stops_ = true, http_->stop(); }
  int64_t answered() const override { return metrics_.answered(); }

  bool refuses(HttpRequest& q, HttpAnswer& answer) override {
    const Route* route = route_of(q.path);
    const auto refuse = [&](int status, const std::string& message) {
      answer = error(status, message);
      return true;
    };
    if (stops_) return refuse(503, "the server is stopping");
    if (!route) return refuse(404, "no such path; see GET /v1/models, and docs/serve.md");
    if (q.method != route->method && !(q.method == "HEAD" && !std::strcmp(route->method, "GET"))) {
      refuse(405, fmt::format("{} takes {}", route->path, route->method));
      answer.headers.emplace_back("Allow", route->method);
      return true;
    }
    if (!settings_.key.empty()) {
      const bool open = q.path == "/" || q.path == "/health";
      if (!open && !same(settings_.key, key_of(q.authorization))) {
        refuse(401, "the key is missing or wrong: Authorization: Bearer KEY");
        answer.headers.emplace_back("WWW-Authenticate", "Bearer");
        return true;
      }
    } else if (const std::string host = without_port(q.host);
               !q.host.empty() && !is_loopback(host)) {
      return refuse(403,
                    "without a key only names of this machine are answered, not the Host given");
    }
    // A page of another site that is open in a browser of this machine.
    if (!q.origin.empty() && !q.origin.ends_with("://" + q.host))
      return refuse(403, "requests from pages of other sites are refused");
    if (route->computes) q.coming = service_.expect();
    return false;
  }

  HttpAnswer error(int status, const std::string& message) override {
    return error_of(Refused(status, message));
  }

  void done(const std::string& path, int status, double seconds) override {
    const Route* route = route_of(path);
    metrics_.add(route ? route->path : "other", status, seconds);
  }

  HttpAnswer answer(HttpRequest& q, Deadline deadline) override {
    try {
      std::string name;
      const Route& route = *route_of(q.path, &name);
      const std::string path = route.path;
      if (path == "/") return page();
      if (path == "/health") return json({{"status", "ok"}, {"version", kVersion}});
      if (path == "/metrics")
        return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text(service_.work())};
      if (path == "/v1/models")
        return name.empty() ? models() : json(model_json(model_named(name)));
      if (path == "/v1/predict") return predict(q, name, deadline);
      if (path == "/v1/explain") return explain(q, name, deadline);
      if (path == "/v1/embeddings") return embed(q, deadline);
      return complete(q, path == "/v1/chat/completions", deadline);
    } catch (const Refused& e) { return error_of(e); } catch (const std::bad_alloc&) {
      return error(503, "out of memory; try again, or send less at once");
    } catch (const std::exception& e) {
      fmt::print(stderr, "cairn: {}: {}\n", io::printable(q.path),
                 io::with_control_pictures(e.what()));
      return error(500, e.what());
    }
  }

 private:
  static HttpAnswer json(const Json& value) {
    return {200, "application/json", io::dump_json(value) + "\n"};
  }
  static HttpAnswer error_of(const Refused& e) {
    HttpAnswer answer{e.status, "application/json",
                      io::dump_json(error_json(e.status, e.what(), e.param)) + "\n"};
    if (e.status == 503) answer.headers.emplace_back("Retry-After", "1");
    return answer;
  }
  static HttpAnswer page() {
    HttpAnswer answer{200, "text/html; charset=utf-8", std::string(page_text())};
    answer.headers = {{"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                       "img-src blob: data:; media-src blob:; connect-src 'self'; "
                       "frame-src blob:; frame-ancestors 'none'"},
                      {"Referrer-Policy", "no-referrer"}};
    return answer;
  }

  const std::vector<About>& all() const { return service_.models(); }
  // "": the only one that `can`.
  size_t model_named(const std::string& name, bool (*can)(const About&) = nullptr,
                     const char* what = "") const {
    std::vector<size_t> able;
    for (size_t i = 0; i < all().size(); ++i) {
      const bool fits = !can || can(all()[i]);
      if (!name.empty() && name == all()[i].name) {
        if (!fits)
          throw Refused(
              400, fmt::format("'{}' is of task '{}' and does not {}", name, all()[i].task, what),
              "model");
        return i;
      }
      if (fits) able.push_back(i);
    }
    std::vector<std::string> names;
    for (const size_t i : able) names.push_back(all()[i].name);
    if (!name.empty())
      throw Refused(404,
                    fmt::format("there is no model '{}'; there are: {}", io::printable(name),
                                fmt::join(names, ", ")),
                    "model");
    if (able.size() == 1) return able[0];
    if (able.empty()) throw Refused(400, fmt::format("no model here does {}", what), "model");
    throw Refused(400, fmt::format("say which model: {}", fmt::join(names, ", ")), "model");
  }

  Json model_json(size_t i) const {
    const About& a = all()[i];
    return {{"id", a.name},          {"object", "model"},  {"created", began_},
            {"owned_by", "cairn"},   {"task", a.task},     {"title", a.title},
            {"given", a.given},      {"writes", a.writes}, {"embeds", a.embeds},
            {"explains", a.explains}};
  }
  HttpAnswer models() const {
    Json list = Json::array();
    for (size_t i = 0; i < all().size(); ++i) list.push_back(model_json(i));
    return json({{"object", "list"}, {"data", list}});
  }

  // Of the path or of the body, which say the same where both do.
  static const std::string& one_name(const std::string& path, const std::string& body) {
    if (!path.empty() && !body.empty() && path != body)
      throw Refused(400,
                    fmt::format("model: '{}', and the path says '{}'", io::printable(body),
                                io::printable(path)),
                    "model");
    return path.empty() ? body : path;
  }

  HttpAnswer predict(HttpRequest& q, const std::string& name, Deadline deadline) {
    const auto predicts = [](const About& a) { return !a.given.empty(); };
    if (!name.empty()) model_named(name, predicts, "predict");
    const PredictRequest request = read_predict(q);
    const size_t model = model_named(one_name(name, request.model), predicts, "predict");
    std::string body = fmt::format("{{\"model\":{},\"task\":\"{}\",\"answers\":[",
                                   io::dump_json(all()[model].name), all()[model].task);
    const auto answers =
        service_.predict(model, request.items, request.options, deadline, q.coming);
    return {200, "application/json", fmt::format("{}{}]}}\n", body, fmt::join(answers, ","))};
  }

  HttpAnswer explain(const HttpRequest& q, const std::string& name, Deadline deadline) {
    const auto explains = [](const About& a) { return a.explains; };
    const char* what = "explain its decisions";
    if (!name.empty()) model_named(name, explains, what);
    const PredictRequest request = read_predict(q);
    const size_t model = model_named(one_name(name, request.model), explains, what);
    if (request.items.size() != 1) throw Refused(400, "one thing at a time is explained");
    return {200, "text/html; charset=utf-8", service_.explain(model, request.items[0], deadline)};
  }

  HttpAnswer embed(HttpRequest& q, Deadline deadline) {
    const EmbeddingRequest request = read_embedding(q.body);
    const size_t model = model_named(
        request.model, [](const About& a) { return a.embeds; }, "embed");
    const Embedded all = service_.embed(model, request.texts, deadline, q.coming);
    Json data = Json::array();
    for (size_t i = 0; i < all.rows.size(); ++i) {
      const auto& row = all.rows[i];
      Json one = {{"object", "embedding"}, {"index", i}};
      if (request.base64)
        one["embedding"] = io::to_base64(std::string_view(reinterpret_cast<const char*>(row.data()),
                                                          row.size() * sizeof(float)));
      else one["embedding"] = row;
      data.push_back(std::move(one));
    }
    return json({{"object", "list"},
                 {"data", std::move(data)},
                 {"model", this->all()[model].name},
                 {"usage", {{"prompt_tokens", all.tokens}, {"total_tokens", all.tokens}}}});
  }

  static Json usage_of(const Written& w) {
    return {{"prompt_tokens", w.prompt_tokens},
            {"completion_tokens", w.tokens},
            {"total_tokens", w.prompt_tokens + w.tokens}};
  }
  static const char* reason_of(const Written& w) { return w.stopped ? "stop" : "length"; }

  // {id, object, created, model} of an answer to the request.
  Json beginning_of(bool chat, bool chunk, const std::string& model) {
    return {{"id", fmt::format("{}-{:x}-{}", chat ? "chatcmpl" : "cmpl", began_, ++number_)},
            {"object", !chat   ? "text_completion"
                       : chunk ? "chat.completion.chunk"
                               : "chat.completion"},
            {"created", std::time(nullptr)},
            {"model", model}};
  }
  static Json choice_of(bool chat, size_t index, const std::string& text, const Json& reason) {
    Json choice = {{"index", index}};
    if (chat) choice["message"] = {{"role", "assistant"}, {"content", text}};
    else choice["text"] = text;
    choice["logprobs"] = nullptr, choice["finish_reason"] = reason;
    return choice;
  }

  HttpAnswer complete(const HttpRequest& q, bool chat, Deadline deadline) {
    const CompletionRequest request = read_completion(q.body, chat);
    const size_t model = model_named(
        request.model, [](const About& a) { return a.writes; }, "write");
    if (request.streams && request.prompts.size() > 1)
      throw Refused(400, "prompt: one at a time is streamed", "prompt");
    Json head = beginning_of(chat, request.streams, all()[model].name);
    if (request.streams) return stream(request, model, chat, deadline, std::move(head));
    Written sum;
    head["choices"] = Json::array();
    for (size_t i = 0; i < request.prompts.size(); ++i) {
      std::string text;
      const Written w =
          service_.write(model, request.prompts[i], deadline)->run([&](std::string_view piece) {
            return text += piece, true;
          });
      sum.prompt_tokens += w.prompt_tokens, sum.tokens += w.tokens;
      head["choices"].push_back(choice_of(chat, i, text, reason_of(w)));
    }
    head["usage"] = usage_of(sum);
    return json(head);
  }

  // Server-sent events: a chunk for each piece of text, "[DONE]" at the end.
  HttpAnswer stream(const CompletionRequest& request, size_t model, bool chat, Deadline deadline,
                    Json head) {
    const std::shared_ptr<Writing> writing = service_.write(model, request.prompts[0], deadline);
    HttpAnswer answer{200, "text/event-stream", "", {{"Cache-Control", "no-store"}}};
    answer.stream = [writing, chat, head, with_usage = request.with_usage](const HttpSend& send) {
      const auto event = [&](const Json& value) {
        return send("data: " + io::dump_json(value) + "\n\n");
      };
      const auto chunk = [&](Json piece, const Json& reason) {
        Json one = head;
        Json choice = {{"index", 0}};
        if (chat) choice["delta"] = std::move(piece);
        else choice["text"] = std::move(piece);
        choice["logprobs"] = nullptr, choice["finish_reason"] = reason;
        one["choices"] = Json::array({choice});
        return event(one);
      };
      try {
        if (chat) chunk({{"role", "assistant"}, {"content", ""}}, nullptr);
        const Written w = writing->run([&](std::string_view text) {
          return chunk(chat ? Json{{"content", text}} : Json(text), nullptr);
        });
        chunk(chat ? Json::object() : Json(""), reason_of(w));
        if (with_usage) {
          Json last = head;
          last["choices"] = Json::array(), last["usage"] = usage_of(w);
          event(last);
        }
        send("data: [DONE]\n\n");
      } catch (const Refused& e) {
        event(error_json(e.status, e.what(), e.param));
      } catch (const std::exception& e) { event(error_json(500, e.what())); }
    };
    return answer;
  }

  Service& service_;
  const FrontSettings settings_;
  const int64_t began_ = std::time(nullptr);
  std::atomic<int64_t> number_ = 0;
  std::atomic<bool> stops_ = false;
  Metrics metrics_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace
}  // namespace cairn::serve

extern "C" {
__attribute__((visibility("default"))) const char* cairn_front_version = cairn::kVersion;
__attribute__((visibility("default"))) cairn::serve::Front* cairn_make_front(
    cairn::serve::Service& service, const cairn::serve::FrontSettings& settings) {
  return new cairn::serve::Routes(service, settings);
}
}
