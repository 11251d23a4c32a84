// Ctrl-C, SIGTERM, a closed terminal (SIGHUP) and a limit on processor time (SIGXCPU): the loop
// finishes its step, saves, and leaves with 128 + the signal.
#pragma once
#include <stdexcept>

namespace cairn::train {

// Takes these signals over while alive; a second one ends the program at once. A SIGHUP that is
// ignored (nohup) stays so. A reader of the progress who goes away (SIGPIPE) ends nothing. Within
// another scope it does nothing: one around several trainings knows of a signal that came in the
// last step of the one before.
class SignalScope {
 public:
  SignalScope();
  ~SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;
  static int caught();  // 0: none
};

// A training that stopped on a signal, after saving. The command line exits with 128 + signal.
class Stopped : public std::runtime_error {
 public:
  Stopped(int signal, const std::string& message) : std::runtime_error(message), signal(signal) {}
  int signal;
};

}  // namespace cairn::train
