// Pictures: JPEG (libjpeg-turbo), PNG (libpng), WebP (libwebp), TIFF (libtiff), the first frame of
// GIF (giflib), BMP and PPM/PGM in, PNG out. Eight bits a channel. docs/pictures.md says what
// becomes of every kind.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cairn/io/file.h"

namespace cairn::io {

// Rows from the top, pixels from the left, channels interleaved (HWC).
struct Image {
  int width = 0, height = 0;
  int channels = 0;  // 1 grey, 3 red-green-blue
  ByteVector pixels;

  Image() = default;
  Image(int width, int height, int channels, uint8_t fill = 0);
  uint8_t* at(int x, int y) { return &pixels[(size_t(y) * width + x) * channels]; }
  const uint8_t* at(int x, int y) const { return &pixels[(size_t(y) * width + x) * channels]; }
};

struct ImageLimits {
  int64_t pixels = int64_t{1} << 28;  // width * height
  uint64_t file_bytes = uint64_t{256} << 20;
};

inline constexpr const char* kImageFormats = "JPEG, PNG, WebP, GIF, TIFF, BMP, PPM, PGM";

// The format is told by the first bytes. Transparent pixels are laid on white, in sRGB; a
// photograph is turned upright by its EXIF orientation (JPEG, PNG, WebP, TIFF); gamma and colour
// profiles change nothing. Throws Error naming `name`: unknown format, truncated, damaged, too
// large.
Image decode_image(Bytes bytes, const std::string& name, ImageLimits limits = {});
Image read_image(const std::string& path, ImageLimits limits = {});

struct ImagePart {
  int left = 0, top = 0, width = 0, height = 0;  // pixels, inside the image
};
// Says which part of an image of this size is wanted.
using ChoosePart = std::function<ImagePart(int width, int height)>;
// That part alone, the same pixels as of the whole. Of a JPEG that stands upright nothing else is
// decoded: what is damaged below it is not noticed.
Image decode_image_part(Bytes bytes, const std::string& name, const ChoosePart& choose,
                        ImageLimits limits = {});
Image read_image_part(const std::string& path, const ChoosePart& choose, ImageLimits limits = {});
Image part_of(const Image& image, const ImagePart& part);

// "jpeg", "png", "webp", "gif", "tiff", "bmp", "pnm" by the first bytes; nullptr: none of them.
const char* image_format(Bytes bytes);

// Why a file is no image that is read here, told by its first bytes: "PDF", "empty", "no
// pictures", "cannot be opened: Permission denied"; "": it is one, unless it is damaged.
std::string why_no_image(const std::string& path);

ByteVector encode_png(const Image& image);
void write_png(const std::string& path, const Image& image);  // atomically

// Grey from colour (BT.601 weights) or colour from grey; `channels` is 1 or 3.
Image with_channels(const Image& image, int channels);

// Bilinear, with the filter widened when shrinking so that nothing aliases (as Pillow and
// torchvision do).
Image resize(const Image& image, int width, int height);

// The largest centred part of this shape, e.g. to a square before resizing.
Image center_crop(const Image& image, int width, int height);

// Equal-sized images in rows of `columns`, `gap` pixels of `background` between and around them.
Image grid(const std::vector<Image>& images, int columns, int gap = 2, uint8_t background = 255);

}  // namespace cairn::io
