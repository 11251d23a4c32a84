// Data that an evaluation is given, and those that the model learned from.
#pragma once
#include <filesystem>
#include <string>

namespace cairn::tasks {

// Whether `data` is `own`, of which a part may have been held back; "" is.
inline bool is_own_data(const std::string& data, const std::string& own) {
  std::error_code ignored;
  return data.empty() || data == own || std::filesystem::equivalent(data, own, ignored);
}

}  // namespace cairn::tasks
