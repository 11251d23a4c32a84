#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {
namespace {

using namespace train::report;

void signals(Page& page, const Lines& lines) {
  std::vector<std::string> seen;
  for (const auto& line : lines)
    if (line.contains("signals"))
      for (const auto& s : line["signals"])
        seen.push_back(
            fmt::format("step {}: {}", line.value("step", int64_t{0}), s.get<std::string>()));
  if (seen.empty()) return;
  page.heading("Signs of trouble");
  for (const std::string& s : seen) page.paragraph(s);
}

void curves(Page& page, const Lines& lines) {
  const auto figures =
      charts({{LineChart{"The two losses",
                         "step",
                         "loss",
                         {curve_of(lines, "loss_discriminator", "discriminator"),
                          curve_of(lines, "loss_generator", "generator")},
                         0,
                         ""},
               "Means over the steps since the point before. Neither falls to zero: each network "
               "is the other's moving target."},
              {LineChart{"Diversity of the samples",
                         "step",
                         "of the real pictures'",
                         {curve_of(lines, "diversity", "diversity")},
                         1,
                         "as diverse as the data"},
               "Near 0 the generator would have collapsed to one picture."}});
  if (figures.empty()) return;
  page.heading("How the two learned");
  page.figures(figures);
}

}  // namespace

void report(Page& page, Sampler& sampler, const Lines& log) {
  const Options& o = sampler.options();
  page.headline(fmt::format("Pictures like those of {}, drawn from noise; {}", short_name(o.data),
                            counted(o.steps, "step")));
  write_drawn_and_real(page, sampler, "the generator");
  write_facts(page, sampler, log,
              {{"model", *o.model + (o.conditional ? ", conditional" : "")},
               {"steps", with_thousands(o.steps)}});
  write_over_time(page, sampler);
  write_walk(page, sampler);
  curves(page, log);
  signals(page, log);
}

}  // namespace cairn::tasks::image_gan
