// The decoders behind decode_image; not for use elsewhere.
#pragma once
#include "cairn/io/image.h"

namespace cairn::io {

inline constexpr int64_t kMaxSide = 65535;

void check_image_size(int64_t width, int64_t height, const std::string& name,
                      const ImageLimits& limits);
Image decode_jpeg(Bytes bytes, const std::string& name, const ImageLimits& limits);
Image decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits);

}  // namespace cairn::io
