#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/anomaly_detection/task.h"
#include "cairn/tasks/files.h"

namespace cairn::tasks::anomaly_detection {
namespace {

// The scale of errors at each step and of each series, and the threshold, from validation rows
// (those that are known to be anomalies are missing there).
void choose_threshold(const models::Forecaster& net, const data::EncodedSeries& s,
                      const data::SplitRows& split, double quantile) {
  const NoGrad no_grad;
  const int64_t horizon = net.options().horizon;
  std::vector<double> squares(static_cast<size_t>(horizon * s.targets), 0), counts = squares;
  for (const int64_t origin :
       data::origins_in(split.train, split.validation, net.options().context, horizon)) {
    const auto guess = net(data::contexts(s, {origin}, net.options().context)).to_vector<float>();
    for (size_t i = 0; i < guess.size(); ++i) {
      const float truth = s.truth[static_cast<size_t>(origin * s.targets) + i];
      if (!std::isnan(truth)) squares[i] += std::pow(truth - guess[i], 2), ++counts[i];
    }
  }
  std::vector<float> scale;
  for (size_t i = 0; i < squares.size(); ++i)
    scale.push_back(
        static_cast<float>(counts[i] > 0 ? std::max(std::sqrt(squares[i] / counts[i]), 1e-6) : 1));
  assign(net.error_scale, from_host(scale.data(), {horizon, s.targets}, DType::f32));
  auto scores = scores_of(net, s, split.train, split.validation, INFINITY);
  std::erase_if(scores, [](double v) { return std::isnan(v); });
  check(!scores.empty(), "anomaly-detection: validation has no clean row");
  const auto at = static_cast<int64_t>(quantile * static_cast<double>(scores.size() - 1));
  std::nth_element(scores.begin(), scores.begin() + at, scores.end());
  assign(net.threshold, full({1}, scores[static_cast<size_t>(at)]));
}

// Rows that are known to be anomalies teach nothing.
void hide(data::Series& series, const std::vector<uint8_t>& labels, int64_t rows) {
  for (int64_t r = 0; r < std::min(rows, static_cast<int64_t>(labels.size())); ++r)
    if (labels[static_cast<size_t>(r)])
      for (int64_t c = 0; c < series.columns(); ++c)
        series.values[static_cast<size_t>(r * series.columns() + c)] = NAN;
}

std::vector<uint8_t> part_of(const std::vector<uint8_t>& labels, int64_t first, int64_t rows) {
  if (labels.empty()) return {};
  return {labels.begin() + first, labels.begin() + first + rows};
}

}  // namespace

Labelled open_labelled(const Options& o, const std::string& source) {
  data::SeriesFormat format = forecast::format_of(o);
  if (!format.wanted.empty() && !o.label.is_open()) format.wanted.push_back(o.label);
  Labelled l{data::open_series(source, format), {}};
  auto& names = l.series.names;
  int64_t place = -1;
  if (!o.label.is_open()) place = l.series.column(o.label);
  else
    for (const char* usual : {"label", "is_anomaly", "anomaly"})
      if (const auto it = std::find(names.begin(), names.end(), usual); it != names.end())
        place = it - names.begin();
  if (place < 0) return l;
  check(names.size() > 1, "'{}' has labels and no series", source);
  std::vector<double> values;
  const int64_t columns = l.series.columns(), rows = l.series.rows();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const double v = l.series.at(r, c);
      if (c == place) l.labels.push_back(!std::isnan(v) && v != 0);
      else values.push_back(v);
    }
  names.erase(names.begin() + place);
  l.series.values = std::move(values);
  return l;
}

Json train(Options o) {
  train::choose_run(kTask, o);
  o.fill_usual();
  Labelled l = open_labelled(o, o.data);
  const data::SplitRows split = data::split_rows(o.split_rows, l.series.rows(), o.data);
  const int64_t room = std::max<int64_t>((split.train - o.horizon) / 4, 1);
  o.context.fill(std::min(std::max<int64_t>(4 * l.series.season(), 32), room));
  hide(l.series, l.labels, split.train + split.validation);
  return forecast::train_forecaster(
      kTask, o, l.series,
      {.validated =
           [&](const forecast::Trained& t) {
             choose_threshold(t.net, t.series, t.split, o.quantile);
           },
       .measure =
           [&](const forecast::Trained& t) {
             const bool tests = t.split.test >= o.horizon;
             const int64_t first = t.split.train + (tests ? t.split.validation : 0);
             const int64_t rows = tests ? t.split.test : t.split.validation;
             return train::by_leader([&] {
               return measure(judge(t.net, t.series, first, rows), part_of(l.labels, first, rows),
                              t.net.threshold.item());
             });
           }});
}

