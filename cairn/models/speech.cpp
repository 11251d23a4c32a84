#include "cairn/models/speech.h"

namespace cairn::models {
namespace {

// [N, frames] f32: 1 where a clip has a frame.
Tensor mask_of(const Tensor& lengths, int64_t frames) {
  const Tensor places = unsqueeze(arange(0, frames), 0);
  return cast(lt(places, unsqueeze(cast(lengths, DType::i64), 1)), DType::f32);
}

}  // namespace

Listener::Listener(const ListenerOptions& o)
    : options(o),
      head(child("head", nn::Linear(o.model == "transformer" ? o.width : 2 * o.width, o.labels))) {
  int64_t features = o.features;
  if (o.model == "conv-bilstm") {
    conv1.emplace(child("conv1", nn::Conv1d(features, o.width, 5, {.padding = 2, .bias = false})));
    bn1.emplace(child("bn1", nn::BatchNorm1d(o.width)));
    conv2.emplace(child("conv2", nn::Conv1d(o.width, o.width, 5, {.padding = 2, .bias = false})));
    bn2.emplace(child("bn2", nn::BatchNorm1d(o.width)));
    features = o.width;
  }
  if (o.model != "transformer") {
    rnn.emplace(child("rnn", nn::LSTM(features, o.width,
                                      {.num_layers = o.layers,
                                       .batch_first = true,
                                       .dropout = o.dropout,
                                       .bidirectional = true})));
    return;
  }
  in.emplace(child("in", nn::Linear(features, o.width)));
  blocks.emplace(child("blocks", nn::ModuleList<Block>()));
  for (int64_t i = 0; i < o.layers; ++i)
    blocks->push_back(Block(o.width, o.heads, 4 * o.width, {.rotary = true, .dropout = o.dropout}));
  norm.emplace(child("norm", nn::LayerNorm(o.width)));
}

Tensor Listener::convolved(const Tensor& x, const Tensor& mask) const {
  Tensor y = relu((*bn1)((*conv1)(transpose(x, 1, 2)))) * mask;
  y = relu((*bn2)((*conv2)(y))) * mask;
  return transpose(y, 1, 2);
}

Tensor Listener::forward(Tensor x, Tensor lengths) {
  const bool drops = options.dropout > 0 && training();
  if (conv1) x = convolved(x, unsqueeze(mask_of(lengths, x.size(1)), 1));
  if (rnn) {
    x = (*rnn)(x, {}, lengths).output;
  } else {
    x = (*in)(x);
    for (Block& block : *blocks) x = block(x, false, Tensor(), lengths);
    x = (*norm)(x);
  }
  return log_softmax(head(dropout(x, options.dropout, drops)), -1);
}

ClipClassifier::ClipClassifier(int64_t classes, int64_t width, double dropout)
    : conv(child("conv", nn::ModuleList<nn::Conv2d>())),
      norm(child("norm", nn::ModuleList<nn::BatchNorm2d>())),
      head(child("head", nn::Linear(4 * width, classes))),
      drop(dropout) {
  int64_t channels = 1;
  for (const int64_t wide : {width, 2 * width, 3 * width, 4 * width}) {
    conv.push_back(nn::Conv2d(channels, wide, 3, {.padding = 1, .bias = false}));
    norm.push_back(nn::BatchNorm2d(wide));
    channels = wide;
  }
}

Tensor ClipClassifier::forward(Tensor x, Tensor lengths) {
  Tensor length = cast(lengths, DType::f32);
  x = unsqueeze(x, 1);
  for (size_t i = 0; i < conv.size(); ++i) {
    // Nothing is heard behind a clip's end, whatever its neighbours' lengths.
    const Tensor heard = mask_of(ceil(length), x.size(2));
    x = relu(norm[i](conv[i](x))) * unsqueeze(unsqueeze(heard, 1), 3);
    x = max_pool2d(pad(x, {0, x.size(3) % 2, 0, x.size(2) % 2}), 2);
    length = ceil(length) * 0.5;
  }
  const Tensor means = sum(mean(x, {3}), {2}) / unsqueeze(clamp_min(ceil(length), 1), 1);
  return head(cairn::dropout(means, drop, drop > 0 && training()));
}

}  // namespace cairn::models
