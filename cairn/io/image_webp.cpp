#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "cairn/base/library.h"
#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

// Functions without "Internal" in their names stand in the headers, and call those.
struct WebP : Library {
  WebP() : Library("libwebp.so.7", "a WebP picture", "libwebp7") {}
  CAIRN_OF_LIBRARY(WebPGetFeaturesInternal);
};
struct WebPDemux : Library {
  WebPDemux() : Library("libwebpdemux.so.2", "a WebP picture", "libwebpdemux2") {}
  CAIRN_OF_LIBRARY(WebPAnimDecoderOptionsInitInternal);
  CAIRN_OF_LIBRARY(WebPAnimDecoderNewInternal);
  CAIRN_OF_LIBRARY(WebPAnimDecoderGetNext);
  CAIRN_OF_LIBRARY(WebPAnimDecoderGetDemuxer);
  CAIRN_OF_LIBRARY(WebPAnimDecoderDelete);
  CAIRN_OF_LIBRARY(WebPDemuxGetChunk);
  CAIRN_OF_LIBRARY(WebPDemuxReleaseChunkIterator);
};
const WebP& webp() {
  static const WebP library;
  return library;
}
const WebPDemux& demux() {
  static const WebPDemux library;
  return library;
}

struct Delete {
  void operator()(WebPAnimDecoder* decoder) const { demux().WebPAnimDecoderDelete(decoder); }
};
using Animation = std::unique_ptr<WebPAnimDecoder, Delete>;

int orientation_of(const WebPDemuxer* file) {
  WebPChunkIterator chunk;
  if (!demux().WebPDemuxGetChunk(file, "EXIF", 1, &chunk)) return 1;
  const int orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
  demux().WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

}  // namespace

// A picture that does not move is an animation of one frame to the library's decoder of those,
// which also places a first frame that is smaller than the whole.
Image decode_webp(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  const auto damaged = [&] {
    fail("'{}': damaged or truncated WebP; fetch or copy the file again", name);
  };
  WebPBitstreamFeatures features;
  if (webp().WebPGetFeaturesInternal(bytes.data(), bytes.size(), &features,
                                     WEBP_DECODER_ABI_VERSION) != VP8_STATUS_OK)
    damaged();
  check_image_size(features.width, features.height, name, limits);
  WebPAnimDecoderOptions options;
  if (!demux().WebPAnimDecoderOptionsInitInternal(&options, WEBP_DEMUX_ABI_VERSION))
    fail("'{}': another version of libwebp than at the build", name);
  options.color_mode = MODE_RGBA;
  const WebPData data{bytes.data(), bytes.size()};
  const Animation decoder(
      demux().WebPAnimDecoderNewInternal(&data, &options, WEBP_DEMUX_ABI_VERSION));
  uint8_t* pixels = nullptr;
  int milliseconds = 0;
  if (!decoder || !demux().WebPAnimDecoderGetNext(decoder.get(), &pixels, &milliseconds)) damaged();

  Image image(features.width, features.height, 4);
  std::copy_n(pixels, image.pixels.size(), image.pixels.begin());
  return upright(on_white(image), orientation_of(demux().WebPAnimDecoderGetDemuxer(decoder.get())));
}

}  // namespace cairn::io
