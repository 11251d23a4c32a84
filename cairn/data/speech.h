// Recordings and what is said in them, from any of the layouts that corpora come in.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cairn::data {

struct Utterance {
  std::string id, text;
  std::string from;               // where it is listed: "clips.tsv, line 7", for messages
  std::string audio = {};         // a file; "": drawn, or features
  int64_t first = 0, frames = 0;  // of ready-made features; of drawn ones `first` is the number
};

// Features that come instead of sound, [frames, size].
struct ReadyFeatures {
  std::vector<float> values;
  int64_t size = 0;
};

struct SpeechPart {
  std::vector<Utterance> utterances;
  std::shared_ptr<const ReadyFeatures> features = {};  // none: files, or drawn
};
struct SpeechSet {
  std::string
      layout;  // "tones", "AN4", "LibriSpeech", "Common Voice", "FSDD", "manifest", "folder"
  SpeechPart train, validation, test;  // the last two may be empty
  std::string left_out = {};           // for people
};

// `data`: "tones" (drawn); a manifest (.tsv, .csv, .jsonl, also .gz) with a column or key for the
// file (audio, path, file, audio_filepath, wav) and one for the text (text, sentence, transcript,
// label), and a part where there is one (split); or a folder:
//   train.tsv and train.mfcc13.i16.gz      AN4's features
//   BOOK/.../*.trans.txt beside its FLACs  LibriSpeech, parts by folder: train*, dev*, test*
//   train.tsv, dev.tsv, test.tsv, clips/   Common Voice (path, sentence)
//   train, val, test .tsv or .jsonl        manifests
//   DIGIT_SPEAKER_INDEX.wav                FSDD: indices 0 to 4 are its official test part
//   NAME.wav beside NAME.txt               transcripts
//   LABEL/*.wav                            one folder a class, for whole clips
// Every file must be there. Throws Error that names the list and its line, or what was looked for.
SpeechSet open_speech(const std::string& data);

// Tones and chirps that spell, 8 kHz: each letter a to f has a sound of its own, words are two to
// four letters.
inline constexpr int kTonesRate = 8000;
std::vector<float> drawn_speech(int64_t number, std::string* text = nullptr);
// A few of them as WAV files.
std::vector<std::string> write_tones(const std::string& folder);

}  // namespace cairn::data
