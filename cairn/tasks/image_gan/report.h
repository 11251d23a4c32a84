// What a pair of generator and discriminator learned, as sections of a page.
#pragma once
#include "cairn/tasks/image_gan/task.h"
#include "cairn/train/report/page.h"

namespace cairn::tasks::image_gan {

// Curves, sample grids over time, a walk through the noise, real pictures beside the generated
// ones.
void report(train::report::Page& page, const std::string& run);

}  // namespace cairn::tasks::image_gan
