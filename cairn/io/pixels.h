// A bound on pictures and videos' frames for a whole process, below the limits of single calls: for
// one that reads what others send.
#pragma once
#include <cstdint>

#include "cairn/base/error.h"

namespace cairn::io {

// A picture larger than that, told by its head.
class TooManyPixels : public Error {
 public:
  using Error::Error;
};

// width * height at most, from now on, in all threads.
void limit_pixels(int64_t most);
int64_t limited_pixels(int64_t otherwise);  // the smaller of the two

}  // namespace cairn::io
