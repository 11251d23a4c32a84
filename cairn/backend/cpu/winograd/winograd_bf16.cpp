// Winograd in bf16, forward and backward data: how tiles are cut into chunks and dealt to threads.
#include "cairn/backend/cpu/winograd/winograd_bf16.h"

#include <algorithm>

#include "cairn/backend/cpu/gemm/panels_bf16.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/backend/cpu/winograd/tiles_bf16.h"
#include "cairn/base/caches.h"
#include "cairn/base/round.h"

namespace cairn::cpu {

using winograd_bf16::kBlock;
using winograd_bf16::kPanel;
using winograd_bf16::kPoints;
using winograd_bf16::kTile;
using winograd_bf16::Plane;

namespace {

constexpr int64_t kFloat = sizeof(float), kElement = sizeof(uint16_t);
constexpr int64_t kTilesAtOnce = 72;  // of a panel's products, which stay in the L2 cache

// Planes of points lie a cache line more than whole lines apart: powers of two would share few
// sets.
int64_t spread(int64_t bytes) { return round_up(bytes, 64) + 64; }

}  // namespace

bool has_winograd_bf16() {
  return winograd_bf16::kernels() != nullptr && panels_bf16::kernels() != nullptr;
}

// In cycles of one core that multiplies 32 pairs a cycle, measured on a Zen 4.
double winograd_bf16_gain(const WinogradBf16Shape& s, bool weight) {
  const double in = static_cast<double>(round_up(s.in_channels, kBlock)),
               out = static_cast<double>(round_up(s.out_channels, kBlock));
  const double outputs = static_cast<double>(s.batch * s.out_height() * s.out_width());
  const double tiles = static_cast<double>(s.batch * ceil_div(s.out_height(), kTile) *
                                           ceil_div(s.out_width(), kTile));
  const double direct = outputs * 9 * in * out / 32 / (weight ? 0.75 : 0.9) + 9 * in * out / 4;
  const double products = tiles * kPoints * in * out / 32 / 0.8;
  const double transforms = tiles * (in + out) / kBlock * (weight ? 420 : 330) + in * out * 14;
  return direct / (products + transforms);
}

WinogradBf16::WinogradBf16(const WinogradBf16Shape& s, bool backward, int threads)
    : batch_(s.batch),
      in_blocks_(ceil_div(s.in_channels, kBlock)),
      out_blocks_(ceil_div(s.out_channels, kBlock)),
      in_height_(s.height),
      in_width_(s.width),
      out_height_(s.out_height()),
      out_width_(s.out_width()),
      pad_top_(s.pad_top),
      pad_left_(s.pad_left),
      backward_(backward),
      threads_(threads) {
  if (backward) {
    std::swap(in_blocks_, out_blocks_), std::swap(in_height_, out_height_),
        std::swap(in_width_, out_width_);
    pad_top_ = 2 - pad_top_, pad_left_ = 2 - pad_left_;
  }
  tiles_ = batch_ * ceil_div(out_height_, kTile) * ceil_div(out_width_, kTile);
  panels_ = ceil_div(out_blocks_, 2);
  const int64_t tile = kPoints * in_blocks_ * kBlock * kElement,
                product = kPoints * kPanel * kFloat;
  const int64_t filters = panels_ * kPoints * in_blocks_ * kBlock * kPanel * kElement;
  const int64_t rows = panels_bf16::kernels()->tile_rows;
  const int64_t own = caches().l2 / 2 / (tile + product) / rows * rows;
  fused_ = own >= rows && filters <= caches().l3 / 12 && tiles_ >= 4 * own * threads;
  if (fused_) chunk_ = std::min(own, 96 / rows * rows);
  else chunk_ = std::min(tiles_, std::max(kTilesAtOnce, caches().l3 / 3 / tile));
  splits_ = std::min(ceil_div(chunk_, kTilesAtOnce), ceil_div(2 * threads, panels_));
}

// One thread's view of one run.
class WinogradBf16Worker {
 public:
  WinogradBf16Worker(const WinogradBf16& plan, const uint16_t* x, const uint16_t* w, uint16_t* y,
                     char* workspace, int thread)
      : p_(plan), kernels_(*winograd_bf16::kernels()), x_(x), w_(w), y_(y) {
    const Sizes size(plan);
    const int64_t owner = plan.fused_ ? thread : 0;
    v_ = reinterpret_cast<uint16_t*>(workspace + owner * size.input);
    workspace += size.input * (plan.fused_ ? plan.threads_ : 1);
    m_ = reinterpret_cast<float*>(workspace + thread * size.products);
    workspace += size.products * plan.threads_;
    u_ = reinterpret_cast<uint16_t*>(workspace + (plan.fused_ ? 0 : thread) * size.panel);
  }

