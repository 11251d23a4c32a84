// Winograd backward weights: transform inputs and output gradients, multiply over tiles, transform
// back.
#include "cairn/backend/cpu/simd_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/winograd/backward_weights.cpp"
#include "hwy/foreach_target.h"
// Highway first.
#include <atomic>

#include "cairn/backend/cpu/team.h"
#include "cairn/backend/cpu/winograd/filter-inl.h"
#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/backend/cpu/winograd/product-inl.h"
#include "cairn/backend/cpu/winograd/tile-inl.h"
#include "cairn/base/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class F>
class BackwardWeightsWorker {
 public:
  BackwardWeightsWorker(const BackwardWeightsPlan& plan, const BackwardWeightsArgs& args,
                        Team& team, int thread, int threads)
      : plan_(plan), args_(args), team_(team), thread_(thread), threads_(threads) {
    char* base = args.workspace;
    const int owner = plan.sliced ? thread : 0;
    tiles_ = reinterpret_cast<Tile*>(base + plan.tiles_at + thread * plan.tiles_bytes);
    v_ = reinterpret_cast<float*>(base + plan.input_at + owner * plan.input_bytes);
    d_ = reinterpret_cast<float*>(base + plan.gradient_at + owner * plan.gradient_bytes);
    sums_ = base + plan.sum_at;
  }

  HWY_ATTR void run() {
    if (plan_.sliced) run_sliced();
    else run_shared();
  }

