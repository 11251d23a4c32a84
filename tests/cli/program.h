// The built program as a subprocess: what the tests of the command line talk to.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/io/temporary_folder.h"

namespace cairn::cli_test {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Outcome {
  int status = -1;  // 128 + signal when one ended it
  std::string out, err;

  // The last line of standard output, as JSON.
  Json json() const {
    std::string last, line;
    for (std::istringstream lines(out); std::getline(lines, line);) last = line;
    return Json::parse(last);
  }
  bool says(const std::string& text) const { return err.find(text) != err.npos; }
};

struct Setting {
  std::function<void()> in_child;  // limits, folder, ... before the program starts
  std::string stdout_path;         // "": kept for Outcome::out
};

class Running {
 public:
  explicit Running(const Arguments& arguments, const Setting& setting = {}) {
    const std::string out = setting.stdout_path.empty() ? folder_ / "out" : setting.stdout_path;
    const std::string err = folder_ / "err";
    pid_ = fork();
    if (pid_ == 0) {
      dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), 1);
      dup2(open(err.c_str(), O_WRONLY | O_CREAT, 0600), 2);
      setenv("OMP_WAIT_POLICY", "passive", 0);  // tests share the processor with others
      if (setting.in_child) setting.in_child();
      std::vector<char*> argv{const_cast<char*>("cairn")};
      for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
      argv.push_back(nullptr);
      execv(CAIRN_PROGRAM, argv.data());
      _exit(127);
    }
  }
  ~Running() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    wait();
  }
  Running(const Running&) = delete;

  void send(int signal) const { kill(pid_, signal); }

  // Until `done` holds; false when the program ended first.
  bool wait_for(const std::function<bool()>& done) {
    while (!done()) {
      siginfo_t info{};
      waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (info.si_pid == pid_) return done();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  Outcome wait() {
    Outcome o;
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    o.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    o.out = content_of(folder_ / "out"), o.err = content_of(folder_ / "err");
    return o;
  }

 private:
  TemporaryFolder folder_;
  pid_t pid_ = -1;
};

inline Outcome cairn(const Arguments& arguments, const Setting& setting = {}) {
  return Running(arguments, setting).wait();
}

// Ends with this status and a message that has all the parts.
inline void expect_failure(const Outcome& o, int status, std::initializer_list<std::string> parts) {
  EXPECT_EQ(o.status, status) << o.err;
  for (const std::string& part : parts)
    EXPECT_TRUE(o.says(part)) << "'" << part << "' is not in: " << o.err;
}

inline void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// An IDX file's header: the element type, then the sizes, big-endian.
inline std::string idx_header(int type, std::initializer_list<uint32_t> sizes) {
  std::string h{0, 0, static_cast<char>(type), static_cast<char>(sizes.size())};
  for (uint32_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) h += static_cast<char>(size >> shift & 0xff);
  return h;
}

// `count` grey pictures of 28 x 28: class c has a bright bar at a place of its own, on noise.
inline void write_bars(const std::string& folder, const std::string& prefix, uint32_t count) {
  std::string images = idx_header(8, {count, 28, 28}), labels = idx_header(8, {count});
  uint32_t noise = count;
  for (uint32_t i = 0; i < count; ++i) {
    labels += static_cast<char>(i % 10);
    for (uint32_t p = 0; p < 28 * 28; ++p) {
      noise = noise * 1664525 + 1013904223;
      images += static_cast<char>((p % 28 / 2 == i % 10 ? 180 : 20) + (noise >> 24) % 64);
    }
  }
  write(folder + "/" + prefix + "-images-idx3-ubyte", images);
  write(folder + "/" + prefix + "-labels-idx1-ubyte", labels);
}

// A folder with such data, and one run trained on it for two epochs.
class Trained {
 public:
  static const Trained& get() {
    static const Trained instance;
    return instance;
  }
  std::string data() const { return folder_ / "data"; }
  std::string run() const { return folder_ / "run"; }
  std::string picture() const { return folder_ / "picture.pgm"; }
  const Outcome& outcome() const { return outcome_; }

 private:
  Trained() {
    std::filesystem::create_directory(data());
    write_bars(data(), "train", 96);
    write_bars(data(), "t10k", 32);
    const std::string images = content_of(data() + "/t10k-images-idx3-ubyte");
    write(picture(), "P5 28 28 255\n" + images.substr(16, 28 * 28));
    outcome_ = cairn({"train", "image-classification", "--data", data(), "--epochs", "2", "--batch",
                      "16", "--threads", "1", "--out", run(), "--json"});
  }
  TemporaryFolder folder_;
  Outcome outcome_;
};

}  // namespace cairn::cli_test