Detector::Detector(const train::SavedModel& saved)
    : Model(saved),
      options(options_of<Options>(saved)),
      encoding(data::SeriesEncoding::from_json(options.encoding, saved.config_file())),
      net(forecast::open_network(options, encoding, saved.config_file())) {
  train::load_weights(saved, net);
  net.eval();
}

std::vector<Tensor> Detector::inputs(int64_t examples) {
  const auto s = encoding.encode(open_labelled(options, options.data).series);
  const auto split = data::split_rows(options.split_rows, s.rows, options.data);
  return {data::contexts(
      s, data::origins_in(0, split.train, options.context, options.horizon, examples),
      options.context)};
}

std::vector<Port> Detector::takes() {
  return {{"context", DType::f32, {kAnyBatch, *options.context, encoding.features()}}};
}

Tensors Detector::read(const std::string& file) {
  const data::Series series = open_labelled(options, file).series;
  const auto s = encoding.encode(series);
  check(s.rows >= options.context, "'{}' has {} rows; the network looks back over {}", file, s.rows,
        *options.context);
  encoding.check_context(series, s.rows, options.context);
  return {data::contexts(s, {s.rows}, options.context)};
}

namespace {

struct Rows {
  int64_t first, count;
};
Rows rows_of(const Detector& d, int64_t rows, const std::string& split) {
  const auto s = data::split_rows(d.options.split_rows, rows, d.options.data);
  if (split == "train") return {0, s.train};
  if (split == "validation" || s.test < d.options.horizon) return {s.train, s.validation};
  return {s.train + s.validation, s.test};
}

// A row is judged by those before it.
void expect_rows(const Detector& d, const data::EncodedSeries& s, const std::string& file) {
  check(s.rows > d.options.context,
        "'{}' has {} rows; the network looks back over {}, and judges the rows behind them", file,
        s.rows, *d.options.context);
}

Json evaluate(Detector& d, const SplitEvalOptions& o) {
  const bool own = o.data.is_open();
  const Labelled l = open_labelled(d.options, o.or_own(d.options.data));
  const auto s = d.encoding.encode(l.series);
  expect_rows(d, s, o.or_own(d.options.data));
  forecast::say_filled(d.encoding, l.series);
  const Rows rows = own ? rows_of(d, s.rows, o.split) : Rows{0, s.rows};
  return d.result(own ? *o.split : "all",
                  measure(judge(d.net, s, rows.first, rows.count),
                          part_of(l.labels, rows.first, rows.count), d.net.threshold.item()));
}

struct PredictOptions : TableOptions {
  PredictOptions() : TableOptions("One file of series") {}
};

// Each row's time, score and whether it is marked; nothing of rows that cannot be judged.
io::Csv scored(Detector& d, const std::string& file) {
  const data::Series series = open_labelled(d.options, file).series;
  const auto s = d.encoding.encode(series);
  expect_rows(d, s, file);
  forecast::say_filled(d.encoding, series);
  const Judged j = judge(d.net, s, 0, s.rows);
  io::Csv table{{series.times.empty() ? "row" : series.time_name, "score", "anomaly"}, {}};
  for (int64_t r = 0; r < s.rows; ++r) {
    const double score = j.scores[static_cast<size_t>(r)];
    table.rows.push_back({series.times.empty() ? std::to_string(r + 1) : series.time_of(r),
                          std::isnan(score) ? "" : fmt::format("{:.4f}", score),
                          std::isnan(score)                  ? ""
                          : j.marked[static_cast<size_t>(r)] ? "1"
                                                             : "0"});
  }
  return table;
}

int predict(Detector& d, const PredictOptions& o) {
  const std::string& file = o.only_file();
  write_table(o, [&] { return scored(d, file); });
  return 0;
}

// A series, and below it in two lines which rows are known to be anomalies, and which are marked.
train::report::Figure values_figure(const Detector& d, const data::EncodedSeries& s, size_t target,
                                    const Rows& rows, const Judged& j,
                                    const std::vector<uint8_t>& labels) {
  train::report::Series value{"value", {}, {}}, known{"known", {}, {}, true},
      marked{"marked", {}, {}, true};
  double low = INFINITY, high = -INFINITY;
  for (int64_t r = 0; r < rows.count; ++r) {
    const float truth = s.truth[static_cast<size_t>((rows.first + r) * s.targets) + target];
    if (std::isnan(truth)) continue;
    const double v = d.encoding.in_units(target, truth);
    low = std::min(low, v), high = std::max(high, v);
    value.x.push_back(static_cast<double>(r)), value.y.push_back(v);
  }
  const double apart = high > low ? (high - low) / 14 : 1;
  for (int64_t r = 0; r < rows.count; ++r) {
    const auto at = static_cast<size_t>(r);
    if (!labels.empty() && labels[at])
      known.x.push_back(static_cast<double>(r)), known.y.push_back(low - apart);
    if (j.marked[at])
      marked.x.push_back(static_cast<double>(r)), marked.y.push_back(low - 2 * apart);
  }
  return figure(train::report::LineChart{.title = d.encoding.targets()[target].name,
                                         .x_label = "row of the test",
                                         .y_label = "in the file's units",
                                         .series = {value, known, marked}},
                "Below: the rows that are known to be anomalies, and those that are marked.");
}

}  // namespace

