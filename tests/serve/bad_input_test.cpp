// Clients and calls as they should not be: each is told, and the server goes on.
#include "tests/serve/server.h"
#include "tests/tasks/runs.h"

namespace cairn::serve_test {
namespace {

using cli_test::cairn, cli_test::expect_failure, cli_test::write;

const std::string& digits() { return tasks::Runs::get().of("image-classification"); }
const std::string& plays() { return tasks::Runs::get().of("language-model"); }

// In OpenAI's form.
void expect_refused(const Answer& a, int status, const std::string& says) {
  EXPECT_EQ(a.status, status) << a.head << a.body;
  const Json error = Json::parse(a.body, nullptr, false);
  ASSERT_TRUE(error.is_object() && error["error"]["message"].is_string()) << a.body;
  EXPECT_TRUE(a.has(says)) << a.body;
}

TEST(BadRequests, AreToldWhatIsWrong) {
  const Server server({"digits=" + digits(), "plays=" + plays()});
  const std::string complete = "/v1/completions";
  for (const auto& [body, says] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", "the body is no JSON"},
           {"{\"prompt\": ", "ends in the middle"},
           {"[]", "an object"},
           {std::string(100000, '['), "the body"},
           {"{\"prompt\": 3}", "prompt"},
           {"{\"prompt\": [\"a\", 3]}", "prompt"},
           {"{\"model\": \"digits\"}", "does not write"},
           {"{\"max_tokens\": -1}", "max_tokens"},
           {"{\"max_tokens\": 1e400}", "the body"},
           {"{\"max_tokens\": 18446744073709551615}", "max_tokens"},
           {"{\"temperature\": \"hot\"}", "temperature"},
           {"{\"top_p\": 0}", "top_p"},
           {"{\"n\": 3}", "only 1"},
           {"{\"stop\": [\"\"]}", "stop"},
           {"{\"logprobs\": 3}", "logprobs"},
           {"{\"prompt\": \"\xff\"}", "the body"},
           {"{\"prompt\": \"\xc3\xa9\xe4\xb8\xad\"}", "the prompt"}})
    expect_refused(server.post(complete, body), 400, says);
  expect_refused(server.post(complete, Json{{"model", "none"}}), 404, "there are: plays");
  expect_refused(server.post("/v1/chat/completions", Json{{"messages", {{{"role", "clown"}}}}}),
                 400, "clown");
  expect_refused(server.post("/v1/embeddings", Json{{"input", "a"}}), 400, "no model here");
  const std::string predict = "/v1/predict/digits";
  expect_refused(server.post(predict, Json::object()), 400, "one of these");
  expect_refused(server.post(predict, Json{{"text", "a"}}), 400, "picture");
  expect_refused(server.post(predict, Json{{"data", "!"}}), 400, "base64");
  expect_refused(server.post(predict, "P5 28 28 255\n", "image/x-portable-graymap"), 400, "'body'");
  expect_refused(server.post(predict, "", "image/png"), 400, "nothing to predict from");
  expect_refused(server.post(predict, Json{{"data", "aaaa"}, {"options", {{"csv", "/tmp/x"}}}}),
                 400, "csv");
  expect_refused(server.post(predict, Json{{"data", "aaaa"}, {"options", {{"top", 0}}}}), 400,
                 "top");
  expect_refused(server.post("/v1/predict/plays", "x", "text/plain"), 400, "does not predict");
  EXPECT_EQ(server.get("/health").status, 200);
}

TEST(BadRequests, TooLarge) {
  const Server server({"digits=" + digits(), "--max-body", "1"});
  {  // A gigabyte is refused by its head alone.
    Client c = server.connect();
    c.send("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n");
    expect_refused(c.answer(), 413, "larger");
  }
  {
    Client c = server.connect();
    c.send(
        "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        "Content-Length: 1073741824\r\n\r\n");
    expect_refused(c.answer(), 413, "larger");
  }
  {  // One that never ends is cut off.
    Client c = server.connect();
    c.send("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
    for (int i = 0; i < 20 && c.send(chunk); ++i) continue;
    expect_refused(c.answer(), 413, "larger");
  }
  {  // Also where what never ends is a chunk's size.
    Client c = server.connect();
    c.send("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string digits_of_it(65536, '1');
    for (int i = 0; i < 64 && c.send(digits_of_it); ++i) continue;
    expect_refused(c.answer(), 413, "larger");
  }
  {
    Client c = server.connect();
    c.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(30000, 'a') + "\r\n\r\n");
    expect_refused(c.answer(), 431, "16384");
  }
  EXPECT_EQ(server.get("/health").status, 200);
}

TEST(BadRequests, TooSlow) {
  const Server server({"digits=" + digits(), "--read-seconds", "0.4"});
  for (const char* slow :
       {"GET /hea", "GET /health HTTP/1.1\r\nHost: local",
        "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc"}) {
    Client c = server.connect();
    c.send(slow);
    expect_refused(c.answer(), 408, "0.4 seconds");
  }
  {  // Also when something comes again and again.
    Client c = server.connect();
    bool open = true;
    for (int i = 0; i < 1000 && open; ++i) {
      open = c.send(i ? "a" : "GET /health HTTP/1.1\r\nX: ");
      pollfd ready{c.socket(), POLLIN, 0};
      if (::poll(&ready, 1, 20) > 0) break;
    }
    expect_refused(c.answer(), 408, "0.4 seconds");
  }
}

// However fast it comes.
TEST(BadRequests, TooLong) {
  const Server server({"digits=" + digits(), "--read-seconds", "0.4", "--max-body", "4096"});
  Client c = server.connect();
  c.send("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string size(65536, '1');
  for (pollfd ready{c.socket(), POLLIN, 0}; ::poll(&ready, 1, 0) == 0 && c.send(size);) continue;
  expect_refused(c.answer(), 408, "0.4 seconds");
}

TEST(BadRequests, TooMuchAtOnce) {
  constexpr int kTries = 10'000;  // a busy machine reads what was sent late
  const Server server({"digits=" + digits(), "--max-body", "1"});
  std::vector<std::unique_ptr<Client>> some;  // all but the last byte of the largest body
  const std::string body((1 << 20) - 1, 'x');
  for (int i = 0; i < 32; ++i) {
    some.push_back(std::make_unique<Client>(server.port));
    some.back()->send(
        fmt::format("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
                    body.size() + 1));
    some.back()->send(body);
  }
  Answer a;
  for (int i = 0; i < kTries && a.status != 503; ++i) {
    a = server.post("/v1/predict", std::string(100, 'x'), "image/png");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  expect_refused(a, 503, "too much");
  some.clear();
  for (int i = 0; i < kTries && a.status != 400; ++i) {
    a = server.post("/v1/predict", std::string(100, 'x'), "image/png");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  expect_refused(a, 400, "'body'");
}

TEST(BadRequests, Videos) {  // which would be answered frame by frame
  const Server server({"boxes=" + tasks::Runs::get().of("object-detection")});
  const std::string part =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.mp4\"\r\n\r\nx\r\n--b--\r\n";
  expect_refused(server.post("/v1/predict", part, "multipart/form-data; boundary=b"), 400,
                 "'x.mp4' is a video");
}

TEST(BadRequests, TooManyConnections) {
  const Server server({"digits=" + digits(), "--connections", "4"});
  {
    std::vector<std::unique_ptr<Client>> idle;
    for (int i = 0; i < 4; ++i) {
      idle.push_back(std::make_unique<Client>(server.port));
      EXPECT_EQ(idle.back()->ask("GET", "/health").status, 200);
    }
    Client one = server.connect();
    const Answer refused = one.answer();
    expect_refused(refused, 503, "connections");
    EXPECT_TRUE(refused.has("Retry-After"));
  }
}

TEST(BadRequests, WhoseEndIsUnclear) {
  const Server server({"digits=" + digits()});
  for (const char* head : {"POST /v1/predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
                           "POST /v1/predict HTTP/1.1\r\nContent-Length: 1\r\n"
                           "Transfer-Encoding: chunked",
                           "POST /v1/predict HTTP/1.1\r\nTransfer-Encoding: gzip",
                           "POST /v1/predict HTTP/1.1\r\nContent-Length: -1",
                           "GET /health HTTP/1.1\r\nContent-Length: 30", "GET /health HTTP/9.9",
                           "complete nonsense"}) {
    Client c = server.connect();
    c.send(head + std::string("\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\n\r\n"));
    expect_refused(c.answer(), 400, "");
    EXPECT_EQ(c.answer().status, 0) << "what follows was taken for a request";
  }
}

TEST(Keys, AreAskedForAndCompared) {
  const TemporaryFolder folder;
  const std::string key = "0123456789abcdef-key";
  write(folder / "key", key + "\n");
  write(folder / "short", "secret\n");
  const Server server({"digits=" + digits(), "--api-key-file", folder / "key"});
  EXPECT_EQ(server.get("/health").status, 200);
  for (const std::string& header :
       {std::string(), std::string("Authorization: Bearer wrong\r\n"),
        "Authorization: Bearer " + key + "x\r\n", "Authorization: " + key + "\r\n",
        "Authorization: Bearer " + key.substr(1) + "\r\n"}) {
    Client c = server.connect();
    const Answer a = c.ask("GET", "/v1/models", "", "", header);
    expect_refused(a, 401, "key");
    EXPECT_TRUE(a.has("WWW-Authenticate"));
  }
  Client c = server.connect();
  EXPECT_EQ(c.ask("GET", "/v1/models", "", "", "Authorization: Bearer " + key + "\r\n").status,
            200);
  expect_failure(cairn({"serve", digits(), "--api-key-file", folder / "short"}), 1,
                 {"short", "16"});
  expect_failure(cairn({"serve", digits(), "--api-key-file", folder / "none"}), 1, {"none"});
  expect_failure(cairn({"serve", digits(), "--host", "0.0.0.0"}), 1, {"--api-key-file"});
}

// Without a key only this machine is spoken to, under its own names and not for other sites' pages.
TEST(Keys, OtherSitesAreRefused) {
  const Server server({"digits=" + digits()});
  for (const char* head : {"Host: evil.example", "Host: localhost\r\nOrigin: http://evil.example",
                           "Host: localhost\r\nOrigin: null",
                           // Names that another site lets mean this machine.
                           "Host: 127.evil.example:80\r\nOrigin: http://127.evil.example:80",
                           "Host: 127.0.0.1.evil.example", "Host: 127.1"}) {
    Client c = server.connect();
    c.send("GET /v1/models HTTP/1.1\r\n" + std::string(head) + "\r\n\r\n");
    EXPECT_EQ(c.answer().status, 403) << head;
  }
  for (const char* head : {"Host: localhost:1\r\nOrigin: http://localhost:1", "Host: 127.0.0.1:1",
                           "Host: 127.1.2.3", "Host: [::1]:1"}) {
    Client c = server.connect();
    c.send("GET /v1/models HTTP/1.1\r\n" + std::string(head) + "\r\n\r\n");
    EXPECT_EQ(c.answer().status, 200) << head;
  }
}

TEST(Queue, IsRefusedWhenFull) {
  const Server server(
      {"plays=" + plays(), "digits=" + digits(), "--queue", "1", "--max-batch", "1"});
  // So many at once that more than one waits.
  std::vector<std::thread> threads;
  std::atomic<int> good = 0, full = 0, other = 0;
  const std::string picture = "P5 28 28 255\n" + std::string(784, 'x');
  for (int t = 0; t < 32; ++t)
    threads.emplace_back([&] {
      Client c(server.port);
      for (int i = 0; i < 20; ++i) {
        const Answer a = c.ask("POST", "/v1/predict", picture, "image/png");
        if (a.status == 200) ++good;
        else if (a.status == 503 && a.has("Retry-After: 1") && a.has("--queue")) ++full;
        else ++other;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_GT(good, 0);
  EXPECT_GT(full, 0);
  EXPECT_EQ(other, 0);
}

// Texts of one request have one place in it.
TEST(Queue, TakesRequestsOfManyTexts) {
  const Server server({"texts=" + tasks::Runs::get().of("text-classification"), "--queue", "1",
                       "--max-batch", "4"});
  Json texts = Json::array();
  for (int i = 0; i < 300; ++i) texts.push_back(fmt::format("please play song {}", i % 7));
  const Answer a = server.post("/v1/predict", {{"texts", texts}});
  ASSERT_EQ(a.status, 200) << a.body;
  const Json answers = a.json()["answers"];
  ASSERT_EQ(answers.size(), 300U);
  for (size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i]["text"], texts[i]);
  EXPECT_EQ(server.measured("cairn_batch_size_sum"), 300);
  std::string words;
  for (int i = 0; i < 3000; ++i) words += "play ";
  const Json both = server.post("/v1/predict", {{"texts", {words, "play"}}}).json()["answers"];
  EXPECT_NE(both[0].value("warning", "").find("was cut"), std::string::npos) << both;
  EXPECT_FALSE(both[1].contains("warning")) << both;
}

// What a refused request had asked for is not computed any more, nor on what is gone.
TEST(Stopping, AfterARequestThatWasRefusedMidway) {
  Server server({"digits=" + digits(), "--max-wait", "1000"});
  std::string parts;
  for (int i = 0; i < 9; ++i)
    parts += fmt::format(
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{}.pgm\"\r\n\r\n{}\r\n", i,
        i == 8 ? "no picture" : "P5 28 28 255\n" + std::string(784, 'x'));
  Client c = server.connect();
  const Answer refused =
      c.ask("POST", "/v1/predict", parts + "--b--\r\n", "multipart/form-data; boundary=b");
  expect_refused(refused, 400, "8.pgm");
  server.send(SIGTERM);
  const Outcome o = server.wait();
  EXPECT_EQ(o.status, 128 + SIGTERM) << o.err;
}

TEST(Stopping, FinishesWhatItBegan) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Server server({"plays=" + plays()});
    Client c = server.connect(), idle = server.connect();
    EXPECT_EQ(idle.ask("GET", "/health").status, 200);
    const std::string body = R"({"prompt": "The ", "max_tokens": 3000, "stream": true})";
    c.send(
        fmt::format("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
    while (c.so_far().find("data: ") == std::string::npos) ASSERT_TRUE(c.more());
    server.send(signal);
    const Answer whole = c.answer();
    EXPECT_EQ(whole.status, 200);
    EXPECT_TRUE(whole.body.ends_with("data: [DONE]\n\n"));
    const Outcome o = server.wait();
    EXPECT_EQ(o.status, 128 + signal);
    EXPECT_TRUE(o.says("2 requests were answered")) << o.err;
  }
}

TEST(Calls, AreToldWhatIsWrong) {
  const Server server({"digits=" + digits()});
  expect_failure(cairn({"serve", digits(), "--port", std::to_string(server.port)}), 1,
                 {"cannot listen", "--port 0", "in use"});
  const TemporaryFolder folder;
  expect_failure(cairn({"serve", folder / "none"}), 1, {"none"});
  expect_failure(cairn({"serve", "a=" + digits(), "a=" + plays()}), 1, {"two models", "'a'"});
  expect_failure(cairn({"serve"}), 2, {"runs"});
  expect_failure(cairn({"serve", digits(), "--port", "70000"}), 2, {"--port"});
  expect_failure(cairn({"serve", digits(), "--host", "no.such.host.example"}), 1,
                 {"--api-key-file"});
  std::filesystem::copy(digits(), folder / "other", std::filesystem::copy_options::recursive);
  Json config = Json::parse(content_of(folder / "other/config.json"));
  config["format"] = 99;
  write(folder / "other/config.json", config.dump());
  expect_failure(cairn({"serve", folder / "other"}), 1, {"config.json", "99"});
}

}  // namespace
}  // namespace cairn::serve_test
