#include "cairn/backend/cpu/conv/few_results.h"

#include <algorithm>

#include "cairn/backend/cpu/conv/product_tile.h"
#include "cairn/backend/cpu/shares.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/few_results.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Highway first.
#include "cairn/backend/cpu/limits-inl.h"
#include "cairn/backend/cpu/store-inl.h"
#include "hwy/highway.h"

#ifndef CAIRN_FEW_RESULTS_LINES_  // once, not once for each instruction set
#define CAIRN_FEW_RESULTS_LINES_
namespace cairn::cpu::few_results {

// Products of some pixels of one row, and the lines of the result that they are added to.
struct Addition {
  int64_t count;          // pixels
  int64_t step;           // floats of a line from one pixel to the next
  int64_t groups;         // lines of taps,
  int64_t taps;           // and how many each has: beyond are zeros, or NaN where the pixel is one
  const float* products;  // of the first pixel; the next pixel's lie a vector on
  const int64_t* from;    // where a group's are
  float* const* to;       // and where they go
};

}  // namespace cairn::cpu::few_results
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::few_results::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kLanes = HWY_LANES(float);

// Line after line for a pixel: the neighbour's sums overlap, and are stored long before they are
// read again.
template <class D>
HWY_INLINE void add_by(D d, const Addition& a) {
  const auto taps = hn::FirstN(d, static_cast<size_t>(a.taps));
  for (int64_t i = 0; i < a.count; ++i) {
    const float* products = a.products + i * kLanes;
    const int64_t at = i * a.step;
    for (int64_t g = 0; g < a.groups; ++g) {
      float* to = a.to[g] + at;
      const auto product = hn::IfThenElseZero(taps, hn::LoadU(d, products + a.from[g]));
      hn::StoreU(hn::Add(hn::LoadU(d, to), product), d, to);
    }
  }
}

void add(const Addition& a, int64_t vector) {
  if (vector == 1) return add_by(hn::CappedTag<float, 1>(), a);
  if (vector == 2) return add_by(hn::CappedTag<float, 2>(), a);
  if (vector == 4) return add_by(hn::CappedTag<float, 4>(), a);
  if (vector == 8) return add_by(hn::CappedTag<float, 8>(), a);
  add_by(hn::CappedTag<float, 16>(), a);
}

// out = relu(sums + bias), and the sums are 0 again.
void finish(float* sums, int64_t count, float bias, bool relu, float* out) {
  const hn::ScalableTag<float> d;
  const auto base = hn::Set(d, bias);
  const auto made = [&](auto v) HWY_ATTR {
    const auto sum = hn::Add(v, base);
    return relu ? limits::HWY_NAMESPACE::at_least(sum, hn::Zero(d)) : sum;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(made(hn::LoadU(d, sums + i)), d, out + i);
    hn::StoreU(hn::Zero(d), d, sums + i);
  }
  if (i == count) return;
  const auto rest = hn::FirstN(d, static_cast<size_t>(count - i));
  stores::HWY_NAMESPACE::store_first(made(hn::MaskedLoad(rest, d, sums + i)), rest, d, out + i);
  hn::BlendedStore(hn::Zero(d), rest, d, sums + i);
}

}  // namespace
}  // namespace cairn::cpu::few_results::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace few_results {

HWY_EXPORT(add);
HWY_EXPORT(finish);

void add_products(const Addition& a, int64_t vector) { HWY_DYNAMIC_DISPATCH(add)(a, vector); }
void finish_line(float* sums, int64_t count, float bias, bool relu, float* out) {
  HWY_DYNAMIC_DISPATCH(finish)(sums, count, bias, relu, out);
}

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }
int64_t whole_line(int64_t floats) { return round_up(floats, 16); }

constexpr int64_t kProductFloats = 64 << 10;  // stay in the L2 cache
constexpr int64_t kMostGroups = 256;

}  // namespace few_results

using namespace few_results;

FewResultsShape FewResultsShape::input_gradient(const ConvGeometry& g) {
  FewResultsShape s;
  s.batch = g.batch, s.channels = g.out_channels, s.results = g.in_channels;
  s.height = g.out[1], s.width = g.out[2];
  s.result_height = g.in[1], s.result_width = g.in[2];
  s.taps_down = g.kernel[1], s.taps_across = g.kernel[2];
  s.step_down = g.stride[1], s.step_across = g.stride[2], s.dilation_down = g.dilation[1];
  s.pad_down = g.pad[1], s.pad_across = g.pad[2];
  s.weight_channel = g.in_channels * g.taps(), s.weight_result = g.taps();
  return s;
}

