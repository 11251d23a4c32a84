#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/rnn/kernels.h"
#include "cairn/backend/cpu/rnn/layout.h"
#include "cairn/backend/cpu/rnn/products.h"
#include "cairn/backend/cpu/rnn/rnn.h"
#include "cairn/backend/cpu/rnn/team.h"
#include "cairn/base/error.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace rnn {
namespace {

// A block of columns of dgates, and the gate of W_ih and of W_hh it is the gradient of (-1: none).
struct Block {
  int ih, hh;
};

Block block_of(RnnCell cell, int index) {
  constexpr Block kGru[] = {{2, -1}, {0, 0}, {1, 1}, {-1, 2}};  // n r z q
  return cell == RnnCell::kGru ? kGru[index] : Block{index, index};
}

// The block where those of W_hh begin; those of W_ih begin at 0.
int first_hidden_block(RnnCell cell) { return cell == RnnCell::kGru ? 1 : 0; }

class BackwardPass {
 public:
  BackwardPass(const RnnPlan& plan, const RnnBackward& args)
      : p_(plan), c_(plan.config), args_(args), carver_(args.workspace), w_(plan, carver_) {
    Carver reserve(const_cast<void*>(args.reserve));
    for (int d = 0; d < c_.directions; ++d) reserve_[d] = Reserve(p_, reserve);
    std::fill_n(w_.zeros, std::max(p_.padded_hidden, p_.padded_input), 0.0f);
    w_.schedule.build(args.lengths);
  }

  void operator()(const Member& m) const {
    for (int d = 0; d < c_.directions; ++d) {
      if (!m.runs_direction(d)) continue;
      pack(m, d);
      for (int g = 0; g < p_.groups; ++g)
        if (m.mine(g)) start(d, g);
    }
    m.meet();
    for (int64_t round = 0; round < p_.chunks; ++round) {
      for (int d = 0; d < c_.directions; ++d)
        if (m.runs_direction(d)) run_chunk(m, d, round);
      if (args_.dx) m.meet_everyone();
    }
    for (int d = 0; d < c_.directions; ++d)
      for (int g = 0; g < p_.groups; ++g)
        if (m.runs_direction(d) && m.mine(g)) finish(d, g);
  }

 private:
  float* state(float* states, int64_t slot) const { return states + slot * state_pitch(p_); }
  int64_t state_row(int d, int64_t slot) const {
    return (d * c_.batch + w_.schedule.item[slot]) * c_.hidden;
  }
  int64_t sequence_row(const RnnStrides& strides, int64_t t, int64_t slot) const {
    return t * strides.step + w_.schedule.item[slot] * strides.item;
  }
  int64_t saved_row(int g, int64_t t) const {
    return w_.schedule.first_slot(g) * c_.steps + w_.schedule.rows_before(g, t);
  }
  int64_t depth() const { return gate_count(c_.cell) * p_.padded_hidden; }
  uint16_t* narrow(const Member& m) const {
    return w_.narrow + m.thread * narrow_elements(p_, depth());
  }

  void pack(const Member& m, int d) const {
    const auto& weights = args_.weights[d];
    const int first_hidden = first_hidden_block(c_.cell);
    for (int b = 0; b < block_count(c_.cell); ++b) {
      const Block block = block_of(c_.cell, b);
      if (block.hh >= 0)
        pack_gate(m, weights.weight_hh + block.hh * c_.hidden * c_.hidden, c_.hidden,
                  w_.packed[d].hh, (b - first_hidden) * p_.padded_hidden);
      if (block.ih >= 0 && args_.dx)
        pack_gate(m, weights.weight_ih + block.ih * c_.hidden * c_.input, c_.input, w_.packed[d].ih,
                  b * p_.padded_hidden);
    }
  }

  // The rows of one gate of W, in all panels of its columns, from row `first` on.
  void pack_gate(const Member& m, const float* w, int64_t columns, float* out,
                 int64_t first) const {
    const int64_t panel = p_.panel;
    for (int64_t index = 0; index * panel < columns; ++index)
      if (m.mine(index))
        pack_plain(p_, w + index * panel, columns, columns - index * panel, c_.hidden,
                   p_.padded_hidden, out + index * panel * depth(), first);
  }

  void start(int d, int g) const {
    const auto load = [&](const float* from, int64_t slot, float* to) {
      std::fill_n(to, state_pitch(p_), 0.0f);
      if (from) memcpy(to, from + state_row(d, slot), c_.hidden * sizeof(float));
    };
    const int64_t first = w_.schedule.first_slot(g);
    for (int64_t slot = first; slot < first + w_.schedule.slots(g); ++slot) {
      load(args_.dh_final, slot, state(w_.dh[d], slot));
      load(args_.dc_final, slot, state(w_.dc[d], slot));
    }
  }

