#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "cairn/base/library.h"
#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

struct Tiff : Library {
  Tiff() : Library("libtiff.so.6", "a TIFF picture", "libtiff6") {}
  CAIRN_OF_LIBRARY(TIFFClose);
  CAIRN_OF_LIBRARY(TIFFOpenOptionsAlloc);
  CAIRN_OF_LIBRARY(TIFFOpenOptionsSetMaxSingleMemAlloc);
  CAIRN_OF_LIBRARY(TIFFOpenOptionsSetErrorHandlerExtR);
  CAIRN_OF_LIBRARY(TIFFOpenOptionsSetWarningHandlerExtR);
  CAIRN_OF_LIBRARY(TIFFClientOpenExt);
  CAIRN_OF_LIBRARY(TIFFOpenOptionsFree);
  CAIRN_OF_LIBRARY(TIFFGetFieldDefaulted);
  CAIRN_OF_LIBRARY(TIFFIsTiled);
  CAIRN_OF_LIBRARY(TIFFScanlineSize64);
  CAIRN_OF_LIBRARY(TIFFReadScanline);
  CAIRN_OF_LIBRARY(TIFFRGBAImageBegin);
  CAIRN_OF_LIBRARY(TIFFRGBAImageGet);
  CAIRN_OF_LIBRARY(TIFFRGBAImageEnd);
};
const Tiff& tiff() {
  static const Tiff library;
  return library;
}

struct Close {
  void operator()(TIFF* file) const { tiff().TIFFClose(file); }
};
using File = std::unique_ptr<TIFF, Close>;

// The file in memory, as libtiff reads files.
struct Memory {
  Bytes bytes;
  uint64_t position = 0;
};
tmsize_t read_memory(thandle_t handle, void* to, tmsize_t wanted) {
  auto& m = *static_cast<Memory*>(handle);
  const uint64_t left = m.bytes.size() - std::min<uint64_t>(m.position, m.bytes.size());
  const auto count = static_cast<tmsize_t>(std::min<uint64_t>(static_cast<uint64_t>(wanted), left));
  if (count > 0) std::memcpy(to, m.bytes.data() + m.position, static_cast<size_t>(count));
  m.position += static_cast<uint64_t>(count);
  return count;
}
tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }
toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto& m = *static_cast<Memory*>(handle);
  const uint64_t from = whence == SEEK_CUR ? m.position : whence == SEEK_END ? m.bytes.size() : 0;
  return m.position = from + offset;
}
int close_memory(thandle_t) { return 0; }
toff_t size_of_memory(thandle_t handle) { return static_cast<Memory*>(handle)->bytes.size(); }
int keep_quiet(TIFF*, void*, const char*, const char*, va_list) { return 1; }

File open(Memory& memory, const ImageLimits& limits) {
  TIFFOpenOptions* options = tiff().TIFFOpenOptionsAlloc();
  if (!options) return {};
  tiff().TIFFOpenOptionsSetMaxSingleMemAlloc(options, 8 * limits.pixels + (1 << 20));
  tiff().TIFFOpenOptionsSetErrorHandlerExtR(options, keep_quiet, nullptr);
  tiff().TIFFOpenOptionsSetWarningHandlerExtR(options, keep_quiet, nullptr);
  // m: not mapped; bytes may end anywhere.
  File file(tiff().TIFFClientOpenExt("", "rm", &memory, read_memory, write_nothing, seek_memory,
                                     close_memory, size_of_memory, nullptr, nullptr, options));
  tiff().TIFFOpenOptionsFree(options);
  return file;
}

// A number of the first picture's description; what it is by default when it is not there.
template <class T>
T number(const File& file, uint32_t tag) {
  T value = 0;
  tiff().TIFFGetFieldDefaulted(file.get(), tag, &value);
  return value;
}

struct Kind {
  uint16_t colours, bits, samples;
  bool grey() const {
    return colours == PHOTOMETRIC_MINISBLACK || colours == PHOTOMETRIC_MINISWHITE;
  }
  bool ink() const { return colours == PHOTOMETRIC_SEPARATED; }
};

