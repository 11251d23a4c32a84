#include "cairn/compile/compile.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "cairn/autograd/tape.h"
#include "cairn/base/parallel.h"
#include "cairn/compile/key.h"
#include "cairn/compile/retrace.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

bool environment_is(const char* name) {
  const char* text = std::getenv(name);
  return text && *text == '1';
}
// With CAIRN_EAGER=1 compiled functions run op by op.
bool compile_enabled() {
  static const bool on = !environment_is("CAIRN_EAGER");
  return on;
}

// Stands on the tape for the results of a compiled function, which keeps no tape itself: a gradient
// that would flow on to the leaves that the function read is an error, as it would be lost.
class ResultNode : public GradNode {
 public:
  ResultNode(const Graph& graph, const std::vector<Ref<TensorImpl>>& leaves) {
    for (const auto& leaf : leaves) leaf->hold(1), edges.push_back({{}, 0, leaf});
    for (ValueId v : graph.outputs) output_descs.push_back(graph.desc(v));
    custom = [](const Tensors&, const Tensors&, const Tensors&) -> Tensors {
      fail(
          "a gradient reaches the result of a compiled function, which keeps no tape to go on "
          "with; call backward() or opt.step(loss) "
          "inside compile(), or use the result detach()ed{}",
          where(context().loc));
    };
  }
  ~ResultNode() override {
    for (const Edge& edge : edges) edge.leaf->hold(-1);
  }
};

Ref<GradNode> result_node(const Graph& graph, const std::vector<Ref<TensorImpl>>& leaves) {
  Ref<GradNode> node(new ResultNode(graph, leaves));
  attach(node, {});
  return node;
}

struct Entry {
  explicit Entry(Key key) : key(std::move(key)) {}
  Key key;
  std::unique_ptr<Executable> executable;
  std::vector<char> results_want;   // by result: whether it was computed from what wants a gradient
  std::vector<int> leaf_arguments;  // the arguments among the leaves behind the results
  Ref<GradNode> results;  // stands for the results on the tape, where they have a place there
  Frozen frozen;
  Retracing retracing;
};
using Entries = std::vector<std::unique_ptr<Entry>>;  // the one used last is the first

// What differs between executables.
std::string what_changes(const Entries& entries) {
  const auto& first = entries.front()->key.arguments();
  std::string text;
  for (size_t a = 0; a < first.size(); ++a)
    for (const auto& e : entries) {
      const ArgumentKey &one = first[a], &other = e->key.arguments()[a];
      if (one.shape == other.shape && one.dtype == other.dtype) continue;
      text += fmt::format("{}argument {} ({}{} and {}{} among others)", text.empty() ? "" : " and ",
                          a, name_of(one.dtype), to_string(one.shape), name_of(other.dtype),
                          to_string(other.shape));
      break;
    }
  return text.empty()
             ? "a mode (train/eval, gradients, autocast, threads, hooks) or a captured tensor"
             : text;
}

// Executables are made for each shape: with many of them something is amiss, and what they keep is
// bounded.
constexpr size_t kManyExecutables = 32, kMostExecutables = 512, kMostBytes = size_t{256} << 20;

}  // namespace

struct CompiledFunction::Impl {
  Body body;
  Entries entries;
  std::shared_ptr<Arena> arena = std::make_shared<Arena>();
  Executable* last = nullptr;
  Retracing::Mode retrace = Retracing::mode_from_environment();
  bool warned_of_many = false, warned_of_giving_up = false;
  std::mutex turn;  // callers take turns
  std::atomic<std::thread::id> caller{};

