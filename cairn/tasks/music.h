// What tasks that make music have in common: the files that they write, and what a report lets see
// and hear.
#pragma once
#include "cairn/music/roll.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks {

// Before the music is made. Throws Error where one of the files could not be written, InvalidOption
// where its name ends as what is not written: MIDI and WAV are.
void check_music_files(const std::string& out, const std::string& wav);
// The MIDI file, and where `wav` is not empty its sound.
void write_music(const music::Score& score, const std::string& out, const std::string& wav);

// A picture of the music and a player of it; `grid`: steps of a quarter.
void show_music(train::report::Page& page, const music::Roll& roll, int64_t grid,
                const std::string& caption);

}  // namespace cairn::tasks
