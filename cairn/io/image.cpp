#include "cairn/io/image.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cmath>

#include "cairn/io/image_codecs.h"
#include "cairn/io/pixels.h"

namespace cairn::io {
namespace {

bool starts_with(Bytes bytes, std::string_view magic) {
  return text_of(bytes).substr(0, magic.size()) == magic;
}

bool is_pnm(Bytes bytes) {
  return (starts_with(bytes, "P5") || starts_with(bytes, "P6")) &&
         (bytes.size() < 3 || std::isspace(bytes[2]) || bytes[2] == '#');
}
// Two letters are little to tell by: the size of the second header is one of those there are.
bool is_bmp(Bytes bytes) {
  static constexpr uint8_t kSizes[] = {12, 40, 52, 56, 64, 108, 124};
  return starts_with(bytes, "BM") && bytes.size() > 17 && bytes[15] == 0 && bytes[16] == 0 &&
         bytes[17] == 0 && std::count(std::begin(kSizes), std::end(kSizes), bytes[14]) > 0;
}
bool is_webp(Bytes bytes) {
  return starts_with(bytes, "RIFF") && text_of(bytes).substr(0, 12).ends_with("WEBP");
}
bool is_tiff(Bytes bytes) {
  using namespace std::string_view_literals;
  return starts_with(bytes, "II*\0"sv) || starts_with(bytes, "MM\0*"sv) ||
         starts_with(bytes, "II+\0"sv) || starts_with(bytes, "MM\0+"sv);
}

// What another format's first bytes are called, "" for unknown ones.
std::string_view other_format(Bytes bytes) {
  if (text_of(bytes).substr(0, 12).substr(std::min<size_t>(4, bytes.size())).starts_with("ftyp"))
    return "HEIF, AVIF or MP4";
  static constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"%PDF", "PDF"},
      {"<svg", "SVG"},
      {"<!", "HTML"},
      {"<html", "HTML"},
      {"version https://git-lfs", "Git LFS pointer"}};
  for (const auto& [magic, format] : kKnown)
    if (starts_with(bytes, magic)) return format;
  return "";
}

// One number of a PNM header: blanks and comments before it are skipped.
int64_t pnm_number(ByteReader& reader, int64_t limit, const char* what) {
  int64_t value = -1;
  while (true) {
    const int c = reader.take(1, what)[0];
    if (std::isdigit(c)) {
      value = std::max<int64_t>(value, 0) * 10 + (c - '0');
      if (value > limit) reader.fail_here("{} is larger than {}", what, limit);
    } else if (value >= 0 && std::isspace(c)) {
      return value;
    } else if (value < 0 && c == '#') {
      while (reader.take(1, "a comment")[0] != '\n') {}
    } else if (!std::isspace(c)) {
      reader.fail_here("{} is no number", what);
    }
  }
}

Image decode_pnm(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  ByteReader reader(name, bytes);
  const int channels = reader.take(2, "the magic")[1] == '6' ? 3 : 1;
  const int64_t width = pnm_number(reader, kMaxSide, "the width");
  const int64_t height = pnm_number(reader, kMaxSide, "the height");
  const int64_t maximum = pnm_number(reader, 65535, "the largest value");
  check_image_size(width, height, name, limits);
  check(maximum > 0, "'{}': the largest value is 0", name);
  const size_t count = static_cast<size_t>(width * height * channels);
  const int bytes_each = maximum > 255 ? 2 : 1;
  const Bytes raw = reader.take(count * bytes_each, "the pixels");
  Image image(static_cast<int>(width), static_cast<int>(height), channels);
  for (size_t i = 0; i < count; ++i) {
    const int64_t value = bytes_each == 2 ? raw[2 * i] << 8 | raw[2 * i + 1] : raw[i];
    image.pixels[i] =
        static_cast<uint8_t>(std::min<int64_t>(255, (value * 255 + maximum / 2) / maximum));
  }
  return image;
}

// The formats that are read: a row each.
struct Format {
  const char* name;
  bool (*is_one)(Bytes);
  Image (*decode)(Bytes, const std::string&, const ImageLimits&);
};
constexpr Format kFormats[] = {
    {"jpeg", [](Bytes b) { return starts_with(b, "\xff\xd8\xff"); }, decode_jpeg},
    {"png", [](Bytes b) { return starts_with(b, "\x89PNG\r\n\x1a\n"); }, decode_png},
    {"webp", is_webp, decode_webp},
    {"gif", [](Bytes b) { return starts_with(b, "GIF87a") || starts_with(b, "GIF89a"); },
     decode_gif},
    {"tiff", is_tiff, decode_tiff},
    {"bmp", is_bmp, decode_bmp},
    {"pnm", is_pnm, decode_pnm}};
const Format* format_of(Bytes bytes) {
  for (const Format& f : kFormats)
    if (f.is_one(bytes)) return &f;
  return nullptr;
}

}  // namespace

void check_image_size(int64_t width, int64_t height, const std::string& name,
                      const ImageLimits& limits) {
  check(width > 0 && height > 0, "'{}': the image has no pixels ({} x {})", name, width, height);
  const int64_t most = limited_pixels(limits.pixels);
  if (width > kMaxSide || height > kMaxSide || width * height > most)
    throw TooManyPixels(
        fmt::format("'{}': {} x {} pixels are too many, at most {} are accepted; make the image "
                    "smaller first",
                    name, width, height, most));
}

