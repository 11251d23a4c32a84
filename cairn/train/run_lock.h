// One process at a time writes into a run's folder. The lock is the kernel's, on the file ".lock"
// in it: it ends with the process, however that ends; the file says who holds it.
#pragma once
#include <memory>
#include <string>

namespace cairn::train {

class RunLock {
 public:
  // Throws Error naming the process that holds the folder. Where no lock is possible (a folder that
  // cannot be written, a file system without locks) there is none.
  static std::shared_ptr<RunLock> take(const std::string& folder);
  // The same as "process 12 on host", or "" when nobody holds it.
  static std::string holder_of(const std::string& folder);

  ~RunLock();
  RunLock(const RunLock&) = delete;

 private:
  RunLock(std::string path, int file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  int file_;
};

}  // namespace cairn::train
