#include "cairn/ops/context.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

// An op without a tape: what a fused backward op gets from the forward one.
Tensors forward_of(const char* name, std::span<const Tensor> in, const Attrs& attrs, int outputs) {
  Tensors inputs, out(outputs);
  for (const Tensor& t : in) inputs.push_back(t.detach());
  NoGrad no_grad;
  apply(op_named(name), inputs, attrs, out);
  return out;
}

// The first ones, then one in so many: third derivatives take long, and the forward op has had all
// of them.
template <class T>
std::vector<T> thinned(const std::vector<T>& list, size_t first, size_t one_in) {
  std::vector<T> kept;
  for (size_t i = 0; i < list.size(); ++i)
    if (i < first || (i - first) % one_in == 0) kept.push_back(list[i]);
  return kept;
}

struct Attended {
  Shape q, k;
  Attrs attrs;
  Shape mask = {};
  std::vector<double> lengths = {};
  bool blind = false;  // some query sees no key
};
Attrs attention_attrs(bool mask, bool lengths, bool causal, bool from_length = false,
                      double dropout = 0) {
  return {{"mask", int64_t{mask}},     {"lengths", int64_t{lengths}},
          {"causal", int64_t{causal}}, {"causal_from_length", int64_t{from_length}},
          {"dropout", dropout},        {"scale", 0.0},
          {"number", int64_t{2}}};
}
const std::vector<Attended> kAttended = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, attention_attrs(false, false, false)},
    {{2, 2, 3, 4}, {2, 2, 3, 4}, attention_attrs(false, false, true)},
    {{1, 4, 3, 5}, {1, 2, 6, 5}, attention_attrs(false, false, true)},
    {{2, 2, 5, 3}, {2, 1, 4, 3}, attention_attrs(false, false, true), {}, {}, true},
    {{2, 2, 3, 4}, {2, 2, 5, 4}, attention_attrs(true, false, false), {2, 1, 3, 5}},
    {{2, 2, 3, 4}, {2, 2, 5, 4}, attention_attrs(true, true, true), {1, 2, 1, 5}, {5, 3}},
    {{3, 1, 2, 8}, {3, 1, 9, 8}, attention_attrs(false, true, false), {}, {0, 4, 9}, true},
    {{2, 2, 2, 4}, {2, 2, 7, 4}, attention_attrs(false, true, true, true), {}, {7, 4}},
    {{1, 2, 17, 16}, {1, 2, 17, 16}, attention_attrs(false, false, true)},
    {{0, 2, 3, 4}, {0, 2, 3, 4}, attention_attrs(false, false, false)},
    {{1, 2, 3, 4}, {1, 2, 0, 4}, attention_attrs(false, false, false), {}, {}, true},
};
// Masks, lengths, causal order and shared key heads crossed, on a few sizes; then sizes around the
// kernels' blocks (8 query rows that decode, 64 and 96 keys) and widths around a vector.
std::vector<Attended> crossed_attention() {
  std::vector<Attended> list = kAttended;
  for (const int64_t kv_heads : {1, 2, 4})
    for (const bool mask : {false, true})
      for (const bool lengths : {false, true})
        for (const int causal : {0, 1, 2}) {
          if (causal == 2 && !lengths) continue;  // from the length
          Attended a{{2, 4, 3, 5},
                     {2, kv_heads, 7, 5},
                     attention_attrs(mask, lengths, causal == 1, causal == 2)};
          if (mask)
            a.mask = kv_heads == 1   ? Shape{2, 4, 3, 7}
                     : kv_heads == 2 ? Shape{3, 7}
                                     : Shape{2, 1, 1, 7};
          if (lengths) a.lengths = {7, 5};
          if (mask && a.mask.ssize() < 4) a.mask = {1, 1, 3, 7};
          list.push_back(a);
        }
  for (const auto& [queries, keys] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 17}, {1, 65}, {8, 33}, {9, 33}, {65, 65}, {2, 97}, {33, 66}})
    for (const int64_t width : {4, 17})
      list.push_back(
          {{1, 2, queries, width}, {1, 1, keys, width}, attention_attrs(false, false, width == 4)});
  return list;
}
const std::vector<Attended> kCrossed = crossed_attention();

