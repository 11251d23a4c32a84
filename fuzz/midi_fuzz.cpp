#include "cairn/music/midi.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::music;

// What the reader lets through has notes of some length within MIDI's numbers, and is read again as
// it was written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz([&] {
    const MidiFile file = parse_midi({data, size}, "input");
    for (Score score : file.scores) {
      for (const Note& n : score.notes) {
        promise(n.start >= 0 && n.end > n.start, "a note of no length");
        promise(n.pitch >= 0 && n.pitch < 128 && n.channel < 16, "a note that is none");
      }
      promise(score.seconds_at(score.end()) >= 0, "a time before the beginning");
      const MidiFile again = parse_midi(to_midi(score), "again");
      promise(again.scores.at(0).notes.size() == score.notes.size(), "other notes");
    }
  });
  return 0;
}
