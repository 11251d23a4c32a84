// Tables: learn one column of a CSV file from the others. All of it: docs/adding-a-task.md.
#include "cairn/data/table.h"
#include "cairn/metrics/measures.h"
#include "cairn/models/mlp.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/files.h"
#include "cairn/train/report/measured.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::tabular {
namespace {

using data::Table, data::TableEncoding;
using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
constexpr const char* kTask = "tabular";

struct Options : train::SupervisedOptions {
  Options() {  // what it uses unless something else is chosen
    lr.usual(3e-3), val_split.usual(0.2), epochs.usual(60), eval_every.says("each epoch");
  }
  train::DataOption data{this, "fruits", "CSV file; 'fruits' is drawn"};
  Option<std::string> target{this, "target", Open{"the last"}, "Column to learn"};
  Option<std::vector<int64_t>> hidden{this, "hidden", {64, 64}, whole(1, 65536), "Layers' widths"};
  Option<double> dropout{this, "dropout", 0, between(0, 0.9), "Part of the features dropped"};
  Option<Json> encoding{this, "encoding"};  // a fact: what the columns are
};

models::Mlp make_network(const Options& o, const TableEncoding& e) {
  const auto outputs = e.classifies() ? static_cast<int64_t>(e.classes().size()) : 1;
  return {e.inputs(), *o.hidden, outputs, o.dropout};
}

Tensor loss_of(const TableEncoding& e, const Tensor& out, const Tensor& y) {
  return e.classifies() ? cross_entropy(out, y) : mse_loss(flatten(out), y);
}

// {examples, loss, accuracy, f1} or {examples, loss, mae, rmse, r2}, in evaluation mode.
Json measure(const nn::Module& net, const TableEncoding& e, const Tensors& xy) {
  const NoGrad no_grad;
  const Tensor out = train::shared_out(xy[0], [&](const Tensor& x) { return net(x); });
  Json result = {{"examples", xy[0].size(0)}, {"loss", loss_of(e, out, xy[1]).item()}};
  if (e.classifies())
    result.update(metrics::classification(xy[1].to_vector<int64_t>(),
                                          argmax(out, 1).to_vector<int64_t>(), e.classes().size()));
  else result.update(metrics::regression(e.in_units(xy[1]), e.in_units(flatten(out))));
  return result;
}

std::string in_words(const Json& r) {
  if (r.contains("accuracy"))
    return fmt::format("accuracy {:.2f} %, loss {:.4f}", r["accuracy"].get<double>() * 100,
                       r["loss"].get<double>());
  return fmt::format("mean error {:.4g}, r2 {:.4f}", r["mae"].get<double>(), r["r2"].get<double>());
}

Json train(Options o) {
  train::choose_run(kTask, o);
  const Table table = data::open_table(o.data);
  o.fill_usual(), o.target.fill(table.cells.names.back());
  train::note_counts(o, {{"rows", table.size()}, {"columns", table.cells.names.size()}});
  o.encoding.fill(TableEncoding::of(table, o.target).to_json());
  const auto e = TableEncoding::from_json(o.encoding, o.out);
  const Tensors all = e.tensors(table, true);
  const data::TwoParts parts = train::hold_back(o, table.size());
  const auto rows = data::rows_of(all, parts.first), held_back = data::rows_of(all, parts.second);
  const data::Order order(rows[0].size(0), data::for_rank({.batch = o.batch, .seed = o.seed}));
  train::fill_length(o, order.steps_per_epoch());
  o.eval_every.fill(order.steps_per_epoch());
  manual_seed(o.seed);
  models::Mlp net = make_network(o, e);
  train::Supervised session(
      {.task = kTask,
       .label = "mlp",
       .network = net,
       .options = o,
       .schedule = optim::one_cycle(o.steps),
       .validates = true,
       .about = fmt::format("{}: '{}' from {} inputs, {} rows to learn from, {} held back", *o.data,
                            e.target(), e.inputs(), rows[0].size(0), held_back[0].size(0))});
  session.run({.next = [&] { return data::rows_of(rows, order.samples(session.step())); },
               .loss = [&](std::span<const Tensor> in) { return loss_of(e, net(in[0]), in[1]); },
               .measure = [&] { return measure(net, e, held_back); },
               .words = in_words});
  session.use_kept();
  return session.result("validation", measure(net, e, held_back));
}

struct Predictor : Model {
  explicit Predictor(const train::SavedModel& saved)
      : Model(saved),
        options(options_of<Options>(saved, &Options::encoding)),
        encoding(TableEncoding::from_json(options.encoding, saved.config_file())),
        net(make_network(options, encoding)) {
    train::load_weights(saved, net);
    net.eval();
  }
  nn::Module& network() override { return net; }
  std::vector<Tensor> inputs(int64_t) override { return read(options.data); }
  std::vector<Port> takes() override {
    return {{"features", DType::f32, {kAnyBatch, encoding.inputs()}}};
  }
  std::vector<std::string> gives() const override {
    return {encoding.classifies() ? "probabilities" : encoding.target()};
  }
  Tensors forward(std::span<const Tensor> in) override {
    const Tensor out = net(in[0]);
    const double zero = encoding.in_units(0.0);
    return {encoding.classifies() ? softmax(out, 1) : out * (encoding.in_units(1.0) - zero) + zero};
  }
  Tensors read(const std::string& file) override {
    return encoding.tensors(data::open_table(file), false);
  }
  std::vector<std::string> labels() const override { return encoding.classes(); }
  std::vector<std::string> names(const Tensors&) const override { return encoding.input_names(); }
  Options options;
  TableEncoding encoding;
  models::Mlp net;
};

// The rows that the training held back, or all of another table.
Tensors rows_for(const Predictor& p, const EvalOptions& o) {
  const Tensors all = p.encoding.tensors(data::open_table(o.or_own(p.options.data)), true);
  if (!o.data.is_open()) return all;
  const auto parts = data::split_off(all[0].size(0), p.options.val_split, p.options.seed);
  return data::rows_of(all, parts.second);
}

Json evaluate(Predictor& p, const EvalOptions& o) {
  return p.result(o.data.is_open() ? "validation" : "all",
                  measure(p.net, p.encoding, rows_for(p, o)));
}

struct PredictOptions : TableOptions {
  PredictOptions() : TableOptions("CSV files, or folders of them") {}
};
int predict(Predictor& p, const PredictOptions& o) {
  const FileKind kind{"tables", io::is_csv_name, {}, "filled in"};
  return write_table_of(o, kind, [&](const std::string& file) {
    const NoGrad no_grad;
    Table t = data::open_table(file);
    const auto said = p.encoding.decode(check_finite(p.net(p.encoding.tensors(t, false)[0])));
    t.cells.names.push_back("predicted_" + p.encoding.target());
    for (size_t r = 0; r < said.size(); ++r) t.cells.rows[r].push_back(said[r]);
    return t.cells;
  });
}

void report(train::report::Page& page, Predictor& p, const train::report::Lines& log) {
  using namespace train::report;
  const NoGrad no_grad;
  const Tensors rows = rows_for(p, {});
  page.headline(fmt::format("'{}' of {}: {}", p.encoding.target(), short_name(p.options.data),
                            in_words(evaluate(p, {}))));
  page.figures(said_figure(p.encoding, rows[1], p.net(rows[0])));
  page.figures(loss_charts(log, "loss", "validation"));
}

}  // namespace

const Opener kOpener{kTask, open_as<Predictor>};
const Task kRow{
    .name = kTask,
    .title = "Table",
    .what = "Learn a column of a table from the others",
    .examples = "  cairn train tabular --data houses.csv --target price\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"accuracy", true, true}, {"mae", false}},
    .verbs = {eval_verb<Predictor, EvalOptions, evaluate, in_words>(
                  "Measure how right it is", "  cairn eval runs/houses --data more.csv\n"),
              verb<Predictor, PredictOptions, predict>("predict", "Add what it says to CSV files",
                                                       "  cairn predict runs/houses new.csv\n")},
    .report = report_as<Predictor, report>,
    .smallest = R"({"data": "fruits", "steps": 6, "eval_every": 3, "hidden": [8]})",
    .write_inputs = data::write_fruits,
    .inputs = "fruits"};

}  // namespace cairn::tasks::tabular
