#include "cairn/tasks/image_generation/task.h"

namespace cairn::tasks::image_generation {

using namespace train::report;

void report(Page& page, Artist& artist, const Lines& log) {
  const Options& o = artist.options();
  page.headline(fmt::format("Pictures like those of {}, drawn by a {}; {}", short_name(o.data),
                            o.model == "vae" ? "variational autoencoder" : *o.model,
                            counted(o.steps, "step")));
  write_drawn_and_real(page, artist, "the network");
  const Series nats = curve_of(log, "validation_nats", "nats"),
               bits = curve_of(log, "validation_bits_per_dim", "bits");
  std::vector<std::pair<std::string, std::string>> facts = {
      {"model", *o.model + (o.conditional ? ", conditional" : "")},
      {"steps", with_thousands(o.steps)}};
  if (!nats.y.empty())
    facts.insert(facts.end(), {{"nats a picture, held back", fmt::format("{:.2f}", nats.y.back())},
                               {"bits a dimension", fmt::format("{:.4f}", bits.y.back())}});
  write_facts(page, artist, log, facts);
  write_over_time(page, artist);
  if (o.model != "pixelcnn") write_walk(page, artist);  // whose noise is a coin a pixel
  auto figures = loss_charts(log, o.model == "diffusion" ? "squared error of v" : "nats a picture",
                             "validation");
  if (o.model == "diffusion")
    for (Figure& f : charts(
             {{LineChart{"The bound on what is held back", "step", "nats a picture", {nats}, 0, ""},
               "An upper bound of -log p, for 256 values a pixel."}}))
      figures.push_back(std::move(f));
  if (figures.empty()) return;
  page.heading("How it learned");
  page.figures(figures);
}

}  // namespace cairn::tasks::image_generation