FewResultsShape FewResultsShape::forward(const ConvGeometry& g) {
  FewResultsShape s;
  s.batch = g.batch, s.channels = g.in_channels, s.results = g.out_channels;
  s.height = g.in[1], s.width = g.in[2];
  s.result_height = g.out[1], s.result_width = g.out[2];
  s.taps_down = g.kernel[1], s.taps_across = g.kernel[2], s.dilation_down = g.dilation[1];
  s.pad_down = (g.kernel[1] - 1) * g.dilation[1] - g.pad[1];
  s.pad_across = g.kernel[2] - 1 - g.pad[2];
  s.weight_channel = g.taps(), s.weight_result = g.in_channels * g.taps(), s.turned = true;
  return s;
}

int FewResults::block() {
  return product_kernels().lanes >= 8 ? static_cast<int>(product_kernels().lanes) : 0;
}

bool FewResults::fits(const ConvGeometry& g) {
  return block() > 0 && g.in[0] == 1 && g.out[0] == 1 && g.kernel[0] == 1 && g.pad[0] == 0 &&
         g.pad[1] >= 0 && g.pad[2] >= 0 && g.dilation[2] == 1 && g.kernel[2] <= block();
}

FewResults::FewResults(const FewResultsShape& shape, int threads) : s_(shape), threads_(threads) {
  const int64_t lanes = product_kernels().lanes;
  for (vector_ = 1; vector_ < s_.taps_across;) vector_ *= 2;
  in_blocks_ = ceil_div(s_.channels, lanes);
  out_blocks_ = ceil_div(s_.results * s_.taps_down * vector_, lanes);
  packed_floats_ = in_blocks_ * lanes * round_up(out_blocks_, 2) * lanes;
  const int64_t rows = product_kernels().rows;
  pixels_ = std::max(4 * rows, std::min(kProductFloats / (out_blocks_ * lanes) / rows * rows,
                                        round_up(s_.height * s_.width, rows)));
  product_floats_ = out_blocks_ * pixels_ * lanes;
  lines_ = std::max((s_.taps_down - 1) * s_.dilation_down + 1, s_.step_down);
  line_ = whole_line(std::max(s_.step_across * (s_.width - 1) + vector_,
                              s_.result_width + std::max<int64_t>(0, s_.pad_across)) +
                     lanes);
  // A band begins with rows of the source that the band above it has, too.
  bands_ = s_.batch >= 2 * threads_
               ? 1
               : std::clamp<int64_t>(ceil_div(2 * threads_, s_.batch), 1,
                                     std::max<int64_t>(1, s_.result_height / (4 * lines_)));
  thread_floats_ = whole_line(product_floats_) + s_.results * lines_ * line_;
}

size_t FewResults::workspace_bytes() const {
  return sizeof(float) *
         static_cast<size_t>(whole_line(packed_floats_) + threads_ * thread_floats_);
}

// [panel of two blocks of columns][channel][column]: what product tiles read.
void FewResults::pack(const float* w, float* packed) const {
  const int64_t lanes = product_kernels().lanes, columns = 2 * lanes, depth = in_blocks_ * lanes,
                taps = s_.taps_down * s_.taps_across;
  std::fill_n(packed, packed_floats_, 0.0f);
  for (int64_t c = 0; c < s_.results; ++c)
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t line = c * s_.taps_down + tap / s_.taps_across;
      const int64_t column = line * vector_ + tap % s_.taps_across;
      float* to = packed + column / columns * depth * columns + column % columns;
      const float* from = w + c * s_.weight_result + (s_.turned ? taps - 1 - tap : tap);
      for (int64_t k = 0; k < s_.channels; ++k) to[k * columns] = from[k * s_.weight_channel];
    }
}

// One thread's view of one run.
class FewResultsWorker {
 public:
  FewResultsWorker(const FewResults& plan, const float* source, const float* packed, float* result,
                   const float* bias, bool relu, float* own)
      : p_(plan),
        s_(plan.s_),
        source_(source),
        packed_(packed),
        result_(result),
        bias_(bias),
        relu_(relu),
        products_(own),
        lines_(own + whole_line(plan.product_floats_)) {
    std::fill_n(lines_, s_.results * p_.lines_ * p_.line_, 0.0f);
    const int64_t lanes = product_kernels().lanes;
    for (int64_t g = 0; g < groups(); ++g)
      from_[g] = g * p_.vector_ / lanes * p_.pixels_ * lanes + g * p_.vector_ % lanes;
  }

