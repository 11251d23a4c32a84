// What every task promises, tried on every row of the table: a new task is tested by existing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "cairn/base/parallel.h"
#include "cairn/base/version.h"
#include "cairn/io/file.h"
#include "cairn/io/jsonl.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/task.h"
#include "cairn/train/signals.h"
#include "tests/io/events.h"
#include "tests/io/temporary_folder.h"
#include "tests/train/svg_texts.h"

namespace cairn::tasks {
namespace {

namespace fs = std::filesystem;

// Every task's smallest training, once in a process, when it is asked for.
class Trained {
 public:
  static const Trained& get() {
    static const Trained all;
    return all;
  }
  std::string run(const std::string& task) const {
    result(task);
    return folder_ / task;
  }
  const Json& result(const std::string& task) const {
    Json& kept = results_[task];
    if (!kept.is_null()) return kept;
    const auto options = task_named(task).options();
    options->read_file(Json::parse(task_named(task).smallest), "smallest");
    options->out = folder_ / task, options->quiet = true;
    return kept = task_named(task).train(*options);
  }

 private:
  TemporaryFolder folder_;
  mutable std::map<std::string, Json> results_;
};

class EveryTask : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_num_threads(1); }
  const Task& task() const { return task_named(GetParam()); }
  std::string run() const { return Trained::get().run(GetParam()); }
  Json config(const std::string& folder) const {
    return Json::parse(io::read_text_file(folder + "/config.json"));
  }
  std::unique_ptr<train::RunOptions> smallest(const std::string& out) const {
    auto options = task().options();
    options->read_file(Json::parse(task().smallest), "smallest");
    options->out = folder_ / out, options->quiet = true;
    return options;
  }
  std::unique_ptr<train::RunOptions> resumed(const std::string& out) const {
    auto options = task().options();
    options->out = folder_ / out, options->quiet = true, options->resume = true;
    return options;
  }
  // A copy of the run, stopped after its second step.
  std::string stopped(const std::string& out) const {
    const auto options = smallest(out);
    options->stop_after_steps = 2;
    EXPECT_THROW(task().train(*options), train::Stopped);
    return folder_ / out;
  }
  io::ByteVector weights(const std::string& folder) const {
    return io::read_file(folder + "/model.safetensors");
  }

  TemporaryFolder folder_;
};

TEST_P(EveryTask, SaysWhatItIs) {
  const Task& t = task();
  for (const char* text : {t.title, t.what, t.examples, t.smallest})
    EXPECT_TRUE(text && *text) << t.name;
  EXPECT_TRUE(t.options && t.train && t.summary && t.open && t.report);
  EXPECT_TRUE(find_verb(t, "eval")) << "cannot be measured";
  for (const Verb& v : t.verbs) EXPECT_TRUE(*v.what && *v.examples && v.options && v.run) << v.name;
  for (const train::AnyOption* o : std::as_const(*t.options()).all())
    EXPECT_TRUE(o->use() == train::Use::fact || *o->help()) << o->name() << " is not explained";
}

TEST_P(EveryTask, TrainsAndSaysSo) {
  const Json& result = Trained::get().result(GetParam());
  EXPECT_EQ(result["task"], GetParam());
  EXPECT_EQ(result["run"], run());
  EXPECT_GT(result["seconds"].get<double>(), 0);
  EXPECT_EQ(result["steps"], config(run())["steps"]);
  EXPECT_FALSE(task().summary(result).empty());
  for (const char* file :
       {"config.json", "metrics.jsonl", "checkpoint.safetensors", "model.safetensors"})
    EXPECT_TRUE(fs::exists(run() + "/" + file)) << file;
}

TEST_P(EveryTask, StoppedAndResumedEndsWithTheSameBits) {
  const std::string part = stopped("part");
  task().train(*resumed("part"));
  EXPECT_TRUE(weights(part) == weights(run())) << "other weights";
  EXPECT_EQ(config(part), config(run()));
  const auto rows = [](const std::string& folder) {  // without the lines that say how long it took
    std::vector<std::string> all;
    for (const auto& line : io::read_jsonl(folder + "/metrics.jsonl"))
      if (!line.contains("seconds_to_first_step") && !line.contains("seconds"))
        all.push_back(line.dump());
    return all;
  };
  EXPECT_EQ(rows(part), rows(run()));
}

