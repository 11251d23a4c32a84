// What the server answers, over real sockets.
#include "cairn/io/csv.h"
#include "tests/serve/server.h"
#include "tests/tasks/runs.h"

namespace cairn::serve_test {
namespace {

using tasks::Runs;

std::vector<const tasks::Task*> served_tasks() {
  std::vector<const tasks::Task*> some;
  for (const tasks::Task& t : tasks::all_tasks())
    if (const auto* verb = tasks::find_verb(t, "predict"); verb && verb->given) some.push_back(&t);
  return some;
}

// The same but for paths, and the last bits of numbers.
void expect_same(const Json& a, const Json& b, const std::string& where) {
  if (a.is_number() && b.is_number()) {
    EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-4) << where;
  } else if (a.is_structured() && a.type() == b.type() && a.size() == b.size()) {
    for (auto i = a.begin(), k = b.begin(); i != a.end(); ++i, ++k) expect_same(*i, *k, where);
  } else EXPECT_EQ(a, b) << where;
}

class EveryTask : public testing::TestWithParam<std::string> {};

TEST_P(EveryTask, AnswersWhatPredictPrints) {
  const tasks::Task& task = tasks::task_named(GetParam());
  const std::string given = tasks::find_verb(task, "predict")->given;
  const std::string run = Runs::get().of(task.name);
  const Server server({"it=" + run});
  ASSERT_EQ(server.get("/v1/models/it").json()["given"], given);
  const TemporaryFolder folder;
  const auto files = task.write_inputs(folder.path());
  const std::string file = files.at(0);
  if (std::filesystem::is_directory(file)) {  // of frames, which is no upload
    const Answer refused = server.post("/v1/predict/it", "no video", "video/mp4");
    EXPECT_EQ(refused.status, 400);
    EXPECT_TRUE(refused.has("'body'")) << refused.body;
    return;
  }
  const std::string content = content_of(file);
  const Answer answer = server.post("/v1/predict/it", content, "application/octet-stream");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json answers = answer.json()["answers"];
  const Answer why = server.post("/v1/explain/it", content, "application/octet-stream");
  if (server.get("/v1/models/it").json()["explains"] == true) {
    EXPECT_TRUE(why.status == 200 && why.has("What moved the decision")) << why.body;
  } else {
    EXPECT_EQ(why.status, 400);
  }
  const auto verb = tasks::find_verb(task, "predict");
  const auto options = verb->options();
  Arguments arguments = {"predict", run, file};
  const bool json = options->find("json") != nullptr;
  if (json) arguments.emplace_back("--json");
  Outcome printed = cli_test::cairn(arguments);
  if (printed.status == 2) {  // makes pictures
    arguments.insert(arguments.end(), {"--out", folder / "made"});
    printed = cli_test::cairn(arguments);
    EXPECT_TRUE(answers[0]["pictures"][0].get<std::string>().starts_with("data:image/png;base64,"));
    EXPECT_EQ(printed.status, 0) << printed.err;
    return;
  }
  ASSERT_EQ(printed.status, 0) << printed.err;
  if (json) {
    Json expected = Json::parse(printed.out.substr(0, printed.out.find('\n')));
    if (expected.contains("file")) expected["file"] = "body";
    expect_same(answers[0], expected, answer.body);
  } else if (given == "text") {
    EXPECT_EQ(answers[0]["text"], printed.out.substr(0, printed.out.find('\n')));
  } else {
    const io::Csv table = io::parse_csv(printed.out, "printed");
    ASSERT_EQ(answers[0]["columns"], Json(table.names));
    ASSERT_EQ(answers[0]["rows"].size(), table.rows.size());
    EXPECT_EQ(answers[0]["rows"][0][table.names.back()], table.rows[0].back());
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto* t : served_tasks()) names.emplace_back(t->name);
                           return names;
                         }()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

const std::string& digits() { return Runs::get().of("image-classification"); }
std::string digit() {
  static const TemporaryFolder folder;
  static const std::string content =
      content_of(tasks::task_named("image-classification").write_inputs(folder.path())[3]);
  return content;
}

TEST(Serve, SaysHowItIsAndWhatThereIs) {
  const Server server({digits(), "twice=" + digits() + "/model.safetensors"});
  EXPECT_EQ(server.get("/health").json()["status"], "ok");
  const Json models = server.get("/v1/models").json();
  ASSERT_EQ(models["data"].size(), 2U);
  EXPECT_EQ(models["data"][0]["id"], "image-classification");
  EXPECT_EQ(models["data"][1]["id"], "twice");
  const Answer page = server.get("/");
  EXPECT_TRUE(page.has("Content-Type: text/html"));
  EXPECT_TRUE(page.has("default-src 'none'"));
  EXPECT_EQ(server.get("/v1/models/none").status, 404);
  EXPECT_EQ(server.get("/none").status, 404);
  Client client = server.connect();
  const Answer wrong = client.ask("DELETE", "/health");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_TRUE(wrong.has("Allow: GET"));
  EXPECT_EQ(server.settled("cairn_requests_total{route=\"/health\",status=\"405\"}", 1), 1);
  EXPECT_EQ(server.settled("cairn_requests_total{route=\"other\",status=\"404\"}", 1), 1);
}

TEST(Serve, TakesFilesEachWayTheyCome) {
  const Server server({"digits=" + digits()});
  const Json raw = server.post("/v1/predict", digit(), "image/png").json()["answers"][0];
  ASSERT_EQ(raw["classes"].size(), 5U);
  const std::string parts =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"3.png\"\r\n\r\n" + digit() +
      "\r\n--b\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n{\"top\": "
      "1}\r\n--b--\r\n";
  const Json part = server.post("/v1/predict/digits", parts, "multipart/form-data; boundary=b")
                        .json()["answers"][0];
  EXPECT_EQ(part["file"], "3.png");
  ASSERT_EQ(part["classes"].size(), 1U);
  EXPECT_EQ(part["classes"][0], raw["classes"][0]);
  const std::string explained = server.post("/v1/explain/digits", digit(), "image/png").body;
  EXPECT_NE(explained.find("What moved the decision"), explained.npos);
  Client chunked = server.connect();
  chunked.send(
      "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.send(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", digit().size(), digit()));
  EXPECT_EQ(chunked.answer().json()["answers"][0]["classes"], raw["classes"]);
}

