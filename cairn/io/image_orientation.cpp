#include <algorithm>

#include "cairn/io/image_codecs.h"

namespace cairn::io {

int tiff_orientation(Bytes tiff) {
  if (tiff.size() < 8) return 1;
  const bool big = tiff[0] == 'M';
  const auto number = [&](size_t at, size_t width) {
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) value = value << 8 | tiff[at + (big ? i : width - 1 - i)];
    return value;
  };
  const size_t folder = number(4, 4);
  if (folder > tiff.size() || tiff.size() - folder < 2) return 1;
  const size_t entries = std::min<size_t>(number(folder, 2), (tiff.size() - folder - 2) / 12);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = folder + 2 + 12 * i;
    if (number(entry, 2) != 0x0112) continue;
    const uint32_t value = number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int exif_orientation(Bytes segment) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  if (text_of(segment).starts_with(kExif)) segment = segment.subspan(kExif.size());
  return tiff_orientation(segment);
}

Image upright(const Image& image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool swap = orientation >= 5;
  Image out(swap ? image.height : image.width, swap ? image.width : image.height, image.channels);
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      int sx = swap ? y : x, sy = swap ? x : y;
      if (flip_x) sx = image.width - 1 - sx;
      if (flip_y) sy = image.height - 1 - sy;
      std::copy_n(image.at(sx, sy), image.channels, out.at(x, y));
    }
  return out;
}

}  // namespace cairn::io
