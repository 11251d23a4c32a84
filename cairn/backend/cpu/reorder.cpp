#include "cairn/backend/cpu/reorder.h"

#include <algorithm>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

// Elements that take some 10 us to move: what waking a thread costs (thread_pool.cpp).
constexpr int64_t kWorthAThread = 32 << 10;
constexpr int64_t kPixels = 64;  // of a tile: their lines stay in the L1 cache

bool is_blocked(const Layout& layout, int dim) {
  return dim < 2 && layout.blocked() && (dim == 1 || layout.kind != LayoutKind::channel_block);
}

// Of one side, along a dimension: from one block to the next, from one element in it to the next.
struct Steps {
  int64_t block, lane;
};
Steps steps_of(const TensorDesc& d, int dim, int64_t block) {
  const Physical p = physical_of(d);
  if (!is_blocked(d.layout, dim)) return {p.strides[dim] * block, p.strides[dim]};
  const int rank = d.shape.ssize();
  const bool last = d.layout.kind == LayoutKind::channel_block ||
                    (d.layout.kind == LayoutKind::weight_io) == (dim == 0);
  return {p.strides[dim], last ? 1 : p.strides[rank]};
}

template <class T>
void copy_rows(int64_t rows, int64_t row_from, int64_t row_to, int64_t count, int64_t step_from,
               int64_t step_to, const T* from, T* to) {
  for (int64_t r = 0; r < rows; ++r, from += row_from, to += row_to) {
    if (step_to == 1 && step_from == 1) std::copy_n(from, count, to);
    else if (step_to == 1 && count == 16)
      for (int64_t i = 0; i < 16; ++i) to[i] = from[i * step_from];
    else if (step_from == 1 && count == 16)
      for (int64_t i = 0; i < 16; ++i) to[i * step_to] = from[i];
    else
      for (int64_t i = 0; i < count; ++i) to[i * step_to] = from[i * step_from];
  }
}

}  // namespace

bool Reorder::works(const TensorDesc& from, const TensorDesc& to) {
  if (from.layout.packed() || to.layout.packed()) return false;
  const int rank = from.shape.ssize();
  if (rank < 2 || rank > 5) return false;
  if (!from.layout.blocked() || !to.layout.blocked() || from.layout.block == to.layout.block)
    return true;
  return from.layout.kind == LayoutKind::channel_block &&
         to.layout.kind == LayoutKind::channel_block &&
         std::max(from.layout.block, to.layout.block) %
                 std::min(from.layout.block, to.layout.block) ==
             0;
}

Reorder::Reorder(const TensorDesc& from, const TensorDesc& to)
    : element_(size_of(from.dtype)),
      from_offset_(from.layout.blocked() ? 0 : from.layout.offset),
      to_offset_(to.layout.blocked() ? 0 : to.layout.offset),
      target_bytes_(to.bytes()) {
  check(works(from, to), "no reorder from {} to {}", to_string(from), to_string(to));
  const int rank = from.shape.ssize();
  const Physical p = physical_of(from), q = physical_of(to);
  for (int d = 0; d < 2; ++d) {
    const bool to_blocks = is_blocked(to.layout, d);
    const size_t i = static_cast<size_t>(d);
    size_[i] = from.shape[d];
    if (to_blocks) block_[i] = to.layout.block;
    else if (is_blocked(from.layout, d)) block_[i] = from.layout.block;
    Steps a = steps_of(from, d, block_[i]), b = steps_of(to, d, block_[i]);
    span_[i] = block_[i];
    if (to_blocks && is_blocked(from.layout, d) && from.layout.block != to.layout.block) {
      block_[i] = std::min(from.layout.block, to.layout.block);
      span_[i] = std::max(from.layout.block, to.layout.block);
      rounds_ = {span_[i] / block_[i], block_[i] * a.lane, block_[i] * b.lane};
      if (from.layout.block == block_[i]) rounds_.from = a.block, a.block *= rounds_.count;
      else rounds_.to = b.block, b.block *= rounds_.count;
    }
    blocks_[i] = {ceil_div(size_[i], span_[i]), a.block, b.block};
    lanes_[i] = {block_[i], a.lane, b.lane};
    pads_ |= to_blocks && size_[i] % to.layout.block != 0;
  }
  int at = 2;
  for (int d = rank - 1; d >= 2; --d) {
    Axis& axis = pixels_[static_cast<size_t>(at)];
    if (axis.count == 1) {
      axis = {from.shape[d], p.strides[d], q.strides[d]};
    } else if (p.strides[d] == axis.from * axis.count && q.strides[d] == axis.to * axis.count) {
      axis.count *= from.shape[d];
    } else {
      pixels_[static_cast<size_t>(--at)] = {from.shape[d], p.strides[d], q.strides[d]};
    }
  }
}

