// What a classifier learned, as sections of a page.
#pragma once
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/report/page.h"

namespace cairn::tasks::image_classification {

// Curves, confusion matrix, first filters and what they see, the worst mistakes. Reads the run's
// folder and its data set.
void report(train::report::Page& page, const std::string& run);

}  // namespace cairn::tasks::image_classification
