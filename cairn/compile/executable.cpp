#include "cairn/compile/executable.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "cairn/compile/passes.h"
#include "cairn/compile/dump.h"
#include "cairn/compile/find_fault.h"
#include "cairn/compile/profile.h"
#include "cairn/device/pool.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Where max_pool found its maxima only gradients read, and who asks for it: else it is not written.
Graph leave_out_places(const Graph& traced) {
  Graph graph = traced;
  const std::vector<int> uses = graph.use_counts();
  for (Node& node : graph.nodes)
    if (std::strcmp(node.op->name, "max_pool") == 0 && uses[node.outputs[1]] == 0)
      node.attrs.set("places", int64_t{0});
  return graph;
}

Graph optimize(Graph graph, const Backend& backend) {
  Dump dump(graph);
  auto pass = [&](const char* name, auto run) {
    if (pass_enabled(name)) graph = run(graph);
    if (verify_passes()) verify(graph, name);
    dump.after(name, graph);
  };
  pass("linear_loss", [&](const Graph& g) { return fuse_linear_losses(g, backend); });
  pass("expand", [&](const Graph& g) { return expand_composites(g, backend); });
  pass("casts", [&](const Graph& g) { return move_casts(g); });
  pass("simplify", [&](const Graph& g) { return simplify(g); });
  pass("turn", [&](const Graph& g) { return turn_products(g); });
  pass("fold", [&](const Graph& g) { return fold(g); });
  pass("epilogue", [&](const Graph& g) { return fuse_epilogues(g, backend); });
  pass("products", [&](const Graph& g) { return fuse_products(g, backend); });
  pass("layout", [&](const Graph& g) { return assign_layouts(g, backend); });
  pass("views", [&](const Graph& g) { return resolve_views(g, backend); });
  pass("fuse", [&](const Graph& g) { return fuse(g, backend); });
  pass("rematerialize", [&](const Graph& g) { return rematerialize(g); });
  pass("places", [&](const Graph& g) { return leave_out_places(g); });
  pass("schedule", [&](const Graph& g) { return schedule(g); });
  return graph;
}

}  // namespace

void Arena::lend(void* memory, size_t bytes) {
  memory_ = memory, bytes_ = bytes;
  ++generation_;
}

void* Arena::reserve(Backend& backend, size_t bytes) {
  if (lent_) {
    check(bytes <= bytes_, "a compiled function needs {} bytes; {} were lent", bytes, bytes_);
    return memory_;
  }
  if (!buffer_ || buffer_->bytes() < bytes) {
    buffer_ = Ref<Buffer>();
    pool_trim();  // what building the network left behind
    buffer_ = new Buffer(backend, bytes);
    ++generation_;
  }
  return buffer_->data();
}

Executable::Executable(Graph traced, Backend& backend, std::shared_ptr<Arena> arena)
    : backend_(backend), arena_(std::move(arena)) {
  const double start = now();
  RecorderScope eager(nullptr);
  traced_ = traced;
  graph_ = optimize(std::move(traced), backend);
  derived_ = derived_nodes(graph_);
  choose_in_place(graph_, derived_);
  prepare_steps();
  if (!arena_->waits()) bind_arena();
  results_.resize(graph_.outputs.size());
  staged_.resize(graph_.inputs.size());
  if (graph_.random_ops) random_ = empty({2}, DType::i64);
  stats_.arena_bytes = memory_.arena_bytes,
  stats_.bytes_without_reuse = memory_.bytes_without_reuse;
  stats_.compile_seconds = now() - start;
  if (note_stats(stats_)) fmt::print(stderr, "{}", largest_at_peak(graph_, memory_, 12));
}

Executable::~Executable() = default;

