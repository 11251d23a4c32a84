#include "cairn/text/normalized.h"

#include <algorithm>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"
#include "cairn/text/unicode.h"

namespace cairn::text {

Normalized::Normalized(std::string_view original) : text_(original) {
  check(original.size() < 0xFFFFFFFFu,
        "tokenizer: a text of {} bytes; cut it into parts below 4 GB", original.size());
  spans_.reserve(original.size());
  for (size_t at = 0; at < original.size();) {
    const auto begin = static_cast<uint32_t>(at);
    next_point(original, at);
    spans_.resize(at, {begin, static_cast<uint32_t>(at)});
  }
}

Span Normalized::original(size_t begin, size_t end) const {
  if (begin >= end) {  // as the format's library has it
    return {start_ + static_cast<uint32_t>(begin), start_ + static_cast<uint32_t>(end)};
  }
  return {spans_[begin].begin, spans_[end - 1].end};
}

Normalized Normalized::slice(size_t begin, size_t end) const {
  Normalized part;
  part.text_ = text_.substr(begin, end - begin);
  part.spans_.assign(spans_.begin() + static_cast<std::ptrdiff_t>(begin),
                     spans_.begin() + static_cast<std::ptrdiff_t>(end));
  part.start_ = original(begin, end).begin;
  return part;
}

void Normalized::transform(std::span<const Change> changes, size_t removed_before) {
  std::string text;
  std::vector<Span> spans;
  text.reserve(text_.size() + 8), spans.reserve(text_.size() + 8);
  size_t at = 0;
  const auto pass = [&](size_t characters) {
    for (; characters > 0 && at < text_.size(); --characters) next_point(text_, at);
  };
  pass(removed_before);
  for (const auto& [point, change] : changes) {
    Span span{start_, start_};
    if (change <= 0 && at < spans_.size()) span = spans_[at];
    else if (at > 0) span = spans_[at - 1];
    if (change <= 0) pass(1 + static_cast<size_t>(-change));
    io::append_utf8(text, point);
    spans.resize(text.size(), span);
  }
  text_ = std::move(text), spans_ = std::move(spans);
}

void Normalized::filter_by(const std::function<bool(char32_t)>& keep) {
  std::vector<Change> changes;
  size_t removed_before = 0;
  each([&](char32_t c) {
    if (keep(c)) changes.push_back({c, 0});
    else if (changes.empty()) ++removed_before;
    else --changes.back().change;
  });
  transform(changes, removed_before);
}

void Normalized::prepend(std::string_view before) {
  if (text_.empty()) return;
  text_.insert(0, before);
  spans_.insert(spans_.begin(), before.size(), spans_.front());
}

void Normalized::replace(const Parts& parts, std::string_view by) {
  std::string text;
  std::vector<Span> spans;
  for (const Part& p : parts) {
    if (!p.match) {
      text.append(text_, p.begin, p.end - p.begin);
      spans.insert(spans.end(), spans_.begin() + static_cast<std::ptrdiff_t>(p.begin),
                   spans_.begin() + static_cast<std::ptrdiff_t>(p.end));
      continue;
    }
    text += by;
    spans.resize(text.size(), p.end > 0 ? spans_[p.end - 1] : Span{start_, start_});
  }
  text_ = std::move(text), spans_ = std::move(spans);
}

// The format's library compares the number of a character with a number of bytes: behind text that
// is not ASCII spaces stay at the end. Models were trained with that.
void Normalized::strip(bool left, bool right) {
  std::u32string points;
  each([&](char32_t c) { points += c; });
  size_t leading = 0, trailing = 0;
  while (left && leading < points.size() && is_white_space(points[leading])) ++leading;
  while (right && trailing < points.size() && is_white_space(points[points.size() - 1 - trailing]))
    ++trailing;
  if (leading == 0 && trailing == 0) return;
  const size_t end = text_.size() - trailing;
  std::vector<Change> changes;
  for (size_t i = leading; i < std::min(points.size(), end); ++i)
    changes.push_back({points[i], i + 1 == end ? -static_cast<int32_t>(trailing) : 0});
  transform(changes, leading);
}

void Normalized::split(const Parts& parts, Behavior behavior, std::vector<Normalized>& out) && {
  Parts kept;
  const auto join = [&](Part p) {  // contiguous, merged with the previous one
    if (!kept.empty()) {
      const bool previous = kept.back().match;
      const bool merges =
          behavior == Behavior::contiguous ? p.match == previous : p.match && !previous;
      if (merges) return void((kept.back().end = p.end, kept.back().match = p.match));
    }
    kept.push_back(p);
  };
  switch (behavior) {
    case Behavior::removed:
      for (const Part& p : parts)
        if (!p.match) kept.push_back(p);
      break;
    case Behavior::isolated: kept = parts; break;
    case Behavior::contiguous:
    case Behavior::merged_with_previous:
      for (const Part& p : parts) join(p);
      break;
    case Behavior::merged_with_next:
      for (size_t i = parts.size(); i-- > 0;) {
        const Part& p = parts[i];
        if (p.match && !kept.empty() && !kept.back().match)
          kept.back().begin = p.begin, kept.back().match = true;
        else kept.push_back(p);
      }
      std::reverse(kept.begin(), kept.end());
      break;
  }
  if (kept.size() == 1 && kept[0].begin == 0 && kept[0].end == text_.size()) {
    if (text_.empty()) return;
    start_ = original(0, text_.size()).begin;
    return out.push_back(std::move(*this));
  }
  for (const Part& p : kept)
    if (p.end > p.begin) out.push_back(slice(p.begin, p.end));
}

Parts parts_where(std::string_view text, const std::function<bool(char32_t)>& matches) {
  Parts parts;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!matches(next_point(text, at))) continue;
    if (done < begin) parts.push_back({done, begin, false});
    parts.push_back({begin, at, true});
    done = at;
  }
  if (done < text.size()) parts.push_back({done, text.size(), false});
  return parts;
}

Parts inverted(Parts parts) {
  for (Part& p : parts) p.match = !p.match;
  return parts;
}

}  // namespace cairn::text
