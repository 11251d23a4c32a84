#include "cairn/models/decoder.h"

#include <algorithm>

#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/dynamic_slice.h"

namespace cairn::models {

Decoder::Decoder(const Gpt& net, int64_t batch, int64_t block)
    : net_(std::make_shared<Gpt>(net)), batch_(batch), block_(block) {
  check(batch > 0 && block > 0, "Decoder: batch {} and block {} must be positive", batch, block);
}

// What is compiled holds these caches: others need new functions.
void Decoder::use(std::vector<LayerCache> caches) {
  caches_ = std::move(caches);
  step_ = std::make_shared<CompiledFunction>([net = net_, caches = caches_](auto in) -> Tensors {
    const NoGrad quiet;
    return {net->decode(in[0], in[1], caches)};
  });
  reorder_ = std::make_shared<CompiledFunction>([caches = caches_](auto in) -> Tensors {
    for (const LayerCache& cache : caches) {
      assign(cache.k, index_select(cache.k, 0, in[0]));
      assign(cache.v, index_select(cache.v, 0, in[0]));
    }
    return {};
  });
}

// Larger caches with what the old ones hold.
void Decoder::grow(int64_t capacity) {
  const NoGrad no_grad;
  std::vector<LayerCache> larger = net_->make_caches(batch_, capacity);
  const Tensor origin = zeros({}, DType::i64);
  for (size_t i = 0; i < caches_.size(); ++i) {
    assign(larger[i].k, dynamic_update_slice(larger[i].k, caches_[i].k, origin, 2));
    assign(larger[i].v, dynamic_update_slice(larger[i].v, caches_[i].v, origin, 2));
  }
  capacity_ = capacity;
  use(std::move(larger));
}

Tensor Decoder::operator()(const Tensor& tokens, Loc loc) {
  check(tokens.rank() == 2 && tokens.size(0) == batch_ && tokens.size(1) > 0,
        "Decoder: wants tokens [{}, T], not {}{}", batch_, to_string(tokens.shape()), where(loc));
  const int64_t end = position_ + tokens.size(1), context = net_->context;
  check(end <= context,
        "Decoder: {} tokens do not fit the network's context of {}; shorten the text{}", end,
        context, where(loc));
  int64_t capacity = std::max(capacity_, block_);
  while (capacity < end) capacity *= 2;
  capacity = std::min(capacity, context);
  if (capacity > capacity_) grow(capacity);
  const Tensor start = scalar(static_cast<double>(position_), DType::i64);
  const Tensor logits = step_->call(std::vector<Tensor>{tokens, start})[0];
  position_ = end;
  return logits;
}

void Decoder::select(std::span<const int64_t> rows) {
  const NoGrad no_grad;
  const auto count = static_cast<int64_t>(rows.size());
  check(count > 0, "Decoder: no text is selected");
  for (const int64_t row : rows)
    check(row >= 0 && row < batch_, "Decoder: there is no text {} among {}", row, batch_);
  const Tensor index = from_host(rows.data(), {count}, DType::i64);
  if (count == batch_) {
    if (reorder_) reorder_->call({&index, 1});
    return;
  }
  std::vector<LayerCache> chosen;
  for (const LayerCache& cache : caches_)
    chosen.push_back(
        {state(index_select(cache.k, 0, index)), state(index_select(cache.v, 0, index))});
  batch_ = count;
  if (!chosen.empty()) use(std::move(chosen));
}

size_t Decoder::compilations() const { return step_ ? step_->executables() : 0; }

}  // namespace cairn::models