void Executable::prepare_steps() {
  std::vector<size_t> workspace(graph_.nodes.size(), 0);
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    if (node.alias) {
      ++stats_.views;
      continue;
    }
    Step step;
    OpCall call = graph_.call_of(node);
    context().loc = node.loc;
    if (!node.region && !backend_.supports(call)) {
      if (!node.op->host_kernel)
        call.error("back end '{}' has no kernel for this op", backend_.name());
      step.plan = make_host_plan(call, backend_);
    } else {
      step.plan = backend_.prepare(call);
      if (!step.plan) call.error("back end '{}' has no kernel for these layouts", backend_.name());
    }
    step.node = static_cast<int>(i);
    step.may_fault = may_fault(graph_, step.node);
    step.derived = derived_[i];
    step.in.resize(node.inputs.size());
    step.out.resize(node.outputs.size());
    workspace[i] = step.plan->workspace_bytes;
    stats_.reorders += std::strcmp(node.op->name, "reorder") == 0;
    stats_.regions += node.region != nullptr;
    steps_.push_back(std::move(step));
  }
  check_late();
  stats_.kernels = steps_.size();
  memory_ = plan_memory(graph_, workspace, derived_);
  if (memory_.derived_bytes) derived_memory_ = new Buffer(backend_, memory_.derived_bytes);
  for (const GraphInput& in : graph_.inputs)
    if (in.kind == InputKind::state) sources_.emplace_back(in.tensor, 0);
}

// Where a look at the fault word waits for the device, one look is taken, after the last op that
// may fail: no State has changed by then.
void Executable::check_late() {
  if (backend_.host_readable()) return;
  bool last = true;
  for (size_t s = steps_.size(); s-- > 0;)
    if (steps_[s].may_fault) steps_[s].may_fault = std::exchange(last, false);
}

ValueId Executable::root(ValueId v) const {
  while (memory_.places[v].kind == Place::alias) v = memory_.places[v].base;
  return v;
}

void* Executable::address_of(ValueId v) const {
  const Place& place = memory_.places[root(v)];
  if (place.kind == Place::derived)
    return static_cast<char*>(derived_memory_->data()) + place.offset;
  return place.kind == Place::arena ? static_cast<char*>(arena_->data()) + place.offset : nullptr;
}

// Arena addresses are fixed; the slots of everything else are noted, to follow it at each replay.
void Executable::bind_arena() {
  arena_->reserve(backend_, memory_.arena_bytes);
  arena_generation_ = arena_->generation();
  input_slots_.assign(graph_.inputs.size(), {});
  output_slots_.assign(graph_.outputs.size(), {});
  state_slots_.assign(graph_.assignments.size(), {});
  input_addresses_.assign(graph_.inputs.size(), nullptr);
  output_addresses_.assign(graph_.outputs.size(), nullptr);
  state_addresses_.assign(graph_.assignments.size(), nullptr);
  for (size_t s = 0; s < steps_.size(); ++s) {
    Step& step = steps_[s];
    const Node& node = graph_.nodes[step.node];
    auto bind = [&](ValueId v, int index, bool output) {
      void* address = address_of(v);
      if (output) step.out[index] = address;
      else step.in[index] = address;
      const Place& place = memory_.places[root(v)];
      const Slot slot{static_cast<int>(s), index, output};
      if (place.kind == Place::input) input_slots_[place.index].push_back(slot);
      if (place.kind == Place::output) output_slots_[place.index].push_back(slot);
      if (place.kind == Place::state) state_slots_[place.index].push_back(slot);
    };
    for (int i = 0; i < node.inputs.ssize(); ++i) bind(node.inputs[i], i, false);
    for (int i = 0; i < node.outputs.ssize(); ++i) bind(node.outputs[i], i, true);
    step.workspace = steps_[s].plan->workspace_bytes
                         ? static_cast<char*>(arena_->data()) + memory_.workspace[step.node]
                         : nullptr;
  }
}

void Executable::set_slots(const std::vector<Slot>& slots, void* address) {
  for (const Slot& slot : slots) {
    if (slot.output) steps_[slot.step].out[slot.index] = address;
    else steps_[slot.step].in[slot.index] = address;
  }
}