std::vector<Arg> attention_args(const Attended& a) {
  std::vector<Arg> args = {numbers(a.q), numbers(a.k), numbers(a.k)};
  if (!a.mask.empty()) args.push_back(numbers(a.mask));
  if (!a.lengths.empty()) args.push_back(fixed({a.q[0]}, a.lengths, DType::i32));
  if (a.attrs.number("dropout") > 0) args.push_back(seed());
  return args;
}
const std::vector<Attended> kDropped = {
    {{2, 2, 3, 4}, {2, 2, 5, 4}, attention_attrs(false, false, false, false, 0.3)},
    {{1, 4, 9, 3}, {1, 2, 9, 3}, attention_attrs(false, false, true, false, 0.5)},
    {{2, 2, 2, 4}, {2, 2, 5, 4}, attention_attrs(false, true, false, false, 0.2), {}, {5, 3}},
    {{1, 2, 3, 17}, {1, 1, 9, 17}, attention_attrs(true, false, false, false, 0.4), {1, 1, 3, 9}},
    {{1, 1, 17, 8}, {1, 1, 33, 8}, attention_attrs(false, false, false, false, 0.9)},
    {{2, 4, 3, 3}, {2, 1, 3, 3}, attention_attrs(false, true, true, false, 0.3), {}, {3, 2}}};
