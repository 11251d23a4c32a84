#include <algorithm>

#include "cairn/io/image_codecs.h"

namespace cairn::io {

Image on_white(const Image& image) {
  Image out(image.width, image.height, image.channels - 1);
  const uint8_t* in = image.pixels.data();
  for (uint8_t* to = out.pixels.data(); to != out.pixels.data() + out.pixels.size(); ++in) {
    const int alpha = in[out.channels];
    for (int c = 0; c < out.channels; ++c)
      *to++ = static_cast<uint8_t>((*in++ * alpha + 255 * (255 - alpha) + 127) / 255);
  }
  return out;
}

void ink_to_rgb(const uint8_t* cmyk, uint8_t* rgb, int64_t pixels) {
  for (int64_t i = 0; i < pixels; ++i, cmyk += 4) {
    const int paper = 255 - cmyk[3];
    for (int c = 0; c < 3; ++c)  // the product is rounded
      *rgb++ = static_cast<uint8_t>(std::max(0, paper - (cmyk[c] * paper + 127) / 255));
  }
}

}  // namespace cairn::io
