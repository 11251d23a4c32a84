#include "cairn/compile/compile.h"

#include <cstdlib>

#include "cairn/base/parallel.h"
#include "cairn/graph/recorder.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

bool environment_is(const char* name) {
  const char* text = std::getenv(name);
  return text && *text == '1';
}
bool& compile_enabled() {
  static bool on = !environment_is("CAIRN_EAGER");
  return on;
}

// What an executable was traced for.
struct Key {
  std::vector<std::pair<DType, Shape>> arguments;
  std::vector<char> requires_grad;
  std::vector<std::pair<std::function<int64_t()>, int64_t>> modes;
  Backend* backend;
  bool grad_mode, autocast;
  DType autocast_dtype;
  int threads;

  bool matches(std::span<const Tensor> args) const {
    const Context& ctx = context();
    if (args.size() != arguments.size() || grad_mode != ctx.grad_mode || autocast != ctx.autocast ||
        autocast_dtype != ctx.autocast_dtype || threads != num_threads() || backend != &current_backend())
      return false;
    for (size_t i = 0; i < args.size(); ++i)
      if (args[i].dtype() != arguments[i].first || args[i].shape() != arguments[i].second || args[i].requires_grad() != (requires_grad[i] != 0))
        return false;
    for (const auto& [probe, value] : modes)
      if (probe() != value) return false;
    return true;
  }
};

struct Entry {
  Key key;
  std::unique_ptr<Executable> executable;
};

// Which argument's shape differs most often between executables.
std::string changing_argument(const std::vector<std::unique_ptr<Entry>>& entries) {
  const auto& first = entries.front()->key.arguments;
  for (size_t a = 0; a < first.size(); ++a)
    for (const auto& e : entries)
      if (e->key.arguments.size() > a && e->key.arguments[a] != first[a])
        return fmt::format("argument {} ({} and {} among others)", a, to_string(first[a].second), to_string(e->key.arguments[a].second));
  return "a mode (train/eval, gradients, autocast or threads)";
}

constexpr size_t kManyExecutables = 32;

}  // namespace

void set_compile_enabled(bool on) { compile_enabled() = on; }

struct CompiledFunction::Impl {
  Body body;
  std::vector<std::unique_ptr<Entry>> entries;
  std::shared_ptr<Arena> arena = std::make_shared<Arena>();
  Executable* last = nullptr;
  bool retrace = environment_is("CAIRN_RETRACE");

  Graph trace(std::span<const Tensor> arguments, Key* key) {
    Graph graph;
    GraphRecorder recorder(graph);
    RecorderScope scope(&recorder);
    Tensors traced;
    for (size_t i = 0; i < arguments.size(); ++i)
      traced.push_back(recorder.argument(arguments[i].desc(), static_cast<int>(i), arguments[i].requires_grad()));
    const Tensors results = body(traced);
    for (const Tensor& t : results) {
      check(t.defined(), "compile: the function returned an undefined tensor");
      graph.outputs.push_back(recorder.value_of(t));
    }
    recorder.finish();
    if (key) {
      const Context& ctx = context();
      for (const Tensor& t : arguments) key->arguments.emplace_back(t.dtype(), t.shape()), key->requires_grad.push_back(t.requires_grad());
      key->modes = std::move(recorder.modes);
      key->backend = &current_backend();
      key->grad_mode = ctx.grad_mode, key->autocast = ctx.autocast, key->autocast_dtype = ctx.autocast_dtype;
      key->threads = num_threads();
    }
    return graph;
  }

  Executable& find(std::span<const Tensor> arguments) {
    for (auto& entry : entries)
      if (entry->key.matches(arguments)) {
        if (retrace) check_same(arguments, *entry);
        return *entry->executable;
      }
    auto entry = std::make_unique<Entry>();
    Graph graph = trace(arguments, &entry->key);
    if (retrace) traced_texts.push_back({entry.get(), to_text(graph)});
    entry->executable = std::make_unique<Executable>(std::move(graph), current_backend(), arena);
    entries.push_back(std::move(entry));
    if (entries.size() == kManyExecutables)
      fmt::print(stderr, "cairn: a compiled function has {} executables; what keeps changing is {}\n", entries.size(), changing_argument(entries));
    return *entries.back()->executable;
  }

  void check_same(std::span<const Tensor> arguments, const Entry& entry) {
    const std::string now = to_text(trace(arguments, nullptr));
    for (const auto& [e, text] : traced_texts)
      if (e == &entry && text != now)
        fail("CAIRN_RETRACE: the function traces to another graph than before with the same shapes and modes: it depends on "
             "something of the host that changes; pass that in as a tensor");
  }

  std::vector<std::pair<Entry*, std::string>> traced_texts;
};

CompiledFunction::CompiledFunction(Body body) : impl_(new Impl{std::move(body)}) {}
CompiledFunction::~CompiledFunction() = default;
CompiledFunction::CompiledFunction(CompiledFunction&&) noexcept = default;
size_t CompiledFunction::executables() const { return impl_->entries.size(); }
Executable* CompiledFunction::last() const { return impl_->last; }

void CompiledFunction::call(std::span<const Tensor> arguments, std::span<Tensor> outputs) {
  // Inside another trace, and with compilation off, the body simply runs.
  if (context().recorder || !compile_enabled()) {
    const Tensors results = impl_->body(arguments);
    check(results.size() == outputs.size(), "compile: {} results, {} expected", results.size(), outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = results[i];
    return;
  }
  Executable& executable = impl_->find(arguments);
  check(executable.output_count() == outputs.size(), "compile: {} results, {} expected", executable.output_count(), outputs.size());
  impl_->last = &executable;
  executable.run(arguments, outputs);
}

Tensors CompiledFunction::call(std::span<const Tensor> arguments) {
  if (context().recorder || !compile_enabled()) return impl_->body(arguments);
  Executable& executable = impl_->find(arguments);
  impl_->last = &executable;
  Tensors outputs(executable.output_count());
  executable.run(arguments, outputs);
  return outputs;
}

}  // namespace cairn
