// A matrix product and what is added to it in one kernel: y = x W + bias + residual, or the sum of
// two products that a gradient is. The sums cost a pass over memory each otherwise. A product in
// bf16 that is cast to f32 leaves its sums in f32, as they are.
#include "cairn/base/caches.h"
#include "cairn/compile/chains.h"
#include "cairn/compile/passes.h"

namespace cairn {
namespace {

class ProductsPass {
 public:
  ProductsPass(const Graph& graph, const Backend& backend)
      : old_(graph), backend_(backend), rewriter_(graph), readers_(graph), sums_(graph) {}

  Graph run() {
    for (size_t i = 0; i < old_.nodes.size(); ++i)
      if (is_named(old_.nodes[i], "matmul")) find_sum(static_cast<int>(i));
    return sums_.rewrite(old_, rewriter_, [&](const Sum& sum) { emit(sum); });
  }

 private:
  struct Sum {
    int product, last;              // the nodes it begins and ends with
    bool widened = false;           // a product in bf16, cast to f32
    ValueId row = -1, matrix = -1;  // what is added
  };
  const Node& node(int i) const { return old_.nodes[i]; }
  ValueId out(int i) const { return node(i).outputs[0]; }
  const TensorDesc& desc(int i) const { return old_.desc(out(i)); }

  // From the product along its only readers: a cast to f32, additions, and reshapes between them.
  void find_sum(int product) {
    if (sums_.taken(product) || desc(product).shape.size() != 2) return;
    Sum sum{product, product};
    std::vector<int> chain = {product};
    size_t kept = 1;
    while (const Node* reader = next(chain.back())) {
      const bool adds = is_named(*reader, "add"), widens = widening(product, sum, *reader);
      if (!adds && !widens && !is_named(*reader, "reshape")) break;
      if (adds &&
          !take(other_input(*reader, out(chain.back())), old_.desc(reader->outputs[0]), &sum))
        break;
      chain.push_back(static_cast<int>(reader - old_.nodes.data()));
      sum.widened |= widens;
      if (adds || widens) sum.last = chain.back(), kept = chain.size();
    }
    if (kept == 1 || !kernel_exists(sum) || better_narrow(sum)) return;
    chain.resize(kept);
    sums_.add(chain, sum);
  }

  const Node* next(int i) const {
    const int reader = readers_.only(out(i));
    return reader >= 0 && !sums_.taken(reader) && node(reader).recompute == node(i).recompute
               ? &node(reader)
               : nullptr;
  }

  bool widening(int product, const Sum& sum, const Node& reader) const {
    return !sum.widened && sum.row < 0 && sum.matrix < 0 && is_named(reader, "cast") &&
           desc(product).dtype == DType::bf16 && old_.desc(reader.outputs[0]).dtype == DType::f32;
  }
  // A large result is read from memory, and rather in bf16: a bias is added where it is read.
  bool better_narrow(const Sum& sum) const {
    return sum.widened && sum.matrix < 0 &&
           static_cast<int64_t>(result_of(sum).bytes()) > caches().l3 / 4;
  }
  // What the kernel's result is.
  TensorDesc result_of(const Sum& sum) const {
    return sum.widened ? TensorDesc(DType::f32, desc(sum.product).shape) : desc(sum.product);
  }

  // Whether `other` can be a row or a matrix of the sum, whose result is `y`; notes it there.
  bool take(ValueId other, const TensorDesc& y, Sum* sum) const {
    const Shape& product = desc(sum->product).shape;
    if (other < 0 || old_.desc(other).dtype != y.dtype || numel(y.shape) != numel(product))
      return false;
    const Shape& shape = old_.desc(other).shape;
    const bool is_row = !shape.empty() && shape.back() == product[1] &&
                        numel(shape) == product[1] && y.shape.back() == product[1];
    ValueId& place = is_row ? sum->row : sum->matrix;
    if (place >= 0 || (!is_row && shape != y.shape)) return false;
    place = other;
    return true;
  }

  bool kernel_exists(const Sum& sum) const {
    TensorDesc a = old_.desc(node(sum.product).inputs[0]),
               b = old_.desc(node(sum.product).inputs[1]);
    TensorDesc y = result_of(sum), row(y.dtype, Shape{y.shape[1]});
    if (desc(sum.product).dtype == DType::bf16 && !sum.widened)
      return false;  // sums in bf16 are not its
    OpCall call{&op_named("matmul_add"), &node(sum.product).attrs, {&a, &b}, {&y}, nullptr};
    if (sum.matrix >= 0) call.inputs.push_back(&y);
    if (sum.row >= 0) call.inputs.push_back(&row);
    return backend_.supports(call);
  }

  void emit(const Sum& sum) {
    const Node& product = node(sum.product);
    const TensorDesc y = result_of(sum);
    ValueList inputs = {rewriter_.map(product.inputs[0]), rewriter_.map(product.inputs[1])};
    if (sum.matrix >= 0) inputs.push_back(reshaped(product, rewriter_.map(sum.matrix), y.shape));
    if (sum.row >= 0)
      inputs.push_back(reshaped(product, rewriter_.map(sum.row), Shape{y.shape[1]}));
    const ValueId result = rewriter_.add(product, op_named("matmul_add"), product.attrs, inputs, y);
    rewriter_.set(out(sum.last), reshaped(product, result, desc(sum.last).shape));
  }
  ValueId reshaped(const Node& like, ValueId v, const Shape& shape) {
    const TensorDesc d = rewriter_.graph().desc(v);
    if (d.shape == shape) return v;
    return rewriter_.add(like, op_named("reshape"), {{"shape", Ints(shape.begin(), shape.end())}},
                         {v}, TensorDesc(d.dtype, shape));
  }

  const Graph& old_;
  const Backend& backend_;
  Rewriter rewriter_;
  Readers readers_;
  Chains<Sum> sums_;
};

}  // namespace

Graph fuse_products(const Graph& graph, const Backend& backend) {
  return ProductsPass(graph, backend).run();
}

}  // namespace cairn
