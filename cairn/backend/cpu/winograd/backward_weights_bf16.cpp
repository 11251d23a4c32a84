// Winograd in bf16, the gradient of the weight: V' D summed over tiles, a pair of tiles at a time.
#include <algorithm>

#include "cairn/backend/cpu/gemm/panels_bf16.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/backend/cpu/winograd/tiles_bf16.h"
#include "cairn/backend/cpu/winograd/winograd_bf16.h"
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
constexpr int64_t kBlockChannels = 96;  // input channels of a block of sums that is made at once
constexpr int64_t kOwnTiles = 32;       // of a chunk that one thread takes through all steps

int64_t spread(int64_t bytes) { return round_up(bytes, 64) + 64; }

}  // namespace

WinogradBf16Weights::WinogradBf16Weights(const WinogradBf16Shape& s, int threads)
    : shape_(s),
      threads_(threads),
      in_blocks_(ceil_div(s.in_channels, kBlock)),
      out_blocks_(ceil_div(s.out_channels, kBlock)) {
  tiles_ = s.batch * ceil_div(s.out_height(), kTile) * ceil_div(s.out_width(), kTile);
  panels_ = ceil_div(out_blocks_, 2);
  const int64_t channels = in_blocks_ * kBlock, outputs = panels_ * kPanel;
  // Partial sums: enough for several threads, few enough that adding them up stays cheap. They
  // depend on the shape alone.
  const int64_t sums = kPoints * channels * outputs * kFloat;
  slices_ = std::min<int64_t>(8, tiles_ / (8 * kOwnTiles));
  sliced_ = slices_ >= 2 && sums <= caches().l2 * 2 / 3;
  const int64_t tile = kPoints * (channels + outputs) * kElement;
  chunk_ = sliced_ ? kOwnTiles
                   : std::min(tiles_ + tiles_ % 2,
                              std::max<int64_t>(64, caches().l3 / 3 / tile / 2 * 2));
}

class WinogradBf16WeightsWorker {
 public:
  WinogradBf16WeightsWorker(const WinogradBf16Weights& plan, const uint16_t* x, const uint16_t* dy,
                            uint16_t* dw, char* workspace, int thread)
      : p_(plan), kernels_(*winograd_bf16::kernels()), size_(plan), x_(x), dy_(dy), dw_(dw) {
    const int64_t owner = plan.sliced_ ? thread : 0;
    v_ = workspace + owner * (size_.inputs + size_.gradients), d_ = v_ + size_.inputs;
    sums_ = workspace + (plan.sliced_ ? plan.threads_ : 1) * (size_.inputs + size_.gradients);
  }

  // Bytes of the buffers and between their parts. Sums: of a slice, or of a block of channels and a
  // panel.
  struct Sizes {
    int64_t row, input_plane, inputs, panel, gradient_plane, gradients, sum_rows, sum_plane,
        sum_panel, sums, sum_count;
    explicit Sizes(const WinogradBf16Weights& p) {
      const int64_t channels = p.in_blocks_ * kBlock, pairs = p.chunk_ / 2;
      row = 2 * channels * kElement + 64;
      input_plane = spread(pairs * row), inputs = spread(kPoints * input_plane);
      panel = spread(pairs * 2 * kPanel * kElement);
      gradient_plane = spread(p.panels_ * panel), gradients = spread(kPoints * gradient_plane);
      sum_rows = p.sliced_ ? channels : std::min(channels, kBlockChannels);
      sum_plane = spread(sum_rows * kPanel * kFloat), sum_panel = kPoints * sum_plane;
      sums = spread(sum_panel * (p.sliced_ ? p.panels_ : 1));
      const int64_t blocks = ceil_div(channels, kBlockChannels);
      sum_count = p.sliced_ ? p.slices_ : p.chunk_ < p.tiles_ ? p.panels_ * blocks : p.threads_;
    }
    int64_t total(const WinogradBf16Weights& p) const {
      return (p.sliced_ ? p.threads_ : 1) * (inputs + gradients) + sum_count * sums;
    }
  };

  void run(Team& team, int thread, int threads) {
    if (p_.sliced_) run_sliced(team, thread, threads);
    else run_shared(team, thread, threads);
  }

