#include "cairn/text/windows.h"

#include <algorithm>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/base/round.h"

namespace cairn::text {
namespace {

constexpr uint64_t kWindowPurpose = 0x77696e64;

void check_window(int64_t tokens, int64_t batch, int64_t length) {
  check(batch > 0 && length > 0,
        "text windows: a batch of {} and a length of {}; both must be at least 1", batch, length);
  check(tokens > length,
        "the text has {} tokens, one window of {} and its target need {}; "
        "use more text or a shorter window",
        tokens, length, length + 1);
}

}  // namespace

Windows random_windows(std::span<const int64_t> tokens, int64_t batch, int64_t length,
                       uint64_t seed, int64_t step) {
  const auto count = static_cast<int64_t>(tokens.size());
  check_window(count, batch, length);
  const auto places = static_cast<uint32_t>(std::min<int64_t>(count - length, UINT32_MAX));
  PhiloxStream random(philox_derive(seed, kWindowPurpose), static_cast<uint64_t>(step));
  Windows windows;
  windows.inputs.reserve(static_cast<size_t>(batch * length));
  windows.targets.reserve(static_cast<size_t>(batch * length));
  for (int64_t b = 0; b < batch; ++b) {
    const auto start = tokens.begin() + random.below(places);
    windows.inputs.insert(windows.inputs.end(), start, start + length);
    windows.targets.insert(windows.targets.end(), start + 1, start + length + 1);
  }
  return windows;
}

TextStreams::TextStreams(std::span<const int64_t> tokens, int64_t batch, int64_t length)
    : tokens_(tokens), batch_(batch), length_(length) {
  check_window(static_cast<int64_t>(tokens.size()), batch, length);
  stride_ = (static_cast<int64_t>(tokens.size()) - 1) / batch;  // the last target is one further
  windows_ = stride_ / length;
  check(windows_ > 0,
        "the text has {} tokens, {} streams of one window of {} need {}; use a smaller batch",
        tokens.size(), batch, length, batch * length + 1);
}

Windows TextStreams::window(int64_t number) const {
  Windows windows;
  for (int64_t b = 0; b < batch_; ++b) {
    const auto start = tokens_.begin() + b * stride_ + number % windows_ * length_;
    windows.inputs.insert(windows.inputs.end(), start, start + length_);
    windows.targets.insert(windows.targets.end(), start + 1, start + length_ + 1);
  }
  return windows;
}

MeasuredPiece::MeasuredPiece(int64_t rows, int64_t length)
    : rows(rows),
      length(length),
      inputs(static_cast<size_t>(rows * length), 0),
      targets(inputs.size(), kNoTarget) {}

void MeasuredPiece::fill(int64_t r, std::span<const int64_t> tokens, int64_t at, int64_t end,
                         int64_t from) {
  for (int64_t i = 0; i < length && at + i < end; ++i) {
    const auto here = static_cast<size_t>(r * length + i), place = static_cast<size_t>(at + i);
    inputs[here] = tokens[place];
    if (i >= from) targets[here] = tokens[place + 1];
  }
}

std::vector<MeasuredPiece> pieces_in_streams(std::span<const int64_t> tokens) {
  constexpr int64_t kStreams = 16, kStreamWindow = 128;
  const int64_t predicted = static_cast<int64_t>(tokens.size()) - 1;
  const int64_t rows = std::clamp<int64_t>(predicted / kStreamWindow, 1, kStreams);
  const int64_t stride = ceil_div(predicted, rows);
  std::vector<MeasuredPiece> pieces;
  for (int64_t at = 0; at < stride; at += kStreamWindow) {
    MeasuredPiece& piece = pieces.emplace_back(rows, kStreamWindow);
    for (int64_t r = 0; r < rows; ++r)
      piece.fill(r, tokens, r * stride + at, std::min((r + 1) * stride, predicted), 0);
  }
  return pieces;
}

std::vector<MeasuredPiece> pieces_in_windows(std::span<const int64_t> tokens, int64_t context) {
  constexpr int64_t kWindows = 8;
  const int64_t predicted = static_cast<int64_t>(tokens.size()) - 1;
  const int64_t stride = std::max<int64_t>(context / 2, 1);
  std::vector<MeasuredPiece> pieces;
  int64_t number = 0;
  for (int64_t counted = 0; counted < predicted; ++number) {
    if (number % kWindows == 0) pieces.emplace_back(kWindows, context);
    const int64_t at = number * stride;
    pieces.back().fill(number % kWindows, tokens, at, predicted, counted - at);
    counted = at + context;
  }
  return pieces;
}

}  // namespace cairn::text
