// The decoders behind decode_image; not for use elsewhere.
#pragma once
#include "cairn/io/image.h"

namespace cairn::io {

inline constexpr int64_t kMaxSide = 65535;

void check_image_size(int64_t width, int64_t height, const std::string& name,
                      const ImageLimits& limits);
Image decode_jpeg(Bytes bytes, const std::string& name, const ImageLimits& limits);
Image decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits);

// The orientation (1 to 8) that EXIF data states, from its TIFF header on; 1 where it states none.
int tiff_orientation(Bytes tiff);
// Mirrors and turns so that a photograph stored in `orientation` stands upright.
Image upright(const Image& image, int orientation);

}  // namespace cairn::io
