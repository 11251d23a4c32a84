#include "cairn/text/shown.h"

#include "cairn/io/utf8.h"

namespace cairn::text {

void Shown::write(int64_t token) {
  pending_ += tokenizer_.decode({token});
  const size_t whole = pending_.size() > 3 ? pending_.size() : io::complete_utf8_prefix(pending_);
  if (whole == 0) return;
  show_(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
}

void Shown::finish() {
  if (!pending_.empty()) show_(pending_);
}

}  // namespace cairn::text