  void finish(int d, int g) const {
    const int64_t first = w_.schedule.first_slot(g), bytes = c_.hidden * sizeof(float);
    for (int64_t slot = first; slot < first + w_.schedule.slots(g); ++slot) {
      if (args_.dh0) memcpy(args_.dh0 + state_row(d, slot), state(w_.dh[d], slot), bytes);
      if (args_.dc0) memcpy(args_.dc0 + state_row(d, slot), state(w_.dc[d], slot), bytes);
      if (args_.dx && d == 0)
        for (int64_t t = w_.schedule.length[slot]; t < c_.steps; ++t)
          memset(args_.dx + sequence_row(args_.dx_strides, t, slot), 0, c_.input * sizeof(float));
    }
  }

  // A direction that walks forward comes back from the last chunk, the other from the first.
  void run_chunk(const Member& m, int d, int64_t round) const {
    const bool from_end = !walks_backward(c_, d);
    const int64_t chunk = from_end ? p_.chunks - 1 - round : round;
    const int64_t begin = chunk_begin(p_, chunk), end = chunk_begin(p_, chunk + 1);
    for (int g = 0; g < p_.groups; ++g) {
      if (!p_.split_columns && !m.mine(g)) continue;
      for (int64_t n = 0; n < end - begin; ++n)
        step_back(m, d, g, begin, end, from_end ? end - 1 - n : begin + n);
      // In the chunk's second visit the other direction has written its part.
      const bool add = c_.directions == 2 && round >= p_.chunks / 2;
      if (args_.dx) input_gradients(m, d, g, begin, end, add);
    }
    pack_inputs(m, d, begin, end);
    m.meet();
    if (c_.bf16) {
      pair_inputs(m, d, w_.schedule.all_rows(begin, end));
      m.meet();
    }
    weight_gradients(m, d, w_.schedule.all_rows(begin, end), round == 0);
    m.meet();
  }

  float* dgates_of_chunk(const Member& m, int g, int64_t begin, int64_t end) const {
    return w_.dgates[m.team] + w_.schedule.rows_of_earlier(g, begin, end) * gates_pitch(p_);
  }

  // A row of a caller's as a padded one; null is zeros.
  const float* padded(const float* row, float* scratch) const {
    if (!row) return w_.zeros;
    if (c_.hidden == p_.padded_hidden) return row;
    memcpy(scratch, row, c_.hidden * sizeof(float));
    std::fill(scratch + c_.hidden, scratch + p_.padded_hidden, 0.0f);
    return scratch;
  }

  // The step that ran before t for this slot, or -1 at its start.
  int64_t step_before(int d, int64_t t, int64_t slot) const {
    if (!walks_backward(c_, d)) return t - 1;
    return t + 1 < w_.schedule.length[slot] ? t + 1 : -1;
  }

  const float* output_row(int d, int64_t t, int64_t slot) const {
    return args_.y + sequence_row(args_.y_strides, t, slot) + d * c_.hidden;
  }

  const float* previous_h(int d, int64_t t, int64_t slot) const {
    const int64_t before = step_before(d, t, slot);
    if (before >= 0) return output_row(d, before, slot);
    return args_.h0 ? args_.h0 + state_row(d, slot) : nullptr;
  }

  // Gradients of the gates at step t, and of the state before it.
  void step_back(const Member& m, int d, int g, int64_t begin, int64_t end, int64_t t) const {
    const int64_t alive = w_.schedule.alive(g, t), first = w_.schedule.first_slot(g);
    const Columns mine = columns_of(p_, m);
    float* dgates =
        dgates_of_chunk(m, g, begin, end) + w_.schedule.rows(g, begin, t) * gates_pitch(p_);
    if (mine.count() > 0)
      for (int64_t i = 0; i < alive; ++i)
        row_back(m, d, g, t, i, mine, dgates + i * gates_pitch(p_));
    if (p_.split_columns) m.meet();
    if (alive == 0 || mine.count() == 0) return;
    const int64_t stride = p_.panel * depth();
    float* dh = state(w_.dh[d], first) + mine.begin;
    multiply(p_,
             {.a = dgates + first_hidden_block(c_.cell) * p_.padded_hidden,
              .a_row = gates_pitch(p_),
              .rows = alive,
              .depth = depth(),
              .packed = w_.packed[d].hh + mine.begin / p_.panel * stride,
              .panel_stride = stride,
              .columns = mine.count(),
              .init = dh,
              .init_row = state_pitch(p_),
              .c = dh,
              .c_row = state_pitch(p_)},
             narrow(m));
  }