namespace {
std::atomic<int64_t> most_pixels = INT64_MAX;
}
void limit_pixels(int64_t most) { most_pixels = most; }
int64_t limited_pixels(int64_t otherwise) { return std::min(most_pixels.load(), otherwise); }

Image::Image(int width, int height, int channels, uint8_t fill)
    : width(width),
      height(height),
      channels(channels),
      pixels(static_cast<size_t>(width) * height * channels, fill) {}

Image decode_image(Bytes bytes, const std::string& name, ImageLimits limits) {
  check(!bytes.empty(), "'{}' is empty; a picture ({}) is wanted", name, kImageFormats);
  if (const Format* format = format_of(bytes)) return format->decode(bytes, name, limits);
  const std::string_view other = other_format(bytes);
  fail("'{}' is {}, no picture that is read here ({}); convert it first", name,
       other.empty() ? "of an unknown format" : fmt::format("{} by its first bytes", other),
       kImageFormats);
}

const char* image_format(Bytes bytes) {
  const Format* format = format_of(bytes);
  return format ? format->name : nullptr;
}

std::string why_no_image(const std::string& path) {
  std::array<uint8_t, 64> head{};
  size_t size = 0;
  try {
    size = read_beginning(path, head);
  } catch (const Error&) { return "that cannot be opened"; }
  const Bytes bytes(head.data(), size);
  if (bytes.empty()) return "empty";
  if (format_of(bytes)) return "";
  const std::string_view other = other_format(bytes);
  return other.empty() ? "no pictures" : std::string(other);
}

Image read_image(const std::string& path, ImageLimits limits) {
  return decode_image(read_file(path, limits.file_bytes), path, limits);
}

void check_part(const ImagePart& part, int width, int height) {
  check(part.left >= 0 && part.top >= 0 && part.width > 0 && part.height > 0 &&
            part.width <= width - part.left && part.height <= height - part.top,
        "image: a part of {} x {} at ({}, {}) of {} x {}", part.width, part.height, part.left,
        part.top, width, height);
}

Image part_of(const Image& image, const ImagePart& part) {
  check_part(part, image.width, image.height);
  Image out(part.width, part.height, image.channels);
  for (int y = 0; y < part.height; ++y)
    std::copy_n(image.at(part.left, part.top + y), static_cast<size_t>(part.width) * image.channels,
                out.at(0, y));
  return out;
}

Image decode_image_part(Bytes bytes, const std::string& name, const ChoosePart& choose,
                        ImageLimits limits) {
  const Format* format = format_of(bytes);
  if (format && format->decode == decode_jpeg) return decode_jpeg_part(bytes, name, limits, choose);
  const Image image = decode_image(bytes, name, limits);
  return part_of(image, choose(image.width, image.height));
}

Image read_image_part(const std::string& path, const ChoosePart& choose, ImageLimits limits) {
  return decode_image_part(read_file(path, limits.file_bytes), path, choose, limits);
}

void write_png(const std::string& path, const Image& image) {
  write_file_atomically(path, encode_png(image));
}

Image with_channels(const Image& image, int channels) {
  check(channels == 1 || channels == 3, "image: {} channels wanted, 1 or 3 are possible", channels);
  if (image.channels == channels) return image;
  Image out(image.width, image.height, channels);
  const size_t count = static_cast<size_t>(image.width) * image.height;
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* in = &image.pixels[i * image.channels];
    if (channels == 3) std::fill_n(&out.pixels[i * 3], 3, in[0]);
    else
      out.pixels[i] =
          static_cast<uint8_t>((in[0] * 19595 + in[1] * 38470 + in[2] * 7471 + 32768) >> 16);
  }
  return out;
}

Image center_crop(const Image& image, int width, int height) {
  check(width > 0 && height > 0, "center_crop: the shape {} x {} is not positive", width, height);
  const double scale = std::min(double(image.width) / width, double(image.height) / height);
  const int w = std::clamp(static_cast<int>(std::lround(width * scale)), 1, image.width);
  const int h = std::clamp(static_cast<int>(std::lround(height * scale)), 1, image.height);
  return part_of(image, {(image.width - w) / 2, (image.height - h) / 2, w, h});
}

Image grid(const std::vector<Image>& images, int columns, int gap, uint8_t background) {
  check(!images.empty() && columns > 0 && gap >= 0, "grid: {} images in {} columns", images.size(),
        columns);
  const Image& first = images[0];
  columns = std::min(columns, static_cast<int>(images.size()));
  const int rows = (static_cast<int>(images.size()) + columns - 1) / columns;
  Image out(columns * (first.width + gap) + gap, rows * (first.height + gap) + gap, first.channels,
            background);
  for (size_t i = 0; i < images.size(); ++i) {
    const Image& tile = images[i];
    check(
        tile.width == first.width && tile.height == first.height && tile.channels == first.channels,
        "grid: image {} is {}x{}x{}, the first is {}x{}x{}", i, tile.width, tile.height,
        tile.channels, first.width, first.height, first.channels);
    const int left = gap + static_cast<int>(i) % columns * (first.width + gap);
    const int top = gap + static_cast<int>(i) / columns * (first.height + gap);
    for (int y = 0; y < tile.height; ++y)
      std::copy_n(tile.at(0, y), static_cast<size_t>(tile.width) * tile.channels,
                  out.at(left, top + y));
  }
  return out;
}

}  // namespace cairn::io
