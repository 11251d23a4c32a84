#include "cairn/infer/context.h"

#include <cstring>
#include <optional>

#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "cairn/ops/context.h"

namespace cairn::infer {
namespace {

constexpr size_t kAlignment = 64;
size_t rounded(size_t bytes) { return round_up_bytes(bytes, kAlignment); }
bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % kAlignment == 0; }

size_t staging_bytes(const std::vector<TensorDesc>& descs) {
  size_t total = 0;
  for (const TensorDesc& d : descs) total += rounded(d.bytes());
  return total;
}

}  // namespace

Opened::Opened(const std::string& path)
    : model(tasks::open_model(path)),
      task(model->task()),
      takes(model->takes()),
      gives(model->gives()),
      labels(model->labels()) {}

Context::Context(std::shared_ptr<Opened> opened, int64_t batch, int64_t length, int threads)
    : opened_(std::move(opened)),
      key_{batch, length, threads},
      alone_(threads == 1),
      arena_(std::make_shared<Arena>(Arena::Lent{})) {
  std::optional<SerialScope> serial;
  if (alone_) serial.emplace();
  const std::lock_guard turn(opened_->turn);
  Graph graph = trace(opened_->takes, batch, length,
                      [&](std::span<const Tensor> in) { return opened_->model->forward(in); });
  for (const Port& port : opened_->takes)
    inputs_.emplace_back(port.dtype, sizes_of(port, batch, length));
  for (ValueId v : graph.outputs) outputs_.emplace_back(graph.desc(v).dtype, graph.desc(v).shape);
  executable_ = std::make_unique<Executable>(std::move(graph), current_backend(), arena_);
  in_.resize(inputs_.size()), out_.resize(outputs_.size());
}

size_t Context::memory() const {
  return rounded(executable_->stats().arena_bytes) + staging_bytes(inputs_) +
         staging_bytes(outputs_) + kAlignment;
}

void Context::lend(void* memory, size_t bytes) {
  check(memory && bytes >= this->memory(), "a context of this size needs {} bytes; {} were lent",
        this->memory(), memory ? bytes : 0);
  char* start = static_cast<char*>(memory);
  start += rounded(reinterpret_cast<uintptr_t>(start)) - reinterpret_cast<uintptr_t>(start);
  const size_t arena = rounded(executable_->stats().arena_bytes);
  arena_->lend(start, arena);
  staging_ = start + arena;
  std::optional<SerialScope> serial;
  if (alone_) serial.emplace();
  const std::lock_guard turn(opened_->turn);
  Ref<Buffer>& packed = opened_->packed[key_];
  packed = executable_->pack(packed);
}

void Context::run(const void* const* inputs, void* const* outputs) {
  check(staging_ != nullptr, "lend the context memory before it runs");
  std::optional<SerialScope> serial;
  if (alone_) serial.emplace();
  const NoGrad no_grad;
  char* free = staging_;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    in_[i] = inputs[i];
    if (aligned(in_[i])) continue;
    std::memcpy(free, inputs[i], inputs_[i].bytes());
    in_[i] = std::exchange(free, free + rounded(inputs_[i].bytes()));
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    out_[i] = outputs[i];
    if (!aligned(out_[i])) out_[i] = std::exchange(free, free + rounded(outputs_[i].bytes()));
  }
  executable_->run_on(in_, out_);
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (out_[i] != outputs[i]) std::memcpy(outputs[i], out_[i], outputs_[i].bytes());
}

}  // namespace cairn::infer
