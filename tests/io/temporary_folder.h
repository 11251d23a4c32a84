// A folder that goes away with the test.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <string>

namespace cairn {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cairn-test-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  int entries() const {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

// The message of the cairn::Error that `body` throws, "" when it throws none.
template <class Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const std::exception& error) { return error.what(); }
  return "";
}

}  // namespace cairn

// EXPECT that the message has a part; a macro so that a failure shows the test's own line.
#define EXPECT_ERROR(statement, part)                                                    \
  do {                                                                                   \
    const std::string message = ::cairn::error_of([&] { statement; });                   \
    EXPECT_NE(message.find(part), std::string::npos) << "message: \"" << message << '"'; \
  } while (false)
