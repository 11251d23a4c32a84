// Windows of a text for language models: at places that are drawn, or along streams.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace cairn::text {

// Windows of a batch: inputs and targets, the same one token later, each [batch, length].
struct Windows {
  std::vector<int64_t> inputs, targets;
};

// At places drawn from (seed, step), for models without a memory between windows (GPT). Throws
// Error when the text is shorter than one window and its target.
Windows random_windows(std::span<const int64_t> tokens, int64_t batch, int64_t length,
                       uint64_t seed, int64_t step);

// The text in `batch` streams side by side, read on window by window, for models whose state is
// carried from one to the next (truncated backpropagation through time).
class TextStreams {
 public:
  // Throws Error when a stream would be shorter than one window and its target.
  TextStreams(std::span<const int64_t> tokens, int64_t batch, int64_t length);

  int64_t windows() const { return windows_; }  // in one pass; the rest of the text is left out
  Windows window(int64_t number) const;         // number is taken modulo windows()
  // The state begins anew with this window.
  bool starts_pass(int64_t number) const { return number % windows_ == 0; }

 private:
  std::span<const int64_t> tokens_;
  int64_t batch_, length_, stride_, windows_;
};

// A text cut for measuring a model: inputs and targets [rows, length]. Over all pieces every token
// but the first is a target once; other targets are kNoTarget.
inline constexpr int64_t kNoTarget = -100;
struct MeasuredPiece {
  int64_t rows, length;
  std::vector<int64_t> inputs, targets;

  MeasuredPiece(int64_t rows, int64_t length);
  // Row r from `at` in the text on, as far as `end`; only targets from place `from` on count.
  void fill(int64_t r, std::span<const int64_t> tokens, int64_t at, int64_t end, int64_t from);
};
// In up to 16 streams side by side, each read from its beginning to its end: for a carried memory.
std::vector<MeasuredPiece> pieces_in_streams(std::span<const int64_t> tokens);
// In windows of `context` that overlap by half: each token is predicted from at least half a
// context (the first ones from what there is).
std::vector<MeasuredPiece> pieces_in_windows(std::span<const int64_t> tokens, int64_t context);

}  // namespace cairn::text