// What libtiff's own way to 8 bits rounds otherwise than Pillow (16 bits, ink), or whose opacity it
// forgets (grey): rows of samples, side by side, are read here.
bool is_read_by_rows(const File& file, const Kind& k) {
  const bool rows = !tiff().TIFFIsTiled(file.get()) &&
                    number<uint16_t>(file, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_CONTIG &&
                    number<uint16_t>(file, TIFFTAG_SAMPLEFORMAT) == SAMPLEFORMAT_UINT &&
                    (k.bits == 8 || k.bits == 16);
  if (k.grey()) return rows && (k.samples == 2 || (k.bits == 16 && k.samples == 1));
  if (k.ink()) return rows && k.samples == 4;
  return rows && k.colours == PHOTOMETRIC_RGB && k.bits == 16 && (k.samples == 3 || k.samples == 4);
}

// Of 16 bits the upper 8, as Pillow's raw modes take them.
bool read_rows(const File& file, const Kind& k, Image& image) {
  const size_t row = static_cast<size_t>(image.width) * k.samples;
  if (tiff().TIFFScanlineSize64(file.get()) != row * (k.bits / 8)) return false;
  std::vector<uint16_t> wide(k.bits == 16 ? row : 0);
  for (int y = 0; y < image.height; ++y) {
    uint8_t* out = image.at(0, y);
    void* to = wide.empty() ? static_cast<void*>(out) : wide.data();
    if (tiff().TIFFReadScanline(file.get(), to, static_cast<uint32_t>(y), 0) < 0) return false;
    for (size_t i = 0; i < wide.size(); ++i) out[i] = static_cast<uint8_t>(wide[i] >> 8);
  }
  if (k.colours == PHOTOMETRIC_MINISWHITE)
    for (size_t i = 0; i < image.pixels.size(); i += k.samples)
      image.pixels[i] = static_cast<uint8_t>(255 - image.pixels[i]);
  return true;
}

// Everything else, by libtiff: red, green, blue multiplied with the opacity, and that.
bool read_as_rgba(const File& file, const Kind& k, Image& image) {
  std::vector<uint32_t> raster(static_cast<size_t>(image.width) * image.height);
  TIFFRGBAImage view;
  char message[1024];
  if (!tiff().TIFFRGBAImageBegin(&view, file.get(), 1, message)) return false;
  view.req_orientation = view.orientation;  // rows as they are stored
  const bool ok = tiff().TIFFRGBAImageGet(&view, raster.data(), static_cast<uint32_t>(image.width),
                                          static_cast<uint32_t>(image.height));
  tiff().TIFFRGBAImageEnd(&view);
  uint8_t* out = image.pixels.data();
  for (uint32_t pixel : raster) {
    const uint32_t white = 255 - TIFFGetA(pixel);
    const uint32_t colours[] = {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)};
    for (int c = 0; c < image.channels; ++c)
      *out++ = static_cast<uint8_t>(std::min(255u, colours[c] + white));
  }
  return ok;
}

Image from_ink(const Image& cmyk) {
  Image image(cmyk.width, cmyk.height, 3);
  ink_to_rgb(cmyk.pixels.data(), image.pixels.data(), cmyk.width * cmyk.height);
  return image;
}

}  // namespace

Image decode_tiff(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  Memory memory{bytes};
  const File file = open(memory, limits);
  const auto damaged = [&](const char* what) {
    fail(
        "'{}': damaged or truncated TIFF, or one of a kind that libtiff does not make colours of "
        "({}); fetch it again, or convert it to PNG",
        name, what);
  };
  if (!file) damaged("its header");
  const auto width = number<uint32_t>(file, TIFFTAG_IMAGEWIDTH);
  const auto height = number<uint32_t>(file, TIFFTAG_IMAGELENGTH);
  check_image_size(width, height, name, limits);
  const Kind k{number<uint16_t>(file, TIFFTAG_PHOTOMETRIC),
               number<uint16_t>(file, TIFFTAG_BITSPERSAMPLE),
               number<uint16_t>(file, TIFFTAG_SAMPLESPERPIXEL)};
  const bool by_rows = is_read_by_rows(file, k);
  Image image(static_cast<int>(width), static_cast<int>(height),
              by_rows    ? k.samples
              : k.grey() ? 1
                         : 3);
  if (!(by_rows ? read_rows(file, k, image) : read_as_rgba(file, k, image))) damaged("its pixels");
  if (by_rows && k.ink()) image = from_ink(image);
  else if (image.channels == 2 || image.channels == 4) image = on_white(image);
  return upright(image, number<uint16_t>(file, TIFFTAG_ORIENTATION));
}

}  // namespace cairn::io