// Resuming reads the configuration and nothing else.
TEST_P(EveryTask, WhatTheConfigurationSaysIsWhatGoesOn) {
  const std::string part = stopped("part");
  Json changed = config(part);
  ASSERT_TRUE(changed.contains("lr"));
  changed["lr"] = changed["lr"].get<double>() * 8;
  std::ofstream(part + "/config.json") << changed.dump();
  task().train(*resumed("part"));
  EXPECT_FALSE(weights(part) == weights(run())) << "the change was not seen";
  EXPECT_EQ(config(part)["lr"], changed["lr"]);
}

TEST_P(EveryTask, WhatContradictsARunIsRefusedByName) {
  const std::string part = stopped("part");
  const auto options = resumed("part");
  options->seed = 12345;
  try {
    task().train(*options);
    FAIL() << "resumed with another seed";
  } catch (const InvalidOption& e) { EXPECT_EQ(e.option(), "seed"); }
  const auto same = resumed("part");
  same->seed = config(part)["seed"].get<uint64_t>();
  same->save_every = 1;  // may change
  EXPECT_NO_THROW(task().train(*same));
}

TEST_P(EveryTask, AFinishedRunStaysAsItIs) {
  const auto before = weights(run());
  auto options = task().options();
  options->out = run(), options->quiet = true, options->resume = true;
  EXPECT_EQ(task().train(*options)["steps"], Trained::get().result(GetParam())["steps"]);
  EXPECT_TRUE(weights(run()) == before);
}

TEST_P(EveryTask, IsOpenedFromARunAndFromItsWeights) {
  for (const std::string path : {run(), run() + "/model.safetensors"}) {
    const auto model = open_model(path);
    EXPECT_EQ(model->task(), GetParam());
    EXPECT_FALSE(model->network().training());
    EXPECT_GT(model->network().num_parameters(), 0);
    const auto inputs = model->inputs(20);
    ASSERT_FALSE(inputs.empty());
    for (const Tensor& x : inputs) EXPECT_GT(x.numel(), 0);
  }
}

// Gives a verb's options what they ask for: files to look at, a file to write, another run.
void supply(train::OptionSet& options, const std::vector<std::string>& inputs,
            const std::string& out) {
  const auto classifier = [] { return Trained::get().run("image-classification"); };
  for (const auto& [option, group] : options.all()) {
    const std::string name = option->name();
    if (option->use() == train::Use::positional)
      for (const std::string& input : inputs) option->parse(input);
    if (name == "out") option->parse(out);
    if (name == "features") option->parse(classifier());
    if (name == "count" || name == "max_tokens") option->parse("20");
  }
}

TEST_P(EveryTask, EveryVerbWorks) {
  const auto model = open_model(run());
  std::vector<std::string> inputs;
  if (task().write_inputs) inputs = task().write_inputs(folder_.path());
  for (const Verb& verb : task().verbs) {
    const auto options = verb.options();
    supply(*options, inputs, folder_ / "out.png");
    testing::internal::CaptureStdout();
    const int status = verb.run(*model, *options);
    std::fflush(stdout);
    const std::string printed = testing::internal::GetCapturedStdout();
    EXPECT_EQ(status, 0) << verb.name;
    EXPECT_TRUE(!printed.empty() || fs::exists(folder_ / "out.png")) << verb.name << " was silent";
  }
}

TEST_P(EveryTask, ExplainsItself) {
  const std::string page = write_report(run(), folder_ / "page.html");
  const std::string html = io::read_text_file(page);
  EXPECT_NE(html.find(task().title), html.npos);
  EXPECT_NE(html.find("<figure"), html.npos);
  EXPECT_EQ(html.find("<script"), html.npos);
  for (const char* fetched : {"http:", "https:", "url(", "src=\"/", "<link", "@import"})
    EXPECT_EQ(html.find(fetched), html.npos) << fetched;
  for (const char* wrong : {"nan", "NaN", "inf "})  // as a word of a chart
    EXPECT_EQ(html.find(std::string("\"") + wrong), html.npos) << wrong;
  for (const char* said : {"<b>2", kVersion, "--config", "<h1>"})  // a date, and how to do it again
    EXPECT_NE(html.find(said), html.npos) << said;
  EXPECT_GE(train::report::expect_texts_have_room(html), 1);
}

