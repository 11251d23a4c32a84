#include "cairn/text/shown.h"

#include "cairn/io/utf8.h"

namespace cairn::text {

namespace {

constexpr std::string_view kReplaced = "\xef\xbf\xbd";
constexpr size_t kMostHeld = 8;  // tokens that wait for the end of a character

}  // namespace

// What is new in the text of the last tokens; those shown before stand in front of it, since they
// decide whether a space comes between. What would change text that is out already is shown as it
// is when it stands alone.
void Shown::write_joined(int64_t token) {
  tokens_.push_back(token);
  const auto middle = tokens_.begin() + static_cast<std::ptrdiff_t>(shown_);
  const std::string before = tokenizer_.decode({tokens_.begin(), middle});
  const std::string now = tokenizer_.decode(tokens_);
  if (now.ends_with(kReplaced) && tokens_.size() - shown_ < kMostHeld) return;
  if (now.starts_with(before)) show_(std::string_view(now).substr(before.size()));
  else show_(" " + tokenizer_.decode({middle, tokens_.end()}));
  tokens_.erase(tokens_.begin(), middle);
  shown_ = tokens_.size();
}

void Shown::write(int64_t token) {
  if (!tokenizer_.decodes_apart()) return write_joined(token);
  pending_ += tokenizer_.decode({token});
  const size_t whole = pending_.size() > 3 ? pending_.size() : io::complete_utf8_prefix(pending_);
  if (whole == 0) return;
  show_(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
}

void Shown::finish() {
  if (!pending_.empty()) show_(pending_);
  if (tokens_.size() > shown_)
    show_(
        tokenizer_.decode({tokens_.begin() + static_cast<std::ptrdiff_t>(shown_), tokens_.end()}));
}

}  // namespace cairn::text
