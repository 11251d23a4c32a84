#include "cairn/tasks/tour/tour.h"

#include <algorithm>
#include <functional>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/tasks/image_classification/report.h"
#include "cairn/tasks/image_gan/report.h"
#include "cairn/tasks/language_model/report.h"
#include "cairn/train/progress.h"
#include "cairn/train/run_folder.h"
#include "cairn/train/signals.h"

namespace cairn::tasks::tour {
namespace {

struct Stop {
  const char* name;
  const char* title;
  const char* text;  // how the architecture works
  std::function<Json(const std::string& run, const TourOptions&)> train;
  std::function<void(train::report::Page&, const std::string& run)> report;
};

template <class Options>
Options common(const std::string& run, const TourOptions& o) {
  Options options;
  options.out = run, options.seed = o.seed;
  options.resume = o.resume && train::RunFolder::holds_run(run);
  return options;
}

int64_t scaled(double steps, const TourOptions& o) {
  return std::max<int64_t>(1, static_cast<int64_t>(steps * o.part));
}

Json train_cnn(const std::string& run, const TourOptions& o) {
  auto options = common<image_classification::TrainOptions>(run, o);
  options.data = "digits", options.model = "lenet", options.epochs = scaled(3, o);
  return image_classification::train(options);
}

Json train_rnn(const std::string& run, const TourOptions& o) {
  auto options = common<language_model::TrainOptions>(run, o);
  options.model = "lstm", options.layers = 1, options.width = 256, options.dropout = 0.1;
  options.context = 64, options.batch = 32, options.steps = scaled(1100, o);
  options.eval_every = std::max<int64_t>(1, options.steps / 10);
  return language_model::train(options);
}

Json train_transformer(const std::string& run, const TourOptions& o) {
  auto options = common<language_model::TrainOptions>(run, o);
  options.model = "gpt", options.layers = 3, options.width = 128, options.heads = 4;
  options.context = 128, options.batch = 16, options.dropout = 0.05,
  options.steps = scaled(1100, o);
  options.eval_every = std::max<int64_t>(1, options.steps / 10);
  return language_model::train(options);
}

Json train_gan(const std::string& run, const TourOptions& o) {
  auto options = common<image_gan::TrainOptions>(run, o);
  options.data = "digits", options.model = "dcgan", options.conditional = true;
  options.width = 24, options.steps = scaled(3600, o);
  options.sample_every = std::max<int64_t>(1, options.steps / 12);
  return image_gan::train(options);
}

const std::vector<Stop>& stops() {
  static const std::vector<Stop> all = {
      {"cnn", "Convolution: naming what a picture shows",
       "A convolutional network slides small filters over a picture. The first layer's filters "
       "find "
       "edges, the next combine them to strokes and corners, pooling forgets exactly where they "
       "were, and a last layer weighs what was found. The same few weights serve every place, so a "
       "digit is a digit wherever it stands. This one learned from digits that the program drew.",
       train_cnn, image_classification::report},
      {"rnn", "Recurrence: a memory that reads letter by letter",
       "A recurrent network reads one character at a time and keeps a vector as its memory. In an "
       "LSTM, gates decide at each step what to forget, what to write and what to show, so that "
       "errors can flow back over many steps. After each character it predicts the next; feeding "
       "its own guesses back makes it write. This one learned from Shakespeare's verse alone what "
       "words, lines and speakers look like.",
       train_rnn, language_model::report},
      {"transformer", "Attention: every character looks at all before it",
       "A Transformer keeps no running memory. In every layer each character asks a question (its "
       "query), all characters before it offer a key and a value, and it takes a weighted mean of "
       "the values whose keys fit. All places are computed at once, which is why this architecture "
       "trains fast on long texts. The maps below are such weights.",
       train_transformer, language_model::report},
      {"gan", "Two networks against each other: drawing from noise",
       "The generator turns random numbers into a picture; the discriminator tries to tell its "
       "pictures from real ones, and each learns from the other's mistakes. The generator never "
       "sees "
       "a real picture, only the discriminator's gradient. Here both also get the digit that is "
       "wanted, so that it can be asked for.",
       train_gan, image_gan::report}};
  return all;
}

// A signal ends the tour, not only this training: what is said then is how to go on with all.
Json train_stop(const Stop& stop, const TourOptions& o) {
  try {
    return stop.train(o.out + "/" + stop.name, o);
  } catch (const train::Stopped& e) {
    throw train::Stopped(
        e.signal, fmt::format("stopped in '{}'; saved. Go on with the same options and: cairn tour "
                              "--out {} --resume",
                              stop.name, o.out));
  }
}

std::vector<const Stop*> chosen(const TourOptions& o) {
  std::vector<const Stop*> some;
  for (const std::string& name : o.stops.empty() ? stop_names() : o.stops) {
    const auto it =
        std::find_if(stops().begin(), stops().end(), [&](const Stop& s) { return s.name == name; });
    if (it == stops().end()) {
      const std::string near = nearest_name(name, stop_names());
      throw UsageError(fmt::format("tour: no stop '{}'{}; there are cnn, rnn, transformer and gan",
                                   name, near.empty() ? "" : ", did you mean " + near + "?"));
    }
    some.push_back(&*it);
  }
  return some;
}

}  // namespace

std::vector<std::string> stop_names() {
  std::vector<std::string> names;
  for (const Stop& s : stops()) names.emplace_back(s.name);
  return names;
}

Json run(const TourOptions& o) {
  const auto some = chosen(o);
  if (!(o.part > 0 && o.part <= 100))
    throw UsageError(fmt::format("--part: {} is out of range; above 0, at most 100", o.part));
  for (const Stop* stop : some)
    if (!o.resume && train::RunFolder::holds_run(o.out + "/" + stop->name))
      fail("{}: this folder already holds a tour; go on with --resume, or choose another --out",
           o.out);
  Json result;
  double seconds = 0;
  for (size_t i = 0; i < some.size(); ++i) {
    fmt::print(stderr, "\n[{}/{}] {}\n", i + 1, some.size(), some[i]->title);
    const Json trained = train_stop(*some[i], o);
    seconds += trained["seconds"].get<double>();
    result[some[i]->name] = trained;
  }
  train::report::Page page(
      "A tour of deep learning",
      fmt::format(
          "{} architecture{}, trained from nothing by one program on {} processor threads, in "
          "{} altogether. What you see is what was learned.",
          some.size(), some.size() == 1 ? "" : "s", num_threads(),
          train::readable_seconds(seconds)));
  for (const Stop* stop : some) {
    page.section(stop->title, stop->text);
    stop->report(page, o.out + "/" + stop->name);
  }
  const std::string path = o.out + "/report.html";
  page.write(path);
  result["report"] = path;
  result["seconds"] = seconds;
  return result;
}

}  // namespace cairn::tasks::tour
