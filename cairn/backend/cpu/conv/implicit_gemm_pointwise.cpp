// 1x1 kernels: tiles of the product read the pixels where they lie in the blocked layout. A tile is
// a run of neighbours: of an image, or where the convolution steps over pixels of one of its rows.
#include "cairn/backend/cpu/conv/implicit_gemm_job.h"
#include "cairn/base/caches.h"
#include "cairn/base/round.h"

namespace cairn::cpu::implicit_gemm {
namespace {

constexpr int64_t kMostTiles = 32, kFewTiles = 3;  // of a block
constexpr int64_t kItems = 6;  // of work for a thread: what slows one down is shared by all

struct Place {  // of a tile
  const float* x;
  float* y;
  int rows;
};

// All tiles of a batch, in runs of pixels whose distance in the input is the same.
struct Runs {
  int64_t length, tiles_a_run, tiles;  // pixels and tiles of a run; tiles in all

  explicit Runs(const ConvGeometry& s)
      : length(s.whole() && s.stride == ConvGeometry::Sizes{1, 1, 1} && s.out == s.in ? s.pixels()
                                                                                      : s.out[2]),
        tiles_a_run(ceil_div(length, product_kernels().rows)),
        tiles(s.batch * (s.pixels() / length) * tiles_a_run) {}

  Place place(const Job& job, int64_t tile) const {
    const ConvGeometry& s = job.s;
    const int64_t lanes = product_kernels().lanes, run = tile / tiles_a_run, k = tile % tiles_a_run;
    const int64_t begin = length * k / tiles_a_run, end = length * (k + 1) / tiles_a_run;
    const int64_t row = run * length + begin, image = row / s.pixels(), pixel = row % s.pixels();
    const int64_t column = pixel % s.out[2], line = pixel / s.out[2];
    const int64_t depth = line / s.out[1] * s.stride[0], height = line % s.out[1] * s.stride[1];
    const int64_t from = (depth * s.in[1] + height) * s.in[2] + column * s.stride[2];
    return {job.x + image * job.in_image + from * lanes, job.y + job.output(row),
            static_cast<int>(end - begin)};
  }
};

// A block of tiles by some panels.
struct Item {
  int64_t tiles = 0;
  Panels panels{};
  Place places[kMostTiles];
};

class Worker {
 public:
  Worker(const Job& job, bool by_panels, int threads)
      : job_(job),
        runs_(job.s),
        shares_(by_panels ? std::min(job.cut.panels, kItems * threads) : 1) {
    const int64_t depth =
        std::min(product_kernels().depth, job.cut.groups * product_kernels().lanes);
    const int64_t bytes = caches().l2 / (by_panels ? 2 : 4);  // by pixels the next block is fetched
    const int64_t fit =
        bytes / (depth * product_kernels().rows * static_cast<int64_t>(sizeof(float)));
    const int64_t least =
        by_panels ? 1 : std::min(kItems * threads, ceil_div(runs_.tiles, kFewTiles));
    blocks_ = std::clamp(ceil_div(runs_.tiles, std::clamp<int64_t>(fit, 2, kMostTiles)), least,
                         runs_.tiles);
    const int64_t output_bytes = job.s.batch * job.s.out_plane() * job.cut.out_blocks *
                                 product_kernels().lanes * static_cast<int64_t>(sizeof(float));
    const bool lines = job.s.whole() || product_kernels().lanes >= 16;  // are written whole
    stream_ = job.cut.pieces == 1 && lines && output_bytes > caches().l3 / 3;
  }

  void run(Shares& shares, int thread, int threads) {
    const int64_t items = blocks_ * shares_;
    Item buffers[2], *now = &buffers[0], *following = &buffers[1];
    int64_t i = shares.take(thread, threads, items);
    if (i >= 0) load(i, *now);
    while (i >= 0) {
      i = shares.take(thread, threads, items);
      if (i >= 0) load(i, *following);
      multiply(*now, i >= 0 ? following : nullptr);
      std::swap(now, following);
    }
    if (stream_) product_kernels().flush();
  }

 private:
  void load(int64_t i, Item& item) const {
    const int64_t block = i / shares_, share = i % shares_, begin = runs_.tiles * block / blocks_;
    item.tiles = runs_.tiles * (block + 1) / blocks_ - begin;
    item.panels = {job_.cut.panels * share / shares_, job_.cut.panels * (share + 1) / shares_};
    for (int64_t t = 0; t < item.tiles; ++t) item.places[t] = runs_.place(job_, begin + t);
  }

  void multiply(const Item& item, const Item* following) const {
    for (int64_t piece = 0; piece < job_.cut.pieces; ++piece)
      for (int64_t panel = item.panels.begin; panel < item.panels.end; ++panel)
        multiply_panel(item, following, piece, panel);
  }

  // What is fetched meanwhile: the weights of the next panel, and a share of the pixels of the next
  // piece, or of the item that follows.
  void multiply_panel(const Item& item, const Item* following, int64_t piece, int64_t panel) const {
    const Cut& cut = job_.cut;
    const ProductKernels& kernels = product_kernels();
    const bool last_piece = piece + 1 == cut.pieces, last_panel = panel + 1 == item.panels.end;
    const int64_t plane = job_.s.plane() * kernels.lanes, from = cut.group(piece) * plane;
    ProductTile t = job_.tile(piece);
    job_.take_panel(t, piece, panel);
    t.a_step = static_cast<int>(job_.s.stride[2]), t.a_group = plane, t.stream = stream_;
    const int64_t next_piece = !last_panel ? piece : last_piece ? 0 : piece + 1;
    const int64_t next_panel = !last_panel               ? panel + 1
                               : last_piece && following ? following->panels.begin
                                                         : item.panels.begin;
    const float* ahead = job_.packed + cut.packed_at(next_piece, next_panel);
    if (!last_panel || !last_piece || following)
      t.lines_ahead =
          static_cast<int>(ceil_div(cut.panel_floats(next_piece) / 16, t.groups * item.tiles));
    const int64_t panels = item.panels.end - item.panels.begin, at = panel - item.panels.begin;
    for (int64_t i = 0; i < item.tiles; ++i) {
      const Place& place = item.places[i];
      const Item* next = last_piece ? following : &item;
      t.next_begin = t.next_end = 0;
      if (next && i < next->tiles) {
        t.next = next->places[i].x + (last_piece ? 0 : from + t.groups * plane);
        t.next_begin = t.groups * at / panels, t.next_end = t.groups * (at + 1) / panels;
      }
      t.rows = place.rows, t.a = place.x + from;
      float* y = place.y + 2 * panel * t.block_stride;
      for (int r = 0; r < t.rows; ++r) t.y[r] = y + r * job_.s.out_step[2] * kernels.lanes;
      t.ahead = ahead + i * t.lines_ahead * t.groups * 16;
      kernels.multiply(t);
    }
  }

  const Job& job_;
  const Runs runs_;
  int64_t shares_, blocks_;
  bool stream_;
};

}  // namespace

bool reads_in_place(const ConvGeometry& s) {
  if (s.taps() != 1 || s.stride[2] > 2) return false;
  for (int d = 0; d < 3; ++d)
    if (s.pad[d] != 0 || (s.out[d] - 1) * s.stride[d] >= s.in[d]) return false;
  return true;
}

void run_in_place(const Job& job, bool by_panels, Shares& shares, int thread, int threads) {
  Worker(job, by_panels, threads).run(shares, thread, threads);
}

}  // namespace cairn::cpu::implicit_gemm
