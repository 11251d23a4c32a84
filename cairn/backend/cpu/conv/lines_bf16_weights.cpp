#include "cairn/backend/cpu/conv/lines_bf16_weights.h"

#include <algorithm>
#include <array>
#include <optional>

#include "cairn/backend/cpu/conv/lines_bf16_tiles.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/base/caches.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

using lines_bf16::kBlock, lines_bf16::kPair, lines_bf16::kPositions;

constexpr int64_t kElement = sizeof(uint16_t), kTileSums = kBlock * kBlock;
// Sums of all slices, if there is more than one; slices; positions of a band, if lines let it.
constexpr int64_t kAllSums = 1 << 21, kSlices = 16, kBandPositions = 2048;

size_t bytes_of(int64_t elements) { return static_cast<size_t>(elements * kElement); }

}  // namespace

LinesBf16Weights::LinesBf16Weights(const ConvGeometry& forward, int threads)
    : g_(forward),
      planes_(forward),
      threads_(threads),
      in_blocks_(ceil_div(forward.in_channels, kBlock)),
      out_blocks_(ceil_div(forward.out_channels, kBlock)) {
  const int64_t most = kBandPositions / planes_.columns - planes_.more_lines;
  bands_ = ceil_div(g_.out[1], std::clamp<int64_t>(most, 1, g_.out[1]));
  lines_ = ceil_div(g_.out[1], bands_);
  positions_ = round_up(planes_.positions(g_, lines_), kPositions);
  const int64_t furthest = planes_.more_lines * planes_.columns + planes_.columns - g_.out[2];
  pairs_ = (positions_ + furthest + 2) / 2;
  for (const PaddedPlanes::Tap& tap : planes_.taps) copies_ = std::max(copies_, 1 + tap.shift % 2);
  // Two, four, eight: so many threads have as much to do.
  while (2 * slices_ <= std::min({all_bands(), kSlices, kAllSums / sums()})) slices_ *= 2;
  chunk_ = std::clamp<int64_t>(caches().l2 / 2 / (band_elements() * kElement), 1,
                               ceil_div(all_bands(), slices_));
}

int64_t LinesBf16Weights::all_bands() const { return g_.batch * g_.out[0] * bands_; }
int64_t LinesBf16Weights::blocks() const {
  return static_cast<int64_t>(planes_.planes.size()) * in_blocks_;
}
int64_t LinesBf16Weights::x_elements() const { return blocks() * copies_ * pairs_ * kPair; }
int64_t LinesBf16Weights::dy_elements() const { return out_blocks_ * kBlock * positions_; }
int64_t LinesBf16Weights::band_elements() const { return x_elements() + dy_elements(); }
int64_t LinesBf16Weights::sums() const { return out_blocks_ * in_blocks_ * g_.taps() * kTileSums; }

int64_t LinesBf16Weights::areas() const { return std::min<int64_t>(slices_, threads_); }
int64_t LinesBf16Weights::line_pointers() const { return lines_ + planes_.more_lines; }
size_t LinesBf16Weights::workspace_bytes() const {
  return static_cast<size_t>(slices_ * sums()) * sizeof(float) +
         bytes_of(areas() * chunk_ * band_elements()) +
         static_cast<size_t>(threads_ * line_pointers()) * sizeof(uint16_t*);
}

// The threads' view of one run.
class LinesBf16WeightsRun {
 public:
  LinesBf16WeightsRun(const LinesBf16Weights& plan, const uint16_t* x, const uint16_t* dy,
                      char* workspace)
      : p_(plan),
        x_(x),
        dy_(dy),
        sums_(reinterpret_cast<float*>(workspace)),
        areas_(reinterpret_cast<uint16_t*>(sums_ + plan.slices_ * plan.sums())),
        lines_(reinterpret_cast<const uint16_t**>(areas_ + plan.areas() * plan.chunk_ *
                                                               plan.band_elements())) {}

  // The part of a thread of the team in the sums of one slice.
  void add_slice(Team& team, bool leads, int64_t slice, int64_t area, int64_t thread) const {
    const int64_t begin = p_.all_bands() * slice / p_.slices_,
                  end = p_.all_bands() * (slice + 1) / p_.slices_;
    Chunk chunk{};
    chunk.x_pairs = areas_ + area * p_.chunk_ * p_.band_elements();
    chunk.dy_rows = chunk.x_pairs + p_.chunk_ * p_.x_elements();
    chunk.lines = lines_ + thread * p_.line_pointers();
    chunk.sums = sums_ + slice * p_.sums();
    for (chunk.first = begin; chunk.first < end; chunk.first += p_.chunk_) {
      chunk.bands = std::min(p_.chunk_, end - chunk.first), chunk.begins = chunk.first == begin;
      lay(team, chunk);
      team.barrier.wait();
      if (leads) team.next[0] = 0;
      multiply(team, chunk);
      team.barrier.wait();
      if (leads) team.next[1] = 0;
    }
  }

  // Gradients [begin, end) of 16 x 16 weights: the sums of all slices.
  void finish(int64_t begin, int64_t end, uint16_t* dw) const {
    for (int64_t i = begin; i < end; ++i)
      k_.turn(sums_ + i * kTileSums, p_.slices_, p_.sums(), dw + i * kTileSums);
  }

 private:
  struct Chunk {
    uint16_t *x_pairs, *dy_rows;
    const uint16_t** lines;  // of this thread
    float* sums;
    int64_t first, bands;
    bool begins;  // the sums
  };

