#include "cairn/tasks/tour/tour.h"

#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/tasks/task.h"
#include "cairn/train/progress.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/signals.h"

namespace cairn::tasks::tour {
namespace {

struct Stop {
  const Task* task;
  const TourStop* stop;
};

std::vector<Stop> stops() {
  std::vector<Stop> all;
  for (const Task& task : all_tasks())
    for (const TourStop& stop : task.stops) all.push_back({&task, &stop});
  return all;
}

// The training's usual options, with lengths scaled.
Json options_of(const TourStop& stop, double part) {
  Json options = Json::parse(stop.options);
  for (const char* length : {"steps", "epochs", "eval_every", "sample_every"})
    if (options.contains(length))
      options[length] =
          std::max<int64_t>(1, static_cast<int64_t>(options[length].get<double>() * part));
  return options;
}

Json train_at(const Stop& s, const TourOptions& o) {
  const auto options = s.task->options();
  options->out = o.out + "/" + s.stop->name;
  options->resume = o.resume && train::RunFolder::holds_run(options->out);
  if (!options->resume) {
    options->seed = o.seed;
    options->read_file(options_of(*s.stop, o.part), s.stop->name);
  }
  return s.task->train(*options);
}

// A signal ends the tour, not only this training, also one that comes in its last step: what is
// said then is how to go on with all.
Json train_stop(const Stop& s, const TourOptions& o) {
  const auto stop = [&](int signal) {
    throw train::Stopped(
        signal, fmt::format("stopped in '{}'; saved. Go on with the same options and: cairn tour "
                            "--out {} --resume",
                            s.stop->name, o.out));
  };
  Json trained;
  try {
    trained = train_at(s, o);
  } catch (const train::Stopped& e) { stop(e.signal); }
  if (const int signal = train::SignalScope::caught()) stop(signal);
  return trained;
}

std::vector<Stop> chosen(const TourOptions& o) {
  std::vector<Stop> some;
  const auto all = stops();
  for (const std::string& name : o.stops.empty() ? stop_names() : o.stops) {
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const Stop& s) { return s.stop->name == name; });
    if (it == all.end()) throw InvalidOption("only", no_such_name(name, stop_names()));
    some.push_back(*it);
  }
  return some;
}

}  // namespace

std::vector<std::string> stop_names() {
  std::vector<std::string> names;
  for (const Stop& s : stops()) names.emplace_back(s.stop->name);
  return names;
}

Json run(const TourOptions& o) {
  const auto some = chosen(o);
  if (!(o.part > 0 && o.part <= 100))
    throw InvalidOption("part", fmt::format("{} is out of range; above 0, at most 100", o.part));
  for (const Stop& s : some)
    if (!o.resume && train::RunFolder::holds_run(o.out + "/" + s.stop->name))
      throw InvalidOption("out", fmt::format("'{}' already holds a tour; go on with it (resume), "
                                             "or choose another",
                                             o.out));
  const train::SignalScope signals;
  Json result;
  double seconds = 0;
  for (size_t i = 0; i < some.size(); ++i) {
    fmt::print(stderr, "\n[{}/{}] {}\n", i + 1, some.size(), some[i].stop->title);
    const Json trained = train_stop(some[i], o);
    seconds += trained["seconds"].get<double>();
    result[some[i].stop->name] = trained;
  }
  train::report::Page page(
      "A tour of deep learning",
      fmt::format("{}, trained from nothing by one program on {}, in {} altogether. "
                  "What you see is what was learned.",
                  train::report::counted(static_cast<int64_t>(some.size()), "architecture"),
                  train::report::counted(num_threads(), "processor thread"),
                  train::readable_seconds(seconds)));
  for (const Stop& s : some) {
    page.section(s.stop->title, s.stop->text);
    const auto model = open_model(o.out + "/" + s.stop->name);
    report_on(page, *s.task, *model);
  }
  const std::string path = o.out + "/report.html";
  page.write(path);
  result["report"] = path;
  result["seconds"] = seconds;
  return result;
}

}  // namespace cairn::tasks::tour