 private:
  static constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(D()));
  static constexpr int kPoints = F::kPoints;

  int64_t channels() const { return plan_.d.contracted(); }
  int64_t in_vectors() const { return channels() / kVector; }
  // Vectors of output channels; the last panel is filled up with zeros.
  int64_t out_vectors() const { return plan_.panels * kPanel / kVector; }

  HWY_ATTR void run_sliced() {
    for (int64_t slice; (slice = team_.next[0].fetch_add(1)) < plan_.slices;) {
      float* sums = reinterpret_cast<float*>(sums_ + slice * plan_.sum_bytes);
      const int64_t begin = slice * plan_.chunks / plan_.slices,
                    end = (slice + 1) * plan_.chunks / plan_.slices;
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        begin_chunk(chunk);
        for (int64_t c = 0; c < in_vectors(); ++c) transform_inputs(c);
        for (int64_t k = 0; k < out_vectors(); ++k) transform_gradients(k);
        for (int point = 0; point < kPoints * kPoints; ++point)
          for (int64_t panel = 0; panel < plan_.panels; ++panel)
            multiply(point, panel, 0, plan_.channel_groups, sums + panel * plan_.sum_panel,
                     chunk > begin);
      }
    }
    team_.barrier.wait();
    const float* sums = reinterpret_cast<const float*>(sums_);
    const int64_t slice = plan_.sum_bytes / static_cast<int64_t>(sizeof(float));
    const int64_t parts = channels() / kSquare, items = plan_.panels * plan_.d.taps * parts;
    for (int64_t i = thread_ * items / threads_; i < (thread_ + 1) * items / threads_; ++i) {
      const int64_t c = i % parts * kSquare, tap = i / parts % plan_.d.taps,
                    panel = i / parts / plan_.d.taps;
      const float* at = sums + panel * plan_.sum_panel + tap * plan_.sum_tap + c * kPanel;
      filter_gradient<F>(plan_, at, plan_.slices, slice, tap, c, kSquare, panel, args_.dw);
    }
  }

  HWY_ATTR void run_shared() {
    for (int64_t chunk = 0; chunk < plan_.chunks; ++chunk) {
      begin_chunk(chunk);
      if (thread_ == 0)
        team_.next[(chunk + 1) % 2] = 0;  // nobody counts there until two barriers on
      const int64_t items = in_vectors() + out_vectors();
      for (int64_t i = thread_; i < items; i += threads_) {
        if (i < in_vectors()) transform_inputs(i);
        else transform_gradients(i - in_vectors());
      }
      team_.barrier.wait();
      std::atomic<int64_t>& next = team_.next[chunk % 2];
      for (int64_t item; (item = next.fetch_add(1)) < plan_.panels * plan_.blocks;)
        make_block(chunk, item);
      if (chunk + 1 < plan_.chunks) team_.barrier.wait();
    }
  }

  // One block of dU: some groups of input channels, one panel. A lone chunk needs no sums kept from
  // one to the next.
  HWY_ATTR void make_block(int64_t chunk, int64_t item) {
    const int64_t panel = item / plan_.blocks, group = item % plan_.blocks * plan_.block_groups;
    const int64_t group_end = std::min(group + plan_.block_groups, plan_.channel_groups);
    float* sums =
        reinterpret_cast<float*>(sums_ + (plan_.chunks > 1 ? item : thread_) * plan_.sum_bytes);
    for (int point = 0; point < kPoints * kPoints; ++point)
      multiply(point, panel, group, group_end, sums, chunk > 0);
    if (chunk + 1 < plan_.chunks) return;
    const int64_t c = group * kChannels, count = std::min(group_end * kChannels, channels()) - c;
    for (int64_t tap = 0; tap < plan_.d.taps; ++tap)
      filter_gradient<F>(plan_, sums + tap * plan_.sum_tap, 1, 0, tap, c, count, panel, args_.dw);
  }

  void begin_chunk(int64_t chunk) {
    first_tile_ = chunk * plan_.tiles / plan_.chunks;
    tile_count_ = (chunk + 1) * plan_.tiles / plan_.chunks - first_tile_;
    for (int64_t t = 0; t < tile_count_; ++t) tiles_[t] = plan_.grid.at(first_tile_ + t);
  }

  HWY_ATTR void transform_inputs(int64_t c) {
    const Direction& p = plan_.d;
    const D d;
    const Plane shape{p.in_height, p.in_width, p.block, p.in_step};
    const int64_t size = p.in_height * p.in_width * p.block, to = c * kVector;
    const int64_t channel = to % p.in_channels(), phase = to / p.in_channels();
    const int64_t y0 = p.first_input(phase / 2, p.pad_top);
    const int64_t x0 = p.first_input(phase % 2, p.pad_left);
    float* v = v_ + to / kChannels * plan_.input_group + to % kChannels;
    for (int64_t depth = 0; depth < p.in_depth; ++depth)
      for (int64_t t = 0; t < tile_count_; ++t) {
        const Tile& tile = tiles_[t];
        const float* plane =
            args_.x + ((tile.image * p.in_blocks + channel / p.block) * p.in_depth + depth) * size +
            channel % p.block;
        if (channel + kVector < p.in_channels())
          prefetch_tile(plane + p.in_depth * size, shape, tile);
        input_tile<F>(d, plane, shape, tile, y0 + p.in_step * tile.y, x0 + p.in_step * tile.x,
                      v + (depth * plan_.chunk_tiles + t) * kChannels, plan_.input_plane);
      }
  }

  HWY_ATTR void transform_gradients(int64_t k) {
    const Direction& p = plan_.d;
    const D d;
    const Plane shape{p.out_height, p.out_width, p.block, 1};
    const int64_t size = p.out_height * p.out_width * p.block, channel = k * kVector;
    float* to = d_ + channel / kPanel * plan_.gradient_panel + channel % kPanel;
    for (int64_t depth = 0; depth < p.out_depth; ++depth)
      for (int64_t t = 0; t < tile_count_; ++t) {
        float* out = to + (depth * plan_.chunk_tiles + t) * kPanel;
        if (channel >= p.out_channels()) {
          for (int point = 0; point < kPoints * kPoints; ++point)
            hn::Store(hn::Zero(d), d, out + point * plan_.gradient_plane);
          continue;
        }
        const Tile& tile = tiles_[t];
        const float* plane =
            args_.dy +
            ((tile.image * p.out_blocks + channel / p.block) * p.out_depth + depth) * size +
            channel % p.block;
        if (channel + kVector < p.out_channels())
          prefetch_tile(plane + p.out_depth * size, shape, tile);
        gradient_tile<F>(d, plane, shape, tile, out, plan_.gradient_plane);
      }
  }

  // sums[tap][point][group..][panel] (+)= V' D over the chunk, kRun tiles at a time.
  HWY_ATTR void multiply(int point, int64_t panel, int64_t group, int64_t group_end, float* sums,
                         bool accumulate) {
    constexpr int64_t kRun = 128;  // so that both factors of a product stay in L1
    const Direction& p = plan_.d;
    const TileRange range =
        plan_.grid.users(point / kPoints, point % kPoints, first_tile_, first_tile_ + tile_count_);
    const int64_t end = range.end - first_tile_;
    for (int64_t tap = 0; tap < p.taps; ++tap) {
      const int64_t depth = std::max<int64_t>(0, p.pad_front - tap);
      const int64_t depth_end = std::min(p.out_depth, p.in_depth + p.pad_front - tap);
      const int64_t runs = std::max<int64_t>(0, depth_end - depth);
      float* out = sums + tap * plan_.sum_tap + point * plan_.sum_plane;
      bool add = accumulate;
      for (int64_t t = range.begin - first_tile_; t < end || !add; t += kRun, add = true) {
        const int64_t length = std::max<int64_t>(0, std::min(kRun, end - t));
        const float* b = d_ + point * plan_.gradient_plane + panel * plan_.gradient_panel +
                         (depth * plan_.chunk_tiles + t) * kPanel;
        const float* a = v_ + point * plan_.input_plane +
                         ((depth + tap - p.pad_front) * plan_.chunk_tiles + t) * kChannels;
        for (int64_t g = group; g < group_end; ++g)
          multiply_rows(std::min<int64_t>(kChannels, channels() - g * kChannels), runs, length,
                        a + g * plan_.input_group, b, out + (g - group) * kChannels * kPanel, add);
      }
    }
  }

  HWY_INLINE HWY_ATTR void multiply_rows(int64_t rows, int64_t runs, int64_t length, const float* a,
                                         const float* b, float* out, bool accumulate) {
    const int64_t a_stride = plan_.chunk_tiles * kChannels, b_stride = plan_.chunk_tiles * kPanel;
    const auto take = [&]<int kR>(std::integral_constant<int, kR>) HWY_ATTR {
      multiply_channels<kR, kChannels>(runs, length, a, a_stride, b, b_stride, out, accumulate);
      rows -= kR, a += kR, out += kR * kPanel;
    };
    while (rows >= kRows) take(std::integral_constant<int, kRows>());
    if (rows >= 4) take(std::integral_constant<int, 4>());
    if (rows >= 2) take(std::integral_constant<int, 2>());
  }

  const BackwardWeightsPlan& plan_;
  const BackwardWeightsArgs& args_;
  Team& team_;
  const int thread_, threads_;
  Tile* tiles_;
  float *v_, *d_;
  char* sums_;
  int64_t first_tile_ = 0, tile_count_ = 0;
};

template <class D, class F>
void run_team(const BackwardWeightsPlan& plan, const BackwardWeightsArgs& args) {
  run_as_team(plan.threads, [&](Team& team, int thread, int threads) {
    BackwardWeightsWorker<D, F>(plan, args, team, thread, threads).run();
  });
}

template <class F>
void run_form(const BackwardWeightsPlan& plan, const BackwardWeightsArgs& args) {
  if constexpr (kLanes > 8)
    if (plan.vector == kLanes) return run_team<Full, F>(plan, args);
  run_team<hn::CappedTag<float, 8>, F>(plan, args);
}

void run(const BackwardWeightsPlan& plan, const BackwardWeightsArgs& args) {
  if (plan.grid.taps == 2) return run_form<F4x2>(plan, args);
  if (plan.grid.size == 4) return run_form<F4x3>(plan, args);
  run_form<F2x3>(plan, args);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(run);

void run_backward_weights(const BackwardWeightsPlan& plan, const BackwardWeightsArgs& args) {
  HWY_DYNAMIC_DISPATCH(run)(plan, args);
}

}  // namespace cairn::cpu
#endif