  void row_back(const Member& m, int d, int g, int64_t t, int64_t i, Columns mine,
                float* dgates) const {
    const int64_t slot = w_.schedule.first_slot(g) + i, at = mine.begin;
    float* scratch = w_.rows + m.thread * 2 * p_.padded_hidden;
    const float* dy =
        args_.dy ? args_.dy + sequence_row(args_.dy_strides, t, slot) + d * c_.hidden : nullptr;
    BackwardRow row{};
    row.gate_stride = p_.padded_hidden;
    row.dy = padded(dy, scratch) + at;
    row.dh = state(w_.dh[d], slot) + at;
    row.dc = state(w_.dc[d], slot) + at;
    row.dgates = dgates + at;
    row.count = mine.count();
    if (saves_gates(c_.cell))
      row.gates = reserve_[d].gates + (saved_row(g, t) + i) * gates_pitch(p_) + at;
    else row.h = padded(output_row(d, t, slot), scratch + p_.padded_hidden) + at;
    if (c_.cell == RnnCell::kGru)
      row.h_previous = padded(previous_h(d, t, slot), scratch + p_.padded_hidden) + at;
    if (c_.cell == RnnCell::kLstm) {
      const int64_t before = step_before(d, t, slot);
      row.c = reserve_[d].cells + (saved_row(g, t) + i) * p_.padded_hidden + at;
      if (before >= 0)
        row.c_previous = reserve_[d].cells + (saved_row(g, before) + i) * p_.padded_hidden + at;
      else
        row.c_previous =
            padded(args_.c0 ? args_.c0 + state_row(d, slot) : nullptr, scratch + p_.padded_hidden) +
            at;
    }
    cell_kernels().backward_row(c_.cell, row);
    if (mine.end > c_.hidden) clear_padding(dgates);
  }

  // The products of dgates read its padding too, against zeros; a state that is no number must not
  // reach them by it.
  void clear_padding(float* dgates) const {
    for (int b = 0; b < block_count(c_.cell); ++b)
      std::fill(dgates + b * p_.padded_hidden + c_.hidden, dgates + (b + 1) * p_.padded_hidden,
                0.0f);
  }

  // dx = dgates W_ih over the rows of a chunk.
  void input_gradients(const Member& m, int d, int g, int64_t begin, int64_t end, bool add) const {
    const int64_t pitch = input_pitch(p_), rows = w_.schedule.rows(g, begin, end);
    const float* dgates = dgates_of_chunk(m, g, begin, end);
    float* tile = w_.tiles + m.thread * kTileRows * pitch;
    w_.schedule.for_rows(g, begin, end, [&](int64_t row, int64_t t, int64_t slot) {
      if (p_.split_columns && !m.mine(row / kTileRows)) return;
      const int64_t at = row % kTileRows;
      if (at == 0)
        multiply(p_,
                 {.a = dgates + row * gates_pitch(p_),
                  .a_row = gates_pitch(p_),
                  .rows = std::min(kTileRows, rows - row),
                  .depth = depth(),
                  .packed = w_.packed[d].ih,
                  .panel_stride = p_.panel * depth(),
                  .columns = p_.padded_input,
                  .init = w_.zeros,
                  .init_row = 0,
                  .c = tile,
                  .c_row = pitch},
                 narrow(m));
      float* dx = args_.dx + sequence_row(args_.dx_strides, t, slot);
      const float* from = tile + at * pitch;
      if (!add) memcpy(dx, from, c_.input * sizeof(float));
      else
        for (int64_t k = 0; k < c_.input; ++k) dx[k] += from[k];
    });
  }

  // Packs x and the previous h of the chunk's rows, in the order of the rows of dgates.
  void pack_inputs(const Member& m, int d, int64_t begin, int64_t end) const {
    const int64_t stride = chunk_panel_stride(p_, w_.schedule.all_rows(begin, end));
    const auto& wanted = args_.gradients[d];
    for (int g = 0; g < p_.groups; ++g) {
      if (!p_.split_columns && !m.mine(g)) continue;
      const int64_t earlier = w_.schedule.rows_of_earlier(g, begin, end);
      w_.schedule.for_rows(g, begin, end, [&](int64_t row, int64_t t, int64_t slot) {
        if (p_.split_columns && !m.mine(t)) return;
        const int64_t to = (earlier + row) * p_.panel;
        if (wanted.weight_ih)
          kernels().spread_row(args_.x + sequence_row(args_.x_strides, t, slot), c_.input,
                               w_.x_panels[m.team] + to, stride);
        const float* h = previous_h(d, t, slot);
        if (wanted.weight_hh)
          kernels().spread_row(h ? h : w_.zeros, c_.hidden, w_.h_panels[m.team] + to, stride);
      });
    }
  }

