#include "cairn/data/annotations.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::data;

// What a parser lets through can be placed in a picture, or is refused; placed boxes lie in it.
static void place_all(const AnnotatedPicture& picture) {
  PlacedCounts counts;
  std::vector<std::string> classes;
  for (const AnnotatedObject& o : picture.objects) classes.push_back(o.label);
  for (const GroundTruth& t : place(picture, "input", classes, 64, 48, counts))
    promise(t.box.x1 >= 0 && t.box.y1 >= 0 && t.box.x2 <= 64 && t.box.y2 <= 48 && t.box.area() > 0,
            "a box outside its picture");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    for (const AnnotatedPicture& p : parse_coco(text_of(input), "input").pictures) place_all(p);
  });
  return 0;
}
