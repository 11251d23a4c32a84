#include <algorithm>
#include <cmath>

#include "cairn/audio/sound.h"
#include "cairn/io/json.h"
#include "cairn/tasks/speech_recognition/task.h"

namespace cairn::tasks::speech_recognition {
namespace {

template <class Options>
Search search_of(const Options& o) {
  Search how{o.beams, {}, o.lm_weight, o.word_bonus};
  if (!o.lm.is_open()) how.model = std::make_shared<text::NgramModel>(text::read_arpa(o.lm));
  return how;
}

Json evaluate(Recogniser& r, const SpeechEvalOptions& o) {
  const auto chosen = r.chosen(o);
  Json measured = r.judge().measure(chosen.part, search_of(o));
  r.ear().say_complaints();
  if (!r.options().whole_clip) measured["beams"] = *o.beams;
  return r.result(chosen.split, measured);
}

// A long sound in pieces that end where it is quiet, so that no word is cut.
class Pieces {
 public:
  Pieces(audio::SoundReader& reader) : reader_(reader), rate_(reader.rate()) {}
  struct Piece {
    std::vector<float> samples;
    double begin = 0;  // seconds
  };
  bool next(Piece& piece) {
    const auto most = static_cast<size_t>(kLongest * rate_);
    const size_t before = buffer_.size();
    buffer_.resize(most);
    buffer_.resize(before + reader_.read(std::span(buffer_).subspan(before)));
    if (buffer_.empty()) return false;
    const size_t end = buffer_.size() < most ? buffer_.size() : quietest();
    piece.samples.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(end));
    piece.begin = static_cast<double>(taken_) / rate_;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(end));
    taken_ += static_cast<int64_t>(end);
    return true;
  }

 private:
  static constexpr double kLongest = 20, kStretch = 0.1;  // seconds

  // The middle of the quietest stretch of the second half.
  size_t quietest() const {
    const auto stretch = static_cast<size_t>(kStretch * rate_);
    size_t best = buffer_.size();
    double least = INFINITY;
    for (size_t at = buffer_.size() / 2; at + stretch <= buffer_.size(); at += stretch / 2) {
      double power = 0;
      for (size_t i = at; i < at + stretch; ++i) power += std::abs(buffer_[i]);
      if (power < least) least = power, best = at + stretch / 2;
    }
    return best;
  }

  audio::SoundReader& reader_;
  int rate_;
  std::vector<float> buffer_;
  int64_t taken_ = 0;
};

Json words_as_json(const std::vector<Word>& words) {
  const auto rounded = [](double v) { return std::round(v * 1000) / 1000; };
  Json all = Json::array();
  for (const Word& w : words)
    all.push_back({{"word", w.word},
                   {"start", rounded(w.start)},
                   {"end", rounded(w.end)},
                   {"confidence", rounded(w.confidence)}});
  return all;
}

Said say_clip(Recogniser& r, const std::string& file) {
  const audio::Sound sound = audio::read_sound(file, r.ear().rate(), int64_t{600} * r.ear().rate());
  const Recognised heard = r.judge().recognise(r.ear().hear(sound.samples));
  const double p = std::exp(*std::max_element(heard.log_p.begin(), heard.log_p.end()));
  return {fmt::format(" {} ({:.1f} %)", heard.text, p * 100),
          {{"text", heard.text}, {"probability", p}},
          {heard.text, fmt::format("{:.4f}", p)},
          sound.warning};
}

Said say_speech(Recogniser& r, const std::string& file, const Search& how, bool streams) {
  audio::SoundReader reader(file, r.ear().rate());
  Pieces pieces(reader);
  Pieces::Piece piece;
  std::string text;
  Json words = Json::array();
  while (pieces.next(piece)) {
    const Recognised heard = r.judge().recognise(r.ear().hear(piece.samples), how);
    const double end = piece.begin + static_cast<double>(piece.samples.size()) / reader.rate();
    const Json said = words_as_json(r.words_of(heard, piece.begin, end));
    if (streams) {
      const Json line = {{"file", file},
                         {"start", piece.begin},
                         {"end", end},
                         {"text", heard.text},
                         {"words", said}};
      fmt::print(printed(), "{}\n", io::dump_json(line));
      std::fflush(printed());
      continue;
    }
    if (!heard.text.empty()) text += (text.empty() ? "" : " ") + heard.text;
    for (const Json& word : said) words.push_back(word);
  }
  return {" " + text, {{"text", text}, {"words", words}}, {text}, reader.warning()};
}

int predict(Recogniser& r, const PredictOptions& o) {
  const bool clips = r.options().whole_clip;
  const Search how = search_of(o);
  FileKind kind{"sounds", audio::is_sound_name, {"text"}, "heard"};
  if (clips) kind.columns.emplace_back("probability");
  if (o.stream && !clips) {
    if (!o.csv->empty())
      throw InvalidOption("csv", "a table is not written piece by piece (stream)");
    return for_each_file(o.files, kind, [&](const std::string& file) {
      const Said said = say_speech(r, file, how, true);
      if (!said.warning.empty()) fmt::print(stderr, "cairn: {}\n", said.warning);
    });
  }
  return say_of_files(o, kind, [&](const std::string& file) {
    return clips ? say_clip(r, file) : say_speech(r, file, how, false);
  });
}

}  // namespace

const Opener kOpener{kTask, open_as<Recogniser>};
const Task kRow{
    .name = kTask,
    .title = "Speech recognition",
    .what = "Learn to write down what is said",
    .examples =
        "  cairn train speech-recognition --out runs/tones\n"
        "  cairn train speech-recognition --data an4/ --out runs/an4\n"
        "  cairn train speech-recognition --data recordings/ --whole-clip\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"wer", false}, {"accuracy", true, true}},
    .verbs = {eval_verb<Recogniser, SpeechEvalOptions, evaluate, in_words>(
                  "Measure how much of it is right", "  cairn eval runs/an4 --split test --json\n"),
              verb<Recogniser, PredictOptions, predict>(
                  "predict", "Write down what is said in sound files, with times of words",
                  "  cairn predict runs/an4 talk.flac --json\n")
                  .of("sound")},
    .report = report_as<Recogniser, report>,
    .smallest =
        R"({"data": "tones", "steps": 6, "eval_every": 3, "width": 8, "layers": 1, "batch": 4})",
    .write_inputs = data::write_tones,
    .inputs = "tones"};

}  // namespace cairn::tasks::speech_recognition
