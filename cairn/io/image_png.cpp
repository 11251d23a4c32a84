#include <png.h>

#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

// libpng's simplified interface: errors come back in the struct, nothing jumps.
struct Png {
  png_image info{};
  Png() { info.version = PNG_IMAGE_VERSION; }
  Png(const Png&) = delete;
  ~Png() { png_image_free(&info); }
};

}  // namespace

Image decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  Png png;
  const auto failed = [&](int ok) {
    check(ok && !PNG_IMAGE_FAILED(png.info), "'{}': damaged or truncated PNG ({})", name,
          png.info.message);
  };
  failed(png_image_begin_read_from_memory(&png.info, bytes.data(), bytes.size()));
  check_image_size(png.info.width, png.info.height, name, limits);
  const bool colour = png.info.format & PNG_FORMAT_FLAG_COLOR;
  png.info.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  Image image(static_cast<int>(png.info.width), static_cast<int>(png.info.height), colour ? 3 : 1);
  const png_color white{255, 255, 255};
  failed(png_image_finish_read(&png.info, &white, image.pixels.data(), 0, nullptr));
  return image;
}

ByteVector encode_png(const Image& image) {
  check(image.width > 0 && image.height > 0 && (image.channels == 1 || image.channels == 3) &&
            image.pixels.size() == size_t(image.width) * image.height * image.channels,
        "encode_png: {} x {} x {} with {} bytes is no image", image.width, image.height,
        image.channels, image.pixels.size());
  Png png;
  png.info.width = static_cast<png_uint_32>(image.width);
  png.info.height = static_cast<png_uint_32>(image.height);
  png.info.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png.info);
  ByteVector out(size);
  const int ok =
      png_image_write_to_memory(&png.info, out.data(), &size, 0, image.pixels.data(), 0, nullptr);
  check(ok, "encode_png: {}", png.info.message);
  out.resize(size);
  return out;
}

}  // namespace cairn::io