  // Bytes of the buffers.
  struct Sizes {
    int64_t plane, input, product_plane, products, panel;
    explicit Sizes(const WinogradBf16& p) {
      plane = spread(p.chunk_ * p.in_blocks_ * kBlock * kElement);
      input = spread(kPoints * plane);
      product_plane = spread(std::min(p.chunk_, std::max(kTilesAtOnce, p.fused_ ? p.chunk_ : 0)) *
                             kPanel * kFloat);
      products = spread(kPoints * product_plane);
      panel = kPoints * p.in_blocks_ * kBlock * kPanel * kElement;
    }
    int64_t total(const WinogradBf16& p) const {
      return p.fused_ ? p.threads_ * (input + products) + p.panels_ * panel
                      : input + p.threads_ * (products + panel);
    }
  };

  void run(Team& team, int thread, int threads) {
    if (p_.fused_) run_fused(team, thread, threads);
    else run_shared(team, thread, threads);
  }

 private:
  void run_fused(Team& team, int thread, int threads) {
    const int64_t panel = Sizes(p_).panel / kElement, chunks = ceil_div(p_.tiles_, p_.chunk_);
    for (int64_t i = thread; i < p_.panels_; i += threads) make_filter(i, u_ + i * panel);
    team.barrier.wait();
    for (int64_t chunk; (chunk = team.next[0].fetch_add(1)) < chunks;) {
      first_ = chunk * p_.chunk_;
      const int64_t end = std::min(p_.tiles_, first_ + p_.chunk_);
      transform_inputs(first_, end);
      for (int64_t i = 0; i < p_.panels_; ++i) make_outputs(i, u_ + i * panel, first_, end);
    }
  }

  void run_shared(Team& team, int thread, int threads) {
    const int64_t rounds = ceil_div(p_.tiles_, p_.chunk_), items = p_.panels_ * p_.splits_;
    for (int64_t round = 0; round < rounds; ++round) {
      first_ = round * p_.chunk_;
      const int64_t count = std::min(p_.chunk_, p_.tiles_ - first_);
      if (thread == 0) team.next[(round + 1) % 2] = 0;  // nobody counts there until two barriers on
      transform_inputs(first_ + count * thread / threads, first_ + count * (thread + 1) / threads);
      team.barrier.wait();
      for (int64_t item; (item = team.next[round % 2].fetch_add(1)) < items;) {
        const int64_t panel = item / p_.splits_, split = item % p_.splits_;
        make_filter(panel, u_);
        const int64_t begin = first_ + count * split / p_.splits_,
                      end = first_ + count * (split + 1) / p_.splits_;
        const int64_t parts = ceil_div(end - begin, kTilesAtOnce);
        for (int64_t part = 0; part < parts; ++part)
          make_outputs(panel, u_, begin + (end - begin) * part / parts,
                       begin + (end - begin) * (part + 1) / parts);
      }
      if (round + 1 < rounds) team.barrier.wait();
    }
  }

  void make_filter(int64_t panel, uint16_t* u) const {
    if (p_.backward_) kernels_.filter(w_, p_.in_blocks_, p_.out_blocks_, true, panel, u);
    else kernels_.filter(w_, p_.out_blocks_, p_.in_blocks_, false, panel, u);
  }

  void transform_inputs(int64_t begin, int64_t end) const {
    const Plane plane{p_.in_blocks_, p_.in_height_, p_.in_width_, down(),
                      across(),      -p_.pad_top_,  -p_.pad_left_};
    kernels_.input_rows(plane, x_, begin, end, v_ + (begin - first_) * channels(),
                        Sizes(p_).plane / kElement);
  }

  void make_outputs(int64_t panel, const uint16_t* u, int64_t begin, int64_t end) const {
    const Sizes size(p_);
    panels_bf16::Product product{};
    product.a_row = channels(), product.a_pair = 2, product.rows = end - begin,
    product.pairs = channels() / 2;
    product.columns = kPanel, product.c_row = kPanel;
    for (int64_t point = 0; point < kPoints; ++point) {
      product.a = v_ + point * size.plane / kElement + (begin - first_) * channels();
      product.packed = u + point * channels() * kPanel;
      product.c = m_ + point * size.product_plane / kFloat;
      panels_bf16::kernels()->multiply(product);
    }
    const Plane plane{p_.out_blocks_, p_.out_height_, p_.out_width_, down(), across(), 0, 0};
    kernels_.output(plane, m_, size.product_plane / kFloat, begin, end, panel, y_);
  }

  int64_t channels() const { return p_.in_blocks_ * kBlock; }
  int64_t down() const { return ceil_div(p_.out_height_, kTile); }
  int64_t across() const { return ceil_div(p_.out_width_, kTile); }

  const WinogradBf16& p_;
  const winograd_bf16::Kernels& kernels_;
  const uint16_t *x_, *w_;
  uint16_t* y_;
  uint16_t *v_, *u_;
  float* m_;
  int64_t first_ = 0;  // tile of the chunk
};

size_t WinogradBf16::workspace_bytes() const {
  return static_cast<size_t>(WinogradBf16Worker::Sizes(*this).total(*this));
}

void WinogradBf16::run(const uint16_t* x, const uint16_t* w, uint16_t* y, void* workspace) const {
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    WinogradBf16Worker(*this, x, w, y, static_cast<char*>(workspace), thread)
        .run(team, thread, threads);
  });
}

}  // namespace cairn::cpu
