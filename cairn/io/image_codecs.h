// The decoders behind decode_image; not for use elsewhere.
#pragma once
#include "cairn/io/image.h"

namespace cairn::io {

inline constexpr int64_t kMaxSide = 65535;

void check_image_size(int64_t width, int64_t height, const std::string& name,
                      const ImageLimits& limits);
void check_part(const ImagePart& part, int width, int height);  // that it is inside
Image decode_jpeg(Bytes bytes, const std::string& name, const ImageLimits& limits);
Image decode_jpeg_part(Bytes bytes, const std::string& name, const ImageLimits& limits,
                       const ChoosePart& choose);
Image decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits);
Image decode_webp(Bytes bytes, const std::string& name, const ImageLimits& limits);
Image decode_tiff(Bytes bytes, const std::string& name, const ImageLimits& limits);
Image decode_gif(Bytes bytes, const std::string& name, const ImageLimits& limits);  // first frame
Image decode_bmp(Bytes bytes, const std::string& name, const ImageLimits& limits);

// The orientation (1 to 8) that EXIF data states, from its TIFF header on; 1 where it states none.
int tiff_orientation(Bytes tiff);
// The same of an EXIF segment, which may begin with "Exif" and two zeros.
int exif_orientation(Bytes segment);
// Mirrors and turns so that a photograph stored in `orientation` stands upright.
Image upright(const Image& image, int orientation);

// The last channel is opacity: the others laid on white, as they are stored (sRGB), the way of
// browsers and of Pillow's alpha_composite.
Image on_white(const Image& image);
// Cyan, magenta, yellow, black (255: full) to red, green, blue, as Pillow converts them.
void ink_to_rgb(const uint8_t* cmyk, uint8_t* rgb, int64_t pixels);

}  // namespace cairn::io
