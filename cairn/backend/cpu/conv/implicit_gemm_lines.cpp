// Lines of outputs: the input under some of them is copied once, with its padding, into a buffer
// that stays in the L2 cache, and tiles read their pixels there, at every tap.
#include <cstdlib>
#include <cstring>

#include "cairn/backend/cpu/conv/implicit_gemm_job.h"
#include "cairn/base/caches.h"
#include "cairn/base/round.h"

namespace cairn::cpu::implicit_gemm {
namespace {

constexpr int64_t kPixels = 128, kItems = 6;  // worth a walk through the weights; for a thread
constexpr int64_t kMostRuns = 64;             // of a piece of the depth

// Taps of a piece of the depth, each a run of groups in the copy.
struct Runs {
  ProductTile::Run list[kMostRuns];

  Runs(const Job& job, const LineCut& cut, int64_t piece) {
    const ConvGeometry& s = job.s;
    const int64_t lanes = product_kernels().lanes, blocks = job.cut.in_blocks;
    const int64_t plane = cut.window[0] * cut.window[1] * cut.window[2] * lanes;
    int64_t group = job.cut.group(piece);
    for (int i = 0; group < job.cut.group(piece + 1); ++i) {
      int64_t tap = group / blocks, at = 0;
      ConvGeometry::Sizes k;
      for (int d = 2; d >= 0; tap /= s.kernel[d], --d) k[d] = tap % s.kernel[d];
      for (int d = 0; d < 3; ++d)
        at = at * cut.window[d] + k[d] * s.dilation[d] - s.pad[d] - cut.first[d];
      const int64_t count = std::min(blocks - group % blocks, job.cut.group(piece + 1) - group);
      list[i] = {at * lanes + group % blocks * plane, count};
      group += count;
    }
  }
};

struct Item {
  int64_t image, depth, line, lines;
};

void copy_window(const Job& job, const LineCut& cut, const Item& item, float* to) {
  const ConvGeometry& s = job.s;
  const int64_t lanes = product_kernels().lanes, width = cut.window[2] * lanes;
  const int64_t z0 = item.depth * s.stride[0] + cut.first[0],
                y0 = item.line * s.stride[1] + cut.first[1], x0 = cut.first[2];
  const int64_t rows = cut.window[1] - (cut.lines - item.lines) * s.stride[1];
  const int64_t begin = std::clamp<int64_t>(-x0, 0, cut.window[2]),
                end = std::clamp<int64_t>(s.in[2] - x0, begin, cut.window[2]);
  for (int64_t block = 0; block < job.cut.in_blocks; ++block)
    for (int64_t z = z0; z < z0 + cut.window[0]; ++z, to += (cut.window[1] - rows) * width)
      for (int64_t y = y0; y < y0 + rows; ++y, to += width) {
        const bool inside = z >= 0 && z < s.in[0] && y >= 0 && y < s.in[1];
        std::fill_n(to, inside ? begin * lanes : width, 0.0f);
        if (!inside) continue;
        const float* line = job.x + item.image * job.in_image +
                            (block * s.plane() + (z * s.in[1] + y) * s.in[2] + x0) * lanes;
        std::memcpy(to + begin * lanes, line + begin * lanes,
                    static_cast<size_t>((end - begin) * lanes) * sizeof(float));
        std::fill(to + end * lanes, to + width, 0.0f);
      }
}

void multiply_lines(const Job& job, const LineCut& cut, const Item& item, Panels panels,
                    const float* copied) {
  const ConvGeometry& s = job.s;
  const int64_t lanes = product_kernels().lanes;
  const int64_t tiles = ceil_div(s.out[2], product_kernels().rows);
  for (int64_t piece = 0; piece < job.cut.pieces; ++piece) {
    const Runs runs(job, cut, piece);
    ProductTile t = job.tile(piece);
    t.a_step = static_cast<int>(s.stride[2]), t.runs = runs.list;
    t.a_group = cut.window[0] * cut.window[1] * cut.window[2] * lanes;
    t.lines_ahead = static_cast<int>(ceil_div(job.cut.panel_floats(piece) / 16,
                                              std::max<int64_t>(1, t.groups * item.lines * tiles)));
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
      job.take_panel(t, piece, panel);
      t.ahead = panel + 1 < panels.end || t.last
                    ? t.b + job.cut.panel_floats(piece)
                    : job.packed + job.cut.packed_at(piece + 1, panels.begin);
      for (int64_t line = 0; line < item.lines; ++line) {
        const int64_t row = (item.image * s.out[0] + item.depth) * s.out[1] + item.line + line;
        float* y = job.y + 2 * panel * t.block_stride + job.output(row * s.out[2]);
        for (int64_t tile = 0; tile < tiles; ++tile) {
          const int64_t begin = s.out[2] * tile / tiles, end = s.out[2] * (tile + 1) / tiles;
          t.rows = static_cast<int>(end - begin);
          t.a = copied + (line * s.stride[1] * cut.window[2] + begin * s.stride[2]) * lanes;
          for (int r = 0; r < t.rows; ++r) t.y[r] = y + (begin + r) * s.out_step[2] * lanes;
          product_kernels().multiply(t);
          t.ahead += t.lines_ahead * t.groups * 16;
        }
      }
    }
  }
}

}  // namespace

