// What every task promises, tried on every row of the table: a new task is tested by existing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "cairn/base/parallel.h"
#include "cairn/base/version.h"
#include "cairn/io/file.h"
#include "cairn/io/jsonl.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/explain/topics.h"
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

// What a row lacks, in words; "": nothing.
std::string missing_in(const Task& t) {
  std::string missing;
  const auto need = [&](bool there, const std::string& part) {
    if (!there) missing += part + "; ";
  };
  for (const char* text : {t.title, t.what, t.examples, t.smallest}) need(text && *text, "a text");
  need(t.options, "options"), need(t.train, "train"), need(t.summary, "summary");
  need(t.report, "report"), need(find_verb(t, "eval"), "the verb eval");
  for (const Verb& v : t.verbs)
    need(*v.what && *v.examples && v.options && v.run, fmt::format("a part of verb {}", v.name));
  if (!t.options) return missing;
  const auto options = t.options();
  for (const train::AnyOption* o : std::as_const(*options).all())
    need(o->use() == train::Use::fact || *o->help(), fmt::format("help of {}", o->name()));
  need(options->find("lr"), "option lr"), need(options->find("data"), "option data");
  need(options->steps.standard() != train::RunOptions().steps.standard() ||
           options->epochs.standard() != train::RunOptions().epochs.standard(),
       "how long it trains: steps or epochs, usual(...) or says(...)");
  return missing;
}

TEST_P(EveryTask, SaysWhatItIs) { EXPECT_EQ(missing_in(task()), ""); }

