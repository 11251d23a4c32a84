#include "cairn/backend/cpu/conv/lines_bf16.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/conv/lines_bf16_tiles.h"
#include "cairn/backend/cpu/conv/weight_panels_bf16.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/base/caches.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

using lines_bf16::kBlock, lines_bf16::kPair, lines_bf16::kPanel, lines_bf16::kRows;

constexpr int64_t kElement = sizeof(uint16_t);
constexpr int64_t kPadding = 32;  // elements of a packed panel: else all meet in one set

size_t whole_lines(int64_t bytes) { return static_cast<size_t>(round_up(bytes, 64)); }
size_t bytes_of(int64_t elements) { return static_cast<size_t>(elements * kElement); }

}  // namespace

bool has_lines_bf16() { return lines_bf16::kernels() != nullptr; }

double lines_bf16_use(const ConvGeometry& g) {
  const PaddedPlanes planes(g);
  const int64_t line_bytes = static_cast<int64_t>(planes.planes.size()) * planes.columns *
                             round_up(std::max(g.in_channels, g.out_channels), kPair) * kElement;
  if (line_bytes * (1 + planes.more_lines) > caches().l2 / 2) return 0;
  const int64_t positions = planes.positions(g, g.out[1]);
  return static_cast<double>(g.out[1] * g.out[2]) / static_cast<double>(round_up(positions, kRows));
}

LinesBf16::LinesBf16(const ConvGeometry& forward, bool backward, int threads)
    : backward_(backward), threads_(threads) {
  if (!backward) {
    TapView all;
    all.kernel = forward.kernel;
    parts_.push_back(part(forward, all));
  } else {
    const ConvGeometry::Sizes& s = forward.stride;
    ConvGeometry g;
    TapView taps;
    for (int64_t i = 0; i < s[0] * s[1] * s[2]; ++i)
      if (input_phase(forward, {i / (s[1] * s[2]), i / s[2] % s[1], i % s[2]}, g, taps))
        parts_.push_back(part(g, taps));
  }
  for (const Part& p : parts_)
    slices_ = std::max(slices_, p.g.out[0]), bands_ = std::max(bands_, wanted_bands(p));
  for (Part& p : parts_) {
    lay_out(p);
    p.packed = packed_bytes_;
    packed_bytes_ += whole_lines(panels() * panel_elements(p) * kElement);
    const int64_t planes =
        static_cast<int64_t>(p.planes.planes.size()) * ceil_div(p.g.in_channels, kPair);
    const int64_t two_rows = 2 * round_up(p.g.out_channels, kBlock);  // while weights are packed
    lines_bytes_ = std::max(lines_bytes_,
                            whole_lines(std::max(planes * p.plane_elements, two_rows) * kElement));
  }
}

LinesBf16::Part LinesBf16::part(const ConvGeometry& g, const TapView& taps) {
  return {.g = g, .taps = taps, .planes = PaddedPlanes(g)};
}

int64_t LinesBf16::wanted_bands(const Part& p) const {
  const ConvGeometry& g = p.g;
  const int64_t line_bytes = static_cast<int64_t>(p.planes.planes.size()) *
                             ceil_div(g.in_channels, kPair) * p.planes.columns * kPair * kElement;
  const int64_t fit = caches().l2 / 4 / std::max<int64_t>(1, line_bytes) - p.planes.more_lines;
  // What slows one thread down is shared by all.
  const int64_t even = g.batch * g.out[0] * g.out[1] / (4 * threads_);
  return ceil_div(g.out[1], std::clamp<int64_t>(std::min(fit, even), 1, g.out[1]));
}

void LinesBf16::lay_out(Part& p) const {
  const int64_t pairs = ceil_div(p.g.in_channels, kPair);
  p.lines = ceil_div(p.g.out[1], bands_);
  p.plane_elements = ((p.lines + p.planes.more_lines) * p.planes.columns + kRows) * kPair;
  for (const PaddedPlanes::Tap& tap : p.planes.taps)
    for (int64_t pair = 0; pair < pairs; ++pair)
      p.offsets.push_back((tap.plane * pairs + pair) * p.plane_elements + tap.shift * kPair);
}

int64_t LinesBf16::panels() const { return ceil_div(parts_[0].g.out_channels, kPanel); }
int64_t LinesBf16::panel_elements(const Part& part) const {
  return static_cast<int64_t>(part.offsets.size()) * kPair * kPanel + kPadding;
}

size_t LinesBf16::workspace_bytes() const {
  return packed_bytes_ + static_cast<size_t>(threads_) * lines_bytes_;
}