  // The trace of a call, and what it depends on and leads to, noted in `entry` where one is given.
  Graph trace(std::span<const Tensor> arguments, Entry* entry) {
    Graph graph;
    std::vector<Mode> modes;
    std::vector<GradientMode> gradient_modes;
    {
      GraphRecorder recorder(graph);
      const RecorderScope scope(&recorder);
      Tensors traced = traced_arguments(recorder, arguments);
      const Tensors results = body(traced);
      for (const Tensor& t : results) {
        check(t.defined(), "compile: the function returned an undefined tensor");
        graph.outputs.push_back(recorder.value_of(t));
      }
      recorder.finish();
      if (entry) note_tape(*entry, graph, traced, results);
      modes = std::move(recorder.modes), gradient_modes = std::move(recorder.gradient_modes);
    }
    for (GraphInput& in : graph.inputs)  // what someone keeps from now on is no constant: he made
                                         // it once, and the next trace finds it
      if (in.kind == InputKind::constant && !in.tensor->forgotten()) {
        in.kind = InputKind::captured;
        modes.push_back(mode_of(in.tensor));
      }
    for (const GraphInput& in : graph.inputs)
      if (in.kind == InputKind::captured && in.tensor->forgotten())
        fail(
            "compile: the function gives a variable that it captured (a tensor {}) another value, "
            "which a later call could not see; "
            "make it a State and assign() it, or pass it in and return it",
            to_string(in.tensor->desc));
    if (entry) entry->key.depends_on(std::move(modes), std::move(gradient_modes));
    return graph;
  }

  // A State stands for itself, and a tensor that is given twice is one leaf.
  static Tensors traced_arguments(GraphRecorder& recorder, std::span<const Tensor> arguments) {
    Tensors traced;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Tensor& t = arguments[i];
      Tensor stand_in = t.is_state() ? t : recorder.argument(t, static_cast<int>(i));
      for (size_t k = 0; k < i && t.requires_grad() && !t.is_state(); ++k)
        if (arguments[k].impl() == t.impl()) stand_in = traced[k];
      traced.push_back(stand_in);
    }
    return traced;
  }

  static void note_tape(Entry& entry, const Graph& graph, const Tensors& traced,
                        const Tensors& results) {
    std::vector<Ref<TensorImpl>> leaves;
    for (const Tensor& t : results) {
      entry.results_want.push_back(t.requires_grad());
      for (const auto& leaf : leaves_behind(t)) {
        const auto argument = std::find_if(traced.begin(), traced.end(),
                                           [&](const Tensor& a) { return a.impl() == leaf.get(); });
        if (leaf->value >= 0 && argument != traced.end())
          entry.leaf_arguments.push_back(static_cast<int>(argument - traced.begin()));
        else if (leaf->value < 0 && std::find(leaves.begin(), leaves.end(), leaf) == leaves.end())
          leaves.push_back(leaf);
      }
    }
    if (!leaves.empty() || !entry.leaf_arguments.empty())
      entry.results = result_node(graph, leaves);
  }

  Entry& find(std::span<const Tensor> arguments) {
    const int threads = num_threads();
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i]->key.matches(arguments, threads) &&
          (retrace == Retracing::never || !entries[i]->key.perhaps_rebound())) {
        Entry& entry = used(i);
        if (entry.retracing.due(retrace)) [[unlikely]] {
          entry.frozen.check_same(trace(arguments, nullptr), entry.retracing.since());
          entry.retracing.passed();
        }
        return entry;
      }
    return add(arguments, threads);
  }

  // Moves the entry to where the one used last stands.
  Entry& used(size_t i) {
    if (i > 0)
      std::rotate(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(i),
                  entries.begin() + static_cast<ptrdiff_t>(i) + 1);
    return *entries[0];
  }

  // A new entry; or, where only a variable was given another tensor, the one that traced the same.
  Entry& add(std::span<const Tensor> arguments, int threads) {
    std::erase_if(entries, [](const auto& e) { return e->key.forgotten(); });
    auto entry = std::make_unique<Entry>(Key(arguments, threads));
    Graph graph = trace(arguments, entry.get());
    if (retrace != Retracing::never) entry->frozen = Frozen(graph, retrace == Retracing::always);
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i]->key.matches(arguments, threads) && entries[i]->frozen == entry->frozen) {
        entries[i]->key.variables_hold();
        return used(i);
      }
    entry->executable = std::make_unique<Executable>(std::move(graph), current_backend(), arena);
    entry->key.variables_hold();
    entries.insert(entries.begin(), std::move(entry));
    give_up_old_ones();
    return *entries[0];
  }

  void give_up_old_ones() {
    size_t bytes = 0, kept = 0;
    while (kept < entries.size() && (bytes += entries[kept]->executable->bytes()) <= kMostBytes &&
           kept < kMostExecutables)
      ++kept;
    kept = std::max<size_t>(kept, 1);
    if (!std::exchange(warned_of_many, warned_of_many || entries.size() >= kManyExecutables) &&
        warned_of_many)
      fmt::print(stderr,
                 "cairn: a compiled function has {} executables; what keeps changing is {}\n",
                 entries.size(), what_changes(entries));
    if (kept == entries.size()) return;
    if (!std::exchange(warned_of_giving_up, true))
      fmt::print(stderr,
                 "cairn: a compiled function has {} executables of {} MB: from now on the ones not "
                 "used for longest are given up, and made "
                 "again when they are wanted; what keeps changing is {}: pad it to a few sizes\n",
                 entries.size(), bytes >> 20, what_changes(entries));
    entries.resize(kept);
  }

  static Ref<GradNode> with_arguments(const GradNode& results, const Entry& entry,
                                      std::span<const Tensor> arguments) {
    std::vector<Ref<TensorImpl>> leaves;
    for (const Edge& edge : results.edges) leaves.push_back(edge.leaf);
    for (int i : entry.leaf_arguments) leaves.push_back(arguments[i].ref());
    return result_node(entry.executable->graph(), leaves);
  }

  void run(std::span<const Tensor> arguments, Entry& entry, std::span<Tensor> outputs) {
    last = entry.executable.get();
    last->run(arguments, outputs);
    if (!entry.results) return;
    Ref<GradNode> node = entry.results;
    if (!entry.leaf_arguments.empty()) node = with_arguments(*node, entry, arguments);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!entry.results_want[i]) continue;
      TensorImpl& result = *outputs[i].impl();
      result.requires_grad = true;
      result.grad_fn = Ref<RefCounted>(node.get());
      result.grad_index = static_cast<int>(i);
    }
  }
};

