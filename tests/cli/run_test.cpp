// What a training does when the world around it changes: two at once, signals, closed descriptors,
// outputs that cannot be written, a process that dies at the worst moment.
#include <set>

#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

namespace fs = std::filesystem;

Arguments training(Arguments more) {
  Arguments all{"train",   "image-classification",
                "--data",  Trained::get().data(),
                "--batch", "16",
                "--quiet", "--threads",
                "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Arguments endless(const std::string& run) {
  return training({"--epochs", "100000", "--save-every", "1000000", "--out", run});
}
Arguments training_without_evaluation(const std::string& run) {
  Arguments all = endless(run);
  all.insert(all.end(), {"--eval-every", "1000000"});
  return all;
}
bool has_lines(const std::string& run, int lines) {
  const std::string log = content_of(run + "/metrics.jsonl");
  return std::count(log.begin(), log.end(), '\n') >= lines;
}
std::vector<Json> log_of(const std::string& run) {
  std::vector<Json> lines;
  std::ifstream file(run + "/metrics.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}
int events_of(const std::string& run) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(run))
    count += entry.path().string().find("tfevents") != std::string::npos;
  return count;
}

TEST(Run, ASecondTrainingIntoOneFolderIsRefused) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  Running first(endless(run));
  ASSERT_TRUE(first.wait_for([&] { return has_lines(run, 1); }));
  expect_failure(cairn(training({"--out", run})), 1, {run, "process ", "is training into"});
  const Outcome second = cairn({"train", "--resume", run});
  expect_failure(second, 1, {run, "process ", "is training into"});
  first.send(SIGTERM);
  EXPECT_EQ(first.wait().status, 128 + SIGTERM);
  EXPECT_EQ(events_of(run), 1);
}

TEST(Run, WithoutAFolderEachStartGetsItsOwn) {
  const TemporaryFolder folder;
  const Setting here{.in_child = [&] { chdir(folder.path().c_str()); }};
  const Arguments one = training({"--steps", "2", "--json"});
  Running a(one, here), b(one, here), c(one, here);
  std::set<std::string> runs;
  for (Running* r : {&a, &b, &c}) {
    const Outcome o = r->wait();
    ASSERT_EQ(o.status, 0) << o.err;
    runs.insert(o.json()["run"]);
  }
  EXPECT_EQ(runs.size(), 3u);
}

TEST(Run, AClosedTerminalSavesAsTermDoes) {
  const TemporaryFolder folder;
  for (int number : {SIGHUP, SIGXCPU}) {
    const std::string run = folder / ("it's a run " + std::to_string(number));
    Running training(endless(run));
    ASSERT_TRUE(training.wait_for([&] { return has_lines(run, 1); }));
    training.send(number);
    const Outcome o = training.wait();
    EXPECT_EQ(o.status, 128 + number) << o.err;
    EXPECT_TRUE(fs::exists(run + "/checkpoint.safetensors"));
    // What it says can be pasted.
    const std::string hint = o.err.substr(o.err.find("cairn train --resume"));
    const std::string command =
        std::string(CAIRN_PROGRAM).substr(0, std::string(CAIRN_PROGRAM).rfind('/'));
    EXPECT_EQ(system(("PATH=" + command + ":$PATH; set -- " + hint.substr(0, hint.size() - 1) +
                      "; [ -e \"$4/config.json\" ]")
                         .c_str()),
              0)
        << hint;
  }
}

TEST(Run, UnderNohupAClosedTerminalEndsNothing) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  Running training(endless(run), {.in_child = [] { signal(SIGHUP, SIG_IGN); }});
  ASSERT_TRUE(training.wait_for([&] { return has_lines(run, 1); }));
  training.send(SIGHUP);
  ASSERT_TRUE(training.wait_for([&] { return has_lines(run, 6); }));
  training.send(SIGINT);
  EXPECT_EQ(training.wait().status, 128 + SIGINT);
}

TEST(Run, ClosedDescriptorsAreNoFilesOfTheRun) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  const Outcome o = cairn(training({"--epochs", "1", "--out", run}), {.in_child = [] {
                            for (int fd : {0, 1, 2}) close(fd);
                          }});
  EXPECT_EQ(o.status, 0);
  for (const Json& line : log_of(run)) EXPECT_TRUE(line.contains("step"));
  EXPECT_EQ(cairn({"eval", run, "--json"}).status, 0);
}

TEST(Run, ProgressThatNobodyReadsEndsNothing) {
  const TemporaryFolder folder;
  for (const bool full : {false, true}) {
    const std::string run = folder / (full ? "full" : "pipe");
    Arguments loud = training({"--epochs", "2", "--out", run});
    std::erase(loud, "--quiet");
    const Outcome o = cairn(loud, {.in_child = [full] {
                              int ends[2] = {-1, -1};
                              if (full) return void(dup2(open("/dev/full", O_WRONLY), 2));
                              if (pipe(ends) != 0) _exit(1);
                              close(ends[0]);
                              dup2(ends[1], 2);
                            }});
    EXPECT_EQ(o.status, 0) << run;
    EXPECT_TRUE(fs::exists(run + "/model.safetensors"));
  }
}

