#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "cairn/base/library.h"
#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

struct GifLibrary : Library {
  GifLibrary() : Library("libgif.so.7", "a GIF picture", "libgif7") {}
  CAIRN_OF_LIBRARY(DGifOpen);
  CAIRN_OF_LIBRARY(DGifCloseFile);
  CAIRN_OF_LIBRARY(DGifGetRecordType);
  CAIRN_OF_LIBRARY(DGifGetImageDesc);
  CAIRN_OF_LIBRARY(DGifGetExtension);
  CAIRN_OF_LIBRARY(DGifGetExtensionNext);
  CAIRN_OF_LIBRARY(DGifExtensionToGCB);
  CAIRN_OF_LIBRARY(DGifGetLine);
};
const GifLibrary& gif_library() {
  static const GifLibrary library;
  return library;
}

struct Close {
  void operator()(GifFileType* file) const { gif_library().DGifCloseFile(file, nullptr); }
};

int take_bytes(GifFileType* file, GifByteType* to, int count) {
  auto& left = *static_cast<Bytes*>(file->UserData);
  const size_t taken = std::min(static_cast<size_t>(std::max(count, 0)), left.size());
  if (taken > 0) std::memcpy(to, left.data(), taken);
  left = left.subspan(taken);
  return static_cast<int>(taken);
}

// Goes to the first frame; what stands before it may name a transparent colour, else -1. False: it
// is damaged, or there is no frame.
bool find_frame(GifFileType* gif, int& transparent) {
  GifRecordType kind;
  while (gif_library().DGifGetRecordType(gif, &kind) != GIF_ERROR) {
    if (kind == IMAGE_DESC_RECORD_TYPE) return gif_library().DGifGetImageDesc(gif) != GIF_ERROR;
    if (kind == TERMINATE_RECORD_TYPE) return false;
    int code = 0;
    GifByteType* block = nullptr;
    if (gif_library().DGifGetExtension(gif, &code, &block) == GIF_ERROR) return false;
    GraphicsControlBlock control;
    if (block && code == GRAPHICS_EXT_FUNC_CODE &&
        gif_library().DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
      transparent = control.TransparentColor;
    while (block)
      if (gif_library().DGifGetExtensionNext(gif, &block) == GIF_ERROR) return false;
  }
  return false;
}

// The order in which rows of a frame come.
std::vector<int> order_of_rows(int height, bool interlaced) {
  std::vector<int> rows;
  if (!interlaced)
    for (int y = 0; y < height; ++y) rows.push_back(y);
  static constexpr int kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  for (int pass = 0; pass < 4 && interlaced; ++pass)
    for (int y = kFirst[pass]; y < height; y += kStep[pass]) rows.push_back(y);
  return rows;
}

// Colours of the numbers that a pixel may have; those that the map lacks are black.
struct Colours {
  uint8_t of[256][3] = {};
  bool grey = true;
};
Colours colours_of(const ColorMapObject* map, int transparent) {
  Colours colours;
  for (int i = 0; i < std::min(256, map->ColorCount); ++i) {
    const GifColorType& c = map->Colors[i];
    const uint8_t rgb[] = {c.Red, c.Green, c.Blue};
    std::copy_n(rgb, 3, colours.of[i]);
    colours.grey = colours.grey && rgb[0] == rgb[1] && rgb[1] == rgb[2];
  }
  if (transparent >= 0 && transparent < 256) std::fill_n(colours.of[transparent], 3, 255);
  return colours;
}

}  // namespace

Image decode_gif(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  Bytes left = bytes;
  int error = 0;
  const std::unique_ptr<GifFileType, Close> gif(gif_library().DGifOpen(&left, take_bytes, &error));
  const auto damaged = [&](const char* what) {
    fail("'{}': damaged or truncated GIF ({}); fetch or copy the file again", name, what);
  };
  if (!gif) damaged("its header");
  check_image_size(gif->SWidth, gif->SHeight, name, limits);
  int transparent = -1;
  if (!find_frame(gif.get(), transparent)) damaged("no frame");
  const GifImageDesc& frame = gif->Image;
  const ColorMapObject* map = frame.ColorMap ? frame.ColorMap : gif->SColorMap;
  if (!map) damaged("no colours");
  check_image_size(frame.Width, frame.Height, name, limits);
  const int width = std::max<int>(gif->SWidth, frame.Left + frame.Width);
  const int height = std::max<int>(gif->SHeight, frame.Top + frame.Height);
  check_image_size(width, height, name, limits);

  const Colours colours = colours_of(map, transparent);
  Image image(width, height, colours.grey ? 1 : 3);
  // Around the frame: what is transparent, else the first colour (and not the one that the file
  // calls the background, which programs write carelessly).
  const int ground = std::max(transparent, 0);
  for (size_t i = 0; i < image.pixels.size(); i += static_cast<size_t>(image.channels))
    std::copy_n(colours.of[ground], image.channels, &image.pixels[i]);
  std::vector<GifPixelType> row(static_cast<size_t>(frame.Width));
  for (int y : order_of_rows(frame.Height, frame.Interlace)) {
    if (gif_library().DGifGetLine(gif.get(), row.data(), frame.Width) == GIF_ERROR)
      damaged("its pixels");
    for (int x = 0; x < frame.Width; ++x)
      std::copy_n(colours.of[row[static_cast<size_t>(x)]], image.channels,
                  image.at(frame.Left + x, frame.Top + y));
  }
  return image;
}

}  // namespace cairn::io
