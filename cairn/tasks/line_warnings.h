// What verbs warn of single lines that they print, for who collects these (Printed).
#pragma once
#include <map>
#include <string>

namespace cairn::tasks {

// Collects those of this thread while it lives.
class LineWarnings {
 public:
  LineWarnings();
  ~LineWarnings();
  LineWarnings(const LineWarnings&) = delete;
  const std::map<size_t, std::string>& all() const { return all_; }  // by where in Printed::text()
  // Of the line that is printed next; nothing where none lives.
  static void add(const std::string& warning);

 private:
  std::map<size_t, std::string> all_;
};

}  // namespace cairn::tasks