  // The same panels in pairs of rows, for products in bf16.
  void pair_inputs(const Member& m, int d, int64_t rows) const {
    const int64_t stride = chunk_panel_stride(p_, rows);
    const auto& wanted = args_.gradients[d];
    const auto pair = [&](const float* gradient, float* panels, int64_t count) {
      for (int64_t i = 0; gradient && i < count; ++i)
        if (m.mine(i)) pair_panel(panels + i * stride, rows);
    };
    pair(wanted.weight_ih, w_.x_panels[m.team], ceil_div(c_.input, p_.panel));
    pair(wanted.weight_hh, w_.h_panels[m.team], ceil_div(c_.hidden, p_.panel));
  }

  // dW += dgates^T [x, previous h] and db += sums of dgates, by slices of columns of dgates.
  void weight_gradients(const Member& m, int d, int64_t rows, bool first) const {
    const auto& wanted = args_.gradients[d];
    if (!wanted.weight_ih && !wanted.weight_hh && !wanted.bias_ih && !wanted.bias_hh) return;
    if (rows == 0 && !first) return;
    const int64_t slices = ceil_div(c_.hidden, kSliceColumns);
    for (int64_t index = m.rank; index < block_count(c_.cell) * slices; index += m.size) {
      const int block = static_cast<int>(index / slices);
      const int64_t column = index % slices * kSliceColumns;
      for (int64_t k = 0; k == 0 || k < rows; k += kSliceDepth)
        slice_gradients(m, d, block, column, rows, k, first && k == 0);
    }
  }

  void slice_gradients(const Member& m, int d, int index, int64_t column, int64_t rows, int64_t k,
                       bool first) const {
    const Block block = block_of(c_.cell, index);
    const auto& wanted = args_.gradients[d];
    const int64_t columns = std::min(kSliceColumns, c_.hidden - column);
    const int64_t depth = std::min(kSliceDepth, rows - k);
    float* slice = w_.slices + m.thread * kSliceFloats;
    alignas(64) float sums[kSliceColumns];
    const float* from = w_.dgates[m.team] + k * gates_pitch(p_) + index * p_.padded_hidden + column;
    kernels().pack_slice(from, gates_pitch(p_), columns, depth, slice, sums);
    if (c_.bf16) pack_narrow_slice(from, gates_pitch(p_), columns, depth, narrow(m));

    const auto add_product = [&](int gate, const float* panels, int64_t width, float* gradient) {
      if (gate < 0 || !gradient) return;
      float* to = gradient + (gate * c_.hidden + column) * width;
      Product product{.a = slice,
                      .a_row = kPackedSlice,
                      .rows = columns,
                      .depth = depth,
                      .packed = panels,
                      .panel_stride = chunk_panel_stride(p_, rows),
                      .columns = width,
                      .init = first ? w_.zeros : to,
                      .init_row = first ? 0 : width,
                      .c = to,
                      .c_row = width};
      if (c_.bf16) return multiply_slice(product, narrow(m), k);
      product.packed += k * p_.panel;
      kernels().multiply(product);
    };
    add_product(block.ih, w_.x_panels[m.team], c_.input, wanted.weight_ih);
    add_product(block.hh, w_.h_panels[m.team], c_.hidden, wanted.weight_hh);

    const auto add_sums = [&](int gate, float* gradient) {
      if (gate < 0 || !gradient) return;
      float* to = gradient + gate * c_.hidden + column;
      for (int64_t n = 0; n < columns; ++n) to[n] = first ? sums[n] : to[n] + sums[n];
    };
    add_sums(block.ih, wanted.bias_ih);
    add_sums(block.hh, wanted.bias_hh);
  }

  const RnnPlan& p_;
  const RnnConfig& c_;
  const RnnBackward& args_;
  Carver carver_;
  BackwardWorkspace w_;
  Reserve reserve_[2];
};

}  // namespace
}  // namespace rnn

void rnn_backward(const RnnPlan& plan, const RnnBackward& args) {
  check(plan.config.training, "rnn_backward: the plan was made for inference (training = false)");
  check(args.workspace && args.x && args.y, "rnn_backward: x, y and workspace must be given");
  check(plan.reserve_bytes == 0 || args.reserve,
        "rnn_backward: the reserve that rnn_forward filled must be given");
  rnn::check_lengths(plan.config, args.lengths);
  rnn::run_teams(plan, rnn::BackwardPass(plan, args));
}

}  // namespace cairn::cpu
