#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/forecast/task.h"

namespace cairn::tasks::forecast {

Predictor::Predictor(const train::SavedModel& saved)
    : Model(saved),
      options(options_of<Options>(saved)),
      encoding(data::SeriesEncoding::from_json(options.encoding, saved.config_file())),
      net(open_network(options, encoding, saved.config_file())) {
  train::load_weights(saved, net);
  net.eval();
}

data::Series Predictor::own_series() const {
  return data::open_series(options.data, format_of(options));
}

std::vector<int64_t> Predictor::origins(const data::EncodedSeries& own,
                                        const std::string& split) const {
  const auto s = data::split_rows(options.split_rows, own.rows, options.data);
  const int64_t first = split == "train"        ? 0
                        : split == "validation" ? s.train
                                                : s.train + s.validation;
  const int64_t rows = split == "train" ? s.train : split == "validation" ? s.validation : s.test;
  auto all = data::origins_in(first, rows, options.context, options.horizon);
  check(!all.empty(), "'{}': its {} rows of {} hold no window of {}", *options.data, rows, split,
        *options.horizon);
  return all;
}

std::vector<Tensor> Predictor::inputs(int64_t examples) {
  const auto s = encoding.encode(own_series());
  auto some = origins(s, "train");
  some.resize(static_cast<size_t>(std::min<int64_t>(examples, static_cast<int64_t>(some.size()))));
  return {data::contexts(s, some, options.context)};
}

std::vector<Port> Predictor::takes() {
  return {{"context", DType::f32, {kAnyBatch, *options.context, encoding.features()}}};
}

Tensors Predictor::forward(std::span<const Tensor> in) {
  std::vector<float> mean, deviation;
  for (const auto& c : encoding.targets()) {
    mean.push_back(static_cast<float>(c.mean));
    deviation.push_back(static_cast<float>(c.deviation));
  }
  const int64_t targets = encoding.target_count();
  const Tensor scale = from_host(deviation.data(), {targets}, DType::f32);
  const Tensor shift = from_host(mean.data(), {targets}, DType::f32);
  const Tensor point = net(in[0]), around = net.quantiles(in[0], point);
  return {point * scale + shift, around * unsqueeze(scale, 1) + unsqueeze(shift, 1)};
}

// The rows before what comes next.
Tensors Predictor::read(const std::string& file) {
  const data::Series series = data::open_series(file, format_of(options));
  const auto s = encoding.encode(series);
  check(s.rows >= options.context, "'{}' has {} rows; the network looks back over {}", file, s.rows,
        *options.context);
  encoding.check_context(series, s.rows, options.context);
  return {data::contexts(s, {s.rows}, options.context)};
}

Forecast Predictor::forecast(const data::EncodedSeries& s, int64_t origin) {
  const NoGrad no_grad;
  const Tensor x = data::contexts(s, {origin}, options.context);
  const Tensors out = forward({&x, 1});
  const auto values = out[0].to_vector<float>(), around = out[1].to_vector<float>();
  Forecast f;
  const auto targets = encoding.targets().size();
  for (size_t h = 0; h < static_cast<size_t>(*options.horizon); ++h) {
    auto& points = f.point.emplace_back();
    auto& quantiles = f.quantiles.emplace_back();
    for (size_t i = 0; i < targets; ++i) {
      const size_t at = h * targets + i;
      points.push_back(values[at]);
      const auto first = around.begin() + static_cast<int64_t>(at * metrics::kLevelCount);
      quantiles.emplace_back(first, first + static_cast<int64_t>(metrics::kLevelCount));
    }
  }
  return f;
}

namespace {

Json evaluate_run(Predictor& p, const SplitEvalOptions& o) {
  const bool own = o.data.is_open();
  const data::Series series =
      own ? p.own_series() : data::open_series(o.data, format_of(p.options));
  const auto s = p.encoding.encode(series);
  say_filled(p.encoding, series);
  const auto origins = own ? p.origins(s, o.split)
                           : data::origins_in(0, s.rows, p.options.context, p.options.horizon);
  check(!origins.empty(), "'{}': {} rows hold no window of {} rows to read and {} to forecast",
        *o.data, s.rows, *p.options.context, *p.options.horizon);
  return p.result(own ? *o.split : "all",
                  evaluate(p.net, p.encoding, s, origins, p.options.season).measured);
}

struct PredictOptions : TableOptions {
  PredictOptions() : TableOptions("The file whose rows come before") {}
};

// The rows after the end of a file: for each column its forecast and quantiles.
io::Csv after(Predictor& p, const std::string& file) {
  const data::Series series = data::open_series(file, format_of(p.options));
  const auto s = p.encoding.encode(series);
  check(s.rows >= p.options.context, "'{}' has {} rows; the network looks back over {}",
        series.source, s.rows, *p.options.context);
  p.encoding.check_context(series, s.rows, p.options.context);
  say_filled(p.encoding, series);
  const Forecast f = p.forecast(s, s.rows);
  const bool timed = !series.time_of(s.rows).empty();
  io::Csv table;
  table.names.push_back(timed ? series.time_name : "step");
  for (const auto& c : p.encoding.targets()) {
    table.names.push_back(c.name);
    for (const double level : metrics::kLevels)
      table.names.push_back(fmt::format("{}_{:g}", c.name, level));
  }
  for (size_t h = 0; h < f.point.size(); ++h) {
    auto& row = table.rows.emplace_back();
    const auto step = static_cast<int64_t>(h);
    row.push_back(timed ? series.time_of(s.rows + step) : std::to_string(step + 1));
    for (size_t i = 0; i < f.point[h].size(); ++i) {
      row.push_back(fmt::format("{:.8g}", f.point[h][i]));
      for (const double q : f.quantiles[h][i]) row.push_back(fmt::format("{:.8g}", q));
    }
  }
  return table;
}

int predict(Predictor& p, const PredictOptions& o) {
  const std::string& file = o.only_file();
  write_table(o, [&] { return after(p, file); });
  return 0;
}

}  // namespace

const Opener kOpener{kTask, open_as<Predictor>};
const Task kRow{
    .name = kTask,
    .title = "Forecast",
    .what = "Forecast time series, with intervals",
    .examples =
        "  cairn train forecast --data ETTh1.csv.gz --horizon 96 --split-rows 8640,2880,2880\n"
        "  cairn train forecast --data sales.csv --target total --horizon 14 --model gru\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_short>,
    .qualities = {{"mse", false}},
    .verbs = {eval_verb<Predictor, SplitEvalOptions, evaluate_run, in_words>(
                  "Measure how right it is, beside what is simpler",
                  "  cairn eval runs/ett --json\n  cairn eval runs/ett --split validation\n"),
              verb<Predictor, PredictOptions, predict>(
                  "predict", "Forecast what comes after a file's last row",
                  "  cairn predict runs/sales sales.csv --out next.csv\n")},
    .report = report_as<Predictor, report>,
    .smallest = R"({"data": "waves", "steps": 6, "eval_every": 3, "horizon": 12, "context": 48, )"
                R"("model": "gru", "width": 8, "layers": 1})",
    .write_inputs = data::write_waves,
    .inputs = "waves"};

}  // namespace cairn::tasks::forecast
