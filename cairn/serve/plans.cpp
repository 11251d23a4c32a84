#include "cairn/serve/plans.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "cairn/base/round.h"
#include "cairn/ops/context.h"

namespace cairn::serve {
namespace {

constexpr size_t kAligned = 64;
constexpr int64_t kShortest = 16;
size_t rounded(size_t bytes) { return round_up_bytes(bytes, kAligned); }
int64_t power_of_two(int64_t least) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(least)));
}
// Lengths go by halves between the powers of two: what is filled up is a quarter at most, not a
// half.
int64_t next_length(int64_t length) {
  const int64_t power = power_of_two(length);
  return power == length ? length + length / 2 : power;
}
bool has_length(const Port& port) {
  return std::ranges::find(port.shape, kAnyLength) != port.shape.end();
}

// The values of a row [...], written into the beginning of one that is at least as large each way.
void copy_block(const char* from, const Shape& size, char* to, const Shape& room, size_t dim,
                size_t element) {
  size_t inner = element, inner_room = element;
  for (size_t d = dim + 1; d < size.size(); ++d)
    inner *= static_cast<size_t>(size[d]), inner_room *= static_cast<size_t>(room[d]);
  if (dim >= size.size()) std::memcpy(to, from, element);
  else if (inner == inner_room) std::memcpy(to, from, inner * static_cast<size_t>(size[dim]));
  else
    for (int64_t i = 0; i < size[dim]; ++i, from += inner, to += inner_room)
      copy_block(from, size, to, room, dim + 1, element);
}

}  // namespace

Plans::Plans(std::vector<Port> takes, TensorFunction forward, int64_t longest)
    : takes_(std::move(takes)), forward_(std::move(forward)), arena_(std::make_shared<Arena>()) {
  if (std::ranges::none_of(takes_, has_length)) return;
  longest_ = std::max<int64_t>(1, longest), least_ = std::min(kShortest, longest_);
}

int64_t Plans::length_for(const Tensors& inputs) const {
  check(inputs.size() == takes_.size(), "{} inputs; the network takes {}", inputs.size(),
        takes_.size());
  int64_t length = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape& wanted = takes_[i].shape;
    const Shape shape = inputs[i].shape();
    check(shape.size() == wanted.size() && shape[0] == 1 && inputs[i].dtype() == takes_[i].dtype,
          "an input of another form than the network takes");
    for (size_t d = 1; d < shape.size(); ++d) {
      if (wanted[d] == kAnyLength) length = std::max(length, shape[d]);
      else check(shape[d] == wanted[d], "an input of another size than the network takes");
    }
  }
  if (longest_ == 0) return 0;
  check(length <= longest_, "{} tokens; the network takes {}", length, longest_);
  int64_t room = least_;
  while (room < length) room = next_length(room);
  return std::min(longest_, room);
}

Plans::Plan& Plans::plan_for(int64_t batch, int64_t length) {
  Plan& plan = plans_[{batch, length}];
  if (plan.executable) return plan;
  Graph graph = trace(takes_, batch, length, forward_);
  for (const Port& port : takes_)
    plan.inputs.emplace_back(port.dtype, sizes_of(port, batch, length));
  plan.outputs.clear();
  for (ValueId v : graph.outputs)
    plan.outputs.emplace_back(graph.desc(v).dtype, graph.desc(v).shape);
  plan.executable = std::make_unique<Executable>(std::move(graph), current_backend(), arena_);
  plan.executable->pack({});  // now, not while somebody waits
  make_room(plan);
  return plan;
}

void Plans::make_room(const Plan& plan) {
  size_t bytes = 0;
  for (const auto* some : {&plan.inputs, &plan.outputs})
    for (const TensorDesc& d : *some) bytes += rounded(d.bytes());
  if (bytes <= room_bytes_) return;
  room_.reset(static_cast<char*>(std::aligned_alloc(kAligned, bytes)));
  if (!room_) throw std::bad_alloc();
  room_bytes_ = bytes;
}

void Plans::prepare(int64_t most) {
  for (int64_t batch = 1;; batch *= 2) {
    if (longest_ == 0) plan_for(batch, 0);
    for (int64_t length = least_; longest_ > 0; length = std::min(longest_, next_length(length))) {
      plan_for(batch, length);
      if (length == longest_) break;
    }
    if (batch >= most) return;
  }
}

int64_t Plans::part_of(int64_t count) {
  const int64_t more = power_of_two(count), less = more / 2;
  constexpr int64_t kFew = 8;  // of which two batches take longer than one that is filled up
  return count < more && less >= kFew && 2 * count <= 3 * less ? less : count;
}

void Plans::fill(const TensorDesc& to, size_t input, std::span<Example* const> examples,
                 char* memory) {
  std::memset(memory, 0, to.bytes());
  const size_t row = to.bytes() / static_cast<size_t>(to.shape[0]);
  Shape room = to.shape;
  room[0] = 1;
  for (size_t i = 0; i < static_cast<size_t>(to.shape[0]); ++i) {
    // A row without an example is as the first: zeros may be no valid input (a length of none).
    const Tensor& from = examples[i < examples.size() ? i : 0]->inputs[input];
    if (from.shape() == room) {
      copy_to_host(from, memory + i * row);
      continue;
    }
    values_.resize(static_cast<size_t>(from.numel()) * size_of(to.dtype));
    copy_to_host(from, values_.data());
    copy_block(values_.data(), from.shape(), memory + i * row, room, 0, size_of(to.dtype));
  }
}

void Plans::run(std::span<Example* const> examples) {
  const NoGrad no_grad;
  const auto count = static_cast<int64_t>(examples.size());
  Plan& plan = plan_for(power_of_two(count), length_for(examples[0]->inputs));
  char* free = room_.get();
  std::vector<const void*> in;
  std::vector<void*> out;
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    fill(plan.inputs[i], i, examples, free);
    in.push_back(std::exchange(free, free + rounded(plan.inputs[i].bytes())));
  }
  for (const TensorDesc& d : plan.outputs)
    out.push_back(std::exchange(free, free + rounded(d.bytes())));
  plan.executable->run_on(in, out);
  const TensorDesc& first = plan.outputs[0];
  const size_t width = first.bytes() / sizeof(float) / static_cast<size_t>(first.shape[0]);
  for (size_t i = 0; i < examples.size(); ++i) {
    const float* row = static_cast<const float*>(out[0]) + i * width;
    examples[i]->output.assign(row, row + width);
  }
}

}  // namespace cairn::serve
