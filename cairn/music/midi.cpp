#include "cairn/music/midi.h"

#include <algorithm>
#include <deque>
#include <map>

#include "cairn/data/files.h"
#include "cairn/io/file.h"

namespace cairn::music {
namespace {

using io::ByteReader, io::Bytes, io::ByteVector;

constexpr int kTempo = 0x51, kEndOfTrack = 0x2f;

int64_t read_length(ByteReader& in, const char* what) {
  int64_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const auto byte = in.big<uint8_t>(what);
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  in.fail_here("{} is longer than four bytes; the file is damaged", what);
}

// The events of one track, into notes.
class TrackReader {
 public:
  TrackReader(ByteReader& in, Score& score, int track) : in_(in), score_(score), track_(track) {}

  // Until the track's end event, or its last byte.
  void read() {
    while (in_.remaining() > 0 && !ended_) {
      tick_ += read_length(in_, "a time between events");
      const auto byte = in_.big<uint8_t>("an event");
      if (byte >= 0xf0) special(byte);
      else channel_event(byte);
    }
    for (const auto& [key, begun] : open_) score_.unended += std::ssize(begun);
  }

 private:
  void special(uint8_t status) {
    status_ = 0;  // a running status ends here
    if (status == 0xff) return meta();
    if (status != 0xf0 && status != 0xf7)
      in_.fail_here("the event {:#04x} has no place in a file; it is damaged", status);
    in_.take(static_cast<uint64_t>(read_length(in_, "a length")), "a system message");
  }
  void meta() {
    const auto kind = in_.big<uint8_t>("a kind of event");
    const Bytes data =
        in_.take(static_cast<uint64_t>(read_length(in_, "a length")), "an event that is no note");
    if (kind == kEndOfTrack) ended_ = true;
    if (kind != kTempo) return;
    const int64_t tempo =
        data.size() == 3 ? int64_t{data[0]} << 16 | int64_t{data[1]} << 8 | data[2] : 0;
    if (tempo == 0) in_.fail_here("a tempo of no length; the file is damaged");
    score_.tempos.push_back({tick_, tempo});
  }
  void channel_event(uint8_t byte) {
    uint8_t first = byte;
    if (byte >= 0x80) status_ = byte, first = in_.big<uint8_t>("an event");
    if (status_ == 0) in_.fail_here("the byte {:#04x} stands where an event begins", byte);
    const int kind = status_ >> 4;
    const uint8_t second = kind == 0xc || kind == 0xd ? 0 : in_.big<uint8_t>("an event");
    if (first >= 0x80 || second >= 0x80)
      in_.fail_here("a new event inside of one; the file is damaged");
    if (kind == 0x9 && second > 0) open_[key(first)].push_back({tick_, second});
    else if (kind == 0x8 || kind == 0x9) end_note(first);
  }
  // The one that began first.
  void end_note(int pitch) {
    const auto found = open_.find(key(pitch));
    if (found == open_.end()) {
      ++score_.stray;
      return;
    }
    const auto [start, velocity] = found->second.front();
    if (tick_ == start) ++score_.empty;
    else score_.notes.push_back({start, tick_, pitch, velocity, status_ & 0xf, track_});
    found->second.pop_front();
    if (found->second.empty()) open_.erase(found);
  }
  int key(int pitch) const { return (status_ & 0xf) << 7 | pitch; }

  struct Begun {
    int64_t start;
    int velocity;
  };
  ByteReader& in_;
  Score& score_;
  int track_;
  int64_t tick_ = 0;
  uint8_t status_ = 0;
  bool ended_ = false;
  std::map<int, std::deque<Begun>> open_;
};

// The next chunk of that kind; others between are passed over. Nothing: the file ends.
bool find_track(ByteReader& in, Bytes& track) {
  while (in.remaining() > 0) {
    const bool is_track = io::text_of(in.take(4, "a chunk's name")) == "MTrk";
    track = in.take(in.big<uint32_t>("a chunk's length"), "a chunk");
    if (is_track) return true;
  }
  return false;
}

void add_length(ByteVector& out, int64_t value) {
  for (int shift = 21; shift > 0; shift -= 7)
    if (value >> shift > 0) out.push_back(static_cast<uint8_t>((value >> shift & 0x7f) | 0x80));
  out.push_back(static_cast<uint8_t>(value & 0x7f));
}

struct Event {
  int64_t tick;
  ByteVector bytes;
};
// Ends of notes are to stand before beginnings of the same tick.
void add_track(ByteVector& out, std::vector<Event> events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.tick < b.tick; });
  ByteVector body;
  int64_t at = 0;
  for (const Event& e : events) {
    check(e.tick - at < 1 << 28, "a rest of {} ticks is longer than MIDI can write", e.tick - at);
    add_length(body, e.tick - at), at = e.tick;
    body.insert(body.end(), e.bytes.begin(), e.bytes.end());
  }
  body.insert(body.end(), {0, 0xff, kEndOfTrack, 0});
  for (const char c : {'M', 'T', 'r', 'k'}) out.push_back(static_cast<uint8_t>(c));
  io::append_big(out, static_cast<uint32_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
}

}  // namespace

