// Trained runs for tests of what is done with them.
#pragma once
#include <map>
#include <string>

#include "cairn/tasks/task.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks {

// The smallest run of a task, trained once in a process.
class Runs {
 public:
  static Runs& get() {
    static Runs runs;
    return runs;
  }
  const std::string& of(const std::string& task) {
    std::string& path = paths_[task];
    if (!path.empty()) return path;
    path = folder_ / task;
    const Task& row = task_named(task);
    auto options = row.options();
    options->out = path, options->quiet = true;
    options->read_file(Json::parse(row.smallest), "smallest");
    row.train(*options);
    return path;
  }

 private:
  TemporaryFolder folder_;
  std::map<std::string, std::string> paths_;
};

}  // namespace cairn::tasks
