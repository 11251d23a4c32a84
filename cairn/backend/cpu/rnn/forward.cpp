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

float value_or_zero(const float* bias, int64_t index) { return bias ? bias[index] : 0.0f; }

// The input product starts from b_ih + b_hh, but for GRU's n from b_ih: its b_hh goes to q.
void pack_bias(const RnnPlan& p, const RnnWeights& w, float* bias) {
  const int64_t hidden = p.config.hidden;
  std::fill_n(bias, block_count(p.config.cell) * p.padded_hidden, 0.0f);
  for (int g = 0; g < gate_count(p.config.cell); ++g)
    for (int64_t j = 0; j < hidden; ++j) {
      const bool apart = p.config.cell == RnnCell::kGru && g == 2;
      const int64_t from = g * hidden + j;
      bias[g * p.padded_hidden + j] = value_or_zero(w.bias_ih, from);
      bias[(apart ? 3 : g) * p.padded_hidden + j] += value_or_zero(w.bias_hh, from);
    }
}

// The share of member `rank` of `size` in packing a weight of so many columns.
void pack_weight(const RnnPlan& p, const float* weight, int64_t columns, float* to, int rank,
                 int size) {
  const int64_t hidden = p.config.hidden, panels = p.padded_hidden / p.panel;  // of a gate
  for (int64_t index = rank; index < gate_count(p.config.cell) * panels; index += size) {
    const int64_t j = index % panels * p.panel;
    const int64_t first = index / panels * hidden + j, rows = std::min(p.panel, hidden - j);
    pack_transposed(p, weight + first * columns, columns, rows, columns,
                    to + index * p.panel * columns);
  }
}

// And in packing one direction.
void pack_direction(const RnnPlan& p, const RnnWeights& w, const PackedForward& to, int rank,
                    int size) {
  if (!p.config.prepacked) {
    pack_weight(p, w.weight_ih, p.config.input, to.ih, rank, size);
    pack_weight(p, w.weight_hh, p.config.hidden, to.hh, rank, size);
  }
  if (rank == 0) pack_bias(p, w, to.bias);
}

class ForwardPass {
 public:
  ForwardPass(const RnnPlan& plan, const RnnForward& args)
      : p_(plan), args_(args), carver_(args.workspace), w_(plan, carver_) {
    Carver reserve(args.reserve);
    for (int d = 0; d < p_.config.directions; ++d) {
      packed_[d] = w_.packed[d];
      if (p_.config.prepacked) {  // which nobody writes
        packed_[d].ih = const_cast<float*>(args.weights[d].weight_ih);
        packed_[d].hh = const_cast<float*>(args.weights[d].weight_hh);
      }
      if (p_.config.training) reserve_[d] = Reserve(p_, reserve);
    }
    w_.schedule.build(args.lengths);
  }

  void operator()(const Member& m) const {
    for (int d = 0; d < p_.config.directions; ++d) {
      if (!m.runs_direction(d)) continue;
      pack_direction(p_, args_.weights[d], packed_[d], m.rank, m.size);
      for (int g = 0; g < p_.groups; ++g)
        if (m.mine(g)) start(d, g);
      m.meet();
      for (int g = 0; g < p_.groups; ++g)
        if (p_.split_columns || m.mine(g)) walk(m, d, g);
      for (int g = 0; g < p_.groups; ++g)
        if (m.mine(g)) finish(d, g);
    }
  }

 private:
  float* state(float* states, int64_t slot) const { return states + slot * state_pitch(p_); }

  // Row `slot` of a caller's [directions][N][H].
  int64_t state_row(int d, int64_t slot) const {
    return (d * p_.config.batch + w_.schedule.item[slot]) * p_.config.hidden;
  }

  void start(int d, int g) const {
    const int64_t hidden = p_.config.hidden, pitch = state_pitch(p_);
    const auto load = [&](const float* from, int64_t slot, float* to) {
      std::fill_n(to, pitch, 0.0f);
      if (from) memcpy(to, from + state_row(d, slot), hidden * sizeof(float));
    };
    const int64_t first = w_.schedule.first_slot(g);
    for (int64_t slot = first; slot < first + w_.schedule.slots(g); ++slot) {
      for (float* h : w_.h[d]) load(args_.h0, slot, state(h, slot));
      load(args_.c0, slot, state(w_.c[d], slot));
    }
  }

