// The built program under mpirun, as real processes: Open MPI's, or what CAIRN_MPIRUN names
// (mpiexec.hydra of MPICH, for a program that was built with it).
#pragma once
#include <cstdlib>

#include "tests/cli/program.h"

namespace cairn::dist_test {

using namespace cairn::cli_test;  // NOLINT: what those tests talk to
using cli_test::Json;

inline std::string launcher_name() {
  const char* name = std::getenv("CAIRN_MPIRUN");
  return name ? name : "mpirun";
}
inline bool is_open_mpi() { return launcher_name() == "mpirun"; }

// "mpirun" with words of its own, the program's name among them.
class Launched {
 public:
  explicit Launched(const Arguments& words)
      : running_({}, {.in_child = [words] { start(words); }}) {}
  Running& operator*() { return running_; }
  Running* operator->() { return &running_; }

 private:
  [[noreturn]] static void start(const Arguments& words) {
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                             "OMPI_MCA_mpi_yield_when_idle"})
      setenv(name, "1", 1);
    // Containers forbid the quickest way from process to process.
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1);
    const std::string launcher = launcher_name();
    std::vector<char*> argv{const_cast<char*>(launcher.c_str())};
    if (is_open_mpi()) argv.push_back(const_cast<char*>("--oversubscribe"));
    for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    execvp(launcher.c_str(), argv.data());
    _exit(127);
  }
  Running running_;
};

inline Arguments ranks(int count, const Arguments& arguments) {
  Arguments words = {"-n", std::to_string(count), CAIRN_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}
// With other values of options that are there, and with those that are not.
inline Arguments changed(Arguments a, const Arguments& pairs) {
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const auto at = std::find(a.begin(), a.end(), pairs[i]);
    if (at != a.end()) *(at + 1) = pairs[i + 1];
    else a.insert(a.end(), {pairs[i], pairs[i + 1]});
  }
  return a;
}
inline Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// On one rank without mpirun.
inline Outcome train_on(int count, const Arguments& arguments) {
  if (count == 1) return cairn(arguments);
  return Launched(ranks(count, arguments))->wait();
}

// The loss of each step that was logged.
inline std::vector<double> losses_of(const std::string& run) {
  std::vector<double> losses;
  std::ifstream file(run + "/metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    const Json row = Json::parse(line);
    if (row.contains("loss")) losses.push_back(row["loss"]);
  }
  return losses;
}

inline void expect_same_curve(const std::string& run, const std::string& other, double within,
                              size_t steps = 20) {
  const auto a = losses_of(run), b = losses_of(other);
  ASSERT_GE(a.size(), steps);
  ASSERT_GE(b.size(), steps);
  for (size_t i = 0; i < steps; ++i) EXPECT_NEAR(a[i], b[i], within) << "step " << i + 1;
}

// The process of a rank that this mpirun started: 0 while there is none.
inline pid_t process_of(int rank, const std::string& run) {
  const std::string mark =
      (is_open_mpi() ? "OMPI_COMM_WORLD_RANK=" : "PMI_RANK=") + std::to_string(rank);
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string at = entry.path();
    const std::string environment = content_of(at + "/environ"), line = content_of(at + "/cmdline");
    if (environment.find('\0' + mark + '\0') != environment.npos && line.find(run) != line.npos &&
        line.starts_with(CAIRN_PROGRAM))
      return std::atoi(entry.path().filename().c_str());
  }
  return 0;
}

}  // namespace cairn::dist_test
