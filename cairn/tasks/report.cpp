#include "cairn/tasks/report.h"

#include "cairn/base/error.h"
#include "cairn/tasks/image_classification/report.h"
#include "cairn/tasks/image_gan/report.h"
#include "cairn/tasks/language_model/report.h"
#include "cairn/train/run_folder.h"

namespace cairn::tasks {

std::string write_report(const std::string& run, const std::string& out) {
  const auto folder = train::RunFolder::open(run, "");
  folder.wants_training("report on");
  const std::string task = folder.config().value("task", "");
  train::report::Page page(run, "What this training learned.");
  if (task == image_classification::kTask) {
    page.section("Image classification");
    image_classification::report(page, run);
  } else if (task == language_model::kTask) {
    page.section("Language model");
    language_model::report(page, run);
  } else if (task == image_gan::kTask) {
    page.section("Image generation");
    image_gan::report(page, run);
  } else {
    fail("{}: there is no report for the task '{}'", run, task);
  }
  const std::string path = out.empty() ? folder.file("report.html") : out;
  page.write(path);
  return path;
}

}  // namespace cairn::tasks
