// The parts of pictures with boxes that a training needs.
#pragma once
#include "cairn/data/detection_set.h"

namespace cairn::data {

// Opens the data and holds back what its files do not: for the test 20 %, and to choose by
// `held_back` of all that is not for testing (0: the files' own part, else 15 %), drawn by the
// seed. `classes`: of a trained network, to which labels are fitted by name; empty: those of
// the data. Throws Error for a class that is not known, and where there is nothing to learn from
// (with `classes` where there is nothing to test by either; then train and validation may be
// undefined), InvalidOption("data") where nothing is left to hold back.
DetectionSplits open_detection_splits(const std::string& source,
                                      const std::vector<std::string>& classes, double held_back,
                                      uint64_t seed);

}  // namespace cairn::data