 private:
  void run_sliced(Team& team, int thread, int threads) {
    const int64_t chunks = ceil_div(p_.tiles_, p_.chunk_);
    for (int64_t slice; (slice = team.next[0].fetch_add(1)) < p_.slices_;) {
      const int64_t begin = chunks * slice / p_.slices_, end = chunks * (slice + 1) / p_.slices_;
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        first_ = chunk * p_.chunk_;
        const int64_t last = std::min(p_.tiles_, first_ + p_.chunk_);
        transform(first_, last);
        for (int64_t panel = 0; panel < p_.panels_; ++panel)
          multiply(panel, 0, channels(), last - first_,
                   sums(slice) + panel * size_.sum_panel / kFloat, chunk > begin);
      }
    }
    team.barrier.wait();
    const int64_t items = p_.panels_ * p_.in_blocks_;
    for (int64_t i = items * thread / threads; i < items * (thread + 1) / threads; ++i) {
      const int64_t panel = i / p_.in_blocks_, c = i % p_.in_blocks_ * kBlock;
      kernels_.filter_gradient(sums(0) + panel * size_.sum_panel / kFloat + c * kPanel,
                               size_.sum_plane / kFloat, p_.slices_, size_.sums / kFloat,
                               p_.out_blocks_, p_.in_blocks_, panel, c, kBlock, dw_);
    }
  }

  void run_shared(Team& team, int thread, int threads) {
    const int64_t rounds = ceil_div(p_.tiles_, p_.chunk_),
                  blocks = ceil_div(channels(), kBlockChannels);
    for (int64_t round = 0; round < rounds; ++round) {
      first_ = round * p_.chunk_;
      const int64_t count = std::min(p_.chunk_, p_.tiles_ - first_), pairs = (count + 1) / 2;
      if (thread == 0) team.next[(round + 1) % 2] = 0;  // nobody counts there until two barriers on
      transform(first_ + 2 * (pairs * thread / threads),
                std::min(first_ + count, first_ + 2 * (pairs * (thread + 1) / threads)));
      team.barrier.wait();
      for (int64_t item; (item = team.next[round % 2].fetch_add(1)) < p_.panels_ * blocks;) {
        const int64_t panel = item / blocks, c = item % blocks * kBlockChannels,
                      some = std::min(kBlockChannels, channels() - c);
        float* to = sums(rounds > 1 ? item : thread);
        multiply(panel, c, some, count, to, round > 0);
        if (round + 1 == rounds)
          kernels_.filter_gradient(to, size_.sum_plane / kFloat, 1, 0, p_.out_blocks_,
                                   p_.in_blocks_, panel, c, some, dw_);
      }
      if (round + 1 < rounds) team.barrier.wait();
    }
  }

  void transform(int64_t begin, int64_t end) const {
    if (begin >= end) return;
    const WinogradBf16Shape& s = p_.shape_;
    const int64_t down = ceil_div(s.out_height(), kTile), across = ceil_div(s.out_width(), kTile),
                  pair = (begin - first_) / 2;
    const Plane inputs{p_.in_blocks_, s.height, s.width, down, across, -s.pad_top, -s.pad_left};
    kernels_.input_pairs(inputs, x_, begin, end, reinterpret_cast<uint16_t*>(v_ + pair * size_.row),
                         size_.input_plane / kElement, size_.row / kElement);
    const Plane gradients{p_.out_blocks_, s.out_height(), s.out_width(), down, across, 0, 0};
    kernels_.gradient_panels(gradients, dy_, begin, end,
                             reinterpret_cast<uint16_t*>(d_ + pair * 2 * kPanel * kElement),
                             size_.gradient_plane / kElement, size_.panel / kElement);
  }

  // Sums of input channels [c, c + count) by a panel over the chunk's tiles.
  void multiply(int64_t panel, int64_t c, int64_t count, int64_t tiles, float* to, bool add) const {
    panels_bf16::Product product{};
    product.a_row = 2, product.a_pair = size_.row / kElement;
    product.rows = count, product.pairs = (tiles + 1) / 2, product.columns = kPanel,
    product.c_row = product.init_row = kPanel;
    for (int64_t point = 0; point < kPoints; ++point) {
      product.a = reinterpret_cast<const uint16_t*>(v_ + point * size_.input_plane) + 2 * c;
      product.packed = reinterpret_cast<const uint16_t*>(d_ + point * size_.gradient_plane +
                                                         panel * size_.panel);
      float* sum = to + point * size_.sum_plane / kFloat;
      product.c = sum, product.init = add ? sum : nullptr;
      panels_bf16::kernels()->multiply(product);
    }
  }

  int64_t channels() const { return p_.in_blocks_ * kBlock; }
  float* sums(int64_t i) const { return reinterpret_cast<float*>(sums_ + i * size_.sums); }

  const WinogradBf16Weights& p_;
  const winograd_bf16::Kernels& kernels_;
  const Sizes size_;
  const uint16_t *x_, *dy_;
  uint16_t* dw_;
  char *v_, *d_, *sums_;
  int64_t first_ = 0;  // tile of the chunk
};

size_t WinogradBf16Weights::workspace_bytes() const {
  return static_cast<size_t>(WinogradBf16WeightsWorker::Sizes(*this).total(*this));
}

void WinogradBf16Weights::run(const uint16_t* x, const uint16_t* dy, uint16_t* dw,
                              void* workspace) const {
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    WinogradBf16WeightsWorker(*this, x, dy, dw, static_cast<char*>(workspace), thread)
        .run(team, thread, threads);
  });
}

}  // namespace cairn::cpu
