// `cairn serve`: trained models behind HTTP.
#pragma once
#include <string>
#include <vector>

#include "cairn/serve/engine.h"
#include "cairn/serve/service.h"

namespace cairn::serve {

struct ServeOptions {
  std::vector<std::string> runs;
  std::string key_file;  // of the key that requests must have; "": none
  FrontSettings front;
  EngineLimits engine;
  double megapixels = 25;  // of a picture that is sent, or a frame, at most
};

// Opens the models, says on standard output where it listens, and answers until a signal comes
// (train/signals.h); then finishes what has begun and throws train::Stopped. Throws Error for what
// cannot be opened, listened on, or would be open to others without a key.
[[noreturn]] void serve(const ServeOptions& options);

}  // namespace cairn::serve