Tensor Executable::source_of(const GraphInput& in, std::span<const Tensor> arguments) const {
  switch (in.kind) {
    case InputKind::argument: return arguments[in.argument];
    case InputKind::gradient:
      return Tensor(in.argument >= 0 ? arguments[in.argument].impl()->grad : in.tensor->grad);
    case InputKind::generator: return random_;
    default: return Tensor(in.tensor);
  }
}

void Executable::bind_address(size_t i, void* address) {
  if (address == input_addresses_[i]) return;
  input_addresses_[i] = address;
  set_slots(input_slots_[i], address);
}

// `source`: what the input is; `arguments`: to make a copy of it that is contiguous.
void Executable::bind_input(size_t i, const TensorImpl* source, std::span<const Tensor> arguments) {
  if (!source->desc.contiguous()) {
    NoGrad no_grad;
    staged_[i] = contiguous(source_of(graph_.inputs[i], arguments));
    source = staged_[i].impl();
  }
  bind_address(i, source->buffer->data());
}

void Executable::bind_inputs(std::span<const Tensor> arguments) {
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    const GraphInput& in = graph_.inputs[i];
    bind_input(i,
               in.lasting()                     ? in.tensor.get()
               : in.kind == InputKind::argument ? arguments[in.argument].impl()
                                                : source_of(in, arguments).impl(),
               arguments);
  }
}

void Executable::bind_lasting() {
  for (size_t i = 0; i < graph_.inputs.size(); ++i)
    if (graph_.inputs[i].lasting()) bind_input(i, graph_.inputs[i].tensor.get(), {});
}

// A State whose buffer someone else still holds (a view, a detached value) gets a buffer of its own
// first: values never change.
void Executable::bind_states() {
  for (size_t i = 0; i < graph_.assignments.size(); ++i) {
    TensorImpl& state = *graph_.assignments[i].state;
    if (state.buffer->use_count() > 1 || !state.desc.contiguous()) {
      const Tensor copy = apply(op_named("copy"), {Tensor(graph_.assignments[i].state)});
      state.buffer = copy.impl()->buffer;
      state.desc = copy.desc();
    }
    if (state.buffer->data() == state_addresses_[i]) continue;
    state_addresses_[i] = state.buffer->data();
    set_slots(state_slots_[i], state_addresses_[i]);
  }
}

namespace {
// Nobody but its keeper holds the result or a view of it.
bool is_free(const Tensor& t) {
  return t.defined() && t.ref()->use_count() == 1 && t.impl()->buffer->use_count() == 1;
}
}  // namespace

Tensor& Executable::result(size_t number) {
  auto& kept = results_[number];
  for (Tensor& t : kept)
    if (is_free(t)) return t;
  std::swap(kept[0], kept[1]);  // the older one is left to who holds it
  kept[0] = Tensor(Ref<TensorImpl>(new TensorImpl));
  kept[0].impl()->desc = graph_.desc(graph_.outputs[number]);
  kept[0].impl()->buffer = new Buffer(backend_, kept[0].desc().bytes());
  return kept[0];
}

void Executable::bind_outputs(std::span<Tensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    outputs[i] = result(i);
    void* address = outputs[i].impl()->buffer->data();
    if (address == output_addresses_[i]) continue;
    output_addresses_[i] = address;
    set_slots(output_slots_[i], address);
  }
}

void Executable::run(std::span<const Tensor> arguments, std::span<Tensor> outputs) {
  if (arena_->generation() != arena_generation_ || arena_->data() == nullptr) bind_arena();
  bind_states();
  bind_inputs(arguments);
  for (Tensor& t : outputs) t = Tensor();
  bind_outputs(outputs);
  if (memory_.derived_bytes) run_derived();
  if (graph_.random_ops) {
    words_ = take_random(graph_.random_ops);
    backend_.copy_from_host(random_.impl()->buffer->data(), words_.data(), sizeof words_);
  }
  if (profiling()) [[unlikely]]
    run_profiled(arguments);
  else run_steps(arguments);
  commit(arguments);
  ++stats_.runs;
}

