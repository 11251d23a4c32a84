#include "fuzz/fuzz.h"

#include "cairn/io/video.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    VideoReader video(input, "input", {.pixels = 1 << 16, .frames = 40});
    for (double last = 0; video.advance(); last = video.seconds()) {
      promise(video.seconds() >= last, "time does not go back");
      const Image image = video.image();
      promise(image.pixels.size() == size_t(image.width) * image.height * 3, "size");
    }
  });
  return 0;
}
