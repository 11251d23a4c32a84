// What a newcomer sends who reads no manual, and one who means harm: an answer that says what is
// wrong, at once.
#include <sys/stat.h>

#include "cairn/io/video_writer.h"
#include "cairn/serve/front/requests.h"
#include "tests/serve/server.h"
#include "tests/tasks/runs.h"

namespace cairn::serve_test {
namespace {

using cli_test::cairn, cli_test::expect_failure, cli_test::write;

std::string run_of(const char* task) { return tasks::Runs::get().of(task); }

void expect_refused(const Answer& a, int status, const std::string& says) {
  EXPECT_EQ(a.status, status) << a.head << a.body;
  const Json error = Json::parse(a.body, nullptr, false);
  ASSERT_TRUE(error.is_object() && error["error"]["message"].is_string()) << a.body;
  EXPECT_TRUE(a.has(says)) << a.body;
  EXPECT_FALSE(a.has("/proc/") || a.has("/tmp/")) << a.body;
}

std::string png_of(int side) {
  const io::ByteVector bytes = io::encode_png(io::Image(side, side, 1, 128));
  return {bytes.begin(), bytes.end()};
}

// A small file of many pixels, which a network would compute on for minutes.
TEST(Pixels, AreCountedBeforeTheyAreDecoded) {
  const std::string large = png_of(6000), small = png_of(40);
  for (const tasks::Task& t : tasks::all_tasks()) {
    const auto* verb = tasks::find_verb(t, "predict");
    if (!verb || !verb->given || std::strcmp(verb->given, "picture") != 0) continue;
    const Server server({"it=" + run_of(t.name)});
    const Answer a = server.post("/v1/predict", large, "image/png");
    expect_refused(a, 413, "25000000");
    EXPECT_TRUE(a.has("'body'") && a.has("--max-pixels")) << a.body;
    EXPECT_EQ(server.post("/v1/predict", small, "image/png").status, 200) << t.name;
  }
  const Server few({"digits=" + run_of("image-classification"), "--max-pixels", "0.001"});
  expect_refused(few.post("/v1/predict", small, "image/png"), 413, "1000 ");
  expect_refused(few.post("/v1/explain", small, "image/png"), 413, "1000 ");
}

TEST(Pixels, OfFramesAreCountedToo) {
  const TemporaryFolder folder;
  io::VideoWriter video(folder / "clip.mp4");
  for (int i = 0; i < 16; ++i)
    video.add(io::Image(64, 64, 3, static_cast<uint8_t>(16 * i)), i / 8.);
  video.finish();
  const std::string clip = content_of(folder / "clip.mp4"), run = run_of("video-classification");
  const Server all({"clips=" + run}), few({"clips=" + run, "--max-pixels", "0.004"});
  EXPECT_EQ(all.post("/v1/predict", clip, "video/mp4").status, 200);
  expect_refused(few.post("/v1/predict", clip, "video/mp4"), 413, "64 x 64");
}

TEST(Heads, WithoutALengthHaveNoBody) {
  const Server server({"digits=" + run_of("image-classification")});
  Client c = server.connect();
  c.send("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect_refused(c.answer(), 400, "nothing to predict from");
  EXPECT_EQ(c.ask("GET", "/health").status, 200) << "the connection goes on";
}

TEST(Heads, HaveOneHost) {
  const Server server({"digits=" + run_of("image-classification")});
  for (const char* hosts : {"", "Host: localhost\r\nHost: localhost\r\n"}) {
    Client c = server.connect();
    c.send(fmt::format("GET /health HTTP/1.1\r\n{}\r\n", hosts));
    expect_refused(c.answer(), 400, "Host");
  }
  Client old = server.connect();
  old.send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.answer().status, 200);
}

TEST(Heads, AreReadInAnyCase) {
  const TemporaryFolder folder;
  const std::string key = "0123456789abcdef-key";
  write(folder / "key", key + "\n");
  const Server server(
      {"digits=" + run_of("image-classification"), "--api-key-file", folder / "key"});
  const std::string bearer = "Authorization: bEARER " + key + "\r\n", picture = png_of(28);
  EXPECT_EQ(server.post("/v1/predict", picture, "image/png", bearer).status, 200);
  const std::string parts =
      "--Bb\r\nContent-Disposition: form-data; name=\"f\"; filename=\"3.png\"\r\n\r\n" + picture +
      "\r\n--Bb--\r\n";
  const Answer form = server.post("/v1/predict", parts, "Multipart/Form-Data; Boundary=Bb", bearer);
  EXPECT_TRUE(form.status == 200 && form.has("3.png")) << form.body;
  expect_refused(server.post("/v1/predict", "{\"top\": 1}", "APPLICATION/JSON", bearer), 400,
                 "'top'");
}

TEST(Heads, MayNameTheWholeAddress) {
  const Server server({"digits=" + run_of("image-classification")});
  Client c = server.connect();
  for (const char* path : {"http://localhost/health", "HTTP://127.0.0.1:80/health"})
    EXPECT_TRUE(c.ask("GET", path).has("ok")) << path;
  EXPECT_TRUE(c.ask("GET", "http://localhost").has("<html")) << "its root";
  // Its host is what is compared: without a key only this machine's names are answered.
  expect_refused(c.ask("GET", "http://example.org/health"), 403, "names of this machine");
}

TEST(Heads, ThatWaitAreAnswered) {
  const Server server({"digits=" + run_of("image-classification")});
  const std::string picture = png_of(28);
  Client c = server.connect();
  for (const char* expects : {"100-continue", "100-Continue"}) {
    c.send(
        fmt::format("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nExpect: {}\r\n"
                    "Content-Type: image/png\r\nContent-Length: {}\r\n\r\n",
                    expects, picture.size()));
    EXPECT_EQ(c.answer(true).status, 100);
    c.send(picture);
    EXPECT_EQ(c.answer().status, 200);
  }
  expect_refused(c.ask("GET", "/health", "", "", "Expect: tea\r\n"), 417, "100-continue");
}

TEST(Bodies, OfChunksMayHaveTrailers) {
  const Server server({"digits=" + run_of("image-classification")});
  const std::string picture = png_of(28);
  const std::string head =
      "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  const std::string half = picture.substr(0, 40), rest = picture.substr(40);
  Client c = server.connect();
  for (const char* trailers : {"", "X-Sum: 1\r\n", "X-Sum: 1\r\nX-Other: 2\r\n"}) {
    for (const std::string& piece :
         {head, fmt::format("{:X};name=value\r\n", half.size()), half, std::string("\r\n"),
          fmt::format("{:x}\r\n{}\r\n0\r\n{}\r\n", rest.size(), rest, trailers)})
      c.send(piece);
    EXPECT_EQ(c.answer().status, 200) << trailers;
  }
  EXPECT_EQ(c.ask("GET", "/health").status, 200) << "the next request begins where the last ended";
  c.send(head + "0\r\nX: " + std::string(30000, 'a') + "\r\n\r\n");
  expect_refused(c.answer(), 431, "16384");
  for (const char* wrong : {"zz\r\n", "5\r\nabc\r\n0\r\n\r\n"}) {
    Client other = server.connect();
    other.send(head + wrong);
    EXPECT_GE(other.answer().status, 400);
  }
}

TEST(Heads, ReasonsAreTheStandards) {
  const std::string run = "digits=" + run_of("image-classification");
  const Server hurried({run, "--read-seconds", "0.3"}), one({run, "--connections", "1"});
  Client slow = hurried.connect(), large = hurried.connect();
  slow.send("GET /hea");
  EXPECT_TRUE(slow.answer().head.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  large.send("GET /health HTTP/1.1\r\nHost: a\r\nX: " + std::string(30000, 'a') + "\r\n\r\n");
  EXPECT_TRUE(large.answer().head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  Client busy = one.connect();
  EXPECT_EQ(busy.ask("GET", "/health").status, 200);
  Client refused = one.connect();
  EXPECT_TRUE(refused.answer().head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
}

TEST(Members, ThatAreNotKnownAreTold) {
  const Server server(
      {"digits=" + run_of("image-classification"), "plays=" + run_of("language-model")});
  const std::string predict = "/v1/predict/digits";
  for (const auto& [more, says] : std::initializer_list<std::pair<Json, std::string>>{
           {{{"model", "nope"}}, "'nope'"},
           {{{"model", 5}}, "model: a text"},
           {{{"nope", 1}}, "'nope'"},
           {{{"top", 1}}, "'top'"},
           {{{"optoins", Json::object()}}, "did you mean options"},
           {{{"context", "a"}}, "question"},
           {{{"options", {{"tops", 1}}}}, "did you mean top?"}}) {
    Json body = {{"data", "aaaa"}};
    body.update(more);
    expect_refused(server.post(predict, body), 400, says);
  }
  expect_refused(server.post("/v1/predict", Json{{"data", "aaaa"}, {"model", "nope"}}), 404,
                 "digits");
  const Json seven = {{"model", "digits"}, {"data", "UDUgMSAxIDI1NQp4"}};  // "P5 1 1 255\nx"
  EXPECT_EQ(server.post("/v1/predict", seven).status, 200);
  EXPECT_EQ(server.post(predict, seven).status, 200);
  const std::string complete = "/v1/completions", chat = "/v1/chat/completions";
  expect_refused(server.post(complete, Json{{"unknown", 1}}), 400, "'unknown'");
  expect_refused(server.post(complete, Json{{"max_token", 1}}), 400, "did you mean max_tokens");
  expect_refused(server.post(complete, Json{{"messages", Json::array()}}), 400, "'messages'");
  expect_refused(server.post(complete, Json{{"stream_options", {{"usage", true}}}}), 400, "usage");
  EXPECT_EQ(server.post(complete, Json{{"max_tokens", 1}, {"user", "me"}}).status, 200);
  Json many = Json::array();
  for (int i = 0; i < 3000; ++i) many.push_back({{"role", "user"}, {"content", "a"}});
  expect_refused(server.post(chat, Json{{"messages", many}}), 400, "3000 of them; 2048 at most");
  expect_refused(server.post("/v1/embeddings", Json{{"inputs", "a"}}), 400, "did you mean input");
}

TEST(Texts, AreNoTablesAndNoQuestions) {
  const Server server({"names=" + run_of("text-classification"),
                       "qa=" + run_of("question-answering"), "table=" + run_of("tabular")});
  const std::string names = "/v1/predict/names", qa = "/v1/predict/qa";
  const Json rows = {{"rows", {{{"a", 1}}}}}, question = {{"question", "a"}, {"context", "a b"}};
  expect_refused(server.post(names, rows), 400, "predicts from a text, not from a table");
  expect_refused(server.post(names, question), 400, "predicts from a text, not from a question");
  expect_refused(server.post(qa, Json{{"text", "a"}}), 400, "from a question, not from a text");
  expect_refused(server.post(qa, Json{{"question", "a"}}), 400, "context");
  expect_refused(server.post(qa, Json{{"question", ""}, {"context", "a"}}), 400, "question");
  EXPECT_EQ(server.post(qa, question).status, 200);
  expect_refused(server.post(names, Json{{"text", ""}}), 400, "text: is empty");
  expect_refused(server.post("/v1/predict/table", Json{{"rows", Json::array()}}), 400, "is empty");
  expect_refused(server.post("/v1/predict/table", Json{{"rows", {Json::object()}}}), 400,
                 "no column");
}

TEST(Texts, EndWithTheirLines) {
  const Server server({"names=" + run_of("text-classification")});
  const Answer unix = server.post("/v1/predict", "Anna\nOtto\n", "text/plain");
  const Answer windows = server.post("/v1/predict", "Anna\r\nOtto\r\n", "text/plain");
  EXPECT_EQ(unix.status, 200);
  EXPECT_EQ(unix.json()["answers"], windows.json()["answers"]);
}

// Answer k is of line k, as `cairn predict` has it.
TEST(Texts, MayBeEmpty) {
  const Server server(
      {"names=" + run_of("text-classification"), "dates=" + run_of("machine-translation")});
  for (const char* model : {"names", "dates"}) {
    const std::string path = std::string("/v1/predict/") + model;
    const Answer lines = server.post(path, "Anna\n\nOtto\n", "text/plain");
    const Answer texts = server.post(path, Json{{"texts", {"Anna", "", "Otto"}}});
    ASSERT_EQ(lines.status, 200) << lines.body;
    ASSERT_EQ(texts.status, 200) << texts.body;
    EXPECT_EQ(lines.json()["answers"].size(), 3U);
    EXPECT_EQ(lines.json()["answers"], texts.json()["answers"]);
  }
}

// curl -d says that what it sends is a form.
TEST(Bodies, ThatLookLikeJsonAreJson) {
  const std::string form = "application/x-www-form-urlencoded";
  const auto read = [&](const std::string& body, const std::string& type) {
    serve::HttpRequest q;
    q.body = body, q.type = type;
    return serve::read_predict(q);
  };
  for (const std::string& type :
       {form, form + "; charset=utf-8", std::string("application/json")}) {
    const auto request = read(" {\"texts\": [\"a\", \"b\"],\n \"model\": \"m\"}", type);
    EXPECT_EQ(request.items.size(), 2U);
    EXPECT_EQ(request.model, "m");
  }
  EXPECT_THROW(read("{\"texts\": [", form), serve::Refused);
  EXPECT_EQ(read("a, b\n", form).items[0].name, "body");  // curl --data-binary @file
  const std::string lines = "{\"document\": \"a\"}\n{\"document\": \"b\"}\n";
  EXPECT_EQ(read(lines, form).items[0].content, lines);
  EXPECT_EQ(read("{\"text\": \"a\"}", "text/plain").items[0].name, "body");
}

TEST(Texts, ThatAreCutAreTold) {
  const Server server({"dates=" + run_of("machine-translation")});
  const Json answers =
      server.post("/v1/predict", Json{{"texts", {"a", std::string(500, 'z'), "b"}}})
          .json()["answers"];
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_FALSE(answers[0].contains("warning") || answers[2].contains("warning")) << answers;
  EXPECT_EQ(answers[1]["warning"], "the text is longer than 40 tokens and was cut");
}

TEST(Names, AreThoseOfTheUpload) {
  const Server server({"style=" + run_of("style-transfer")});
  const Json body = server.post("/v1/predict", png_of(40), "image/png").json()["answers"][0];
  EXPECT_EQ(body["file"], "body");
  EXPECT_EQ(body["painted"], "body.png");
  const std::string parts =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"cat.jpg\"\r\n\r\n" +
      png_of(40) + "\r\n--b--\r\n";
  const Json part =
      server.post("/v1/predict", parts, "multipart/form-data; boundary=b").json()["answers"][0];
  EXPECT_EQ(part["file"], "cat.jpg");
  EXPECT_EQ(part["painted"], "cat.png");
  expect_refused(server.post("/v1/predict", "no picture", "image/png"), 400, "'body'");
}

TEST(Starts, WarnOfWhatIsOpenAndSayWhatIsServed) {
  const TemporaryFolder folder;
  write(folder / "key", "0123456789abcdef-key\n");
  for (const mode_t mode : {0644, 0600}) {
    ::chmod((folder / "key").c_str(), mode);
    Server server({"digits=" + run_of("image-classification"), "--api-key-file", folder / "key"});
    server.send(SIGTERM);
    const Outcome o = server.wait();
    EXPECT_EQ(o.says("can be read by everyone"), mode == 0644) << o.err;
  }
  write(folder / "net.onnx", "x");
  expect_failure(cairn({"serve", folder / "net.onnx"}), 1, {"net.onnx", "is not served", "runs"});
}

}  // namespace
}  // namespace cairn::serve_test
