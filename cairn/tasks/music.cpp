#include "cairn/tasks/music.h"

#include <filesystem>

#include "cairn/audio/sound.h"
#include "cairn/base/invalid_option.h"
#include "cairn/data/files.h"
#include "cairn/io/file.h"
#include "cairn/music/midi.h"

namespace cairn::tasks {

namespace {
constexpr int kRate = 22050, kPageRate = 8000;
constexpr size_t kPageSteps = 256;
}  // namespace

void check_music_files(const std::string& out, const std::string& wav) {
  // Names without an ending, as devices have, may be of anything.
  const auto has_ending = [](const std::string& file) {
    return std::filesystem::path(file).has_extension();
  };
  if (has_ending(out) && !music::is_midi_name(out))
    throw InvalidOption("out", fmt::format("MIDI is written, to names that end with .mid or .midi, "
                                           "not to '{}'; sound is by the option wav",
                                           out));
  if (has_ending(wav) && !data::ends_with(wav, ".wav"))
    throw InvalidOption(
        "wav", fmt::format("WAV is written, to names that end with .wav, not to '{}'", wav));
  io::check_writable(out);
  if (wav.empty()) return;
  io::check_writable(wav);
  std::error_code ignored;
  if (wav == out || std::filesystem::equivalent(wav, out, ignored))
    throw InvalidOption("wav", fmt::format("'{}' is where the notes go; name another file", wav));
}

void write_music(const music::Score& score, const std::string& out, const std::string& wav) {
  io::write_file_atomically(out, music::to_midi(score));
  if (!wav.empty()) audio::write_wav(wav, music::synthesize(score, kRate), kRate);
}

void show_music(train::report::Page& page, const music::Roll& roll, int64_t grid,
                const std::string& caption) {
  music::Roll shown = roll;
  if (shown.steps.size() > kPageSteps) shown.steps.resize(kPageSteps);
  const auto sound = music::synthesize(music::to_score(shown, grid), kPageRate);
  page.figures({train::report::figure(music::picture_of(shown, 4 * grid), caption)});
  page.figures({train::report::player(audio::to_wav(sound, kPageRate))});
}

}  // namespace cairn::tasks
