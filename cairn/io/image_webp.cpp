#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

template <class T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* object) const { destroy(object); }
};
using Animation = std::unique_ptr<WebPAnimDecoder, Destroy<WebPAnimDecoder, WebPAnimDecoderDelete>>;

int orientation_of(const WebPDemuxer* file) {
  WebPChunkIterator chunk;
  if (!WebPDemuxGetChunk(file, "EXIF", 1, &chunk)) return 1;
  const int orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
  WebPDemuxReleaseChunkIterator(&chunk);
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
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK) damaged();
  check_image_size(features.width, features.height, name, limits);
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options))
    fail("'{}': another version of libwebp than at the build", name);
  options.color_mode = MODE_RGBA;
  const WebPData data{bytes.data(), bytes.size()};
  const Animation decoder(WebPAnimDecoderNew(&data, &options));
  uint8_t* pixels = nullptr;
  int milliseconds = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &pixels, &milliseconds)) damaged();

  Image image(features.width, features.height, 4);
  std::copy_n(pixels, image.pixels.size(), image.pixels.begin());
  return upright(on_white(image), orientation_of(WebPAnimDecoderGetDemuxer(decoder.get())));
}

}  // namespace cairn::io
