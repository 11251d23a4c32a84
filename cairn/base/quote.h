// Texts as a shell takes them: what a message says can be pasted.
#pragma once
#include <string>

namespace cairn {

// `word` as one word of a POSIX shell: as it is where that does, else in single quotes; a leading
// dash becomes "./-", for paths.
std::string shell_quoted(const std::string& word);

}  // namespace cairn
