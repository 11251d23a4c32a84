// MIDI by its rules, ABC, rolls, sound.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "cairn/base/error.h"
#include "cairn/io/file.h"
#include "cairn/music/abc.h"
#include "cairn/music/midi.h"
#include "cairn/music/rolls.h"
#include "tests/io/temporary_folder.h"

namespace cairn::music {
namespace {

using io::ByteVector;

const ByteVector kEnd = {0, 0xff, 0x2f, 0};

ByteVector track(ByteVector events, bool ends = true) {
  if (ends) events.insert(events.end(), kEnd.begin(), kEnd.end());
  ByteVector out = {'M', 'T', 'r', 'k'};
  io::append_big(out, static_cast<uint32_t>(events.size()));
  out.insert(out.end(), events.begin(), events.end());
  return out;
}
ByteVector midi(int format, int division, const std::vector<ByteVector>& tracks, int stated = -1) {
  ByteVector out = {'M', 'T', 'h', 'd', 0, 0, 0, 6};
  for (const int v : {format, stated < 0 ? static_cast<int>(tracks.size()) : stated, division})
    io::append_big(out, static_cast<uint16_t>(v));
  for (const ByteVector& t : tracks) out.insert(out.end(), t.begin(), t.end());
  return out;
}
Score only(const ByteVector& file) {
  const MidiFile read = parse_midi(file, "f.mid");
  EXPECT_EQ(read.scores.size(), 1u);
  return read.scores.at(0);
}
std::string notes_of(const Score& score) {
  std::string all;
  for (const Note& n : score.notes)
    all += fmt::format("{}{}:{}-{}", all.empty() ? "" : " ", n.pitch, n.start, n.end);
  return all;
}
template <class F>
std::string error_of(const F& run) {
  try {
    run();
  } catch (const Error& e) { return e.what(); }
  return "nothing was thrown";
}
std::string error_of_midi(const ByteVector& file) {
  return error_of([&] { parse_midi(file, "f.mid"); });
}

TEST(Midi, RunningStatusAndVelocityZero) {
  EXPECT_EQ(
      notes_of(only(midi(0, 96, {track({0, 0x90, 60, 64, 96, 60, 0, 0, 62, 64, 48, 62, 0})}))),
      "60:0-96 62:96-144");
}
TEST(Midi, OverlappingNotesOfOnePitchEndInTheirOrder) {
  EXPECT_EQ(
      notes_of(only(midi(0, 96, {track({0, 0x90, 60, 64, 10, 60, 64, 10, 60, 0, 10, 60, 0})}))),
      "60:0-20 60:10-30");
}
TEST(Midi, ChannelsAndTracksDoNotEndEachOthersNotes) {
  const Score s =
      only(midi(1, 96,
                {track({0, 0x90, 60, 64, 30, 0x80, 60, 0}),
                 track({0, 0x90, 60, 64, 5, 0x91, 60, 64, 5, 0x81, 60, 0, 50, 0x90, 60, 0})}));
  EXPECT_EQ(notes_of(s), "60:0-30 60:0-60 60:5-10");
  EXPECT_EQ(s.notes[1].track, 1);
}
TEST(Midi, WhatIsNoNoteIsCounted) {
  const Score s = only(midi(0, 96, {track({0, 0x90, 60, 64, 0, 60, 0, 0, 62, 64, 10, 64, 0})}));
  EXPECT_EQ(notes_of(s), "");
  EXPECT_EQ(s.empty, 1);
  EXPECT_EQ(s.unended, 1);
  EXPECT_EQ(s.stray, 1);
}
TEST(Midi, TemposOfAnyTrackCountAnd120WithoutOne) {
  const ByteVector notes = track({0, 0x90, 60, 64, 0x81, 0x40, 60, 0});  // two quarters of 96
  EXPECT_DOUBLE_EQ(only(midi(1, 96, {notes})).seconds_at(192), 1);
  // 60 a minute from the second quarter on, said in the second track.
  const ByteVector tempo = track({96, 0xff, 0x51, 3, 0x0f, 0x42, 0x40});
  EXPECT_DOUBLE_EQ(only(midi(1, 96, {notes, tempo})).seconds_at(192), 1.5);
}
TEST(Midi, TracksOfTypeTwoArePiecesOfTheirOwn) {
  const ByteVector a = track({0, 0x90, 60, 64, 96, 60, 0}),
                   b = track({0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 0, 0x90, 64, 64, 96, 64, 0});
  const MidiFile file = parse_midi(midi(2, 96, {a, b}), "f.mid");
  ASSERT_EQ(file.scores.size(), 2u);
  EXPECT_EQ(notes_of(file.scores[0]), "60:0-96");
  EXPECT_EQ(notes_of(file.scores[1]), "64:0-96");
  EXPECT_DOUBLE_EQ(file.scores[0].seconds_at(96), 0.5);
  EXPECT_DOUBLE_EQ(file.scores[1].seconds_at(96), 1);
}
TEST(Midi, StrangeChunksMessagesAndMissingEnds) {
  ByteVector file = midi(0, 96, {}, 1);
  for (const uint8_t b : {'X', 'F', 'I', 'H', '\0', '\0', '\0', '\2', 'a', 'b'}) file.push_back(b);
  const ByteVector body = track({0, 0xf0, 3, 1, 2, 0xf7, 0, 0x90, 60, 64, 96, 60, 0}, false);
  file.insert(file.end(), body.begin(), body.end());
  EXPECT_EQ(notes_of(only(file)), "60:0-96");
  file.push_back(1);
  EXPECT_NE(parse_midi(file, "f.mid").warning, "");
}
TEST(Midi, WhatCannotBeReadIsSaidWithItsPlace) {
  const ByteVector good = midi(0, 96, {track({0, 0x90, 60, 64, 96, 60, 0})});
  for (size_t size = 0; size < good.size(); ++size) {
    const std::string said = error_of_midi(ByteVector(good.begin(), good.begin() + size));
    EXPECT_NE(said.find("f.mid"), said.npos) << size << ": " << said;
  }
  const auto expect = [](const ByteVector& file, const std::string& part) {
    const std::string said = error_of_midi(file);
    EXPECT_NE(said.find(part), said.npos) << said;
  };
  expect(midi(0, 0xe728, {track({})}), "SMPTE's (25 frames a second, 40 ticks a frame)");
  expect(midi(3, 96, {track({})}), "type 3");
  expect(midi(0, 0, {track({})}), "no ticks");
  expect(midi(1, 96, {track({})}, 65535), "1 of 65535 tracks");
  expect(midi(0, 96, {track({0, 60, 64})}), "0x3c");
  expect(midi(0, 96, {track({0, 0xf4})}), "0xf4");
  expect(midi(0, 96, {track({0, 0xff, 0x51, 3, 0, 0, 0})}), "tempo");
  expect(midi(0, 96, {track({0xff, 0xff, 0xff, 0xff, 0x7f, 0x90, 60, 64})}), "four bytes");
  expect({'R', 'I', 'F', 'F'}, "MThd");
}
TEST(Midi, AMillionTracksAreReadInBoundedTime) {
  std::vector<ByteVector> tracks(65535, track({}));
  EXPECT_EQ(only(midi(1, 96, tracks)).notes.size(), 0u);
  ByteVector file = midi(1, 96, tracks);
  const ByteVector one = track({});
  while (file.size() < 12'000'000) file.insert(file.end(), one.begin(), one.end());
  EXPECT_NE(parse_midi(file, "f.mid").warning, "");
}
TEST(Midi, IsWrittenAsItIsRead) {
  Score score{"s",
              480,
              {{0, 480, 60, 64, 0, 0}, {240, 960, 60, 80, 0, 0}, {0, 100000, 40, 1, 3, 1}},
              {{0, 600000}, {480, 300000}},
              2};
  sort_notes(score);
  const Score read = only(to_midi(score));
  EXPECT_EQ(notes_of(read), notes_of(score));
  EXPECT_EQ(read.ticks, 480);
  EXPECT_DOUBLE_EQ(read.seconds_at(960), score.seconds_at(960));
}

std::string abc(const std::string& body, const std::string& key = "C") {
  const auto tunes = parse_abc("X:1\nT:t\nL:1/4\nK:" + key + "\n" + body + "\n", "t.abc");
  std::string all;
  for (const Note& n : tunes.at(0).notes)
    all += fmt::format("{}{}:{}-{}", all.empty() ? "" : " ", n.pitch,
                       static_cast<double>(n.start) / kAbcTicks,
                       static_cast<double>(n.end) / kAbcTicks);
  return all;
}

TEST(Abc, NotesLengthsAndOctaves) {
  EXPECT_EQ(abc("C2 c/ c' C,3/2 z ^F _B =B"),
            "60:0-2 72:2-2.5 84:2.5-3.5 48:3.5-5 66:6-7 70:7-8 71:8-9");
}
TEST(Abc, KeysModesAndAccidentalsOfABar) {
  EXPECT_EQ(abc("F C B", "D"), "66:0-1 61:1-2 71:2-3");
  EXPECT_EQ(abc("F C B", "Gm"), "65:0-1 60:1-2 70:2-3");
  EXPECT_EQ(abc("F C", "Ador"), "66:0-1 60:1-2");
  EXPECT_EQ(abc("B E", "Bb"), "70:0-1 63:1-2");
  EXPECT_EQ(abc("G", "D ^g"), "68:0-1");
  EXPECT_EQ(abc("^F F | F"), "66:0-1 66:1-2 65:2-3");
}
TEST(Abc, BrokenRhythmTupletsChordsAndTies) {
  EXPECT_EQ(abc("C>D"), "60:0-1.5 62:1.5-2");
  EXPECT_EQ(abc("C<<D"), "60:0-0.25 62:0.25-2");
  EXPECT_EQ(abc("(3CDE F"),
            "60:0-0.6666666666666666 62:0.6666666666666666-1.3333333333333333 "
            "64:1.3333333333333333-2 65:2-3");
  EXPECT_EQ(abc("[CEG]2"), "60:0-2 64:0-2 67:0-2");
  EXPECT_EQ(abc("C-|C2"), "60:0-3");
}
TEST(Abc, RepeatsAndEndings) {
  EXPECT_EQ(abc("C|:D|E:|F"), abc("C|D|E|D|E|F"));
  EXPECT_EQ(abc("C|D:|E"), abc("C|D|C|D|E"));
  EXPECT_EQ(abc("|:C|1D:|2E||F"), abc("C|D|C|E|F"));
  EXPECT_EQ(abc("|:C [1 D:|[2 E|]"), abc("C|D|C|E"));
  EXPECT_EQ(abc("|:C::D:|"), abc("C|C|D|D"));
}
TEST(Abc, WhatIsNoNoteIsPassedOver) {
  EXPECT_EQ(abc("\"Am\"C !trill!{gf}D (E F) % words\nw: la la"), abc("C D E F"));
}
TEST(Abc, VoicesAndSeveralTunes) {
  const auto tunes = parse_abc(
      "%abc\nX:1\nT:a\nL:1/4\nK:C\nV:1\nC2\nV:2\nE2\n\nX:2\nT:b\nM:6/8\nK:G\nF\n", "t.abc");
  ASSERT_EQ(tunes.size(), 2u);
  EXPECT_EQ(tunes[0].tracks, 2);
  EXPECT_EQ(tunes[0].notes[1].start, 0);
  EXPECT_EQ(tunes[1].name, "b");
  EXPECT_EQ(tunes[1].notes[0].pitch, 66);
  EXPECT_EQ(tunes[1].notes[0].end, kAbcTicks / 2);
}
TEST(Abc, ADamagedTuneIsLeftOutWhereThatIsAskedFor) {
  std::vector<std::string> damaged;
  const std::string text = "X:1\nK:C\nC\n\nX:2\nK:C\nC [E\nD\n\nX:3\nK:C\nE\n";
  const auto tunes = parse_abc(text, "t.abc", &damaged);
  ASSERT_EQ(tunes.size(), 2u);
  EXPECT_EQ(tunes[1].notes.at(0).pitch, 64);
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_NE(damaged[0].find("line 7"), std::string::npos);
  EXPECT_NE(error_of([&] { parse_abc(text, "t.abc"); }).find("line 7"), std::string::npos);
  EXPECT_NE(error_of([&] { parse_abc("X:1\nK:Q\n", "t.abc", &damaged); }).find("'Q' is no key"),
            std::string::npos);
  EXPECT_EQ(abc("[C-E-]|[CE]"), "60:0-2 64:0-2");
}
TEST(Abc, WhatCannotBeReadIsSaidWithItsLine) {
  const auto expect = [](const std::string& text, const std::string& part) {
    const std::string said = error_of([&] { parse_abc(text, "t.abc"); });
    EXPECT_NE(said.find(part), said.npos) << said;
  };
  expect("", "no tune");
  expect("X:1\nC", "line 2: music before the key");
  expect("X:1\nK:C\nC & D", "line 3: '&'");
  expect("X:1\nK:Q", "line 2: 'Q' is no key");
  expect("X:1\nK:C\nC0", "line 3: a length");
  expect("X:1\nK:C\nC99999999999999999999", "line 3: a length");
  expect("X:1\nK:C\n[CE", "line 3: '['");
  expect("X:1\nK:C\n\"Am", "line 3: '\"' has no end");
  expect("X:1\nK:C\nC,,,,,,,,,,", "line 3: a note outside");
}

TEST(Rolls, NotesLieOnTheNearestSteps) {
  Score score{"s",
              4,
              {{0, 4, 60, 64, 0, 0},
               {3, 5, 64, 64, 0, 0},
               {9, 10, 10, 64, 0, 0},
               {0, 8, 40, 64, kDrums, 0}}};
  const Roll roll = to_roll(score, 2);
  EXPECT_EQ(roll.steps, (std::vector<Chord>{{60}, {60}, {64}}));
  EXPECT_EQ(roll.outside, 1);
  EXPECT_EQ(to_roll(to_score(roll, 2), 2).steps, roll.steps);
  score.notes[1].end = int64_t{1} << 40;
  EXPECT_NE(error_of([&] { to_roll(score, 2); }).find("at most"), std::string::npos);
}
TEST(Rolls, VoicesGoFromTheHighestDown) {
  const Roll chords{"c", 0, {{70, 65, 60, 55, 50}, {70}, {}}};
  EXPECT_EQ(in_voices(chords, 3).steps,
            (std::vector<Chord>{{70, 65, 50}, {70, -1, -1}, {-1, -1, -1}}));
  const Roll voices{"v", 3, {{60, 72, 60}, {kSilent, 50, kSilent}}, 0};
  EXPECT_EQ(in_chords(voices).steps, (std::vector<Chord>{{72, 60}, {50}}));
  EXPECT_TRUE(transposed(chords.steps, 60).empty());
  EXPECT_EQ(transposed(chords.steps, -2)[1], Chord{68});
}
TEST(Rolls, JsonIsReadAsVoicesOrChords) {
  const RollSet voices = parse_json_rolls(R"({"train": [[[60, -1], [62, 50]]], "test": []})", "v");
  EXPECT_EQ(voices.train.at(0).voices, 2);
  const RollSet chords = parse_json_rolls(R"({"train": [[[60.0, 72], [50], []], []]})", "c");
  ASSERT_EQ(chords.train.size(), 1u);
  EXPECT_EQ(chords.train[0].steps, (std::vector<Chord>{{72, 60}, {50}, {}}));
  for (const char* bad :
       {"[]", "{}", R"({"train": 3})", R"({"train": [[[128]]]})", R"({"train": [[[60.5]]]})",
        R"({"train": [[["a"]]]})", R"({"train": [[60]]})", "{"})
    EXPECT_NE(error_of([&] { parse_json_rolls(bad, "bad.json"); }).find("bad.json"),
              std::string::npos)
        << bad;
}
TEST(Rolls, FoldersAreCutByTheirNames) {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, const ByteVector& bytes) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    io::write_file_atomically(folder / name, bytes);
  };
  for (int i = 0; i < 10; ++i)
    write(fmt::format("a/{}.mid", i), to_midi(to_score(drawn_chorale(i, 4), 4)));
  write("a/bad.mid", {1, 2, 3}), write("a/melody/x.mid", {1});
  const RollSet set = open_rolls(folder / "a");
  EXPECT_EQ(set.train.size(), 8u);
  EXPECT_EQ(set.validation.size(), 1u);
  EXPECT_EQ(set.test.size(), 1u);
  EXPECT_NE(set.left_out.find("1 damaged"), std::string::npos) << set.left_out;
  EXPECT_EQ(set.train[3].steps, in_voices(drawn_chorale(3, 4), 4).steps.empty()
                                    ? std::vector<Chord>{}
                                    : to_roll(to_score(drawn_chorale(3, 4), 4), 4).steps);
  for (const char* part : {"train", "valid", "test"})
    write(fmt::format("b/{}/1.abc", part),
          ByteVector{'X', ':', '1', '\n', 'K', ':', 'C', '\n', 'C'});
  EXPECT_EQ(open_rolls(folder / "b").test.size(), 1u);
  std::filesystem::create_directories(folder / "none");
  for (const std::string& bad : {folder / "none", folder / "nowhere", folder / "a/bad.mid"})
    EXPECT_NE(error_of([&] { open_rolls(bad); }).find(bad), std::string::npos);
  // Silent MIDI alone has no music.
  write("c/silent.mid", midi(0, 96, {track({})}));
  EXPECT_NE(error_of([&] { open_rolls(folder / "c"); }).find("no music"), std::string::npos);
}
TEST(Rolls, OfJsonFilesTheShortestOrTheOneWithVoicesIsTaken) {
  const TemporaryFolder folder;
  std::ofstream(folder / "x-16th.json") << R"({"train": [[[60], [60], [62, 50], [62]]]})";
  std::ofstream(folder / "x-quarter.json") << R"({"train": [[[60], [62, 50]]]})";
  std::ofstream(folder / "y.json") << R"({"train": [[[60, 50], [62, -1]]]})";
  const RollSet chords = open_rolls(folder.path());
  EXPECT_NE(chords.file.find("quarter"), std::string::npos);
  EXPECT_EQ(chords.grid, 1);
  EXPECT_EQ(open_rolls(folder.path(), {.voices = true}).train[0].voices, 2);
}
TEST(Rolls, DrawnChoralesAreInOneKey) {
  const RollSet set = drawn_chorales(4);
  EXPECT_EQ(set.train.size(), 120u);
  for (const Roll& roll : set.test) {
    std::set<int> classes;
    for (const Chord& c : roll.steps) {
      ASSERT_EQ(c.size(), 4u);
      for (const int p : c) classes.insert(p % 12);
    }
    EXPECT_LE(classes.size(), 7u);
  }
}
TEST(Rolls, ArePictured) {
  const io::Image image = picture_of({"p", 2, {{60, 40}, {60, -1}}}, 4, 3);
  EXPECT_EQ(image.width, 6);
  EXPECT_EQ(image.height, 25 * 3);
}

TEST(Sound, HasThePitchAndTheLengthOfItsNotes) {
  const Score score{"s", 480, {{0, 960, 69, 100, 0, 0}}};  // A: 440 Hz, one second
  const auto samples = synthesize(score, 8000);
  EXPECT_NEAR(static_cast<double>(samples.size()) / 8000, 1.12, 0.01);
  int crossings = 0;
  double largest = 0;
  for (size_t i = 1; i < 8000; ++i) {
    crossings += samples[i - 1] < 0 && samples[i] >= 0;
    largest = std::max(largest, std::abs(static_cast<double>(samples[i])));
  }
  EXPECT_NEAR(crossings, 440, 8);
  EXPECT_NEAR(largest, 0.9, 1e-4);
  EXPECT_NE(error_of([&] { synthesize(score, 8000, 0.5); }).find("at most"), std::string::npos);
}

}  // namespace
}  // namespace cairn::music