  void walk(const Member& m, int d, int g) const {
    const bool backward = walks_backward(p_.config, d);
    for (int64_t i = 0, s = 0; i < p_.chunks; ++i) {
      const int64_t chunk = backward ? p_.chunks - 1 - i : i;
      const int64_t begin = chunk_begin(p_, chunk), end = chunk_begin(p_, chunk + 1);
      float* gates = chunk_gates(m, d, g, begin);
      project_inputs(m, d, g, begin, end, gates);
      for (int64_t n = 0; n < end - begin; ++n, ++s) {
        const int64_t t = backward ? end - 1 - n : begin + n;
        advance(m, d, g, t, s & 1, gates + w_.schedule.rows(g, begin, t) * gates_pitch(p_));
        if (p_.split_columns) m.meet();
      }
    }
  }

  // Where the group's gates of a chunk start. (Groups may be at different chunks at a time.)
  float* chunk_gates(const Member& m, int d, int g, int64_t begin) const {
    if (reserve_[d].gates) return reserve_[d].gates + saved_row(g, begin) * gates_pitch(p_);
    return w_.gates[m.team] + w_.schedule.first_slot(g) * most_chunk_steps(p_) * gates_pitch(p_);
  }

  int64_t saved_row(int g, int64_t t) const {
    return w_.schedule.first_slot(g) * p_.config.steps + w_.schedule.rows_before(g, t);
  }

  // gates = bias + W_ih x for the member's columns of all rows of the chunk.
  void project_inputs(const Member& m, int d, int g, int64_t begin, int64_t end,
                      float* gates) const {
    const int64_t pitch = input_pitch(p_), rows = w_.schedule.rows(g, begin, end);
    float* tile = w_.tiles + m.thread * kTileRows * pitch;
    w_.schedule.for_rows(g, begin, end, [&](int64_t row, int64_t t, int64_t slot) {
      const float* x =
          args_.x + t * args_.x_strides.step + w_.schedule.item[slot] * args_.x_strides.item;
      const int64_t at = row % kTileRows;
      memcpy(tile + at * pitch, x, p_.config.input * sizeof(float));
      if (at + 1 == kTileRows || row + 1 == rows)
        project_tile(m, d, tile, at + 1, gates + (row - at) * gates_pitch(p_));
    });
  }

  void project_tile(const Member& m, int d, const float* tile, int64_t rows, float* gates) const {
    const auto& c = p_.config;
    const auto project = [&](int64_t column, int64_t columns) {
      multiply(p_,
               {.a = tile,
                .a_row = input_pitch(p_),
                .rows = rows,
                .depth = c.input,
                .packed = packed_[d].ih + column * c.input,
                .panel_stride = p_.panel * c.input,
                .columns = columns,
                .init = packed_[d].bias + column,
                .init_row = 0,
                .c = gates + column,
                .c_row = gates_pitch(p_)},
               narrow(m));
    };
    const int count = gate_count(c.cell);
    const Columns mine = columns_of(p_, m);
    if (!p_.split_columns) return project(0, count * p_.padded_hidden);
    for (int gate = 0; gate < count; ++gate)
      project(gate * p_.padded_hidden + mine.begin, mine.count());
  }

  // One step of a group: recurrent product, gates, output.
  void advance(const Member& m, int d, int g, int64_t t, int parity, float* gates) const {
    const int64_t alive = w_.schedule.alive(g, t), first = w_.schedule.first_slot(g);
    const Columns mine = columns_of(p_, m);
    if (alive == 0 || mine.count() == 0) return;
    const float* h_previous = state(w_.h[d][parity], first);
    float* h = state(w_.h[d][1 - parity], first);
    multiply_recurrent(m, d, mine, alive, h_previous, gates);

    const int64_t valid = std::min(mine.end, p_.config.hidden) - mine.begin;
    for (int64_t i = 0; i < alive; ++i) {
      const int64_t at = i * state_pitch(p_) + mine.begin;
      ForwardRow row{.gates = gates + i * gates_pitch(p_) + mine.begin,
                     .gate_stride = p_.padded_hidden,
                     .h_previous = h_previous + at,
                     .h = h + at,
                     .c = state(w_.c[d], first) + at,
                     .c_saved = nullptr,
                     .count = mine.count()};
      if (reserve_[d].cells)
        row.c_saved = reserve_[d].cells + (saved_row(g, t) + i) * p_.padded_hidden + mine.begin;
      cell_kernels().forward_row(p_.config.cell, row);
      memcpy(output(d, t, first + i) + mine.begin, row.h, valid * sizeof(float));
    }
  }