// One thread's view of one run.
class LinesBf16Worker {
 public:
  LinesBf16Worker(const LinesBf16& plan, const uint16_t* x, const uint16_t* w, uint16_t* y,
                  char* workspace, int thread)
      : p_(plan),
        x_(x),
        w_(w),
        y_(y),
        packed_(workspace),
        lines_(reinterpret_cast<uint16_t*>(workspace + plan.packed_bytes_ +
                                           static_cast<size_t>(thread) * plan.lines_bytes_)) {}

  void run(Team& team, int thread, int threads) {
    for (const LinesBf16::Part& part : p_.parts_) {
      const WeightPanels panels{part.g, part.taps, p_.backward_,
                                round_up(part.g.in_channels, kPair), p_.panel_elements(part)};
      panels.pack(w_, panels.pairs() * thread / threads, panels.pairs() * (thread + 1) / threads,
                  packed(part), lines_);
    }
    team.barrier.wait();
    // All remainders of one image's lines, one after the other: they share cache lines of the
    // result.
    const int64_t units = p_.parts_[0].g.batch * p_.slices_ * p_.bands_;
    k_.begin();
    for (int64_t unit; (unit = team.next[0].fetch_add(1)) < units;)
      for (const LinesBf16::Part& part : p_.parts_) {
        const Band band(p_.slices_, p_.bands_, part.lines, part.g.out[1], unit);
        if (band.slice >= part.g.out[0] || band.lines <= 0) continue;
        fill(part, band), multiply(part, band);
      }
    k_.end();
  }

 private:
  uint16_t* packed(const LinesBf16::Part& part) const {
    return reinterpret_cast<uint16_t*>(packed_ + part.packed);
  }

  // The pixels that the band's results see.
  void fill(const LinesBf16::Part& part, const Band& band) const {
    const ConvGeometry& g = part.g;
    const int64_t blocks = ceil_div(g.in_channels, kBlock), block_step = g.plane() * kBlock;
    const uint16_t* image = x_ + band.image * blocks * block_step;
    uint16_t* to = lines_;
    for (const PaddedPlanes::Plane& plane : part.planes.planes)
      for (int64_t block = 0; block < blocks; block += 2, to += part.plane_elements)
        for (int64_t line = 0; line < band.lines + part.planes.more_lines; ++line) {
          const int64_t place = part.planes.place(g, plane, band.slice, band.first + line);
          const uint16_t* from = place < 0 ? nullptr : image + block * block_step + place * kBlock;
          const uint16_t* second = from && block + 1 < blocks ? from + block_step : nullptr;
          fill_line(part.planes, plane, from, second, g.stride[2],
                    to + line * part.planes.columns * kPair);
        }
  }
  void fill_line(const PaddedPlanes& planes, const PaddedPlanes::Plane& plane,
                 const uint16_t* first, const uint16_t* second, int64_t stride,
                 uint16_t* to) const {
    const int64_t begin = first ? plane.begin : planes.columns,
                  end = first ? plane.end : planes.columns;
    std::memset(to, 0, bytes_of(begin * kPair));
    if (first) k_.join(first, second, stride * kBlock, end - begin, to + begin * kPair);
    std::memset(to + end * kPair, 0, bytes_of((planes.columns - end) * kPair));
  }

  void multiply(const LinesBf16::Part& part, const Band& band) const {
    const ConvGeometry& g = part.g;
    const ConvGeometry::Sizes size = g.whole() ? g.out : g.out_size;
    const auto place = [&](int d, int64_t i) { return g.out_first[d] + i * g.out_step[d]; };
    const int64_t pixel =
        (place(0, band.slice) * size[1] + place(1, band.first)) * size[2] + place(2, 0);
    lines_bf16::Product product{};
    product.a = lines_, product.offsets = part.offsets.data();
    product.steps = static_cast<int64_t>(part.offsets.size());
    product.packed = packed(part), product.panel_stride = p_.panel_elements(part);
    product.columns = part.planes.columns, product.width = g.out[2], product.lines = band.lines;
    product.blocks = ceil_div(g.out_channels, kBlock);
    product.column_step = g.out_step[2] * kBlock;
    product.line_step = g.out_step[1] * size[2] * kBlock;
    product.block_step = g.out_plane() * kBlock;
    product.y = y_ + band.image * product.blocks * product.block_step + pixel * kBlock;
    k_.multiply(product);
  }

  const lines_bf16::Kernels& k_ = *lines_bf16::kernels();
  const LinesBf16& p_;
  const uint16_t *x_, *w_;
  uint16_t* y_;
  char* packed_;
  uint16_t* lines_;
};

void LinesBf16::run(const uint16_t* x, const uint16_t* w, uint16_t* y, void* workspace) const {
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    LinesBf16Worker(*this, x, w, y, static_cast<char*>(workspace), thread)
        .run(team, thread, threads);
  });
}

}  // namespace cairn::cpu
