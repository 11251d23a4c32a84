#include "cairn/train/signals.h"

#include <csignal>

namespace cairn::train {
namespace {

volatile std::sig_atomic_t signal_number = 0;

void on_signal(int number) {
  signal_number = number;
  std::signal(number, SIG_DFL);
}

}  // namespace

SignalScope::SignalScope() {
  signal_number = 0;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}
SignalScope::~SignalScope() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}
int SignalScope::caught() { return signal_number; }

}  // namespace cairn::train
