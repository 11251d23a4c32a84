#include "cairn/music/abc.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::music;

// What the reader lets through has notes of some length within MIDI's numbers.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz([&] {
    for (const Score& score : parse_abc(text_of(Bytes(data, size)), "input"))
      for (const Note& n : score.notes)
        promise(n.start >= 0 && n.end > n.start && n.pitch >= 0 && n.pitch < 128,
                "a note that is none");
  });
  return 0;
}