Row attention_row(const char* name, const std::vector<Attended>& list) {
  Row row{name, {}, {DType::f32, DType::f64}};
  for (const Attended& a : list) {
    row.cases.push_back(of(name, attention_args(a), a.attrs));
    if (!a.blind) continue;
    row.cases.back().run = [=](const Tensors& in) {  // whose log of a sum of nothing is -infinity
      Tensors out(2);
      apply(op_named(name), in, a.attrs, out);
      return Tensors{out[0]};
    };
  }
  return row;
}
Row attention_backward_row() {
  Row row{"attention_backward", {}, {DType::f32, DType::f64}};
  for (const auto& list : {thinned(kCrossed, kAttended.size(), 5), kDropped})
    for (const Attended& a : list) {
      std::vector<Arg> args = attention_args(a);
      const size_t count = args.size();
      args.push_back(numbers({a.q[0], a.q[2], a.q[1], a.q[3]}));
      row.cases.push_back({to_string(a.q) + " " + to_string(a.k) + " " + to_string(a.attrs), args,
                           [=](const Tensors& in) {
                             const bool dropped = a.attrs.number("dropout") > 0;
                             const Tensors saved =
                                 forward_of(dropped ? "attention_dropout" : "attention",
                                            {in.data(), count}, a.attrs, 2);
                             Tensors inputs(in.begin(), in.begin() + count), out(3);
                             inputs.insert(inputs.end(), {saved[0], saved[1], in[count]});
                             apply(op_named("attention_backward"), inputs, a.attrs, out);
                             return out;
                           }});
    }
  return row;
}
Row attention_to_steps_row() {
  Row row{"attention_to_steps", {}, {DType::f32, DType::f64}};
  struct Size {
    int64_t texts, heads, dim;
    std::vector<int64_t> rows;  // of each step
  };
  for (const Size& s : {Size{1, 1, 1, {1}}, Size{3, 2, 4, {2, 3, 1}}, Size{2, 3, 17, {1, 2, 2, 2}},
                        Size{4, 1, 33, {1, 4, 4, 2, 3}}, Size{2, 2, 64, {1, 2, 2, 2, 2, 2, 2}},
                        Size{1, 2, 96, std::vector<int64_t>(18, 2)}}) {
    const auto steps = std::ssize(s.rows);
    std::vector<double> rows;
    for (int64_t i = 0; i < s.texts * steps; ++i)
      rows.push_back(static_cast<double>((3 * i + i / steps) % s.rows[i % steps]));
    std::vector<Arg> args = {numbers({s.texts, s.heads, 1, s.dim}),
                             fixed({s.texts, steps}, rows, DType::i64)};
    for (int part = 0; part < 2; ++part)
      for (const int64_t count : s.rows) args.push_back(numbers({count, s.heads, 1, s.dim}));
    row.cases.push_back(of("attention_to_steps", args));
  }
  return row;
}
Row attention_function_row() {
  Row row{"attention_function", {}, {DType::f32, DType::f64}};
  const std::vector<Arg> qkv = {numbers({2, 2, 3, 4}), numbers({2, 2, 5, 4}),
                                numbers({2, 2, 5, 4})};
  auto with = [&](const char* title, Arg extra, AttentionOptions (*options)(const Tensor&)) {
    std::vector<Arg> args = qkv;
    args.push_back(extra);
    row.cases.push_back(call(title, args, [options](const Tensors& in) {
      return attention(in[0], in[1], in[2], options(in[3]));
    }));
  };
  with("bool mask", truths({3, 5}), [](const Tensor& t) { return AttentionOptions{.mask = t}; });
  with("float mask", numbers({2, 1, 1, 1}),
       [](const Tensor& t) { return AttentionOptions{.mask = t, .causal = true}; });
  with("bool mask of each head", truths({2, 3, 5}),
       [](const Tensor& t) { return AttentionOptions{.mask = t}; });
  with("bool mask of keys", truths({2, 1, 1, 5}),
       [](const Tensor& t) { return AttentionOptions{.mask = t, .scale = 1.5}; });
  with("float mask of all", numbers({2, 2, 3, 5}),
       [](const Tensor& t) { return AttentionOptions{.mask = t}; });
  with("float mask of keys", numbers({5}),
       [](const Tensor& t) { return AttentionOptions{.mask = t}; });
  with("i32 lengths, causal", fixed({2}, {4, 5}, DType::i32),
       [](const Tensor& t) { return AttentionOptions{.lengths = t, .causal = true}; });
  with("causal from the length", fixed({2}, {4, 5}),
       [](const Tensor& t) { return AttentionOptions{.lengths = t, .causal_from_length = true}; });
  with("i64 lengths", fixed({2}, {2, 5}),
       [](const Tensor& t) { return AttentionOptions{.lengths = t, .scale = 0.3}; });
  return row;
}

struct Layer {
  int64_t steps, batch, input, hidden, directions;
  bool bias, batch_first;
  std::vector<double> lengths = {};
};
const std::vector<Layer> kLayers = {{1, 1, 1, 1, 1, true, false},
                                    {3, 2, 3, 4, 1, true, false},
                                    {4, 3, 2, 3, 2, true, true},
                                    {2, 2, 3, 2, 1, false, true},
                                    {4, 3, 2, 3, 1, true, false, {4, 1, 0}},
                                    {3, 3, 2, 2, 2, false, true, {2, 3, 1}},
                                    {5, 1, 4, 17, 1, true, false},
                                    {0, 2, 3, 2, 1, true, false}};
// Directions, biases, order of the axes and lengths crossed.
std::vector<Layer> crossed_layers() {
  std::vector<Layer> list = kLayers;
  int64_t turn = 0;
  for (const int64_t directions : {1, 2})
    for (const bool bias : {false, true})
      for (const bool batch_first : {false, true})
        for (const bool lengths : {false, true}) {
          Layer l{2 + turn % 2, 2, 2 + turn % 3, 2 + turn % 2, directions, bias, batch_first};
          if (lengths) l.lengths = {static_cast<double>(l.steps), 1};
          list.push_back(l), ++turn;
        }
  list.push_back({1, 9, 2, 3, 1, true, false});
  list.push_back({2, 17, 1, 1, 1, true, true});
  list.push_back({2, 1, 17, 3, 2, true, false});
  list.push_back({1, 2, 3, 33, 1, false, false});
  return list;
}
const std::vector<Layer> kCrossedLayers = crossed_layers();
struct CellKind {
  const char* name;
  int64_t gates;
  int states;
};
constexpr CellKind kCells[] = {
    {"lstm", 4, 2}, {"gru", 3, 1}, {"rnn_tanh", 1, 1}, {"rnn_relu", 1, 1}};