// One caller at a time; the others wait.
class CompiledFunction::Turn {
 public:
  explicit Turn(Impl& impl) : impl_(impl) {
    const auto self = std::this_thread::get_id();
    check(impl.caller.load(std::memory_order_relaxed) != self,
          "compile: the compiled function calls itself while it runs");
    impl.turn.lock();
    impl.caller.store(self, std::memory_order_relaxed);
  }
  ~Turn() {
    impl_.caller.store({}, std::memory_order_relaxed);
    impl_.turn.unlock();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Impl& impl_;
};

CompiledFunction::CompiledFunction(Body body) : impl_(new Impl{std::move(body)}) {}
CompiledFunction::~CompiledFunction() = default;
CompiledFunction::CompiledFunction(CompiledFunction&&) noexcept = default;
size_t CompiledFunction::executables() const { return impl_->entries.size(); }
Executable* CompiledFunction::last() const { return impl_->last; }

namespace {
// Inside another trace, and with compilation off, the body simply runs.
bool runs_as_it_is(std::span<const Tensor> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i].defined())
      fail("compile: argument {} is an undefined tensor{}", i, where(context().loc));
  return context().recorder || !compile_enabled();
}
}  // namespace

void CompiledFunction::call(std::span<const Tensor> arguments, std::span<Tensor> outputs) {
  if (runs_as_it_is(arguments)) {
    const Tensors results = impl_->body(arguments);
    check(results.size() == outputs.size(), "compile: {} results, {} expected", results.size(),
          outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = results[i];
    return;
  }
  const Turn turn(*impl_);
  Entry& entry = impl_->find(arguments);
  check(entry.executable->output_count() == outputs.size(), "compile: {} results, {} expected",
        entry.executable->output_count(), outputs.size());
  impl_->run(arguments, entry, outputs);
}

Tensors CompiledFunction::call(std::span<const Tensor> arguments) {
  if (runs_as_it_is(arguments)) return impl_->body(arguments);
  const Turn turn(*impl_);
  Entry& entry = impl_->find(arguments);
  Tensors outputs(entry.executable->output_count());
  impl_->run(arguments, entry, outputs);
  return outputs;
}

}  // namespace cairn