TEST_P(EveryTask, TellsTensorBoard) {
  io::Told told;
  for (const auto& entry : fs::directory_iterator(run()))
    if (entry.path().filename().string().starts_with("events.out"))
      told = io::told_by(entry.path());
  EXPECT_GT(told.scalars["train/lr"], 0);
  EXPECT_EQ(told.texts["config"], 1);
  int weights = 0;
  for (const auto& [tag, count] : told.histograms) weights += tag.starts_with("weights/");
  EXPECT_GE(weights, 4);
  std::map<std::string, int> known;
  for (const io::Fields& op : told.graph) {
    if (const auto inputs = op.bytes.find(3); inputs != op.bytes.end())
      for (const std::string& input : inputs->second)
        EXPECT_EQ(known[input], 1) << input << " of " << op.text(1);
    ++known[op.text(1)];
  }
  EXPECT_GE(known.size(), 5u);
  for (const auto& [name, count] : known) EXPECT_EQ(count, 1) << name;
}

TEST_P(EveryTask, BadInputIsRefusedAndNothingIsWritten) {
  const auto expect_refused = [&](const Json& config, const std::string& part) {
    const auto options = smallest("never");
    try {
      auto fresh = task().options();
      fresh->out = folder_ / "never", fresh->quiet = true;
      fresh->read_file(config, "file.json");
      task().train(*fresh);
      FAIL() << "accepted " << config.dump();
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
    EXPECT_FALSE(fs::exists(folder_ / "never")) << config.dump();
  };
  Json good = Json::parse(task().smallest);
  const auto with = [&](const std::string& key, const Json& value) {
    Json config = good;
    config[key] = value;
    return config;
  };
  expect_refused(with("stranger", 1), "stranger");
  expect_refused(with("format", train::kConfigFormat + 1), "newer");
  expect_refused(with("seed", -1), "seed");
  expect_refused(with("seed", "one"), "seed");
  expect_refused(with("data", "/nowhere/at/all"), "/nowhere/at/all");
  expect_refused(with("steps", 0), "steps");
}

TEST_P(EveryTask, ADamagedRunIsNamed) {
  const std::string copy = folder_ / "copy";
  const auto expect_error = [&](const std::string& part) {
    try {
      open_model(copy);
      FAIL() << "opened; wanted: " << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  fs::copy(run(), copy);
  Json config = this->config(copy);
  config["seed"] = "x";
  std::ofstream(copy + "/config.json") << config.dump();
  expect_error("seed");
  std::ofstream(copy + "/config.json") << R"({"task": ")" << GetParam() << R"("})";
  expect_error(copy);
  std::ofstream(copy + "/config.json") << "nothing";
  expect_error("config.json");
  fs::copy(run() + "/config.json", copy + "/config.json", fs::copy_options::overwrite_existing);
  fs::remove(copy + "/model.safetensors");
  expect_error("model.safetensors");
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, testing::ValuesIn(task_names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// docs/tasks.md is the table. To write it anew: CAIRN_UPDATE_DOCS=1 test_tasks
// --gtest_filter=Docs.*
TEST(Docs, OfTasksAreTheTable) {
  const std::string path = CAIRN_SOURCE_DIR "/docs/tasks.md";
  if (std::getenv("CAIRN_UPDATE_DOCS")) std::ofstream(path) << document_tasks();
  EXPECT_TRUE(io::read_text_file(path) == document_tasks())
      << "docs/tasks.md is out of date; see the test's comment";
}

// Every piece of code that docs/adding-a-task.md quotes is in the task.
TEST(Docs, TheTutorialQuotesItsExample) {
  const std::string page = io::read_text_file(CAIRN_SOURCE_DIR "/docs/adding-a-task.md");
  const std::string source =
      io::read_text_file(CAIRN_SOURCE_DIR "/cairn/tasks/tabular/tabular.cpp");
  const std::string begin = "```cpp\n", end = "```";
  int pieces = 0;
  for (size_t at = page.find(begin); at != page.npos; at = page.find(begin, at), ++pieces) {
    at += begin.size();
    const std::string piece = page.substr(at, page.find(end, at) - at);
    EXPECT_NE(source.find(piece), source.npos) << piece;
  }
  EXPECT_GE(pieces, 5);
  EXPECT_LE(std::count(source.begin(), source.end(), '\n'), 180);
}

}  // namespace
}  // namespace cairn::tasks