void report(train::report::Page& page, Detector& d, const train::report::Lines& log) {
  using namespace train::report;
  const Labelled l = open_labelled(d.options, d.options.data);
  const auto s = d.encoding.encode(l.series);
  const Rows rows = rows_of(d, s.rows, "test");
  const Judged j = judge(d.net, s, rows.first, rows.count);
  const double threshold = d.net.threshold.item();
  const Json m = measure(j, part_of(l.labels, rows.first, rows.count), threshold);
  page.headline(short_name(d.options.data) + ": " + in_short(m));
  Series scores{"score", {}, {}};
  for (int64_t r = 0; r < rows.count; ++r)
    if (const double v = j.scores[static_cast<size_t>(r)]; !std::isnan(v))
      scores.x.push_back(static_cast<double>(r)), scores.y.push_back(v);
  std::vector<Figure> figures = {figure(LineChart{.title = "How unexpected rows are",
                                                  .x_label = "row of the test",
                                                  .y_label = "score",
                                                  .series = {scores},
                                                  .reference = threshold,
                                                  .reference_name = "threshold"},
                                        "Above the line a row is marked.")};
  for (size_t i = 0; i < std::min<size_t>(3, d.encoding.targets().size()); ++i)
    figures.push_back(values_figure(d, s, i, rows, j, part_of(l.labels, rows.first, rows.count)));
  page.heading("What it marks");
  page.figures(figures);
  if (m.contains("definitions"))
    for (const auto& [name, meaning] : m["definitions"].items())
      page.paragraph(name + ": " + meaning.get<std::string>());
  page.heading("How it learned");
  page.figures(loss_charts(log, "loss", "validation"));
}

const Opener kOpener{kTask, open_as<Detector>};
const Task kRow{
    .name = kTask,
    .title = "Anomalies",
    .what = "Find rows of time series that are unexpected",
    .examples = "  cairn train anomaly-detection --data sensors.csv --label fault\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_short>,
    .qualities = {{"f1"}},
    .verbs = {eval_verb<Detector, SplitEvalOptions, evaluate, in_words, true>(
                  "Measure what it finds", "  cairn eval runs/sensors --json\n"),
              verb<Detector, PredictOptions, predict>(
                  "predict", "Score the rows of a file, and mark the unexpected",
                  "  cairn predict runs/sensors new.csv --out scores.csv\n")},
    .report = report_as<Detector, report>,
    .smallest = R"({"data": "faults", "steps": 6, "eval_every": 3, "horizon": 6, "context": 48, )"
                R"("model": "gru", "width": 8, "layers": 1, "patch": 8, )"
                R"("split_rows": "600,200,200"})",
    .write_inputs = data::write_faults,
    .inputs = "faults"};

}  // namespace cairn::tasks::anomaly_detection