Shape sequence_shape(const Layer& l, int64_t width) {
  return l.batch_first ? Shape{l.batch, l.steps, width} : Shape{l.steps, l.batch, width};
}
std::vector<Arg> layer_args(const CellKind& cell, const Layer& l) {
  std::vector<Arg> args = {numbers(sequence_shape(l, l.input))};
  for (int s = 0; s < cell.states; ++s)
    args.push_back(numbers({l.directions, l.batch, l.hidden}, -1, 1));
  const int64_t rows = cell.gates * l.hidden;
  for (int64_t d = 0; d < l.directions; ++d) {
    args.push_back(numbers({rows, l.input}, -1, 1));
    args.push_back(numbers({rows, l.hidden}, -1, 1));
    for (int b = 0; b < 2 && l.bias; ++b) args.push_back(numbers({rows}, -1, 1));
  }
  if (!l.lengths.empty()) args.push_back(fixed({l.batch}, l.lengths, DType::i32));
  return args;
}
Attrs layer_attrs(const Layer& l) {
  return {{"directions", l.directions},
          {"bias", int64_t{l.bias}},
          {"lengths", int64_t{!l.lengths.empty()}},
          {"batch_first", int64_t{l.batch_first}},
          {"training", int64_t{1}}};
}
std::string title_of(const Layer& l) {
  return to_string(Ints{l.steps, l.batch, l.input, l.hidden, l.directions, l.bias, l.batch_first,
                        static_cast<int64_t>(l.lengths.size())});
}
Row layer_row(const CellKind& cell) {
  Row row{cell.name, {}, {DType::f32, DType::f64}};
  for (const Layer& l : kCrossedLayers)
    row.cases.push_back({title_of(l), layer_args(cell, l), [=](const Tensors& in) {
                           Tensors out(cell.states + 2);
                           apply(op_named(cell.name), in, layer_attrs(l), out);
                           out.pop_back();  // the reserve is the back end's own
                           return out;
                         }});
  return row;
}
Row layer_backward_row(const CellKind& cell, const char* name) {
  Row row{name, {}, {DType::f32, DType::f64}};
  for (const Layer& l : thinned(kCrossedLayers, kLayers.size(), 5)) {
    std::vector<Arg> args = layer_args(cell, l);
    const size_t count = args.size();
    args.push_back(numbers(sequence_shape(l, l.directions * l.hidden)));
    for (int s = 0; s < cell.states; ++s)
      args.push_back(numbers({l.directions, l.batch, l.hidden}));
    row.cases.push_back({title_of(l), args, [=](const Tensors& in) {
                           const Tensors saved = forward_of(cell.name, {in.data(), count},
                                                            layer_attrs(l), cell.states + 2);
                           Tensors inputs(in.begin(), in.begin() + count),
                               out(count - !l.lengths.empty());
                           inputs.insert(inputs.end(), {saved[0], saved.back()});
                           inputs.insert(inputs.end(), in.begin() + count, in.end());
                           Attrs attrs = layer_attrs(l);
                           attrs.set("want_x", int64_t{1});
                           apply(op_named(name), inputs, attrs, out);
                           return out;
                         }});
  }
  return row;
}

