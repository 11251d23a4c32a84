#include "cairn/train/signals.h"

#include <array>
#include <csignal>

namespace cairn::train {
namespace {

constexpr std::array kCaught = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};

volatile std::sig_atomic_t signal_number = 0;
int scopes = 0;

void on_signal(int number) {
  signal_number = number;
  std::signal(number, SIG_DFL);
}

}  // namespace

SignalScope::SignalScope() {
  if (scopes++ > 0) return;
  signal_number = 0;
  for (int number : kCaught)
    if (std::signal(number, on_signal) == SIG_IGN && number == SIGHUP) std::signal(number, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}
SignalScope::~SignalScope() {
  if (--scopes > 0) return;
  for (int number : kCaught)
    if (std::signal(number, SIG_DFL) == SIG_IGN) std::signal(number, SIG_IGN);
  std::signal(SIGPIPE, SIG_DFL);
}
int SignalScope::caught() { return signal_number; }

}  // namespace cairn::train