TEST_P(EveryTask, ARowWithoutAPartIsFound) {
  const auto lacks = [&](const std::string& part, const auto& spoil) {
    Task row = task();
    spoil(row);
    EXPECT_NE(missing_in(row).find(part), std::string::npos) << part;
  };
  lacks("options", [](Task& t) { t.options = nullptr; });
  lacks("train", [](Task& t) { t.train = nullptr; });
  lacks("report", [](Task& t) { t.report = nullptr; });
  lacks("the verb eval", [](Task& t) { t.verbs.clear(); });
  lacks("a part of verb eval", [](Task& t) {
    for (Verb& v : t.verbs) v.run = nullptr;
  });
  lacks("a text", [](Task& t) { t.smallest = ""; });
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

// The help and what happens are one: a default that it shows is what the run wrote down.
TEST_P(EveryTask, TheHelpSaysWhatIsUsed) {
  const Json chosen = Json::parse(task().smallest), used = config(run());
  const auto options = task().options();
  const std::string model = used.value("model", "");
  for (const train::AnyOption* o : std::as_const(*options).all()) {
    const std::string name = o->name();
    const Json usual = o->usual_of(model);
    if (usual.is_null() || chosen.contains(name) || name == "steps" || name == "epochs") continue;
    EXPECT_EQ(used[name], usual) << name << ": say it in the options' constructor, " << name
                                 << ".usual(...), not with fill()";
    EXPECT_NE(o->standard(), "") << name;
  }
}

TEST_P(EveryTask, StoppedAndResumedEndsWithTheSameBits) {
  // Before its first evaluation, and, having been resumed once, just before its last step.
  const std::string part = stopped("part");
  const auto again = resumed("part");
  const auto total = Trained::get().result(GetParam())["steps"].get<int64_t>();
  again->stop_after_steps = total - 1;
  if (total > 3) { EXPECT_THROW(task().train(*again), train::Stopped); }
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

// What --print-config and a run write is what --config reads.
TEST_P(EveryTask, ItsConfigurationMakesTheSameRunAgain) {
  const auto options = task().options();
  options->read_file(config(run()), run() + "/config.json");
  options->out = folder_ / "again", options->quiet = true;
  task().train(*options);
  EXPECT_TRUE(weights(folder_ / "again") == weights(run()));
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
  for (const std::string& path : {run(), run() + "/model.safetensors"}) {
    const auto model = open_model(path);
    EXPECT_EQ(model->task(), GetParam());
    EXPECT_FALSE(model->network().training());
    EXPECT_GT(model->network().num_parameters(), 0);
    const auto inputs = model->inputs(20);
    ASSERT_FALSE(inputs.empty());
    for (const Tensor& x : inputs) EXPECT_GT(x.numel(), 0);
  }
}

TEST_P(EveryTask, IsAFunctionOfTensors) {
  const auto model = open_model(run());  // which may train first
  const NoGrad no_grad;
  const auto ports = model->takes();
  for (const int64_t batch : {1, 3}) {
    Tensors in;
    for (const Port& port : ports) in.push_back(zeros(sizes_of(port, batch, 5), port.dtype));
    const Tensors out = model->forward(in);
    const Graph graph =
        trace(ports, batch, 5, [&](std::span<const Tensor> x) { return model->forward(x); });
    EXPECT_EQ(graph.desc(graph.outputs[0]).shape, out[0].shape());
    ASSERT_EQ(out.size(), model->gives().size());
    EXPECT_EQ(out[0].size(0), batch);
    if (const auto labels = static_cast<int64_t>(model->labels().size()); labels > 0) {
      EXPECT_EQ(out[0].size(-1), labels);
    }
  }
  if (!task().write_inputs) return;
  const Tensors in = model->read(task().write_inputs(folder_.path())[0]);
  ASSERT_EQ(in.size(), ports.size());
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_EQ(in[i].dtype(), ports[i].dtype);
    ASSERT_EQ(in[i].rank(), ports[i].shape.ssize());
    for (int d = 0; d < in[i].rank(); ++d)
      EXPECT_TRUE(ports[i].shape[d] < 0 || ports[i].shape[d] == in[i].size(d)) << ports[i].name;
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

struct Printed {
  int status;
  std::string text;
};
Printed run_verb(const Verb& verb, Model& model, const train::OptionSet& options) {
  testing::internal::CaptureStdout();
  try {
    const int status = verb.run(model, options);
    std::fflush(stdout);
    return {status, testing::internal::GetCapturedStdout()};
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
}

TEST_P(EveryTask, EveryVerbWorks) {
  const auto model = open_model(run());
  std::vector<std::string> inputs;
  if (task().write_inputs) inputs = task().write_inputs(folder_.path());
  for (const std::string& input : inputs) EXPECT_TRUE(fs::exists(input)) << input;
  for (const Verb& verb : task().verbs) {
    const auto options = verb.options();
    const std::string out = folder_ / verb.name;  // of pictures from pictures a folder
    supply(*options, inputs, out);
    const Printed p = run_verb(verb, *model, *options);
    EXPECT_EQ(p.status, 0) << verb.name;
    EXPECT_TRUE(!p.text.empty() || fs::exists(out)) << verb.name << " was silent";
  }
}

// What moved a decision is a page, or it is said why there is none.
TEST_P(EveryTask, DecisionsAreExplained) {
  const std::set<std::string> decide = {"image-classification",
                                        "object-detection",
                                        "tabular",
                                        "text-classification",
                                        "forecast",
                                        "anomaly-detection",
                                        "speech-recognition",
                                        "video-classification"};
  if (!task().write_inputs) return;
  const auto model = open_model(run());
  const std::string input = task().write_inputs(folder_.path())[0], page = folder_ / "page.html";
  if (!decide.contains(GetParam())) {
    EXPECT_THROW(explain::write_decision(*model, input, page), Error);
    EXPECT_FALSE(fs::exists(page));
    return;
  }
  explain::write_decision(*model, input, page);
  const std::string text = io::read_text_file(page);
  EXPECT_NE(text.find("What moved the decision"), std::string::npos);
  EXPECT_TRUE(text.find("<svg") != std::string::npos || text.find("<img") != std::string::npos ||
              text.find("class=\"bars\"") != std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
}

// The same from a run and from its weights, and as a person reads it.
TEST_P(EveryTask, IsMeasuredAsJsonAndInWords) {
  const Verb& eval = *find_verb(task(), "eval");
  const auto measured = [&](const std::string& path, bool json) {
    const auto options = eval.options();
    supply(*options, {}, "");
    if (json) options->find("json")->parse("true");
    return run_verb(eval, *open_model(path), *options).text;
  };
  const Json of_run = Json::parse(measured(run(), true));
  EXPECT_EQ(of_run["task"], GetParam());
  EXPECT_GT(of_run["examples"].get<int64_t>(), 0);
  EXPECT_TRUE(of_run.contains("split"));
  if (!task().verbs.empty() && !find_verb(task(), "eval")->options()->find("features")) {
    EXPECT_EQ(Json::parse(measured(run() + "/model.safetensors", true)), of_run);
  }
  // Its own data under their name are data like any other.
  const auto named = eval.options();
  supply(*named, {}, "");
  named->find("json")->parse("true");
  const std::string data = config(run()).value("data", "");
  if (!data.empty()) named->find("data")->parse(data);
  EXPECT_GT(Json::parse(run_verb(eval, *open_model(run()), *named).text)["examples"], 0);
  const std::string words = measured(run(), false);
  const std::string split =
      of_run["split"] == "all" ? "" : of_run["split"].get<std::string>() + " ";
  EXPECT_NE(words.find(of_run["examples"].dump() + " " + split + "examples"), words.npos) << words;
}

// Files that are not there, data that is not there, values of a wrong kind.
TEST_P(EveryTask, VerbsRefuseBadInput) {
  const auto model = open_model(run());
  for (const Verb& verb : task().verbs) {
    const auto fresh = verb.options();
    for (const auto& [option, group] : fresh->all()) {
      EXPECT_THROW(option->read({{"an", "object"}}), InvalidOption) << option->name();
      const auto options = verb.options();
      const std::string name = option->name(), nowhere = "/nowhere/at/all";
      if (name != "data" && option->use() != train::Use::positional) continue;
      supply(*options, {}, folder_ / "bad");
      options->find(name)->parse(nowhere);
      try {
        EXPECT_NE(run_verb(verb, *model, *options).status, 0) << verb.name << " " << name;
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find(nowhere), std::string::npos) << e.what();
      }
      EXPECT_FALSE(fs::exists(folder_ / "bad")) << verb.name;
    }
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

// A step has one row of its training and, where it was evaluated, one of that; no value stands
// twice.
TEST_P(EveryTask, NoRowOfTheLogRepeatsAnother) {
  std::map<std::string, size_t> said;  // in which row
  const auto rows = io::read_jsonl(run() + "/metrics.jsonl");
  for (size_t row = 0; row < rows.size(); ++row)
    for (const auto& [key, value] : rows[row].items()) {
      if (key == "step") continue;
      const std::string at = rows[row]["step"].dump() + " ";
      EXPECT_TRUE(said.emplace(at + key, row).second) << at << key;
      if (!value.is_number_float()) continue;
      EXPECT_EQ(said.emplace(at + value.dump(), row).first->second, row) << rows[row];
    }
  EXPECT_FALSE(said.empty());
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
    const auto inputs = op.bytes.find(3);
    if (inputs != op.bytes.end())
      for (const std::string& input : inputs->second) {
        EXPECT_EQ(known[input], 1) << input << " of " << op.text(1);
      }
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
  // Every option names itself.
  const auto options = task().options();
  for (const train::AnyOption* o : std::as_const(*options).all())
    if (o->stored() && o->use() != train::Use::fact)
      expect_refused(with(o->name(), {{"an", "object"}}), o->name());
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

// A configuration that somebody edited: whatever is missing or of a wrong kind, it is an error of
// ours that names the file, or it does not matter.
TEST_P(EveryTask, AnyDamageToTheConfigurationIsSaid) {
  const std::string copy = folder_ / "copy";
  fs::copy(run(), copy);
  const Json good = config(copy);
  for (const auto& [key, value] : good.items()) {
    Json config = good;
    config.erase(key);
    std::ofstream(copy + "/config.json") << config.dump();
    try {
      open_model(copy);
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(copy), std::string::npos) << key << ": " << e.what();
    }
    config[key] = {{"an", "object"}};
    std::ofstream(copy + "/config.json") << config.dump();
    if (key == "threads") continue;  // noted, never read
    try {
      open_model(copy);
      FAIL() << "opened with a wrong " << key;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(copy), std::string::npos) << key << ": " << e.what();
    }
  }
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
