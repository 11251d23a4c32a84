#include "cairn/tasks/music.h"
#include "cairn/tasks/music_gan/task.h"

namespace cairn::tasks::music_gan {
namespace {

using namespace train::report;

struct PlayOptions : train::OptionSet {
  Option<int64_t> count{this, "count", 8, whole(1, 10'000), "Phrases, one after another"};
  Option<uint64_t> seed{this, "seed", 0, whole(0, INT64_MAX), "The same seed makes the same"};
  Option<double> tempo{this, "tempo", 100, train::between(10, 1000), "Quarters a minute"};
  Option<std::string> out{this, "out", "", "MIDI file to write"};
  Option<std::string> wav{this, "wav", Open{"none"}, "A WAV file of its sound"};
};

int play(Band& band, const PlayOptions& o) {
  o.validate();
  o.out.require(!o.out->empty(), "is needed: a MIDI file to write");
  const std::string wav = o.wav.is_open() ? "" : *o.wav;
  check_music_files(o.out, wav);
  write_music(music::to_score(band.song(o.count, o.seed), band.options().grid, o.tempo), o.out,
              wav);
  return 0;
}

std::string summary(const Json& result) {
  return fmt::format("{} steps, samples in {}/samples; measure them with: cairn eval {}",
                     result["steps"].get<int64_t>(), result["run"].get<std::string>(),
                     result["run"].get<std::string>());
}

std::string cell(const Json& m, const std::string& name) {
  if (!m.contains(name)) return "-";
  return fmt::format("{:.3f} \u00b1 {:.3f}", m[name].get<double>(),
                     2 * m[name + "_deviation"].get<double>());
}

void measures(Page& page, const Json& m) {
  page.heading("How near it is to real music");
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string name : music::kMeasureNames)
    rows.emplace_back(name, fmt::format("{} (real {})", cell(m, name), cell(m, "real_" + name)));
  page.facts(rows);
  page.paragraph(
      "Means over phrases, with two deviations by resampling (whole pieces where they are real).");
}

}  // namespace

void report(Page& page, Band& band, const Lines& log) {
  const Options& o = band.options();
  MusicEvalOptions how;
  how.count = 200;
  const music::RollSet set = band.open("");
  if (set.test.empty()) how.split = "train";
  const Json m = evaluate(band, how);
  page.headline(
      fmt::format("Music like that of {}, drawn from noise: {} of {} measures within 2 "
                  "deviations",
                  short_name(o.data), m["within_2"].get<int64_t>(), music::kMeasures));
  page.heading("What it plays");
  show_music(page, band.song(4, 0), o.grid,
             "Phrases from noise that changes little from each to the next; a colour a voice.");
  page.heading("Real music");
  show_music(page, (set.test.empty() ? set.train : set.test)[0], o.grid, "A piece as it is.");
  measures(page, m);
  write_facts(
      page, band, log,
      {{"model", *o.model},
       {"steps", with_thousands(o.steps)},
       {"bars found in the training data",
        m.contains("copied_bars") ? fmt::format("{:.1f} %", 100 * m["copied_bars"].get<double>())
                                  : "none sounds"}});
  page.figures(charts({{LineChart{"The two losses",
                                  "step",
                                  "loss",
                                  {curve_of(log, "loss_discriminator", "discriminator"),
                                   curve_of(log, "loss_generator", "generator")},
                                  0,
                                  ""},
                        "Neither falls to zero: each network is the other's moving target."},
                       {LineChart{"Diversity of the phrases",
                                  "step",
                                  "of the real ones'",
                                  {curve_of(log, "diversity", "diversity")},
                                  1,
                                  "as diverse as the data"},
                        "Near 0 the generator would have collapsed to one phrase."}}));
}

const Opener kOpener{kTask, open_as<Band>};
const Task kRow{
    .name = kTask,
    .title = "Adversarial music",
    .what = "Make new music of several voices like that of a folder",
    .examples =
        "  cairn train music-gan --out runs/band\n"
        "  cairn train music-gan --data chorales.json --out runs/bach\n"
        "  cairn generate runs/bach --out song.mid --wav song.wav\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary,
    .qualities = {{"within_2", true}},
    .verbs = {eval_verb<Band, MusicEvalOptions, evaluate, in_words, true>(
                  "Measure how near its music is to real music",
                  "  cairn eval runs/bach --beside runs/lstm-of-bach --json\n"),
              verb<Band, PlayOptions, play>(
                  "generate", "Play phrases from noise, as MIDI and sound",
                  "  cairn generate runs/bach --count 8 --seed 3 --out song.mid --wav song.wav\n")},
    .report = report_as<Band, report>,
    .smallest = R"({"data": "chorales", "steps": 6, "batch": 16, "width": 8, "z": 8,
                    "sample_every": 2})"};

}  // namespace cairn::tasks::music_gan
