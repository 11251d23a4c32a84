#include "cairn/io/image.h"

#include <gtest/gtest.h>
#include <stdlib.h>
// jpeglib.h needs FILE first.
#include <cstdio>
#include <jpeglib.h>

#include <cmath>

#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

Image gradient(int width, int height, int channels) {
  Image image(width, height, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.at(x, y)[c] = uint8_t((x * 7 + y * 3 + c * 50) % 256);
  return image;
}

// A JPEG of `image` written by libjpeg itself, with an APP1 segment when `exif` has one; `luma`:
// its samples for one of chroma, across and down.
struct Luma {
  int across = 2, down = 2;
};
ByteVector jpeg_of(const Image& image, const std::string& exif = "", bool progressive = false,
                   Luma luma = {}) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = image.width, info.image_height = image.height;
  info.input_components = image.channels;
  info.in_color_space = image.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  info.comp_info[0].h_samp_factor = luma.across, info.comp_info[0].v_samp_factor = luma.down;
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (!exif.empty())
    jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      exif.size());
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<uint8_t*>(image.at(0, static_cast<int>(info.next_scanline)));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  ByteVector out(memory, memory + size);
  free(memory);
  return out;
}

std::string exif_of(char orientation) {
  return std::string("Exif\0\0", 6) +
         std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + orientation +
         std::string(7, '\0');
}

int largest_difference(const Image& a, const Image& b) {
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(int(a.pixels[i]) - int(b.pixels[i])));
  return largest;
}

TEST(Image, PngRoundTripIsExact) {
  TemporaryFolder folder;
  for (int channels : {1, 3}) {
    const Image image = gradient(13, 7, channels);
    write_png(folder / "a.png", image);
    const Image back = read_image(folder / "a.png");
    EXPECT_EQ(back.width, 13);
    EXPECT_EQ(back.height, 7);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST(Image, DecodesBaselineProgressiveAndGreyJpeg) {
  Image image(16, 16, 3);
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 16; ++x)
      image.at(x, y)[0] = uint8_t(x * 16), image.at(x, y)[1] = uint8_t(y * 16);
  for (bool progressive : {false, true}) {
    const Image back = decode_image(jpeg_of(image, "", progressive), "x.jpg");
    ASSERT_EQ(back.channels, 3);
    EXPECT_LT(largest_difference(image, back), 40);
  }
  EXPECT_EQ(decode_image(jpeg_of(gradient(5, 4, 1)), "x.jpg").channels, 1);
}

// Whatever the kind: chroma is smoothed over the borders of blocks, and files that are turned, or
// none of JPEG, are decoded whole.
TEST(Image, APartIsAsOfTheWhole) {
  const TemporaryFolder folder;
  const std::string path = folder / "picture";
  const auto expect_parts = [&](const ByteVector& file, const std::string& kind) {
    write_file_atomically(path, file);
    const Image whole = read_image(path);
    unsigned state = 1;
    const auto below = [&](int limit) {
      state = state * 1664525u + 1013904223u;
      return static_cast<int>(state >> 8) % limit;
    };
    for (int i = 0; i < 200; ++i) {
      ImagePart part;
      const Image seen = read_image_part(path, [&](int width, int height) {
        EXPECT_EQ(width, whole.width) << kind;
        EXPECT_EQ(height, whole.height) << kind;
        part.left = below(width), part.top = below(height);
        part.width = 1 + below(width - part.left), part.height = 1 + below(height - part.top);
        return part;
      });
      const Image wanted = part_of(whole, part);
      ASSERT_EQ(seen.pixels, wanted.pixels) << kind << ": " << part.width << " x " << part.height
                                            << " at " << part.left << ", " << part.top;
    }
  };
  Image image = gradient(83, 61, 3);
  for (size_t i = 0; i < image.pixels.size(); i += 5) image.pixels[i] ^= 0x55;  // edges of colour
  for (const bool progressive : {false, true})
    for (const Luma luma : {Luma{1, 1}, Luma{2, 1}, Luma{1, 2}, Luma{2, 2}, Luma{4, 1}})
      expect_parts(jpeg_of(image, "", progressive, luma),
                   fmt::format("{}x{}{}", luma.across, luma.down, progressive ? " p" : ""));
  expect_parts(jpeg_of(gradient(40, 30, 1)), "grey");
  expect_parts(jpeg_of(image, exif_of(6)), "turned");
  expect_parts(encode_png(image), "png");
  const auto beyond = [](int, int) { return ImagePart{80, 0, 4, 1}; };
  EXPECT_ERROR(read_image_part(path, beyond), "a part of");
  EXPECT_ERROR(decode_image_part(jpeg_of(image), "x.jpg", beyond), "a part of");
  ByteVector cut = read_file(path);
  cut.resize(60);
  write_file_atomically(path, cut);
  EXPECT_ERROR(read_image_part(path, [](int, int) { return ImagePart{0, 0, 1, 1}; }), path);
}

TEST(Image, ExifOrientationTurnsUpright) {
  Image image(32, 16, 1, 0);  // bright upper left corner
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) *image.at(x, y) = 255;
  const auto corner = [&](char orientation) {
    const Image out = decode_image(jpeg_of(image, exif_of(orientation)), "x.jpg");
    EXPECT_EQ(out.width, orientation >= 5 ? 16 : 32);
    std::string where;
    where += *out.at(2, 2) > 128 ? "upper left" : "";
    where += *out.at(out.width - 3, 2) > 128 ? "upper right" : "";
    where += *out.at(2, out.height - 3) > 128 ? "lower left" : "";
    where += *out.at(out.width - 3, out.height - 3) > 128 ? "lower right" : "";
    return where;
  };
  EXPECT_EQ(corner(1), "upper left");
  EXPECT_EQ(corner(2), "upper right");
  EXPECT_EQ(corner(3), "lower right");
  EXPECT_EQ(corner(4), "lower left");
  EXPECT_EQ(corner(5), "upper left");
  EXPECT_EQ(corner(6), "upper right");
  EXPECT_EQ(corner(7), "lower right");
  EXPECT_EQ(corner(8), "lower left");
}