// Pixels [begin, end) of the last axis, for all of the others.
template <class T>
void Reorder::copy_pixels(const T* from, T* to, const std::array<int64_t, 2>& lanes, int64_t begin,
                          int64_t end) const {
  const Axis& last = pixels_[2];
  for (int64_t z = 0; z < pixels_[0].count; ++z)
    for (int64_t y = 0; y < pixels_[1].count; ++y)
      for (int64_t x = begin; x < end; x += kPixels) {
        const int64_t count = std::min(kPixels, end - x);
        const T* a = from + z * pixels_[0].from + y * pixels_[1].from + x * last.from;
        T* b = to + z * pixels_[0].to + y * pixels_[1].to + x * last.to;
        const Axis &slow = lanes_[0], &quick = lanes_[1];
        // Weights' kernels have few pixels: rows of them are shorter than a block of the source.
        const bool few = count < quick.count && (slow.from == 1 || quick.from == 1);
        if (quick.to == 1 || last.to != 1 || few) {
          // Lanes are dense in the target, or in the source: those of dimension 1 or else those of
          // dimension 0.
          const bool swap = lanes[0] > 1 && (slow.to == 1 || (quick.to != 1 && slow.from == 1));
          const Axis &inner = swap ? slow : quick, &outer = swap ? quick : slow;
          const int64_t inner_count = lanes[swap ? 0 : 1], outer_count = lanes[swap ? 1 : 0];
          for (int64_t o = 0; o < outer_count; ++o)
            copy_rows(count, last.from, last.to, inner_count, inner.from, inner.to,
                      a + o * outer.from, b + o * outer.to);
        } else {
          for (int64_t o = 0; o < lanes[0]; ++o)
            copy_rows(lanes[1], quick.from, quick.to, count, last.from, last.to, a + o * slow.from,
                      b + o * slow.to);
        }
      }
}

template <class T>
void Reorder::run_as(const T* from, T* to, const std::array<int64_t, 2>& size) const {
  const int64_t pixels = pixels_[0].count * pixels_[1].count * pixels_[2].count;
  const int64_t block = block_[0] * block_[1], work = std::max<int64_t>(1, block * pixels);
  // Blocks go to the threads, and where there are few of them, pixels.
  const int64_t count = blocks_[0].count * blocks_[1].count;
  const int64_t parts =
      count >= 4 * num_threads()
          ? 1
          : std::clamp<int64_t>(work / kWorthAThread, 1, std::max<int64_t>(1, pixels_[2].count));
  parallel_for(
      count * parts, std::max<int64_t>(1, kWorthAThread * parts / work),
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t item = i / parts, part = i % parts;
          const int64_t first = item / blocks_[1].count, second = item % blocks_[1].count;
          const std::array<int64_t, 2> lanes{std::min(block_[0], size[0] - first * span_[0]),
                                             std::min(block_[1], size[1] - second * span_[1])};
          if (lanes[1] <= 0) continue;  // the last, of a later round
          const int64_t from_pixel = pixels_[2].count * part / parts,
                        to_pixel = pixels_[2].count * (part + 1) / parts;
          T* target = to + first * blocks_[0].to + second * blocks_[1].to;
          if (pads_ && rounds_.count == 1 && (lanes[0] < block_[0] || lanes[1] < block_[1]))
            for (int64_t plane = 0; plane < pixels_[0].count * pixels_[1].count; ++plane)
              std::fill_n(target + (plane * pixels_[2].count + from_pixel) * block,
                          (to_pixel - from_pixel) * block, T{});
          copy_pixels(from + first * blocks_[0].from + second * blocks_[1].from, target, lanes,
                      from_pixel, to_pixel);
        }
      });
}

void Reorder::run(const void* from, void* to) const {
  const auto as = [&](auto type) {
    using T = decltype(type);
    const T* source = static_cast<const T*>(from) + from_offset_;
    T* target = static_cast<T*>(to) + to_offset_;
    if (rounds_.count == 1) return run_as(source, target, size_);
    if (pads_) std::memset(to, 0, target_bytes_);
    for (int64_t round = 0; round < rounds_.count; ++round)
      run_as(source + round * rounds_.from, target + round * rounds_.to,
             {size_[0], size_[1] - round * block_[1]});
  };
  switch (element_) {
    case 1: return as(uint8_t{});
    case 2: return as(uint16_t{});
    case 4: return as(uint32_t{});
    default: return as(uint64_t{});
  }
}

}  // namespace cairn::cpu
