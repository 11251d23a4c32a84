#include "fuzz/fuzz.h"

#include "cairn/io/image.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const Image image = decode_image(input, "input", {.pixels = 1 << 18});
    promise(image.pixels.size() == size_t(image.width) * image.height * image.channels, "size");
    const Image part = decode_image_part(
        input, "input",
        [](int width, int height) {
          return ImagePart{width / 3, height / 3, (width + 1) / 2, (height + 1) / 2};
        },
        {.pixels = 1 << 18});
    promise(part.width == (image.width + 1) / 2 && part.channels == image.channels, "a part");
    promise(decode_image(encode_png(image), "again").pixels == image.pixels,
            "PNG keeps every pixel");
    resize(center_crop(with_channels(image, 3), 7, 5), 7, 5);
  });
  return 0;
}
