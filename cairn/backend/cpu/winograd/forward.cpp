// Winograd forward and backward data: transform tiles, multiply, transform back with the epilogue.
#include "cairn/backend/cpu/simd_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/winograd/forward.cpp"
#include "hwy/foreach_target.h"
// Highway first.
#include <atomic>
#include <cmath>

#include "cairn/backend/cpu/team.h"
#include "cairn/backend/cpu/winograd/filter-inl.h"
#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/backend/cpu/winograd/product-inl.h"
#include "cairn/backend/cpu/winograd/tile-inl.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// What the threads of one run share: counters from which they take items of work, and where they
// meet.
// One thread's view of one run. D: vectors of the transforms (never wider than a block of
// channels).
template <class D, class F>
class ForwardWorker {
 public:
  ForwardWorker(const ForwardPlan& plan, const ForwardArgs& args, Team& team, int thread,
                int threads)
      : plan_(plan), args_(args), team_(team), thread_(thread), threads_(threads) {
    char* base = args.workspace;
    const int input_owner = plan.fused || plan.own_input ? thread : 0;
    tiles_ = reinterpret_cast<Tile*>(base + plan.tiles_at + thread * plan.tiles_bytes);
    upcoming_ = tiles_ + plan.chunk_groups * kRows;
    v_ = reinterpret_cast<float*>(base + plan.input_at + input_owner * plan.input_bytes);
    m_ = reinterpret_cast<float*>(base + plan.product_at + thread * plan.product_bytes);
    const int filter_owner = plan.keep_filter ? 0 : thread;
    u_ = reinterpret_cast<float*>(base + plan.filter_at + filter_owner * plan.filter_bytes);
  }

  HWY_ATTR void run() {
    if (args_.w && plan_.keep_filter) {
      for (int64_t panel = thread_; panel < plan_.phases * plan_.panels; panel += threads_)
        transform_filter_panel<F>(plan_, args_.w, panel, u_ + panel * plan_.filter_panel);
      team_.barrier.wait();
    }
    if (plan_.fused) run_fused();
    else run_shared();
    if (plan_.stream) hwy::FlushStream();
  }

