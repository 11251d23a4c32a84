#include "cairn/train/run_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "cairn/io/file.h"
#include "tests/io/temporary_folder.h"

namespace cairn::train {
namespace {

namespace fs = std::filesystem;
const Json kConfig = {{"task", "x"}};

void put(const std::string& path) { std::ofstream(path) << "x"; }

TEST(RunFolder, WhatComesToNothingLeavesNothing) {
  const TemporaryFolder folder;
  { const auto run = RunFolder::create(folder / "a/b/run", kConfig); }
  EXPECT_EQ(folder.entries(), 0);
  fs::create_directory(folder / "own");
  put(folder / "own/notes.txt");
  {
    const auto run = RunFolder::create(folder / "own", kConfig);
    put(run.metrics());
    EXPECT_TRUE(fs::exists(folder / "own/config.json"));
  }
  EXPECT_TRUE(fs::exists(folder / "own/notes.txt")) << "the user's stays";
  EXPECT_FALSE(fs::exists(folder / "own/config.json"));
  EXPECT_FALSE(fs::exists(folder / "own/metrics.jsonl"));
  { RunFolder::create(folder / "kept", kConfig).keep(); }
  EXPECT_TRUE(RunFolder::holds_run(folder / "kept"));
  EXPECT_FALSE(fs::exists(folder / "kept/.lock"));
}

TEST(RunFolder, OneProcessAtATime) {
  const TemporaryFolder folder;
  std::optional<RunFolder> run = RunFolder::create(folder / "run", kConfig);
  run->keep();
  const std::string us = "process " + std::to_string(getpid()) + " on ";
  EXPECT_ERROR(RunFolder::create(folder / "run", kConfig), us);
  EXPECT_ERROR(RunFolder::refuse_held(folder / "run"), us);
  RunFolder second = RunFolder::open(folder / "run", "x");  // to read it is free
  EXPECT_ERROR(second.lock(), us);
  run.reset();
  second.lock();
  EXPECT_ERROR(RunFolder::refuse_held(folder / "run"), us);
}

// However it ends, a process leaves no lock.
TEST(RunFolder, TheDeadHoldNothing) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    const auto run = RunFolder::create(folder / "run", kConfig);
    run.keep();
    kill(getpid(), SIGKILL);
  }
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(fs::exists(folder / "run/.lock"));
  EXPECT_EQ(RunLock::holder_of(folder / "run"), "");
  RunFolder run = RunFolder::open(folder / "run", "x");
  run.lock();
}

TEST(RunFolder, ARunWithoutACheckpointIsBegunAnew) {
  const TemporaryFolder folder;
  {
    const auto run = RunFolder::create(folder / "run", kConfig);
    put(run.metrics()), put(run.file("events.out.tfevents.1")), put(run.file("mine.txt"));
    fs::create_directory(run.file("samples"));
    put(run.file("samples/step-000001.txt"));
    run.keep();
  }
  {
    const auto run = RunFolder::create(folder / "run", {{"task", "y"}});
    for (const char* gone : {"metrics.jsonl", "events.out.tfevents.1", "samples"})
      EXPECT_FALSE(fs::exists(run.file(gone))) << gone;
    EXPECT_TRUE(fs::exists(run.file("mine.txt")));
    EXPECT_EQ(RunFolder::open(folder / "run", "y").config()["task"], "y");
    put(run.checkpoint());
    run.keep();
  }
  EXPECT_ERROR(RunFolder::create(folder / "run", kConfig), "already holds a run");
  EXPECT_ERROR(RunFolder::refuse_held(folder / "run"), "already holds a run");
  fs::rename(folder / "run/checkpoint.safetensors", folder / "run/model.safetensors");
  EXPECT_ERROR(RunFolder::create(folder / "run", kConfig), "already holds a run; go on with it");
  std::ofstream(folder / "run/config.json") << R"({"task": "y", "quantization": {}})";
  for (const auto& refused : std::initializer_list<std::function<void()>>{
           [&] { RunFolder::create(folder / "run", kConfig); },
           [&] { RunFolder::refuse_held(folder / "run"); }})
    EXPECT_ERROR(refused(), "already holds a run in 8 bits; choose another");
}

TEST(RunFolder, NumberedFoldersAreTakenOnce) {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  {
    const auto a = RunFolder::create_numbered("t", kConfig),
               b = RunFolder::create_numbered("t", kConfig);
    EXPECT_EQ(a.path(), "runs/t-1");
    EXPECT_EQ(b.path(), "runs/t-2");
  }
  fs::current_path(before);
  EXPECT_EQ(folder.entries(), 0);
}

TEST(RunFolder, PlacesThatCannotBe) {
  const TemporaryFolder folder;
  put(folder / "file");
  fs::create_symlink("nowhere", folder / "dangling");
  fs::create_symlink("loop", folder / "loop");
  for (const char* place : {"file", "file/run", "dangling", "loop", "loop/run"})
    EXPECT_NE(error_of([&] { RunFolder::create(folder / place, kConfig); }).find(folder / place),
              std::string::npos)
        << place;
  EXPECT_EQ(folder.entries(), 3);
}

}  // namespace
}  // namespace cairn::train
