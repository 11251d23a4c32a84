// Attention and rotary positions.
#include <algorithm>
#include <cmath>

#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "cairn/ops/pick.h"

namespace cairn::onnx {
namespace {

// [B, T, H D] -> [B, H, T, D]
Tensor in_heads(const Tensor& x, int64_t heads) {
  if (x.rank() == 4) return x;
  check(x.rank() == 3 && heads > 0 && x.size(2) % heads == 0, "{} in {} heads",
        to_string(x.shape()), heads);
  return transpose(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), 1, 2);
}

struct Sight {  // which keys a query may see
  Tensor seen;  // bool, broadcasts to [B, H, Tq, Tk]; undefined: all
  Tensor bias;  // added to the scores; undefined: nothing
  void keep(const Tensor& only) { seen = seen.defined() ? logical_and(seen, only) : only; }
};

// The queries' places count the keys that were there before: of the cache, or of what is valid.
Sight sight_of(const NodeCall& c, int64_t queries, int64_t keys, int64_t cached) {
  Sight s;
  if (c.has(3)) {
    Tensor mask = c.in(3);
    const int64_t missing = keys - mask.size(-1);
    const bool flags = mask.dtype() == DType::boolean;
    if (missing > 0)
      mask = flags ? cast(pad(cast(mask, DType::i32), {0, missing}), DType::boolean)
                   : pad(mask, {0, missing}, PadMode::constant, -INFINITY);
    if (flags) s.seen = mask;
    else s.bias = mask;
  }
  Tensor offset = scalar(static_cast<double>(cached), DType::i64);
  if (c.has(6)) {
    const Tensor valid = reshape(cast(c.in(6), DType::i64), {c.in(6).numel(), 1, 1, 1});
    s.keep(lt(reshape(arange(0, keys), {1, 1, 1, keys}), valid));
    offset = valid - static_cast<double>(queries);
  }
  const Tensor at = offset + reshape(arange(0, queries), {1, 1, queries, 1});
  const Tensor key = reshape(arange(0, keys), {1, 1, 1, keys});
  if (c.integer("is_causal", 0) != 0) s.keep(le(key, at));
  // One wider than all there is sees all, and so that places stay numbers.
  const auto window = [&](const char* name) {
    return std::min(c.integer(name, -1), keys + queries + cached);
  };
  const int64_t left = window("left_window_size"), right = window("right_window_size");
  if (left >= 0) s.keep(ge(key, at - static_cast<double>(left)));
  if (right >= 0) s.keep(le(key, at + static_cast<double>(right)));
  return s;
}

void read_attention(NodeCall& c) {
  const bool flat = c.in(0).rank() == 3;
  const Tensor q = in_heads(c.in(0), c.integer("q_num_heads", 0));
  Tensor k = in_heads(c.in(1), c.integer("kv_num_heads", 0)),
         v = in_heads(c.in(2), c.integer("kv_num_heads", 0));
  const int64_t cached = c.has(4) ? c.in(4).size(2) : 0;
  if (c.has(4)) k = cat({c.in(4), k}, 2);
  if (c.has(5)) v = cat({c.in(5), v}, 2);
  if (c.wants(1)) c.give(k, 1);
  if (c.wants(2)) c.give(v, 2);
  check(k.size(1) > 0 && q.size(1) % k.size(1) == 0, "{} query heads, {} heads of keys", q.size(1),
        k.size(1));
  const int64_t queries = q.size(2), keys = k.size(2);
  const double softcap = c.number("softcap", 0),
               scale = c.number("scale", 1 / std::sqrt(static_cast<double>(q.size(3))));
  const auto joined = [&](const Tensor& y) {
    return flat ? reshape(transpose(y, 1, 2), {y.size(0), y.size(2), y.size(1) * y.size(3)}) : y;
  };
  const bool windows =
      c.integer("left_window_size", -1) >= 0 || c.integer("right_window_size", -1) >= 0;
  const bool causal = c.integer("is_causal", 0) != 0;
  // The kernel that never keeps the scores: causal where the last query sees the last key.
  if (softcap == 0 && !c.wants(3) && !windows && !c.has(6) && q.dtype() == DType::f32 &&
      v.size(3) == q.size(3) && scale > 0 && (!causal || keys == queries + cached) &&
      !(c.has(3) && (c.in(3).size(-1) != keys || causal))) {
    AttentionOptions options;
    options.mask = c.maybe(3), options.causal = causal, options.scale = scale;
    return c.give(joined(attention(q, k, v, options)));
  }
  const int64_t repeats = q.size(1) / k.size(1);
  if (repeats > 1) k = repeat_interleave(k, repeats, 1), v = repeat_interleave(v, repeats, 1);
  const Sight sight = sight_of(c, queries, keys, cached);
  Tensor scores = matmul(q * std::sqrt(scale), transpose(k * std::sqrt(scale), 2, 3));
  const int64_t mode = c.integer("qk_matmul_output_mode", 0);
  if (mode == 0) c.give(scores, 3);
  if (softcap > 0) scores = tanh(scores / softcap) * softcap;
  if (mode == 1) c.give(scores, 3);
  const Tensor lowest = scalar(-INFINITY, scores.dtype());
  Tensor bias = sight.bias.defined() ? cast(sight.bias, scores.dtype()) : Tensor();
  if (sight.seen.defined())
    bias = where(sight.seen, bias.defined() ? bias : scalar(0, scores.dtype()), lowest);
  if (bias.defined()) scores = scores + bias;
  if (mode == 2) c.give(scores, 3);
  // A query that sees nothing gets nothing.
  Tensor p = softmax(scores, -1);
  if (bias.defined()) p = where(eq(amax(bias, {-1}, true), lowest), scalar(0, p.dtype()), p);
  if (mode == 3) c.give(p, 3);
  c.give(joined(matmul(p, v)));
}

void read_rotary(NodeCall& c) {
  const bool flat = c.in(0).rank() == 3;
  const int64_t heads = c.integer("num_heads", 0);
  const Tensor x = in_heads(c.in(0), heads);  // [B, H, T, D]
  const int64_t size = x.size(3), given = c.integer("rotary_embedding_dim", 0),
                turned = given > 0 ? given : size, half = turned / 2;
  const auto table = [&](size_t i) {  // [B, 1, T, half]
    const Tensor t = c.has(3) ? embedding(c.in(i), cast(c.in(3), DType::i64)) : c.in(i);
    check(t.rank() == 3 && t.size(2) == half, "{} for {} turned features", to_string(t.shape()),
          turned);
    return unsqueeze(t, 1);
  };
  const Tensor cosines = table(1), sines = table(2);
  const Tensor part = slice(x, 3, 0, turned);
  const bool pairs = c.integer("interleaved", 0) != 0;
  const Tensor a = pairs ? slice(part, 3, 0, half, 2) : slice(part, 3, 0, half),
               b = pairs ? slice(part, 3, 1, half, 2) : slice(part, 3, half, half);
  const Tensor real = cosines * a - sines * b, imaginary = sines * a + cosines * b;
  Tensor y = pairs ? reshape(stack({real, imaginary}, 4), part.shape()) : cat({real, imaginary}, 3);
  if (turned < size) y = cat({y, slice(x, 3, turned, size - turned)}, 3);
  c.give(flat ? reshape(transpose(y, 1, 2), c.in(0).shape()) : y);
}

constexpr OpRow kAttention[] = {
    {"Attention", read_attention},
    {"RotaryEmbedding", read_rotary},
};

}  // namespace

OpRows attention_rows() { return kAttention; }

}  // namespace cairn::onnx