struct Alignment {
  int64_t steps, batch, classes, labels;
  std::vector<double> targets, frames, lengths;
  int64_t blank = 0;
};
const std::vector<Alignment> kAlignments = {
    {4, 1, 3, 2, {1, 2}, {4}, {2}},
    {5, 2, 4, 3, {1, 1, 2, 3, 2, 0}, {5, 4}, {3, 2}},
    {3, 2, 3, 1, {1, 2}, {3, 1}, {1, 0}},
    {6, 1, 4, 2, {0, 1}, {6}, {2}, 3},
    {2, 2, 3, 0, {}, {2, 2}, {0, 0}},
    {3, 1, 3, 3, {1, 1, 2}, {3}, {3}},  // fits no alignment: counts zero
    {1, 1, 2, 1, {1}, {1}, {1}},
    {1, 2, 3, 1, {2, 1}, {1, 1}, {1, 0}},
    {7, 1, 3, 3, {1, 1, 1}, {7}, {3}},
    {6, 2, 5, 2, {3, 3, 1, 4}, {6, 3}, {2, 2}, 2},
    {4, 3, 3, 2, {1, 2, 2, 2, 1, 1}, {4, 2, 3}, {2, 1, 2}},
    {9, 1, 17, 4, {16, 1, 16, 3}, {8}, {4}},
};
std::vector<Arg> alignment_args(const Alignment& a) {
  return {numbers({a.steps, a.batch, a.classes}, -3, 0),
          fixed({a.batch, a.labels}, a.targets, DType::i32), fixed({a.batch}, a.frames, DType::i32),
          fixed({a.batch}, a.lengths, DType::i32)};
}
Attrs alignment_attrs(const Alignment& a) {
  return {{"blank", a.blank}, {"zero_infinity", int64_t{1}}};
}
Row ctc_row() {
  Row row{"ctc_loss", {}, {DType::f32, DType::f64}};
  for (const Alignment& a : kAlignments)
    row.cases.push_back(call(to_string(Ints{a.steps, a.batch, a.classes, a.labels, a.blank}),
                             alignment_args(a), [=](const Tensors& in) {
                               Tensors out(2);
                               apply(op_named("ctc_loss"), in, alignment_attrs(a), out);
                               return out[0];
                             }));
  return row;
}
Row ctc_backward_row() {
  Row row{"ctc_loss_backward", {}, {DType::f32, DType::f64}};
  for (const Alignment& a : kAlignments) {
    std::vector<Arg> args = alignment_args(a);
    args.push_back(numbers({a.batch}));
    row.cases.push_back(
        call(to_string(Ints{a.steps, a.batch, a.classes, a.labels, a.blank}), args,
             [=](const Tensors& in) {
               const Tensors saved = forward_of("ctc_loss", {in.data(), 4}, alignment_attrs(a), 2);
               return apply(op_named("ctc_loss_backward"),
                            {in[0], in[1], in[2], in[3], saved[1], in[4]}, alignment_attrs(a));
             }));
  }
  return row;
}
Row ctc_function_row() {
  Row row{"ctc_function", {}, {DType::f32, DType::f64}};
  for (const Reduction reduction : {Reduction::mean, Reduction::sum})
    row.cases.push_back(call(std::to_string(static_cast<int>(reduction)),
                             {numbers({5, 2, 4}), fixed({2, 3}, {1, 1, 2, 3, 2, 1}),
                              fixed({2}, {5, 4}), fixed({2}, {3, 2})},
                             [=](const Tensors& in) {
                               return ctc_loss(log_softmax(in[0]), in[1], in[2], in[3],
                                               {.reduction = reduction});
                             }));
  return row;
}

}  // namespace

std::vector<Row> sequence_rows() {
  std::vector<Row> rows = {attention_row("attention", kCrossed),
                           attention_row("attention_dropout", kDropped),
                           attention_backward_row(),
                           attention_to_steps_row(),
                           attention_function_row(),
                           ctc_row(),
                           ctc_backward_row(),
                           ctc_function_row()};
  static const char* const backward[] = {"lstm_backward", "gru_backward", "rnn_tanh_backward",
                                         "rnn_relu_backward"};
  for (int i = 0; i < 4; ++i)
    rows.push_back(layer_row(kCells[i])),
        rows.push_back(layer_backward_row(kCells[i], backward[i]));
  return rows;
}

}  // namespace cairn::cases