  uint16_t* narrow(const Member& m) const {
    return w_.narrow + m.thread * narrow_elements(p_, std::max(p_.config.input, p_.config.hidden));
  }

  void multiply_recurrent(const Member& m, int d, Columns mine, int64_t rows, const float* h,
                          float* gates) const {
    const auto& c = p_.config;
    for (int gate = 0; gate < gate_count(c.cell); ++gate) {
      const int64_t column = gate * p_.padded_hidden + mine.begin;
      Product product{.a = h,
                      .a_row = state_pitch(p_),
                      .rows = rows,
                      .depth = c.hidden,
                      .packed = packed_[d].hh + column * c.hidden,
                      .panel_stride = p_.panel * c.hidden,
                      .columns = mine.count(),
                      .init = gates + column,
                      .init_row = gates_pitch(p_),
                      .c = gates + column,
                      .c_row = gates_pitch(p_)};
      if (c.cell == RnnCell::kGru && gate == 2) {  // q, beside n
        product.c += p_.padded_hidden;
        product.init = packed_[d].bias + column + p_.padded_hidden;
        product.init_row = 0;
      }
      multiply(p_, product, narrow(m));
    }
  }

  float* output(int d, int64_t t, int64_t slot) const {
    return args_.y + t * args_.y_strides.step + w_.schedule.item[slot] * args_.y_strides.item +
           d * p_.config.hidden;
  }

  // Final states, and zeros past the lengths.
  void finish(int d, int g) const {
    const int64_t bytes = p_.config.hidden * sizeof(float), steps = p_.config.steps;
    const int64_t first = w_.schedule.first_slot(g);
    for (int64_t slot = first; slot < first + w_.schedule.slots(g); ++slot) {
      const int64_t length = w_.schedule.length[slot];
      // The walk flips the parity every step; backward, every item ends with the last of them.
      const int64_t flips = walks_backward(p_.config, d) ? steps : length;
      const float* h = state(w_.h[d][flips & 1], slot);
      if (args_.h_final) memcpy(args_.h_final + state_row(d, slot), h, bytes);
      if (args_.c_final) memcpy(args_.c_final + state_row(d, slot), state(w_.c[d], slot), bytes);
      for (int64_t t = length; t < steps; ++t) memset(output(d, t, slot), 0, bytes);
    }
  }

  const RnnPlan& p_;
  const RnnForward& args_;
  Carver carver_;
  ForwardWorkspace w_;
  PackedForward packed_[2];
  Reserve reserve_[2];
};

}  // namespace

void check_lengths(const RnnConfig& config, const int32_t* lengths) {
  for (int64_t n = 0; lengths && n < config.batch; ++n)
    check(lengths[n] >= 0 && lengths[n] <= config.steps,
          "rnn: length {} of item {} is outside 0..{}, the steps of the sequence", lengths[n], n,
          config.steps);
}

}  // namespace rnn

namespace {
RnnPlan plan_of_weight(RnnCell cell, int64_t hidden) {
  RnnPlan p;
  p.config.cell = cell, p.config.hidden = hidden;
  p.panel = panels::kernels().panel;
  p.padded_hidden = round_up(hidden, p.panel);
  return p;
}
}  // namespace

size_t rnn_packed_bytes(RnnCell cell, int64_t hidden, int64_t columns) {
  const int64_t rows = rnn::gate_count(cell) * plan_of_weight(cell, hidden).padded_hidden;
  return static_cast<size_t>(rows * columns) * sizeof(float);
}

void rnn_pack(RnnCell cell, int64_t hidden, int64_t columns, const float* weight, float* packed) {
  const RnnPlan plan = plan_of_weight(cell, hidden);
  parallel_region([&](int thread, int threads) {
    rnn::pack_weight(plan, weight, columns, packed, thread, threads);
  });
}

void rnn_forward(const RnnPlan& plan, const RnnForward& args) {
  check(args.workspace && args.x && args.y, "rnn_forward: x, y and workspace must be given");
  check(!plan.config.training || plan.reserve_bytes == 0 || args.reserve,
        "rnn_forward: planned for training, so the reserve of {} bytes must be given",
        plan.reserve_bytes);
  rnn::check_lengths(plan.config, args.lengths);
  rnn::run_teams(plan, rnn::ForwardPass(plan, args));
}

}  // namespace cairn::cpu
