// Inference: a convolution whose weight is fixed and what scales and shifts its channels by fixed
// values (batch normalisation in evaluation mode) become a convolution with other weights and one
// addition: (conv(x, w) + a) s + b = conv(x, w s) + (a s + b).
#include "cairn/compile/channel_chain.h"
#include "cairn/compile/passes.h"

namespace cairn {
namespace {

class FoldPass {
 public:
  explicit FoldPass(const Graph& graph)
      : old_(graph),
        rewriter_(graph),
        readers_(graph),
        fixed_(fixed_values(graph)),
        last_of_(graph.nodes.size(), -1),
        skipped_(graph.nodes.size(), 0) {}

  Graph run() {
    for (size_t i = 0; i < old_.nodes.size(); ++i) find_chain(static_cast<int>(i));
    for (size_t i = 0; i < old_.nodes.size(); ++i) {
      if (last_of_[i] >= 0) emit(last_of_[i], static_cast<int>(i));
      else if (!skipped_[i]) rewriter_.copy(old_.nodes[i]);
    }
    return rewriter_.finish();
  }

 private:
  const Node& node(int i) const { return old_.nodes[i]; }
  ValueId out(int i) const { return node(i).outputs[0]; }

  // The next node of the chain that starts at a convolution: * or + with one fixed value a channel.
  int next(int i) const {
    const int reader = readers_.only(out(i));
    if (reader < 0 || (!is_named(node(reader), "mul") && !is_named(node(reader), "add"))) return -1;
    const ValueId other = other_input(node(reader), out(i));
    const bool folds = other >= 0 && fixed_[other] &&
                       is_per_channel(old_.desc(other), old_.desc(out(i))) &&
                       old_.desc(out(reader)) == old_.desc(out(i));
    return folds ? reader : -1;
  }

  void find_chain(int conv) {
    if (!is_named(node(conv), "conv") || !fixed_[node(conv).inputs[1]]) return;
    int last = conv;
    bool scales = false;
    for (int i = next(conv); i >= 0; last = i, i = next(i)) scales |= is_named(node(i), "mul");
    if (!scales) return;
    for (int i = conv; i != last; i = next(i)) skipped_[i] = 1;
    last_of_[last] = conv;
  }

  void emit(int conv, int last) {
    const Node& original = node(conv);
    const TensorDesc& y = old_.desc(out(conv));
    Shape channels(y.shape.size() - 1, 1);
    channels[0] = y.shape[1];
    const TensorDesc channel(y.dtype, channels);
    auto pair = [&](const char* op, ValueId a, ValueId b, const TensorDesc& d) {
      return rewriter_.add(original, op_named(op), {}, {a, b}, d);
    };
    ValueId scale = -1, shift = -1;
    for (int before = conv, i = next(conv); before != last; before = i, i = next(i)) {
      const ValueId value =
          reshaped(rewriter_.map(other_input(node(i), out(before))), channels, original);
      if (is_named(node(i), "add")) {
        shift = shift < 0 ? value : pair("add", shift, value, channel);
      } else {
        scale = scale < 0 ? value : pair("mul", scale, value, channel);
        if (shift >= 0) shift = pair("mul", shift, value, channel);
      }
    }
    const TensorDesc& w = old_.desc(original.inputs[1]);
    Shape per_filter(w.shape.size(), 1);
    per_filter[0] = w.shape[0];
    const ValueId weight =
        pair("mul", rewriter_.map(original.inputs[1]), reshaped(scale, per_filter, original), w);
    ValueId result = rewriter_.add(original, *original.op, original.attrs,
                                   {rewriter_.map(original.inputs[0]), weight}, y);
    if (shift >= 0) result = pair("add", result, shift, y);
    rewriter_.set(out(last), result);
  }

  ValueId reshaped(ValueId v, const Shape& shape, const Node& like) {
    const TensorDesc d = rewriter_.graph().desc(v);
    if (d.shape == shape) return v;
    return rewriter_.add(like, op_named("reshape"), {{"shape", Ints(shape.begin(), shape.end())}},
                         {v}, TensorDesc(d.dtype, shape));
  }

  const Graph& old_;
  Rewriter rewriter_;
  Readers readers_;
  std::vector<bool> fixed_;    // by value
  std::vector<int> last_of_;   // the convolution whose chain ends at this node, or -1
  std::vector<char> skipped_;  // earlier nodes of a chain
};

}  // namespace

Graph fold(const Graph& graph) { return without_dead(FoldPass(graph).run()); }

}  // namespace cairn
