#include <csetjmp>
// png.h wants setjmp declared first.
#include <png.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

// libpng reports errors by a call that must not return: it jumps back to the reading function
// below. Nothing with a destructor lives in the frames that are jumped over.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr, end = nullptr;  // chunks before and after the pixels
  Bytes bytes;
  size_t position = 0;
  char message[128] = "";
  std::jmp_buf failure;
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder->message, sizeof decoder->message, "%s", text);
  std::longjmp(decoder->failure, 1);
}
void on_warning(png_structp, png_const_charp) {}

void take_bytes(png_structp png, png_bytep to, size_t count) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (count > decoder->bytes.size() - decoder->position) png_error(png, "it ends early");
  std::copy_n(decoder->bytes.data() + decoder->position, count, to);
  decoder->position += count;
}

// Values are taken as they are, as Pillow and browsers show them: chunks about gamma and colour
// profiles change nothing. 16 bits a channel keep their upper 8, palettes and fewer bits are
// widened, a transparent colour becomes alpha.
bool read_header(Decoder& d) {
  if (setjmp(d.failure)) return false;
  png_set_user_limits(d.png, kMaxSide, kMaxSide);
  png_set_read_fn(d.png, &d, take_bytes);
  png_read_info(d.png, d.info);
  png_set_expand(d.png);
  png_set_strip_16(d.png);
  png_set_interlace_handling(d.png);
  png_read_update_info(d.png, d.info);
  return true;
}

bool read_pixels(Decoder& d, png_bytepp rows) {
  if (setjmp(d.failure)) return false;
  png_read_image(d.png, rows);
  return true;
}

// What comes after the pixels may be missing: the picture is whole.
void read_end(Decoder& d) {
  if (setjmp(d.failure)) return;
  png_read_end(d.png, d.end);
}

int orientation_of(const Decoder& d) {
  for (png_infop info : {d.info, d.end}) {
    png_uint_32 count = 0;
    png_bytep tiff = nullptr;
    if (png_get_eXIf_1(d.png, info, &count, &tiff)) return tiff_orientation({tiff, count});
  }
  return 1;
}

// libpng's simplified interface: errors come back in the struct, nothing jumps.
struct Writer {
  png_image info{};
  Writer() { info.version = PNG_IMAGE_VERSION; }
  Writer(const Writer&) = delete;
  ~Writer() { png_image_free(&info); }
};

}  // namespace

Image decode_png(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  Decoder d;
  struct Cleanup {
    Decoder& d;
    ~Cleanup() { png_destroy_read_struct(&d.png, &d.info, &d.end); }
  } cleanup{d};
  d.bytes = bytes;
  d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
  if (d.png) d.info = png_create_info_struct(d.png), d.end = png_create_info_struct(d.png);
  check(d.info && d.end, "'{}': no memory to read a PNG", name);
  const auto damaged = [&] { fail("'{}': damaged or truncated PNG ({})", name, d.message); };
  if (!read_header(d)) damaged();
  const int64_t width = png_get_image_width(d.png, d.info);
  const int64_t height = png_get_image_height(d.png, d.info);
  check_image_size(width, height, name, limits);

  Image image(static_cast<int>(width), static_cast<int>(height), png_get_channels(d.png, d.info));
  std::vector<png_bytep> rows;
  for (int y = 0; y < image.height; ++y) rows.push_back(image.at(0, y));
  if (!read_pixels(d, rows.data())) damaged();
  read_end(d);
  const bool transparent = image.channels == 2 || image.channels == 4;
  return upright(transparent ? on_white(image) : image, orientation_of(d));
}

ByteVector encode_png(const Image& image) {
  check(image.width > 0 && image.height > 0 && (image.channels == 1 || image.channels == 3) &&
            image.pixels.size() == size_t(image.width) * image.height * image.channels,
        "encode_png: {} x {} x {} with {} bytes is no image", image.width, image.height,
        image.channels, image.pixels.size());
  Writer png;
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
