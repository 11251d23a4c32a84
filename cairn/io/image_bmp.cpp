// Windows bitmaps (BITMAPCOREHEADER up to BITMAPV5HEADER), by a reader of our own: Debian has no
// library for them that is kept and made for files that may be hostile. As Microsoft's "Bitmap
// Storage" describes them; 32 bits without masks have no opacity, as in Pillow.
#include <algorithm>
#include <array>
#include <bit>

#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

enum Compression : uint32_t { plain = 0, rle8 = 1, rle4 = 2, masks = 3, masks_with_alpha = 6 };

struct Header {
  int64_t width = 0, height = 0;
  bool from_top = false;
  uint32_t bits = 0, compression = plain, colours = 0;
  uint32_t mask[4] = {};  // red, green, blue, opacity
  uint32_t pixels_at = 0;
  std::vector<std::array<uint8_t, 3>> palette;
};

constexpr uint32_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40;

void read_masks(Header& h, ByteReader& in, uint32_t size) {
  if (h.compression == masks || h.compression == masks_with_alpha) {
    const int count = h.compression == masks_with_alpha || size >= 56 ? 4 : 3;
    for (int i = 0; i < count; ++i) h.mask[i] = in.little<uint32_t>("the colour masks");
  } else if (h.bits == 16) {
    h.mask[0] = 0x7c00, h.mask[1] = 0x03e0, h.mask[2] = 0x001f;
  } else if (h.bits == 32) {
    h.mask[0] = 0xff0000, h.mask[1] = 0xff00, h.mask[2] = 0xff;
  }
}

Header read_header(ByteReader& in) {
  Header h;
  in.take(10, "the file header");
  h.pixels_at = in.little<uint32_t>("the place of the pixels");
  const auto size = in.little<uint32_t>("the size of the header");
  if (size == kCoreHeader) {
    h.width = in.little<uint16_t>("the width"), h.height = in.little<uint16_t>("the height");
    in.take(2, "the planes");
    h.bits = in.little<uint16_t>("the bits a pixel");
  } else {
    if (size < kInfoHeader || size > 256) in.fail_here("a header of {} bytes is unknown", size);
    h.width = in.little<int32_t>("the width");
    h.height = in.little<int32_t>("the height");
    h.from_top = h.height < 0;
    h.height = std::abs(h.height);
    in.take(2, "the planes");
    h.bits = in.little<uint16_t>("the bits a pixel");
    h.compression = in.little<uint32_t>("the compression");
    in.take(12, "the resolution");
    h.colours = in.little<uint32_t>("the number of colours");
    in.take(4, "the important colours");
    read_masks(h, in, size);
    const uint64_t end = kFileHeader + size;
    if (in.offset() < end) in.take(end - in.offset(), "the header");
  }
  return h;
}

void read_palette(Header& h, ByteReader& in, bool core) {
  if (h.bits > 8) return;
  const uint32_t most = 1u << h.bits;
  if (h.colours > most) in.fail_here("{} colours for {} bits a pixel", h.colours, h.bits);
  for (uint32_t i = 0; i < (h.colours ? h.colours : most); ++i) {
    const Bytes c = in.take(core ? 3 : 4, "the palette");
    h.palette.push_back({c[2], c[1], c[0]});
  }
  h.palette.resize(256);
}

bool is_known(const Header& h) {
  switch (h.compression) {
    case plain:
      return h.bits == 1 || h.bits == 4 || h.bits == 8 || h.bits == 16 || h.bits == 24 ||
             h.bits == 32;
    case rle8: return h.bits == 8 && !h.from_top;
    case rle4: return h.bits == 4 && !h.from_top;
    case masks:
    case masks_with_alpha: return h.bits == 16 || h.bits == 32;
    default: return false;
  }
}

// The number of the palette's colour of every pixel, rows in the file's order.
using Indices = std::vector<uint8_t>;

Indices packed_indices(const Header& h, ByteReader& in) {
  Indices all;
  all.reserve(static_cast<size_t>(h.width * h.height));
  const uint64_t row = (static_cast<uint64_t>(h.width) * h.bits + 31) / 32 * 4;
  const int per_byte = static_cast<int>(8 / h.bits);
  for (int64_t y = 0; y < h.height; ++y) {
    const Bytes bytes = in.take(row, "a row of pixels");
    for (int64_t x = 0; x < h.width; ++x) {
      const int place = static_cast<int>(x % per_byte);
      const int shift = static_cast<int>(8 - h.bits * (place + 1));
      all.push_back(bytes[x / per_byte] >> shift & ((1 << h.bits) - 1));
    }
  }
  return all;
}

