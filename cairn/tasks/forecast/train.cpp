#include <algorithm>

#include "cairn/data/order.h"
#include "cairn/io/utf8.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/forecast/task.h"

namespace cairn::tasks::forecast {
namespace {

constexpr int64_t kFewWindows = 512;  // to validate by and to calibrate by, evenly apart

// Options that depend on how many rows there are.
void fill_sizes(Options& o, const data::Series& series, const data::SplitRows& split) {
  const int64_t shortest = std::min(split.train, split.train + split.validation);
  if (split.train < o.horizon + 1 || split.validation < o.horizon)
    throw InvalidOption(
        "horizon", fmt::format("{} rows are more than '{}' can show: {} rows are for training and "
                               "{} to validate by; give fewer, or more rows (split_rows)",
                               *o.horizon, series.source, split.train, split.validation));
  o.season.fill(series.season());
  // A quarter of the training may go by before the first window is read whole.
  const int64_t room = std::max<int64_t>((shortest - o.horizon) / 4, 1);
  o.context.fill(std::min<int64_t>({512, std::max(room, *o.season), shortest - o.horizon}));
  if (*o.context + *o.horizon > split.train)
    throw InvalidOption("context", fmt::format("{} rows and a horizon of {} are more than the {} "
                                               "rows of training",
                                               *o.context, *o.horizon, split.train));
  if (*o.season > *o.context)
    throw InvalidOption(
        "season", fmt::format("{} rows are more than the context of {}", *o.season, *o.context));
  o.patch.fill(std::clamp<int64_t>(*o.context / 8, 1, 16));
  if (*o.patch > *o.context)
    throw InvalidOption(
        "patch", fmt::format("{} rows are more than the context of {}", *o.patch, *o.context));
  if (o.model == "patch" && *o.width % *o.heads != 0)
    throw InvalidOption("heads", fmt::format("{} do not divide a width of {}", *o.heads, *o.width));
}

// What training rows say before any gradient: the linear map, the baselines, and how wide the
// linear map's errors lie, from where the quantiles begin.
data::LinearMap prepare(const models::Forecaster& net, const data::EncodedSeries& s,
                        const data::SplitRows& split, const std::vector<int64_t>& known,
                        const Options& o) {
  const NoGrad no_grad;
  data::LinearMap map = data::fit_linear_map(s, split, o.context, o.horizon);
  assign(net.linear, from_host(map.weight.data(), {*o.horizon, *o.context}, DType::f32));
  assign(net.smoothing, fit_smoothing(s, split.train, o.season));
  const Baselines baselines(s, o.season, net);
  const Tensor offsets = baseline_offsets(s, known, baselines, net);
  assign(net.baselines, offsets);
  assign(net.offsets, select(offsets, 0, static_cast<int64_t>(kLinear)));
  return map;
}

std::string about(const Options& o, const data::SeriesEncoding& e, const data::Series& series,
                  const data::SplitRows& split, const data::LinearMap& map) {
  std::string text =
      fmt::format("{}: {} of {} columns, rows {} + {} + {}, season {}, {} to {} rows", *o.data,
                  e.target_count(), series.columns(), split.train, split.validation, split.test,
                  *o.season, *o.context, *o.horizon);
  if (series.filled > 0) text += fmt::format(", {} missing rows put in", series.filled);
  if (!e.left_out().empty())
    text += fmt::format(", left out as constant: {}", fmt::join(e.left_out(), ", "));
  if (!series.left_out.empty())
    text += fmt::format(", left out as no numbers: {}", fmt::join(series.left_out, ", "));
  if (map.reach == 0) return text + "; the last value is what the network corrects";
  return text + fmt::format("; linear map of {} rows, ridge {:g}, validation mse {:.4f}", map.reach,
                            map.ridge, map.validation_mse);
}

}  // namespace

data::SeriesFormat format_of(const Options& o) {
  return {o.time, o.time_format, o.time_zone, o.target};
}

void say_filled(const data::SeriesEncoding& encoding, const data::Series& series) {
  const std::string words = encoding.in_words_filled(series);
  if (!words.empty()) fmt::print(stderr, "cairn: {}\n", io::printable(words));
}

models::ForecasterOptions network_options(const Options& o, const data::SeriesEncoding& e) {
  return {.model = o.model,
          .context = o.context,
          .horizon = o.horizon,
          .targets = e.target_count(),
          .features = e.features(),
          .patch = o.patch,
          .width = o.width,
          .layers = o.layers,
          .heads = o.heads,
          .dropout = o.dropout,
          .baselines = static_cast<int64_t>(kBaselines.size()),
          .judges = o.judges()};
}

models::Forecaster open_network(const Options& o, const data::SeriesEncoding& e,
                                const std::string& file) {
  check(!o.context.is_open() && !o.patch.is_open() && !o.season.is_open(),
        "'{}': does not say what rows are read; the configuration is damaged", file);
  try {
    return models::Forecaster(network_options(o, e));
  } catch (const Error& error) { fail("'{}': {}", file, error.what()); }
}

Json train_forecaster(const char* task, Options& o, const data::Series& series,
                      const Hooks& hooks) {
  const data::SplitRows split = data::split_rows(o.split_rows, series.rows(), o.data);
  fill_sizes(o, series, split);
  train::note_counts(o, {{"rows", series.rows()}, {"columns", series.columns()}});
  o.encoding.fill(
      data::SeriesEncoding::of(series, o.target, split.train, o.season, o.calendar).to_json());
  const auto e = data::SeriesEncoding::from_json(o.encoding, o.out);
  const data::EncodedSeries s = e.encode(series);
  say_filled(e, series);
  const auto windows = data::origins_in(0, split.train, o.context, o.horizon);
  const auto held_back =
      data::origins_in(split.train, split.validation, o.context, o.horizon, kFewWindows);
  const auto known =
      data::origins_in(0, split.train + split.validation, o.context, o.horizon, kFewWindows);
  o.fill_usual();
  if (*o.val_split > 0)
    throw InvalidOption("val_split", "rows come in order here; split_rows says which validate");
  const data::Order order(static_cast<int64_t>(windows.size()),
                          data::for_rank({.batch = o.batch, .seed = o.seed}));
  train::fill_length(o, order.steps_per_epoch());
  o.eval_every.fill(std::min(order.steps_per_epoch(), std::max<int64_t>(1, *o.steps / 4)));
  manual_seed(o.seed);
  models::Forecaster net(network_options(o, e));
  const data::LinearMap map = prepare(net, s, split, known, o);
  train::Supervised session({.task = task,
                             .label = *o.model,
                             .network = net,
                             .options = o,
                             .schedule = optim::one_cycle(o.steps),
                             .validates = true,
                             .about = about(o, e, series, split, map)});
  const auto batch = [&] {
    std::vector<int64_t> origins;
    for (const int64_t i : order.samples(session.step()))
      origins.push_back(windows[static_cast<size_t>(i)]);
    Tensors in = {data::contexts(s, origins, o.context)};
    for (const Tensor& t : data::horizons(s, origins, o.horizon)) in.push_back(t);
    return in;
  };
  const auto loss_of = [&](std::span<const Tensor> in) {
    const Tensor point = net(in[0]), error = (point - in[1]) * in[2];
    return sum(square(error)) / clamp_min(sum(in[2]), 1) +
           net.quantile_loss(in[0], point, in[1], in[2]);
  };
  const Trained trained{net, e, s, split};
  session.run({.next = batch,
               .loss = loss_of,
               .count = [](std::span<const Tensor> in) { return reshape(sum(in[2]), {1}); },
               .measure =
                   [&] {
                     const Json measured = validate(net, s, held_back, known);
                     if (hooks.validated) hooks.validated(trained);
                     return measured;
                   },
               .words = in_short});
  session.use_kept();
  const bool tests = split.test >= o.horizon;
  return session.result(tests ? "test" : "validation", hooks.measure(trained));
}

Json train(Options o) {
  train::choose_run(kTask, o);
  const data::Series series = data::open_series(o.data, format_of(o));
  return train_forecaster(
      kTask, o, series, {.measure = [&](const Trained& t) {
        const int64_t tested = t.split.train + t.split.validation;
        const auto origins =
            t.split.test >= o.horizon
                ? data::origins_in(tested, t.split.test, o.context, o.horizon)
                : data::origins_in(t.split.train, t.split.validation, o.context, o.horizon);
        return evaluate(t.net, t.encoding, t.series, origins, o.season).measured;
      }});
}

}  // namespace cairn::tasks::forecast
