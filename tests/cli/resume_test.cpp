// A run that is killed at random moments and resumed ends with the bits of one that never was.
#include <random>

#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kKills = 3, kMostTries = 12;

Arguments command(const std::string& run) {
  Arguments all{"train",        "image-classification",
                "--data",       Trained::get().data(),
                "--threads",    "2",
                "--epochs",     "3",
                "--batch",      "16",
                "--save-every", "2",
                "--out",        run};
  if (std::filesystem::exists(run + "/config.json")) all.push_back("--resume");
  return all;
}

TEST(Resume, KilledAndResumedEndsWithTheSameBits) {
  const TemporaryFolder folder;
  const auto began = Clock::now();
  ASSERT_EQ(cairn(command(folder / "whole")).status, 0);
  const double whole = std::chrono::duration<double>(Clock::now() - began).count();

  const std::string run = folder / "killed";
  std::mt19937 random(std::random_device{}());
  int killed = 0;
  for (int i = 0; i < kMostTries && killed < kKills; ++i) {
    Running training(command(run));
    // The first kill comes after a checkpoint, so that there is something to resume.
    if (i == 0) {
      ASSERT_TRUE(training.wait_for(
          [&] { return std::filesystem::exists(run + "/checkpoint.safetensors"); }));
    }
    std::this_thread::sleep_for(
        std::chrono::duration<double>(whole / 5 * std::generate_canonical<double, 32>(random)));
    training.send(SIGKILL);
    killed += training.wait().status == 128 + SIGKILL;
  }
  EXPECT_GE(killed, 1);
  const Outcome last = cairn(command(run));
  ASSERT_EQ(last.status, 0) << last.err;
  EXPECT_TRUE(content_of(run + "/model.safetensors") ==
              content_of(folder / "whole/model.safetensors"))
      << "other weights after " << killed << " kills";
  for (const auto& entry : std::filesystem::directory_iterator(run))
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos)
        << "left over: " << entry.path();
}

}  // namespace
}  // namespace cairn::cli_test