TEST(Image, EveryTruncationIsAnErrorThatNamesTheFile) {
  for (const ByteVector& whole : {encode_png(gradient(6, 5, 3)), jpeg_of(gradient(6, 5, 3))})
    for (size_t size = 0; size + 12 < whole.size(); ++size)  // PNG's end mark is 12
      EXPECT_ERROR(decode_image(Bytes(whole).first(size), "photo.x"), "'photo.x'");
}

TEST(Image, LimitsAreCheckedBeforeMemoryIsTaken) {
  const ImageLimits limits{.pixels = 100};
  EXPECT_ERROR(decode_image(encode_png(gradient(11, 10, 1)), "a.png", limits),
               "11 x 10 pixels are too many");
  EXPECT_ERROR(decode_image(jpeg_of(gradient(11, 10, 1)), "a.jpg", limits), "too many");
  EXPECT_ERROR(decode_image(bytes_of("P5 11 10 255\n"), "a.pgm", limits), "too many");
  EXPECT_ERROR(decode_image(bytes_of("P5 60000 60000 255\n"), "a.pgm"), "too many");
}

TEST(Image, PnmAndItsErrors) {
  const Image image = decode_image(bytes_of("P6\n# comment\n2 1\n255\nabcdef"), "a.ppm");
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.at(1, 0)[2], 'f');
  const Image scaled = decode_image(bytes_of(std::string("P5 2 1 15\n\x0f\x05", 12)), "a.pgm");
  EXPECT_EQ(*scaled.at(0, 0), 255);
  EXPECT_EQ(*scaled.at(1, 0), 85);
  EXPECT_ERROR(decode_image(bytes_of("P6 2 1 255\nabcde"), "a.ppm"),
               "the pixels needs 6 bytes, 5 are left");
  EXPECT_ERROR(decode_image(bytes_of("P6 x"), "a.ppm"), "the width is no number");
  EXPECT_ERROR(decode_image(bytes_of("P6 0 1 255\n"), "a.ppm"), "no pixels");
  EXPECT_ERROR(decode_image(bytes_of("P6 1 1 0\nabc"), "a.ppm"), "largest value is 0");
}

TEST(Image, UnknownContentListsWhatIsRead) {
  EXPECT_ERROR(decode_image(bytes_of("%PDF-1.4"), "a.gif"), "JPEG, PNG");
  EXPECT_ERROR(decode_image(bytes_of("....ftypavif...."), "a.jpg"),
               "'a.jpg' is HEIF, AVIF or MP4 by its first bytes");
  EXPECT_ERROR(decode_image(bytes_of("x"), "a.jpg"), "of an unknown format");
  EXPECT_ERROR(decode_image({}, "a.png"), "is empty");
  EXPECT_ERROR(read_image("/no/such.png"), "no such file");
}

TEST(Image, Channels) {
  Image red(1, 1, 3);
  red.pixels = {255, 0, 0};
  EXPECT_EQ(with_channels(red, 1).pixels[0], 76);
  EXPECT_EQ(with_channels(Image(1, 1, 1, 9), 3).pixels, (ByteVector{9, 9, 9}));
  EXPECT_ERROR(with_channels(red, 2), "1 or 3");
}

// Values of torch's interpolate(..., mode="bilinear", antialias=True), which are Pillow's too.
TEST(Image, ResizeIsPillowsAndTorchs) {
  Image ramp(8, 1, 1);
  for (int x = 0; x < 8; ++x) *ramp.at(x, 0) = uint8_t(x * x * 5);
  const std::vector<double> down{5, 35, 105, 200};
  const std::vector<double> up{0,     2.5,   7.5,    17.5,   32.5,  50.83,
                               74.17, 102.5, 134.17, 170.83, 212.5, 245};
  for (const auto& expected : {down, up}) {
    const Image out = resize(ramp, static_cast<int>(expected.size()), 1);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(out.pixels[i], expected[i], 0.51);
  }
  const Image flat = resize(Image(31, 17, 3, 77), 5, 40);
  for (uint8_t value : flat.pixels) EXPECT_EQ(value, 77);
  EXPECT_ERROR(resize(ramp, 0, 1), "not positive");
}

TEST(Image, CenterCropKeepsTheMiddle) {
  const Image out = center_crop(gradient(10, 4, 1), 1, 1);
  EXPECT_EQ(out.width, 4);
  EXPECT_EQ(out.height, 4);
  EXPECT_EQ(*out.at(0, 0), *gradient(10, 4, 1).at(3, 0));
}

TEST(Image, GridPlacesTiles) {
  const std::vector<Image> tiles(3, Image(2, 2, 1, 9));
  const Image out = grid(tiles, 2, 1, 0);
  EXPECT_EQ(out.width, 7);
  EXPECT_EQ(out.height, 7);
  EXPECT_EQ(*out.at(1, 1), 9);
  EXPECT_EQ(*out.at(3, 1), 0);
  EXPECT_EQ(*out.at(4, 1), 9);
  EXPECT_EQ(*out.at(1, 4), 9);
  EXPECT_EQ(*out.at(4, 4), 0);
  EXPECT_ERROR(grid({Image(2, 2, 1), Image(3, 2, 1)}, 2), "image 1 is 3x2x1");
}

}  // namespace
}  // namespace cairn::io