// Many at once are computed together, and each gets its own answer; one bad one spoils none.
TEST(Serve, FiftyThreadsAtOnce) {
  const Server server({"digits=" + digits(), "--max-batch", "8", "--max-wait", "50"});
  const TemporaryFolder folder;
  const auto files = tasks::task_named("image-classification").write_inputs(folder.path());
  std::vector<std::string> contents, expected;
  for (const std::string& file : files) {
    contents.push_back(content_of(file));
    expected.push_back(
        server.post("/v1/predict", contents.back(), "image/png").json()["answers"][0].dump());
  }
  std::vector<std::thread> threads;
  std::atomic<int> right = 0, refused = 0;
  for (int t = 0; t < 50; ++t)
    threads.emplace_back([&, t] {
      Client client(server.port);
      for (int i = 0; i < 10; ++i) {
        if ((t + i) % 10 == 0) {
          refused += client.ask("POST", "/v1/predict", "no picture", "image/png").status == 400;
          continue;
        }
        const auto at = static_cast<size_t>(t + i) % contents.size();
        const Answer a = client.ask("POST", "/v1/predict", contents[at], "image/png");
        Json one = Json::parse(expected[at]),
             got = a.status == 200 ? a.json()["answers"][0] : Json();
        expect_same(got, one, a.body);
        right += got["classes"][0]["label"] == one["classes"][0]["label"];
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(right, 450);
  EXPECT_EQ(refused, 50);
  const double batches = server.measured("cairn_batch_size_count");
  EXPECT_EQ(server.measured("cairn_batch_size_sum"), 460);
  EXPECT_LT(batches, 300) << "requests that came together were not computed together";
}

// Sizes between two that are compiled: 20 as 16 and 4, not filled up to 32; 28 as 32.
TEST(Serve, BatchesAreNotHalfEmpty) {
  for (const auto& [count, batches] : {std::pair{20, 2}, std::pair{28, 1}}) {
    const Server server({"digits=" + digits(), "--max-batch", "32", "--max-wait", "1000"});
    std::string parts;
    for (int i = 0; i < count; ++i)
      parts += fmt::format(
          "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{}.png\"\r\n\r\n{}\r\n", i,
          digit());
    const Json answers =
        server.post("/v1/predict/digits", parts + "--b--\r\n", "multipart/form-data; boundary=b")
            .json()["answers"];
    ASSERT_EQ(answers.size(), static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(answers[i]["file"], std::to_string(i) + ".png");
      EXPECT_EQ(answers[i]["classes"][0]["label"], answers[0]["classes"][0]["label"]);
    }
    EXPECT_EQ(server.measured("cairn_batch_size_sum"), count);
    EXPECT_EQ(server.measured("cairn_batch_size_count"), batches);
  }
}

TEST(Serve, WritesAsOpenAiDoes) {
  const std::string run = Runs::get().of("language-model");
  const Server server({"plays=" + run});
  const Json wish = {{"model", "plays"}, {"prompt", "The "}, {"max_tokens", 12}, {"seed", 4}};
  const Json one = server.post("/v1/completions", wish).json();
  const std::string text = one["choices"][0]["text"];
  EXPECT_EQ(one["object"], "text_completion");
  EXPECT_EQ(one["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(one["usage"]["completion_tokens"], 12);
  EXPECT_EQ(one["usage"]["prompt_tokens"], 4);
  const Outcome written =
      cli_test::cairn({"generate", run, "--prompt", "The ", "--max-tokens", "12", "--seed", "4"});
  EXPECT_EQ(text, written.out.substr(0, text.size()));

  Json streamed = wish;
  streamed["stream"] = true, streamed["stream_options"] = {{"include_usage", true}};
  const Answer events = server.post("/v1/completions", streamed);
  EXPECT_TRUE(events.has("text/event-stream"));
  EXPECT_TRUE(events.body.ends_with("data: [DONE]\n\n")) << events.body;
  std::string joined, line;
  int pieces = 0;
  for (std::istringstream lines(events.body); std::getline(lines, line);) {
    if (!line.starts_with("data: {")) continue;
    const Json event = Json::parse(line.substr(6));
    if (event["choices"].empty()) EXPECT_EQ(event["usage"], one["usage"]);
    else joined += event["choices"][0]["text"].get<std::string>(), ++pieces;
  }
  EXPECT_EQ(joined, text);
  EXPECT_GT(pieces, 5);

  Json seeded = wish;
  seeded["seed"] = INT64_MAX;
  EXPECT_EQ(server.post("/v1/completions", seeded).status, 200);

  Json stops = wish;
  stops["stop"] = text.substr(3, 2);
  const Json cut = server.post("/v1/completions", stops).json()["choices"][0];
  EXPECT_EQ(cut["text"], text.substr(0, text.find(text.substr(3, 2))));
  EXPECT_EQ(cut["finish_reason"], "stop");

  const Json chat =
      server
          .post("/v1/chat/completions",
                {{"messages", {{{"role", "user"}, {"content", "Good day"}}}}, {"max_tokens", 3}})
          .json();
  EXPECT_EQ(chat["object"], "chat.completion");
  EXPECT_EQ(chat["choices"][0]["message"]["role"], "assistant");
}

TEST(Serve, ManyTextsAreWrittenInTurns) {
  const Server server({"plays=" + Runs::get().of("language-model")});
  const Json wish = {{"prompt", "The "}, {"max_tokens", 40}, {"seed", 4}};
  const std::string alone = server.post("/v1/completions", wish).json()["choices"][0]["text"];
  std::vector<std::thread> threads;
  std::atomic<int> same = 0;
  for (int t = 0; t < 20; ++t)
    threads.emplace_back([&] {
      same += server.post("/v1/completions", wish).json()["choices"][0]["text"] == alone;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(same, 20);
}

TEST(Serve, EmbedsAsTheCommandDoes) {
  const TemporaryFolder folder;
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy(std::string(CAIRN_SOURCE_DIR) + "/tests/pretrained/data/bert/" + name,
                          folder / name);
  cli_test::write(folder / "tokenizer.json",
                  R"({"version": "1.0", "added_tokens": [],
                      "pre_tokenizer": {"type": "WhitespaceSplit"},
                      "model": {"type": "WordLevel", "unk_token": "x",
                                "vocab": {"x": 0, "a": 3, "b": 4}}})");
  const Server server({"bert=" + folder.path()});
  const Json both =
      server.post("/v1/embeddings", {{"model", "bert"}, {"input", {"a b", "b b b a"}}}).json();
  ASSERT_EQ(both["data"].size(), 2U) << both;
  EXPECT_EQ(both["usage"]["prompt_tokens"], 6);
  const Json printed = Json::parse(cli_test::cairn({"embed", folder.path(), "--text", "a b"}).out);
  expect_same(both["data"][0]["embedding"], printed["embedding"], both.dump());
  const Json packed =
      server.post("/v1/embeddings", {{"input", "a b"}, {"encoding_format", "base64"}}).json();
  EXPECT_EQ(packed["data"][0]["embedding"].get<std::string>().size(),
            (both["data"][0]["embedding"].size() * 4 + 2) / 3 * 4);
}

}  // namespace
}  // namespace cairn::serve_test