void Executable::run_on(std::span<const void* const> arguments, std::span<void* const> outputs) {
  check(graph_.assignments.empty() && graph_.gradients.empty() && graph_.random_ops == 0,
        "a step that changes States, leaves gradients or draws numbers does not run on addresses");
  if (arena_->generation() != arena_generation_ || arena_->data() == nullptr) bind_arena();
  bind_lasting();
  for (size_t i = 0; i < graph_.inputs.size(); ++i)
    if (graph_.inputs[i].kind == InputKind::argument)
      bind_address(i, const_cast<void*>(arguments[graph_.inputs[i].argument]));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == output_addresses_[i]) continue;
    output_addresses_[i] = outputs[i];
    set_slots(output_slots_[i], outputs[i]);
  }
  if (memory_.derived_bytes) run_derived();
  fault_ = {};
  const bool timed = profiling();
  for (const Step& step : steps_) {
    if (step.derived) continue;
    try {
      if (timed) [[unlikely]]
        launch_timed(step);
      else step.plan->launch({step.in.data(), step.out.data(), step.workspace, &fault_});
    } catch (const Error& refusal) { raise(copies_of(arguments), step, refusal.what()); }
    if (step.may_fault && fault_.kind != Fault::none) raise(copies_of(arguments), step);
  }
  ++stats_.runs;
}

// Arguments as tensors, for whoever looks for a fault.
Tensors Executable::copies_of(std::span<const void* const> arguments) const {
  Tensors copies(arguments.size());
  for (const GraphInput& in : graph_.inputs) {
    const TensorDesc& desc = graph_.desc(in.value);
    if (in.kind == InputKind::argument)
      copies[in.argument] = from_host(arguments[in.argument], desc.shape, desc.dtype);
  }
  return copies;
}

Ref<Buffer> Executable::pack(const Ref<Buffer>& from_another) {
  if (memory_.derived_bytes == 0) return from_another;
  if (from_another && from_another->bytes() == memory_.derived_bytes) {
    derived_memory_ = from_another;
    for (auto& [state, version] : sources_) version = state->version;
    derived_ready_ = true;
    bind_arena();
    return derived_memory_;
  }
  if (arena_->generation() != arena_generation_) bind_arena();
  bind_lasting();
  run_derived();
  return derived_memory_;
}

// Reordered and transformed weights, after the first run or an assignment to one of the States.
void Executable::run_derived() {
  bool stale = !derived_ready_;
  for (auto& [state, version] : sources_)
    if (state->version != version) version = state->version, stale = true;
  if (!stale) return;
  for (const Step& step : steps_)
    if (step.derived) step.plan->launch({step.in.data(), step.out.data(), step.workspace, &fault_});
  derived_ready_ = true;
}

void Executable::run_steps(std::span<const Tensor> arguments) {
  fault_ = {};
  for (const Step& step : steps_) {
    if (step.derived) continue;
    launch(arguments, step);
    if (step.may_fault) [[unlikely]] {
      backend_.synchronize();
      if (fault_.kind != Fault::none) raise(arguments, step);
    }
  }
}

// A kernel may refuse what it finds on the host: a length beyond the sequence.
void Executable::launch(std::span<const Tensor> arguments, const Step& step) {
  try {
    step.plan->launch({step.in.data(), step.out.data(), step.workspace, &fault_});
  } catch (const Error& refusal) { raise(arguments, step, refusal.what()); }
}