  void run(int64_t item) {
    image_ = item / p_.bands_;
    const int64_t band = item % p_.bands_;
    first_ = s_.result_height * band / p_.bands_;
    last_ = s_.result_height * (band + 1) / p_.bands_;
    const int64_t reach = (s_.taps_down - 1) * s_.dilation_down;
    const int64_t begin =
        std::clamp<int64_t>(ceil_div(first_ + s_.pad_down - reach, s_.step_down), 0, s_.height);
    const int64_t end =
        std::clamp<int64_t>(ceil_div(last_ + s_.pad_down, s_.step_down), begin, s_.height);
    zero_ = next_ = std::min(first_, begin * s_.step_down - s_.pad_down);
    for (int64_t at = begin * s_.width; at < end * s_.width; at += p_.pixels_) {
      const int64_t stop = std::min(at + p_.pixels_, end * s_.width);
      multiply(at, stop);
      add(at, stop);
    }
    finish_before(last_);
    for (float* line = lines_; line < lines_ + s_.results * p_.lines_ * p_.line_; ++line) *line = 0;
  }

 private:
  int64_t groups() const { return s_.results * s_.taps_down; }

  // Products of the pixels [begin, end) of the image.
  void multiply(int64_t begin, int64_t end) {
    const int64_t lanes = product_kernels().lanes, plane = s_.height * s_.width * lanes;
    ProductTile t{};
    t.groups = p_.in_blocks_, t.a_step = 1, t.a_group = plane, t.block_stride = p_.pixels_ * lanes;
    t.first = t.last = true;
    const float* image = source_ + image_ * p_.in_blocks_ * plane;
    const int64_t most = product_kernels().rows, tiles = ceil_div(end - begin, most);
    for (int64_t panel = 0; 2 * panel < p_.out_blocks_; ++panel) {
      t.b = t.ahead = packed_ + panel * p_.in_blocks_ * lanes * 2 * lanes;
      t.second = 2 * panel + 1 < p_.out_blocks_;
      float* to = products_ + 2 * panel * t.block_stride;
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t row = (end - begin) * tile / tiles;
        t.rows = static_cast<int>((end - begin) * (tile + 1) / tiles - row);
        t.a = image + (begin + row) * lanes;
        for (int r = 0; r < t.rows; ++r) t.y[r] = to + (row + r) * lanes;
        product_kernels().multiply(t);
      }
    }
  }

  void add(int64_t begin, int64_t end) {
    for (int64_t at = begin, stop; at < end; at = stop) {
      const int64_t y = at / s_.width, x = at % s_.width;
      stop = std::min(end, (y + 1) * s_.width);
      const int64_t top = y * s_.step_down - s_.pad_down;
      finish_before(top);
      float* to[kMostGroups];
      for (int64_t g = 0; g < groups(); ++g)
        to[g] =
            line(g / s_.taps_down, top + g % s_.taps_down * s_.dilation_down) + x * s_.step_across;
      add_products({stop - at, s_.step_across, groups(), s_.taps_across,
                    products_ + (at - begin) * product_kernels().lanes, from_, to},
                   p_.vector_);
    }
  }

  // The sums of row y of a channel: place 0 is column -pad.
  float* line(int64_t channel, int64_t y) {
    return lines_ + (channel * p_.lines_ + (y - zero_) % p_.lines_) * p_.line_;
  }

  // Nothing more is added to rows before y.
  void finish_before(int64_t y) {
    for (const int64_t stop = std::min(y, last_); next_ < stop; ++next_)
      for (int64_t c = 0; c < s_.results; ++c) {
        float* sums = line(c, next_);
        if (next_ < first_) {
          std::fill_n(sums, p_.line_, 0.0f);
          continue;
        }
        float* out =
            result_ + ((image_ * s_.results + c) * s_.result_height + next_) * s_.result_width;
        finish_line(sums + s_.pad_across, s_.result_width, bias_ ? bias_[c] : 0.0f, relu_, out);
        std::fill_n(sums, s_.pad_across, 0.0f);
        std::fill(sums + s_.pad_across + s_.result_width, sums + p_.line_, 0.0f);
      }
  }

  const FewResults& p_;
  const FewResultsShape& s_;
  const float *source_, *packed_;
  float* result_;
  const float* bias_;
  bool relu_;
  float *products_, *lines_;
  int64_t from_[kMostGroups];
  int64_t image_ = 0, first_ = 0, last_ = 0;  // rows of the result that are this item's
  int64_t zero_ = 0, next_ = 0;               // the row of the first line; the first unfinished row
};

void FewResults::run(const float* source, const float* w, float* result, const float* bias,
                     bool relu, void* workspace) const {
  auto* packed = static_cast<float*>(workspace);
  pack(w, packed);
  Shares shares;
  run_as_team(threads_, [&](Team&, int thread, int threads) {
    FewResultsWorker worker(*this, source, packed, result, bias, relu,
                            packed + whole_line(packed_floats_) + thread * thread_floats_);
    for (int64_t item; (item = shares.take(thread, threads, s_.batch * bands_)) >= 0;)
      worker.run(item);
  });
}

}  // namespace cairn::cpu
#endif
