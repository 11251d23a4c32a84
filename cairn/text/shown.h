// Text that comes token by token, shown as soon as its characters are whole.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "cairn/text/tokenizer.h"

namespace cairn::text {

class Shown {
 public:
  using Show = std::function<void(std::string_view)>;
  Shown(const Tokenizer& tokenizer, const Show& show) : tokenizer_(tokenizer), show_(show) {}
  void write(int64_t token);
  void finish();  // bytes that can be no character are shown as they are

 private:
  const Tokenizer& tokenizer_;
  const Show& show_;
  void write_joined(int64_t token);
  std::string pending_;
  // Where tokens decode otherwise beside others: the last ones, the first `shown_` of which are
  // shown.
  std::vector<int64_t> tokens_;
  size_t shown_ = 0;
};

}  // namespace cairn::text