 private:
  static constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(D()));
  static constexpr int kPoints = F::kPoints;

  int64_t vectors() const { return plan_.d.contracted() / kVector; }
  int64_t image_vectors() const { return plan_.d.in_channels() / kVector; }

  HWY_ATTR void run_fused() {
    const int64_t items = plan_.phases * plan_.chunks;
    int64_t item = team_.next[0].fetch_add(1);
    if (item < items) load_tiles(item % plan_.chunks, tiles_);
    while (item < items) {
      const int64_t following = team_.next[0].fetch_add(1);
      begin_chunk(item / plan_.chunks, item % plan_.chunks);
      for (int64_t c = 0; c < vectors(); ++c) transform_inputs(c, 0, tile_count_);
      ahead_ = {};
      if (following < items) begin_ahead(following % plan_.chunks);
      for (int64_t panel = 0; panel < plan_.panels; ++panel)
        make_outputs(panel, filter_of(panel), 0, group_count());
      std::swap(tiles_, upcoming_);
      item = following;
    }
  }

  // Where in an image the vector c of channels has its plane of `depth`.
  int64_t input_offset(int64_t c, int64_t depth) const {
    const Direction& p = plan_.d;
    const int64_t channel = c * kVector;
    return (channel / p.block * p.in_depth + depth) * p.in_height * p.in_width * p.block +
           channel % p.block;
  }
  int64_t input_image() const {
    return plan_.d.in_blocks * plan_.d.in_depth * plan_.d.in_height * plan_.d.in_width *
           plan_.d.block;
  }

  // How much of the next chunk's input has been fetched: `plane` planes of all its tiles, and
  // `tile` tiles.
  struct Ahead {
    int64_t plane = 0, offset = 0, tile = 0;
    int64_t tiles = 0, step = 0;  // tiles of that chunk; how many to fetch a call
  };

  void begin_ahead(int64_t chunk) {
    load_tiles(chunk, upcoming_);
    const int64_t tiles = chunk_begin(chunk + 1) - chunk_begin(chunk);
    const int64_t calls =
        plan_.panels * ceil_div(plan_.d.out_depth, plan_.slab) * kPoints * kPoints;
    ahead_ = {.tiles = tiles, .step = tiles * image_vectors() * plan_.d.in_depth / calls + 1};
  }

  // Starts to fetch a little more of the next chunk's input, while this chunk is multiplied.
  HWY_INLINE HWY_ATTR void prefetch_ahead() {
    const Direction& p = plan_.d;
    const Plane shape{p.in_height, p.in_width, p.block, p.in_step};
    for (int64_t left = ahead_.step; left > 0 && ahead_.plane < image_vectors() * p.in_depth;
         --left) {
      const Tile& tile = upcoming_[ahead_.tile];
      prefetch_tile(args_.x + tile.image * input_image() + ahead_.offset, shape, tile);
      if (++ahead_.tile < ahead_.tiles) continue;
      ahead_.tile = 0, ++ahead_.plane;
      ahead_.offset = input_offset(ahead_.plane / p.in_depth, ahead_.plane % p.in_depth);
    }
  }

  HWY_ATTR void run_shared() {
    const int64_t strips = std::min<int64_t>(4, plan_.chunk_groups), inputs = vectors() * strips;
    const int64_t rounds = plan_.phases * plan_.chunks, items = plan_.panels * plan_.splits;
    for (int64_t round = 0; round < rounds; ++round) {
      load_tiles(round % plan_.chunks, tiles_);
      begin_chunk(round / plan_.chunks, round % plan_.chunks);
      // Nobody counts there until two barriers on.
      if (thread_ == 0) team_.next[(round + 1) % 2] = 0;
      const int64_t sharers = plan_.own_input ? 1 : threads_, own = plan_.own_input ? 0 : thread_;
      for (int64_t i = own * inputs / sharers; i < (own + 1) * inputs / sharers; ++i) {
        const int64_t strip = i % strips;
        transform_inputs(i / strips, std::min(tile_count_, group_count() * strip / strips * kRows),
                         std::min(tile_count_, group_count() * (strip + 1) / strips * kRows));
      }
      if (!plan_.own_input) team_.barrier.wait();
      std::atomic<int64_t>& next = team_.next[round % 2];
      for (int64_t item; (item = next.fetch_add(1)) < items;) {
        const int64_t panel = item / plan_.splits, split = item % plan_.splits;
        make_outputs(panel, filter_of(panel), group_count() * split / plan_.splits,
                     group_count() * (split + 1) / plan_.splits);
      }
      if (round + 1 < rounds) team_.barrier.wait();
    }
  }

  HWY_ATTR const float* filter_of(int64_t panel) {
    panel += phase_ * plan_.panels;
    if (args_.u) return args_.u + panel * plan_.filter_panel;
    if (plan_.keep_filter) return u_ + panel * plan_.filter_panel;
    if (made_panel_ != panel) transform_filter_panel<F>(plan_, args_.w, panel, u_);
    made_panel_ = panel;
    return u_;
  }

  void begin_chunk(int64_t phase, int64_t chunk) {
    phase_ = phase;
    first_tile_ = chunk_begin(chunk), tile_count_ = chunk_begin(chunk + 1) - first_tile_;
  }
  int64_t chunk_begin(int64_t chunk) const {
    return std::min(chunk * plan_.groups / plan_.chunks * kRows, plan_.grid.count());
  }
  void load_tiles(int64_t chunk, Tile* tiles) const {
    for (int64_t t = chunk_begin(chunk); t < chunk_begin(chunk + 1); ++t)
      *tiles++ = plan_.grid.at(t);
  }
  int64_t group_count() const { return ceil_div(tile_count_, kRows); }

  // V of tiles [begin, end) of the chunk, all depths, channels of vector c.
  HWY_ATTR void transform_inputs(int64_t c, int64_t begin, int64_t end) {
    const Direction& p = plan_.d;
    const D d;
    const Plane shape{p.in_height, p.in_width, p.block, p.in_step};
    const int64_t in = c % image_vectors(), phase = phase_ + c / image_vectors();
    const int64_t y0 = p.first_input(phase / 2, p.pad_top),
                  x0 = p.first_input(phase % 2, p.pad_left);
    for (int64_t depth = 0; depth < p.in_depth; ++depth) {
      const float* images = args_.x + input_offset(in, depth);
      const int64_t next =
          in + 1 < image_vectors() ? input_offset(in + 1, depth) - input_offset(in, depth) : 0;
      float* to = v_ + depth * plan_.input_depth + c * kRows * kVector;
      for (int64_t t = begin; t < end; ++t) {
        const Tile& tile = tiles_[t];
        const float* plane = images + tile.image * input_image();
        if (!plan_.fused) prefetch_tile(plane + next, shape, tile);
        float* v = to + t / kRows * vectors() * kRows * kVector + t % kRows * kVector;
        input_tile<F>(d, plane, shape, tile, y0 + p.in_step * tile.y, x0 + p.in_step * tile.x, v,
                      plan_.input_plane);
      }
    }
  }

  // Outputs of groups [begin, end) of the chunk's tiles, channels of one panel.
  HWY_ATTR void make_outputs(int64_t panel, const float* u, int64_t begin, int64_t end) {
    for (int64_t depth = 0; depth < plan_.d.out_depth; depth += plan_.slab) {
      const int64_t depth_end = std::min(depth + plan_.slab, plan_.d.out_depth);
      multiply(u, begin, end, depth, depth_end);
      finish(panel, begin * kRows, std::min(end * kRows, tile_count_), depth, depth_end);
    }
  }

  HWY_ATTR void multiply(const float* u, int64_t begin, int64_t end, int64_t depth_begin,
                         int64_t depth_end) {
    const Direction& p = plan_.d;
    const int64_t channels = p.contracted();
    for (int row = 0, point = 0; row < kPoints; ++row)
      for (int column = 0; column < kPoints; ++column, ++point) {
        const TileRange range =
            plan_.grid.users(row, column, first_tile_ + begin * kRows,
                             std::min(first_tile_ + end * kRows, first_tile_ + tile_count_));
        prefetch_ahead();
        if (range.begin == range.end) continue;
        const int64_t first = (range.begin - first_tile_) / kRows, stop = range.end - first_tile_;
        for (int64_t depth = depth_begin; depth < depth_end; ++depth) {
          const int64_t tap = std::max<int64_t>(0, p.pad_front - depth);
          const int64_t tap_end = std::min(p.taps, p.in_depth + p.pad_front - depth);
          const float* a =
              v_ + point * plan_.input_plane + (depth + tap - p.pad_front) * plan_.input_depth;
          const float* b = u + point * plan_.filter_plane + tap * channels * kPanel;
          float* out = m_ + point * plan_.product_plane + (depth - depth_begin) * slab_stride();
          const int64_t groups = ceil_div(stop, kRows) - first;
          FetchAhead ahead = depth == depth_begin ? next_filter(u, point, groups) : FetchAhead{};
          for (int64_t g = first; g * kRows < stop; ++g) {
            multiply_group(std::min<int64_t>(kRows, stop - g * kRows),
                           std::max<int64_t>(0, tap_end - tap), a + g * kRows * channels, b,
                           out + g * kRows * kPanel, ahead);
            ahead.from += ahead.lines * p.taps * vectors() * 16;
          }
        }
      }
  }
  // Weights that were transformed once come from memory: the next point's, during `products`
  // products of this one.
  FetchAhead next_filter(const float* u, int64_t point, int64_t products) const {
    if (!args_.u || point + 1 == kPoints * kPoints) return {};
    const int64_t lines = plan_.d.contracted() * plan_.d.taps * kPanel / 16,
                  calls = products * plan_.d.taps * vectors();
    return {u + (point + 1) * plan_.filter_plane, ceil_div(lines, calls)};
  }
  int64_t slab_stride() const { return plan_.chunk_groups * kRows * kPanel; }

  HWY_INLINE HWY_ATTR void multiply_group(int64_t rows, int64_t taps, const float* a,
                                          const float* b, float* out, const FetchAhead& ahead) {
    constexpr int kG = static_cast<int>(kVector);
    const int64_t stride = plan_.input_depth, groups = vectors();
    if (rows == kRows) return multiply_tiles<kRows, kG>(taps, stride, groups, a, b, out, ahead);
    if (rows == 1) return multiply_tiles<1, kG>(taps, stride, groups, a, b, out, ahead);
    if (rows == 2) return multiply_tiles<2, kG>(taps, stride, groups, a, b, out, ahead);
    if (rows <= 4) return multiply_tiles<4, kG>(taps, stride, groups, a, b, out, ahead);
    multiply_tiles<kRows, kG>(taps, stride, groups, a, b, out, ahead);
  }

  // Transforms products back: tiles [begin, end), the output channels of a panel.
  HWY_ATTR void finish(int64_t panel, int64_t begin, int64_t end, int64_t depth_begin,
                       int64_t depth_end) {
    if (args_.epilogue.residual)
      return finish_as<Finish::residual>(panel, begin, end, depth_begin, depth_end);
    if (plan_.stream) return finish_as<Finish::stream>(panel, begin, end, depth_begin, depth_end);
    finish_as<Finish::plain>(panel, begin, end, depth_begin, depth_end);
  }

  template <Finish kFinish>
  HWY_ATTR void finish_as(int64_t panel, int64_t begin, int64_t end, int64_t depth_begin,
                          int64_t depth_end) {
    constexpr int64_t kVectors = kPanel / kVector;
    const Direction& p = plan_.d;
    const D d;
    const Plane shape{p.out_height, p.out_width, p.block, p.out_step};
    const int64_t plane = p.out_height * p.out_width * p.block;
    const int64_t y0 = p.first_output(phase_ / 2, p.pad_top);
    const int64_t x0 = p.first_output(phase_ % 2, p.pad_left);
    const hn::Vec<D> floor = hn::Set(d, args_.epilogue.relu ? 0.f : -HUGE_VALF);
    hn::Vec<D> bias[kVectors];
    int64_t channel_at[kVectors], count = 0;  // where in an image the vector's first plane is
    for (int64_t c = panel * kPanel; count < kVectors && c < p.out_channels(); c += kVector) {
      bias[count] = args_.epilogue.bias ? hn::LoadU(d, args_.epilogue.bias + c) : hn::Zero(d);
      channel_at[count++] =
          c / p.block * p.out_depth * plane + c % p.block + (y0 * p.out_width + x0) * p.block;
    }
    for (int64_t depth = depth_begin; depth < depth_end; ++depth)
      for (int64_t t = begin; t < end; ++t) {
        const Tile& tile = tiles_[t];
        const float* m = m_ + (depth - depth_begin) * slab_stride() + t * kPanel;
        const int64_t image = (tile.image * p.out_blocks * p.out_depth + depth) * plane;
        for (int64_t v = 0; v < count; ++v) {
          const int64_t at = image + channel_at[v];
          const float* residual = args_.epilogue.residual ? args_.epilogue.residual + at : nullptr;
          output_tile<F, kFinish>(d, args_.y + at, residual, shape, tile, bias[v], floor,
                                  m + v * kVector, plan_.product_plane);
        }
      }
  }

  const ForwardPlan& plan_;
  const ForwardArgs& args_;
  Team& team_;
  const int thread_, threads_;
  Tile *tiles_, *upcoming_;
  float *v_, *m_, *u_;
  int64_t first_tile_ = 0, tile_count_ = 0, made_panel_ = -1, phase_ = 0;
  Ahead ahead_;
};