LineCut::LineCut(const ConvGeometry& s, int threads) {
  const int64_t kernel_rows = product_kernels().rows, tiles = ceil_div(s.out[2], kernel_rows);
  const Cut cut(s);
  // Short tiles leave registers idle.
  if (s.taps() < 2 || s.stride[2] > 2 || 2 * s.out[2] < tiles * kernel_rows) return;
  if (ceil_div(ceil_div(cut.groups, cut.pieces), cut.in_blocks) + 1 >= kMostRuns) return;
  lines = std::clamp<int64_t>(ceil_div(kPixels, s.out[2]), 1, s.out[1]);
  const int64_t all = s.batch * s.out[0] * s.out[1];
  const bool weights_are_most = s.taps() * s.out_channels > s.plane() * s.batch;
  if (weights_are_most && cut.panels % threads == 0) shares = threads;
  if (threads > 1) lines = std::clamp<int64_t>(all * shares / (kItems * threads), 1, lines);
  const int64_t most = caches().l2 * 2 / 5 / static_cast<int64_t>(sizeof(float));
  for (;; --lines) {
    for (int d = 0; d < 3; ++d) {
      const int64_t span = (s.kernel[d] - 1) * s.dilation[d];
      const int64_t outs = d == 0 ? 1 : d == 1 ? lines : s.out[2];
      first[d] = std::min<int64_t>(0, span) - s.pad[d];
      window[d] = (outs - 1) * s.stride[d] + std::abs(span) + 1;
    }
    if (lines == 0 || floats(s) <= most) return;
  }
}

int64_t LineCut::floats(const ConvGeometry& s) const {
  return Cut(s).in_blocks * window[0] * window[1] * window[2] * product_kernels().lanes;
}

void run_by_lines(const Job& job, const LineCut& cut, Shares& shares, int thread, int threads,
                  float* copied) {
  const ConvGeometry& s = job.s;
  const int64_t parts = ceil_div(s.out[1], cut.lines), planes = s.batch * s.out[0],
                items = planes * parts * cut.shares;
  for (int64_t i; (i = shares.take(thread, threads, items)) >= 0;) {
    const int64_t part = i % parts, plane = i / parts % planes, share = i / parts / planes;
    const int64_t line = s.out[1] * part / parts;
    const Item item{plane / s.out[0], plane % s.out[0], line, s.out[1] * (part + 1) / parts - line};
    copy_window(job, cut, item, copied);
    multiply_lines(job, cut, item,
                   {job.cut.panels * share / cut.shares, job.cut.panels * (share + 1) / cut.shares},
                   copied);
  }
}

}  // namespace cairn::cpu::implicit_gemm