  void lay(Team& team, const Chunk& chunk) const {
    const int64_t of_band = p_.blocks() + p_.out_blocks_;
    for (int64_t item; (item = team.next[0].fetch_add(1)) < chunk.bands * of_band;) {
      const int64_t at = item / of_band, part = item % of_band;
      const Band band(p_.g_.out[0], p_.bands_, p_.lines_, p_.g_.out[1], chunk.first + at);
      if (part < p_.blocks()) lay_x(chunk, band, part, at);
      else lay_dy(chunk, band, part - p_.blocks(), at);
    }
  }
  void multiply(Team& team, const Chunk& chunk) const {
    const int64_t pairs = p_.tap_pairs(), products = p_.out_pairs() * pairs;
    k_.begin();
    for (int64_t item; (item = team.next[1].fetch_add(1)) < products;)
      multiply_pairs(chunk, item / pairs * 2, item % pairs * 2);
    k_.end();
  }

  // The pixels of one plane and block, as pairs from each position on.
  void lay_x(const Chunk& chunk, const Band& band, int64_t block, int64_t at) const {
    const ConvGeometry& g = p_.g_;
    const PaddedPlanes::Plane& plane =
        p_.planes_.planes[static_cast<size_t>(block / p_.in_blocks_)];
    const uint16_t* from =
        x_ + (band.image * p_.in_blocks_ + block % p_.in_blocks_) * g.plane() * kBlock;
    const int64_t count = p_.lines_ + p_.planes_.more_lines;
    for (int64_t line = 0; line < count; ++line) {
      const int64_t place = p_.planes_.place(g, plane, band.slice, band.first + line);
      chunk.lines[line] = place < 0 ? nullptr : from + place * kBlock;
    }
    uint16_t* pairs = chunk.x_pairs + at * p_.x_elements() + block * p_.copies_ * p_.pairs_ * kPair;
    k_.pair({chunk.lines, count, p_.planes_.columns, plane.begin, plane.end, g.stride[2] * kBlock},
            p_.pairs_, pairs, p_.copies_ > 1 ? pairs + p_.pairs_ * kPair : nullptr);
  }
  // The gradients of one block, zero where there is no result.
  void lay_dy(const Chunk& chunk, const Band& band, int64_t block, int64_t at) const {
    const ConvGeometry& g = p_.g_;
    const uint16_t* from = dy_ + ((band.image * p_.out_blocks_ + block) * g.pixels() +
                                  (band.slice * g.out[1] + band.first) * g.out[2]) *
                                     kBlock;
    for (int64_t line = 0; line < band.lines; ++line)
      chunk.lines[line] = from + line * g.out[2] * kBlock;
    k_.transpose({chunk.lines, band.lines, p_.planes_.columns, 0, g.out[2], kBlock}, p_.positions_,
                 chunk.dy_rows + at * p_.dy_elements() + block * kBlock * p_.positions_);
  }

  // Two blocks of results from `out` on by two of the blocks of inputs and their taps from `in` on.
  void multiply_pairs(const Chunk& chunk, int64_t out, int64_t in) const {
    lines_bf16::Gradient g{};
    const int64_t taps = p_.g_.taps(), ins = p_.in_blocks_ * taps;
    for (int64_t o = 0; o < 2 && out + o < p_.out_blocks_; ++o)
      g.a[o] = chunk.dy_rows + (out + o) * kBlock * p_.positions_;
    for (int64_t i = 0; i < 2 && in + i < ins; ++i) {
      const PaddedPlanes::Tap& tap = p_.planes_.taps[static_cast<size_t>((in + i) % taps)];
      const int64_t block = tap.plane * p_.in_blocks_ + (in + i) / taps;
      g.b[i] = chunk.x_pairs + (block * p_.copies_ + tap.shift % 2) * p_.pairs_ * kPair +
               tap.shift / 2 * kPair;
    }
    for (int o = 0; o < 2; ++o)
      for (int i = 0; i < 2; ++i)
        g.sums[o][i] = chunk.sums + ((out + o) * ins + in + i) * kTileSums;
    g.steps = p_.positions_ / kPositions;
    g.bands = chunk.bands, g.a_band = p_.dy_elements(), g.b_band = p_.x_elements(),
    g.first = chunk.begins;
    k_.add_gradient(g);
  }

  const lines_bf16::Kernels& k_ = *lines_bf16::kernels();
  const LinesBf16Weights& p_;
  const uint16_t *x_, *dy_;
  float* sums_;
  uint16_t* areas_;
  const uint16_t** lines_;  // of each thread
};

void LinesBf16Weights::run(const uint16_t* x, const uint16_t* dy, uint16_t* dw,
                           void* workspace) const {
  const LinesBf16WeightsRun run(*this, x, dy, static_cast<char*>(workspace));
  // Threads share a slice where there are more of them; else each takes one after the other.
  const int64_t threads = std::min(threads_, num_threads());
  std::array<std::optional<Team>, kSlices> teams;
  const auto first_of = [&](int64_t team) { return ceil_div(team * threads, slices_); };
  for (int64_t i = 0; i < slices_ && threads > slices_; ++i)
    teams[static_cast<size_t>(i)].emplace(static_cast<int>(first_of(i + 1) - first_of(i)));
  run_as_team(threads_, [&](Team& team, int thread, int started) {
    if (started > slices_) {
      const int64_t slice = thread * slices_ / started;
      Team& sharing = *teams[static_cast<size_t>(slice)];
      return run.add_slice(sharing, thread == first_of(slice), slice, slice, thread);
    }
    for (int64_t slice; (slice = team.next[0].fetch_add(1)) < slices_;) {
      Team alone(1);
      run.add_slice(alone, true, slice, thread, thread);
    }
  });
  parallel_for(sums() / kTileSums, 16,
               [&](int64_t begin, int64_t end) { run.finish(begin, end, dw); });
}

}  // namespace cairn::cpu