template <class D, class F>
void run_team(const ForwardPlan& plan, const ForwardArgs& args) {
  run_as_team(plan.threads, [&](Team& team, int thread, int threads) {
    ForwardWorker<D, F>(plan, args, team, thread, threads).run();
  });
}

template <class F>
void run_form(const ForwardPlan& plan, const ForwardArgs& args) {
  using Narrow = hn::CappedTag<float, 8>;
  if constexpr (kLanes > 8)
    if (plan.vector == kLanes) return run_team<Full, F>(plan, args);
  run_team<Narrow, F>(plan, args);
}

void run(const ForwardPlan& plan, const ForwardArgs& args) {
  if (plan.grid.taps == 2) return run_form<F4x2>(plan, args);
  if (plan.grid.size == 4) return run_form<F4x3>(plan, args);
  run_form<F2x3>(plan, args);
}

void transform(const ForwardPlan& plan, const float* w, float* u) {
  parallel_for(plan.phases * plan.panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      float* to = u + panel * plan.filter_panel;
      if (plan.grid.taps == 2) transform_filter_panel<F4x2>(plan, w, panel, to);
      else if (plan.grid.size == 4) transform_filter_panel<F4x3>(plan, w, panel, to);
      else transform_filter_panel<F2x3>(plan, w, panel, to);
    }
  });
}

KernelShape shape() { return {kLanes, kRows, kPanel, kChannels}; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(run);
HWY_EXPORT(transform);
HWY_EXPORT(shape);

KernelShape kernel_shape() { return HWY_DYNAMIC_DISPATCH(shape)(); }

void run_forward(const ForwardPlan& plan, const ForwardArgs& args) {
  HWY_DYNAMIC_DISPATCH(run)(plan, args);
}

void transform_filter(const ForwardPlan& plan, const float* w, float* u) {
  HWY_DYNAMIC_DISPATCH(transform)(plan, w, u);
}

}  // namespace cairn::cpu
#endif