// Runs of one colour (two for 4 bits), stretches as they are, jumps, ends of rows.
Indices run_lengths(const Header& h, ByteReader& in) {
  Indices all(static_cast<size_t>(h.width * h.height), 0);
  int64_t x = 0, y = 0;
  const auto put = [&](int value) {
    if (x < h.width && y < h.height) all[y * h.width + x] = static_cast<uint8_t>(value);
    ++x;
  };
  const bool half = h.compression == rle4;
  const auto put_of = [&](const auto& byte_at, int i) {
    put(half ? byte_at(i / 2) >> (i % 2 ? 0 : 4) & 15 : byte_at(i));
  };
  while (true) {
    const Bytes pair = in.take(2, "a run of pixels");
    if (pair[0] > 0) {
      for (int i = 0; i < pair[0]; ++i) put_of([&](int) { return int{pair[1]}; }, half ? i % 2 : 0);
    } else if (pair[1] == 0) {
      x = 0, ++y;
    } else if (pair[1] == 1) {
      return all;
    } else if (pair[1] == 2) {
      const Bytes jump = in.take(2, "a jump");
      x += jump[0], y += jump[1];
    } else {
      const int count = pair[1], bytes = half ? (count + 1) / 2 : count;
      const Bytes raw = in.take(static_cast<uint64_t>(bytes + bytes % 2), "a stretch of pixels");
      for (int i = 0; i < count; ++i) put_of([&](int at) { return int{raw[at]}; }, i);
    }
    if (y > h.height) in.fail_here("more rows than {}", h.height);
  }
}

int channel_of(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint32_t value = (pixel & mask) >> std::countr_zero(mask);
  const uint32_t largest = mask >> std::countr_zero(mask);
  return static_cast<int>(uint64_t{value} * 255 / largest);
}

Image from_palette(const Header& h, const Indices& indices) {
  const bool grey = std::all_of(h.palette.begin(), h.palette.end(),
                                [](const auto& c) { return c[0] == c[1] && c[1] == c[2]; });
  Image image(static_cast<int>(h.width), static_cast<int>(h.height), grey ? 1 : 3);
  for (size_t i = 0; i < indices.size(); ++i)
    std::copy_n(h.palette[indices[i]].data(), image.channels, &image.pixels[i * image.channels]);
  return image;
}

Image direct_colours(const Header& h, ByteReader& in) {
  Image image(static_cast<int>(h.width), static_cast<int>(h.height), h.mask[3] ? 4 : 3);
  const uint64_t each = h.bits / 8, row = (h.width * each + 3) / 4 * 4;
  for (int y = 0; y < image.height; ++y) {
    const Bytes bytes = in.take(row, "a row of pixels");
    for (int x = 0; x < image.width; ++x) {
      const uint8_t* b = &bytes[x * each];
      uint8_t* out = image.at(x, y);
      if (each == 3) {
        out[0] = b[2], out[1] = b[1], out[2] = b[0];
        continue;
      }
      uint32_t pixel = 0;
      for (uint64_t i = 0; i < each; ++i) pixel |= uint32_t{b[i]} << 8 * i;
      for (int c = 0; c < image.channels; ++c)
        out[c] = static_cast<uint8_t>(channel_of(pixel, h.mask[c]));
    }
  }
  return h.mask[3] ? on_white(image) : image;
}

}  // namespace

Image decode_bmp(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  constexpr int kUpsideDown = 4;  // as EXIF calls it
  ByteReader in(name, bytes);
  Header h = read_header(in);
  check_image_size(h.width, h.height, name, limits);
  check(is_known(h), "'{}': a BMP of {} bits a pixel, compression {}; convert it to PNG", name,
        h.bits, h.compression);
  const bool core = bytes[kFileHeader] == kCoreHeader;
  read_palette(h, in, core);
  if (h.pixels_at > in.offset()) in.take(h.pixels_at - in.offset(), "the way to the pixels");
  const bool runs = h.compression == rle8 || h.compression == rle4;
  const Image image = h.bits > 8
                          ? direct_colours(h, in)
                          : from_palette(h, runs ? run_lengths(h, in) : packed_indices(h, in));
  return upright(image, h.from_top ? 1 : kUpsideDown);
}

}  // namespace cairn::io
