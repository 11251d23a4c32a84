#include "cairn/train/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace cairn::train {
namespace {
constexpr int kWidth = 24;
constexpr size_t kPlainColumns = 78;  // of a line that goes to a file
constexpr double kTerminalSeconds = 0.1, kPlainSeconds = 15;

// The first values of "loss 0.1234  accuracy 0.9", as many as fit.
std::string fitting(const std::string& text, size_t room) {
  if (text.size() <= room) return text;
  const size_t end = text.rfind("  ", room);
  return end == text.npos ? "" : text.substr(0, end);
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int columns() {
  winsize size{};
  return ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

bool draws_on_terminal() {
  return isatty(2) && !setting("TERM").empty() && setting("TERM") != "dumb";
}

std::string readable_seconds(double seconds) {
  if (seconds < 0.95) return fmt::format("{:.1f} s", seconds);
  const int64_t s = static_cast<int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

Progress::Progress(std::string label, int64_t total, int64_t start, bool quiet)
    : label_(std::move(label)),
      total_(total),
      start_(start),
      quiet_(quiet),
      terminal_(draws_on_terminal()),
      color_(terminal_ && setting("NO_COLOR").empty()),
      began_(Clock::now()),
      last_(began_) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

void Progress::update(int64_t done, const std::string& text) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (std::chrono::duration<double>(now - last_).count() <
      (terminal_ ? kTerminalSeconds : kPlainSeconds))
    return;
  last_ = now;
  draw(done, text);
}

void Progress::draw(int64_t done, const std::string& text) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - began_).count();
  const double rate = static_cast<double>(done - start_) / std::max(elapsed, 1e-9);
  const std::string left =
      rate > 0 ? readable_seconds(static_cast<double>(total_ - done) / rate) : "?";
  const double part = total_ ? static_cast<double>(done) / static_cast<double>(total_) : 1;
  if (!terminal_) {
    const std::string line = fmt::format("{} {}/{} ({:.0f} %), {:.1f} steps/s, {} left", label_,
                                         done, total_, part * 100, rate, left);
    const std::string values = fitting(text, kPlainColumns - std::min(kPlainColumns, line.size()));
    fmt::print(stderr, "{}{}{}\n", line, values.empty() ? "" : ", ", values);
    return;
  }
  const int filled = std::clamp(static_cast<int>(part * kWidth), 0, kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  // What does not fit the window is left out, so that the line can be drawn over.
  const std::string head = label_ + " ";
  const std::string tail =
      fmt::format("  {}/{}  {:.1f} steps/s  {} left  {}", done, total_, rate, left, text);
  const auto room = static_cast<size_t>(std::max(columns() - 1, 20));
  const size_t used = head.size() + kWidth;
  const std::string shown = used < room ? fitting(tail, room - used) : "";
  fmt::print(stderr, "\r\033[K{}{}{}{}{}", head, color_ ? "\033[36m" : "", bar,
             color_ ? "\033[0m" : "", shown);
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::line(const std::string& text) {
  if (quiet_) return;
  clear();
  fmt::print(stderr, "{}\n", text);
}

}  // namespace cairn::train