MidiFile parse_midi(Bytes bytes, const std::string& name) {
  ByteReader in(name, bytes);
  check(bytes.size() >= 4 && io::text_of(bytes.first(4)) == "MThd",
        "'{}': is no MIDI file (it does not begin with MThd)", name);
  in.take(4, "the name");
  const auto size = in.big<uint32_t>("the header's length");
  if (size < 6) in.fail_here("the header has {} bytes; 6 are needed", size);
  const int format = in.big<uint16_t>("the type"), tracks = in.big<uint16_t>("how many tracks");
  const int division = in.big<uint16_t>("the division");
  in.take(size - 6, "the header");
  check(format <= 2, "'{}': MIDI of type {}; there are 0, 1 and 2", name, format);
  check(division < 0x8000,
        "'{}': its time is SMPTE's ({} frames a second, {} ticks a frame), which says nothing of "
        "quarters; write it with ticks of a quarter (PPQ)",
        name, 256 - (division >> 8), division & 0xff);
  check(division > 0, "'{}': a quarter of no ticks; the file is damaged", name);
  MidiFile file{format, {}, ""};
  Score empty{name, division, {}, {}, 0};
  if (format != 2) file.scores.push_back(empty);
  Bytes body;
  int read = 0;
  for (; read < tracks && find_track(in, body); ++read) {
    if (format == 2) file.scores.push_back(empty);
    Score& score = file.scores.back();
    ByteReader track(fmt::format("{} (track {})", name, read + 1), body);
    TrackReader(track, score, static_cast<int>(score.tracks++)).read();
  }
  check(read == tracks, "'{}': cut short: it has {} of {} tracks; fetch or copy the file again",
        name, read, tracks);
  if (in.remaining() > 0)
    file.warning = fmt::format("{} bytes behind the last track are passed over", in.remaining());
  for (Score& score : file.scores) sort_notes(score);
  return file;
}

MidiFile read_midi(const std::string& path) {
  return parse_midi(io::read_file(path, uint64_t{64} << 20), path);
}

bool is_midi_name(const std::string& path) {
  return data::ends_with(path, ".mid") || data::ends_with(path, ".midi");
}

ByteVector to_midi(const Score& score) {
  check(score.ticks > 0 && score.ticks < 0x8000, "'{}': {} ticks of a quarter; MIDI has 1 to 32767",
        score.name, score.ticks);
  std::map<int, std::vector<Event>> tracks;
  std::vector<Event> tempos;
  for (const Tempo& t : score.tempos)
    tempos.push_back(
        {t.tick,
         {0xff, kTempo, 3, static_cast<uint8_t>(t.microseconds >> 16),
          static_cast<uint8_t>(t.microseconds >> 8), static_cast<uint8_t>(t.microseconds)}});
  for (const bool begins : {false, true})
    for (const Note& n : score.notes)
      tracks[n.track].push_back(
          {begins ? n.start : n.end,
           {static_cast<uint8_t>((begins ? 0x90 : 0x80) | n.channel), static_cast<uint8_t>(n.pitch),
            static_cast<uint8_t>(begins ? n.velocity : 0)}});
  ByteVector out;
  for (const char c : {'M', 'T', 'h', 'd'}) out.push_back(static_cast<uint8_t>(c));
  io::append_big(out, uint32_t{6});
  for (const size_t v : {size_t{1}, tracks.size() + 1, static_cast<size_t>(score.ticks)})
    io::append_big(out, static_cast<uint16_t>(v));
  add_track(out, tempos);
  for (const auto& [track, events] : tracks) add_track(out, events);
  return out;
}

}  // namespace cairn::music