TEST(Run, ARefusalLeavesNoFolderAndABetterTryMayFollow) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  expect_failure(cairn(training({"--out", run, "--init", folder / "nothing"})), 1, {"nothing"});
  expect_failure(cairn(training({"--out", run, "--model", "resnet9", "--steps", "0"})), 2,
                 {"--steps"});
  expect_failure(cairn(training({"--out", run, "--patience", "3"})), 2, {"--patience"});
  expect_failure(cairn(training({"--out", run, "--image-size", "64"})), 2,
                 {"--image-size", "28x28"});
  expect_failure(cairn(training({"--out", run, "--skip-bad"})), 2, {"--skip-bad"});
  EXPECT_EQ(folder.entries(), 0);
  // What diverged before its first checkpoint is begun anew with what the message advises.
  expect_failure(cairn(training({"--out", run, "--epochs", "1", "--lr", "1e30"})), 1,
                 {"lower learning rate (lr)"});
  EXPECT_EQ(cairn(training({"--out", run, "--epochs", "1", "--lr", "1e-3"})).status, 0);
  EXPECT_EQ(events_of(run), 1);
  for (const Json& line : log_of(run)) EXPECT_LE(line["step"], 6);
}

TEST(Run, AfterACheckpointTheAdviceGoesOnFromIt) {
  const TemporaryFolder folder;
  const std::string run = folder / "my run";
  ASSERT_EQ(cairn(training({"--out", run, "--epochs", "1"})).status, 0);
  const Outcome o =
      cairn({"train", "--resume", run, "--epochs", "3", "--lr", "1e30", "--threads", "1"});
  expect_failure(o, 1, {"cairn train --resume '" + run + "' --lr NUMBER"});
  EXPECT_EQ(cairn({"train", "--resume", run, "--lr", "1e-3", "--threads", "1"}).status, 0);
}

TEST(Run, KilledBeforeTheFirstCheckpointTheLogStartsOver) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  {
    Running training(training_without_evaluation(run));
    ASSERT_TRUE(training.wait_for([&] { return has_lines(run, 3); }));
    training.send(SIGKILL);
    training.wait();
  }
  ASSERT_FALSE(fs::exists(run + "/checkpoint.safetensors"));
  fs::resize_file(run + "/metrics.jsonl", fs::file_size(run + "/metrics.jsonl") - 9);
  const Outcome again =
      cairn({"train", "--resume", run, "--threads", "1", "--steps", "120", "--quiet"});
  expect_failure(again, 0, {"no checkpoint yet"});
  std::set<int> steps;
  for (const Json& line : log_of(run))
    if (line.contains("loss")) { EXPECT_TRUE(steps.insert(line["step"].get<int>()).second); }
  EXPECT_EQ(events_of(run), 1);
}

TEST(Run, AskedForOutputsAreCheckedAtTheStart) {
  const TemporaryFolder folder;
  const std::string run = folder / "run", nowhere = folder / "no/such/file";
  expect_failure(cairn(training({"--out", run, "--profile", nowhere})), 1, {nowhere, "no folder"});
  EXPECT_FALSE(fs::exists(run));
  const Trained& t = Trained::get();
  expect_failure(cairn({"report", t.run(), "--out", nowhere}), 1, {nowhere, "no folder"});
  const Outcome csv = cairn({"predict", t.run(), t.picture(), "--csv", nowhere});
  expect_failure(csv, 1, {nowhere, "no folder"});
  EXPECT_EQ(csv.out, "") << "before anything is done";
  const Outcome full = cairn(training({"--out", run, "--steps", "2", "--profile", "/dev/full"}));
  expect_failure(full, 1, {"/dev/full"});
}

TEST(Run, WhatIsWrittenTakesNoOthersPlace) {
  const TemporaryFolder folder;
  const Trained& t = Trained::get();
  const std::string weights = t.run() + "/model.safetensors", picture = folder / "p.pgm";
  const std::string before = content_of(weights);
  fs::copy(t.picture(), picture);
  expect_failure(cairn({"predict", t.run(), picture, "--csv", picture}), 2, {"--csv", "p.pgm"});
  expect_failure(cairn({"predict", t.run(), folder.path(), "--csv", picture}), 2,
                 {"--csv", "p.pgm"});
  expect_failure(cairn({"predict", t.run(), picture, "--csv", weights}), 2,
                 {"--csv", "file of the run"});
  expect_failure(cairn({"explain", t.run(), "--input", picture, "--out", picture}), 1,
                 {"p.pgm", "take its place"});
  expect_failure(cairn({"report", t.run(), "--out", weights}), 2, {"--out", "HTML is written"});
  expect_failure(cairn({"export", t.run(), "--out", weights}), 2, {"--out", "ONNX is written"});
  expect_failure(cairn({"export", t.run(), "--out", folder / "icc.PT"}), 2, {"--out", ".onnx"});
  EXPECT_TRUE(content_of(weights) == before);
  EXPECT_TRUE(content_of(picture) == content_of(t.picture()));
}

// More than a buffer holds.
TEST(Run, AFullStandardOutputIsCalledSo) {
  const TemporaryFolder folder;
  const Trained& t = Trained::get();
  Arguments many = {"predict", t.run(), "--json", "--top", "10"};
  many.insert(many.end(), 200, t.picture());
  expect_failure(cairn(many, {.stdout_path = "/dev/full"}), 1, {"standard output"});
}

}  // namespace
}  // namespace cairn::cli_test