namespace {
// What one launch of a node is, but for its time.
ProfileEvent event_of(const Graph& graph, const Node& node) {
  ProfileEvent event{node.op->name, node.path,
                     fmt::format("{}:{}", node.loc.file_name(), node.loc.line())};
  if (node.region) {
    event.op += "[";
    for (const RegionStep& s : node.region->steps) event.op += std::string(s.op->name) + " ";
    event.op.back() = ']';
  }
  for (const auto* list : {&node.inputs, &node.outputs})
    for (ValueId v : *list)
      event.bytes += static_cast<size_t>(numel(graph.desc(v).shape)) * size_of(graph.desc(v).dtype);
  if (!node.outputs.empty()) event.op += " " + to_string(graph.desc(node.outputs[0]));
  return event;
}
}  // namespace

void Executable::launch_timed(const Step& step) {
  ProfileEvent event = event_of(graph_, graph_.nodes[step.node]);
  event.start = profile_now();
  step.plan->launch({step.in.data(), step.out.data(), step.workspace, &fault_});
  backend_.synchronize();
  event.seconds = profile_now() - event.start;
  add_profile_event(std::move(event));
}

void Executable::run_profiled(std::span<const Tensor> arguments) {
  fault_ = {};
  for (const Step& step : steps_) {
    if (step.derived) continue;
    try {
      launch_timed(step);
    } catch (const Error& refusal) { raise(arguments, step, refusal.what()); }
    if (step.may_fault && fault_.kind != Fault::none) raise(arguments, step);
  }
}

const void* Executable::where_is(ValueId v) const {
  const Place& place = memory_.places[root(v)];
  switch (place.kind) {
    case Place::input: return input_addresses_[place.index];
    case Place::output: return output_addresses_[place.index];
    case Place::state: return state_addresses_[place.index];
    default: return address_of(v);
  }
}

// Nothing failed: the States and gradients take their new values.
void Executable::commit(std::span<const Tensor> arguments) {
  for (int i : memory_.copied_assignments) {
    const Assignment& a = graph_.assignments[i];
    backend_.copy_within(state_addresses_[i], where_is(a.value), graph_.desc(a.value).bytes());
  }
  for (const Assignment& a : graph_.assignments) ++a.state->version;
  for (const Gradient& g : graph_.gradients) {
    TensorImpl& leaf = g.argument >= 0 ? *arguments[g.argument].impl() : *g.leaf;
    if (g.value < 0) {
      leaf.grad = {};
      continue;
    }
    Tensor fresh = empty(graph_.desc(g.value).shape, graph_.desc(g.value).dtype);
    backend_.copy_within(fresh.impl()->buffer->data(), where_is(g.value), fresh.desc().bytes());
    leaf.grad = fresh.ref();
  }
}

namespace {
// What a prepared kernel takes on the host, with its descriptors and code: as measured on steps of
// convolutions and of transformers.
constexpr size_t kBytesOfStep = 12 << 10;
}  // namespace

size_t Executable::bytes() const {
  size_t total = memory_.derived_bytes + steps_.size() * kBytesOfStep;
  for (const auto& kept : results_)
    for (const Tensor& t : kept) total += t.defined() ? t.impl()->buffer->bytes() : 0;
  for (const Tensor& t : staged_) total += t.defined() ? t.impl()->buffer->bytes() : 0;
  return total;
}

// The failed step runs again, op by op as it was traced, to find where it went wrong: no State has
// changed yet, so it meets the same values.
void Executable::raise(std::span<const Tensor> arguments, const Step& step, const char* refusal) {
  if (graph_.random_ops) return_random(words_, graph_.random_ops);
  find_fault(traced_, [&](const GraphInput& in) { return source_of(in, arguments); });
  const Node& node = graph_.nodes[step.node];  // only the compiled form fails
  const std::string place = fmt::format(" (at {}{}{}:{})", node.path, node.path.empty() ? "" : ", ",
                                        node.loc.file_name(), node.loc.line());
  if (refusal) fail("{}: {}{}", node.op->name, refusal, place);
  if (fault_.kind == Fault::bad_index)
    fail("{}: index {} at position {} is out of range{}", node.op->name, fault_.value,
         fault_.position, place);
  fail("{}: a value is not finite (element {}){}", node.op->name, fault_.position, place);
}

}  // namespace cairn
