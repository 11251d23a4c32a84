// A choice that cannot be: an option of a task or of a function, by its name, and why. A program
// says it in its own words: the command line puts "--" before the name, a server answers 400.
#pragma once
#include <string>
#include <vector>

#include "cairn/base/error.h"

namespace cairn {

class InvalidOption : public UsageError {
 public:
  // `option` as a configuration names it: "lr_discriminator".
  InvalidOption(const std::string& option, const std::string& reason)
      : UsageError(option + ": " + reason), option_(option), reason_(reason) {}
  const std::string& option() const { return option_; }
  const std::string& reason() const { return reason_; }

 private:
  std::string option_, reason_;
};

// "there is no 'lsmt' (did you mean lstm?); there are rnn, lstm and gru".
std::string no_such_name(const std::string& given, const std::vector<std::string>& known);

}  // namespace cairn
