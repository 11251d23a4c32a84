// Stems of English words: Porter's algorithm (1980) with the changes of NLTK, which rouge-score
// uses. Libraries have the original (or Porter's own later one), which stems some words otherwise
// ("enjoy", "sky", "dying", "happily"), so that ROUGE would differ.
#pragma once
#include <string>
#include <string_view>

namespace cairn::metrics {

std::string porter_stem(std::string_view word);  // of lower-case letters a-z and digits

}  // namespace cairn::metrics
