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

// Larger caches with what the old ones hold; the step is compiled for them anew.
void Decoder::grow(int64_t capacity) {
  const NoGrad no_grad;
  std::vector<LayerCache> larger = net_->make_caches(batch_, capacity);
  const Tensor origin = zeros({}, DType::i64);
  for (size_t i = 0; i < caches_.size(); ++i) {
    assign(larger[i].k, dynamic_update_slice(larger[i].k, caches_[i].k, origin, 2));
    assign(larger[i].v, dynamic_update_slice(larger[i].v, caches_[i].v, origin, 2));
  }
  caches_ = std::move(larger);
  capacity_ = capacity;
  step_ = std::make_shared<CompiledFunction>([net = net_, caches = caches_](std::span<const Tensor> in) -> Tensors {
    const NoGrad quiet;
    return {net->decode(in[0], in[1], caches)};
  });
}

Tensor Decoder::operator()(const Tensor& tokens, Loc loc) {
  check(tokens.rank() == 2 && tokens.size(0) == batch_ && tokens.size(1) > 0,
        "Decoder: wants tokens [{}, T], not {}{}", batch_, to_string(tokens.shape()), where(loc));
  const int64_t end = position_ + tokens.size(1), context = net_->context;
  check(end <= context, "Decoder: {} tokens do not fit the network's context of {}; shorten the text{}", end, context,
        where(loc));
  if (end > capacity_) grow(std::min(context, (end + block_ - 1) / block_ * block_));
  const Tensor logits = step_->call(std::vector<Tensor>{tokens, scalar(static_cast<double>(position_), DType::i64)})[0];
  position_ = end;
  return logits;
}

}  // namespace cairn::models
