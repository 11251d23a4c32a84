// What a language model learned, as sections of a page.
#pragma once
#include "cairn/tasks/language_model/task.h"
#include "cairn/train/report/page.h"

namespace cairn::tasks::language_model {

// Curves, what it wrote while it learned, which characters surprise it, what its memory cells or
// attention heads look at. Reads the run's folder and its text.
void report(train::report::Page& page, const std::string& run);

}  // namespace cairn::tasks::language_model
