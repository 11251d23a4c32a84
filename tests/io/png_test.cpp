// PNG files of every kind, built chunk by chunk: values are those that Pillow 12.1 gives.
#include <gtest/gtest.h>
#include <zlib.h>

#include "cairn/io/image.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

enum Colour { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgb_alpha = 6 };

void append_number(std::string& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(value >> shift);
}
std::string chunk(const std::string& kind, const std::string& data) {
  std::string out;
  append_number(out, static_cast<uint32_t>(data.size()));
  out += kind + data;
  const std::string checked = kind + data;
  append_number(out,
                static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(checked.data()),
                                              static_cast<uInt>(checked.size()))));
  return out;
}

// One row of pixels; `before` and `after` are chunks around it.
ByteVector png_row(int width, int depth, Colour colour, std::string row,
                   const std::string& before = "", const std::string& after = "") {
  std::string header;
  append_number(header, static_cast<uint32_t>(width)), append_number(header, 1);
  header += {static_cast<char>(depth), static_cast<char>(colour), 0, 0, 0};
  row.insert(0, 1, '\0');  // no filter
  std::string packed(compressBound(row.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(row.data()), row.size());
  packed.resize(size);
  const std::string file = std::string("\x89PNG\r\n\x1a\n") + chunk("IHDR", header) + before +
                           chunk("IDAT", packed) + after + chunk("IEND", "");
  return ByteVector(file.begin(), file.end());
}

const std::string kAlphas("\x00\x01\x40\x80\xc8\xff", 6);

TEST(Png, TransparencyIsLaidOnWhiteInSrgb) {
  const ByteVector black{255, 254, 191, 127, 55, 0};
  std::string pairs, quads;
  for (char alpha : kAlphas) {
    pairs += '\0', pairs += alpha;
    quads += std::string("\xff\0\0", 3) + alpha;
  }
  EXPECT_EQ(decode_image(png_row(6, 8, grey_alpha, pairs), "a.png").pixels, black);
  const Image red = decode_image(png_row(6, 8, rgb_alpha, quads), "b.png");
  EXPECT_EQ(red.channels, 3);
  for (int x = 0; x < 6; ++x) {
    EXPECT_EQ(red.at(x, 0)[0], 255);
    EXPECT_EQ(red.at(x, 0)[1], black[x]);
  }
  const std::string colours = chunk("PLTE", std::string(18, '\0')) + chunk("tRNS", kAlphas);
  const Image indexed =
      decode_image(png_row(6, 8, palette, std::string("\0\1\2\3\4\5", 6), colours), "c.png");
  EXPECT_EQ(indexed.at(3, 0)[2], 127);
}

TEST(Png, GammaChangesNothing) {
  std::string gamma;
  append_number(gamma, 100000);  // linear light
  for (const std::string& about : {std::string(), chunk("gAMA", gamma), chunk("sRGB", "\0")})
    EXPECT_EQ(decode_image(png_row(3, 8, grey, "\x10\x80\xf0", about), "a.png").pixels,
              (ByteVector{0x10, 0x80, 0xf0}));
  EXPECT_EQ(
      decode_image(png_row(2, 16, grey, std::string("\x10\xff\x80\x01", 4), chunk("gAMA", gamma)),
                   "b.png")
          .pixels,
      (ByteVector{0x10, 0x80}));  // the upper 8 bits
  EXPECT_EQ(decode_image(png_row(4, 1, grey, "\x50"), "c.png").pixels,
            (ByteVector{0, 255, 0, 255}));
}

TEST(Png, OrientationIsFollowedBeforeAndAfterThePixels) {
  const std::string tiff = std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) +
                           std::string("\x03\0\0\0\0\0\0", 7);
  const std::string exif = chunk("eXIf", tiff);
  const ByteVector turned{3, 2, 1};
  EXPECT_EQ(decode_image(png_row(3, 8, grey, "\1\2\3", exif), "a.png").pixels, turned);
  EXPECT_EQ(decode_image(png_row(3, 8, grey, "\1\2\3", "", exif), "b.png").pixels, turned);
  for (size_t size = 0; size < tiff.size(); ++size)  // cut anywhere: as it lies, no error
    EXPECT_EQ(
        decode_image(png_row(3, 8, grey, "\1\2\3", chunk("eXIf", tiff.substr(0, size))), "c.png")
            .width,
        3);
}

TEST(Png, WhatFollowsThePixelsMayBeMissing) {
  ByteVector file = png_row(3, 8, grey, "\1\2\3");
  file.resize(file.size() - 12);
  EXPECT_EQ(decode_image(file, "a.png").pixels, (ByteVector{1, 2, 3}));
  file.resize(file.size() - 8);
  EXPECT_ERROR(decode_image(file, "a.png"), "'a.png': damaged or truncated PNG");
}

}  // namespace
}  // namespace cairn::io
