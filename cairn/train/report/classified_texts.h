// What a network says of texts of known classes: write_mistakes (classified.h) for what is read.
#pragma once
#include <string>
#include <vector>

#include "cairn/train/report/page.h"

namespace cairn::train::report {

// The texts that it is surest of and wrong, with both classes. `probabilities`: of each text, a
// number a class; `labels`: the right ones.
void write_mistaken_texts(Page& page, const std::vector<std::string>& texts,
                          const std::vector<int64_t>& labels,
                          const std::vector<std::vector<float>>& probabilities,
                          const std::vector<std::string>& classes);

}  // namespace cairn::train::report
