#include "cairn/models/inspect.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

Tensor ids(std::span<const int64_t> tokens) {
  return from_host(tokens.data(), {1, static_cast<int64_t>(tokens.size())}, DType::i64);
}

// What a module gets (its first input) while body() runs.
template <class F>
Tensor input_of(const nn::Module& module, const F& body) {
  Tensor seen;
  const int hook = module.on_forward([&](const Tensors& inputs, const Tensor&) {
    seen = inputs[0];
    return Tensor();
  });
  body();
  module.remove_hook(hook);
  return seen;
}

double correlation(std::span<const double> a, std::span<const double> b) {
  const double n = static_cast<double>(a.size());
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sa += a[i], sb += b[i];
    saa += a[i] * a[i], sbb += b[i] * b[i], sab += a[i] * b[i];
  }
  const double va = saa - sa * sa / n, vb = sbb - sb * sb / n;
  return va > 0 && vb > 0 ? (sab - sa * sb / n) / std::sqrt(va * vb) : 0;
}

// 1 an even look back at all tokens so far, 0 when only one is seen; mean over the rows.
double evenness(const AttentionMap& m) {
  const auto length = static_cast<int64_t>(std::lround(std::sqrt(m.weights.size())));
  double sum = 0;
  for (int64_t t = 1; t < length; ++t) {
    double entropy = 0;
    for (int64_t s = 0; s <= t; ++s) {
      const double w = m.weights[t * length + s];
      if (w > 0) entropy -= w * std::log(w);
    }
    sum += entropy / std::log(static_cast<double>(t) + 1);
  }
  return sum / static_cast<double>(std::max<int64_t>(length - 1, 1));
}

// softmax(q k' / sqrt(d)) of one layer [heads, T, T], later tokens hidden.
Tensor weights_of(const Attention& layer, const Tensor& x) {
  Tensor q = nn::split_heads(layer.q(x), layer.heads);
  Tensor k = nn::split_heads(chunk(layer.kv(x), 2, -1)[0], layer.heads);
  if (layer.rotary) q = (*layer.rotary)(q), k = (*layer.rotary)(k);
  const int64_t length = q.size(2);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const Tensor place = arange(0, length);
  const Tensor later = gt(reshape(place, {1, length}), reshape(place, {length, 1}));
  const Tensor scores = matmul(q, transpose(k, -1, -2)) * scale;
  return softmax(select(masked_fill(scores, later, -1e30), 0, 0), -1);
}

}  // namespace

std::vector<float> surprises(LanguageModel& network, std::span<const int64_t> tokens) {
  const auto window = network.gpt() ? network.gpt()->context : static_cast<int64_t>(tokens.size());
  const Tensors memory = network.make_memory(1);
  std::vector<float> nats;
  for (size_t at = 0; at + 1 < tokens.size(); at += static_cast<size_t>(window)) {
    const size_t count = std::min(static_cast<size_t>(window), tokens.size() - 1 - at);
    const Tensor logits = flatten(network.logits(ids(tokens.subspan(at, count)), memory), 0, 1);
    const Tensor next = flatten(ids(tokens.subspan(at + 1, count)));
    const auto some =
        cross_entropy(logits, next, {.reduction = Reduction::none}).to_vector<float>();
    nats.insert(nats.end(), some.begin(), some.end());
  }
  return nats;
}

Cell line_counting_cell(LanguageModel& network, std::span<const int64_t> tokens,
                        const text::Tokenizer& tokenizer) {
  const Tensors memory = network.make_memory(1);
  const Tensor h =
      input_of(network.module().find("head"), [&] { network.logits(ids(tokens), memory); });
  const int64_t width = h.size(-1);
  const auto values = contiguous(h).to_vector<float>();
  std::vector<double> place;
  for (int64_t t : tokens)
    place.push_back(tokenizer.decode({t}) == "\n" || place.empty() ? 0 : place.back() + 1);
  Cell best{0, 0, {}};
  for (int64_t c = 0; c < width; ++c) {
    std::vector<double> column;
    for (size_t t = 0; t < tokens.size(); ++t) column.push_back(values[t * width + c]);
    const double r = correlation(column, place);
    if (best.values.empty() || std::abs(r) > std::abs(best.correlation)) best = {c, r, column};
  }
  double mean = 0, largest = 1e-12;
  for (double v : best.values) mean += v / static_cast<double>(best.values.size());
  for (double& v : best.values) v -= mean, largest = std::max(largest, std::abs(v));
  for (double& v : best.values) v /= largest;
  return best;
}

std::vector<AttentionMap> attention_maps(Gpt& gpt, std::span<const int64_t> tokens) {
  std::vector<AttentionMap> maps;
  for (size_t l = 0; l < gpt.blocks.size(); ++l) {
    const Attention& layer = gpt.blocks[l].a1;
    const Tensor weights = weights_of(layer, input_of(layer, [&] { gpt(ids(tokens)); }));
    for (int64_t head = 0; head < layer.heads; ++head)
      maps.push_back(
          {static_cast<int64_t>(l), head, contiguous(select(weights, 0, head)).to_vector<float>()});
  }
  return maps;
}

std::vector<AttentionMap> most_peculiar(const std::vector<AttentionMap>& maps, size_t count) {
  std::vector<size_t> order(maps.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return evenness(maps[a]) < evenness(maps[b]); });
  order.resize(std::min(count, order.size()));
  std::sort(order.begin(), order.end());
  std::vector<AttentionMap> chosen;
  for (size_t i : order) chosen.push_back(maps[i]);
  return chosen;
}

}  // namespace cairn::models
