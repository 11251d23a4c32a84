#include <algorithm>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/gemm/panels_bf16.h"
#include "cairn/backend/cpu/rnn/layout.h"
#include "cairn/backend/cpu/rnn/products.h"
#include "cairn/backend/cpu/rnn/rnn.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace rnn {

ForwardWorkspace::ForwardWorkspace(const RnnPlan& p, Carver& carver) {
  const auto& config = p.config;
  schedule = take_schedule(p, carver);
  for (int d = 0; d < config.directions; ++d) {
    packed[d] = PackedForward(p, carver);
    for (float*& parity : h[d]) parity = carver.take<float>(config.batch * state_pitch(p));
    c[d] = carver.take<float>(config.batch * state_pitch(p));
  }
  if (!config.training || !saves_gates(config.cell))
    for (int team = 0; team < p.teams; ++team)
      gates[team] = carver.take<float>(most_chunk_rows(p) * gates_pitch(p));
  tiles = carver.take<float>(p.threads * kTileRows * input_pitch(p));
  narrow =
      carver.take<uint16_t>(p.threads * narrow_elements(p, std::max(config.input, config.hidden)));
}

BackwardWorkspace::BackwardWorkspace(const RnnPlan& p, Carver& carver) {
  const auto& config = p.config;
  schedule = take_schedule(p, carver);
  const int64_t depth = gate_count(config.cell) * p.padded_hidden;
  for (int d = 0; d < config.directions; ++d) {
    packed[d].hh = carver.take<float>(p.padded_hidden * depth);
    packed[d].ih = carver.take<float>(p.padded_input * depth);
    dh[d] = carver.take<float>(config.batch * state_pitch(p));
    dc[d] = carver.take<float>(config.batch * state_pitch(p));
  }
  zeros = carver.take<float>(std::max(p.padded_input, p.padded_hidden));
  for (int team = 0; team < p.teams; ++team) {
    dgates[team] = carver.take<float>(most_chunk_rows(p) * gates_pitch(p));
    x_panels[team] =
        carver.take<float>(p.padded_input / p.panel * chunk_panel_stride(p, most_chunk_rows(p)));
    h_panels[team] =
        carver.take<float>(p.padded_hidden / p.panel * chunk_panel_stride(p, most_chunk_rows(p)));
  }
  tiles = carver.take<float>(p.threads * kTileRows * input_pitch(p));
  slices = carver.take<float>(p.threads * kSliceFloats);
  rows = carver.take<float>(p.threads * 2 * p.padded_hidden);
  narrow = carver.take<uint16_t>(p.threads * narrow_elements(p, depth));
}

namespace {

void check_sizes(const RnnConfig& c) {
  check(c.steps > 0 && c.batch > 0 && c.input > 0 && c.hidden > 0,
        "rnn: steps {}, batch {}, input {} and hidden {} must all be at least 1", c.steps, c.batch,
        c.input, c.hidden);
  check(c.directions == 1 || c.directions == 2, "rnn: directions must be 1 or 2, not {}",
        c.directions);
  check(!c.reverse || c.directions == 1,
        "rnn: `reverse` is for one direction; two directions always hold one of each");
  check(c.steps < (int64_t{1} << 31) && c.batch < (int64_t{1} << 31),
        "rnn: steps {} and batch {} must fit 32 bits", c.steps, c.batch);
}

// Threads: a team a direction if there are two; within a team rows of the batch, but columns of the
// state where rows are few (each core then reads only its share of the weights).
void split_work(RnnPlan& p) {
  const auto& c = p.config;
  constexpr int64_t kWorthAThread = 100'000;  // multiply-adds
  constexpr int64_t kRowsWorthATeam = 4;
  const int64_t work =
      c.steps * c.batch * c.directions * rnn::gate_count(c.cell) * c.hidden * (c.input + c.hidden);
  const int threads = static_cast<int>(std::clamp<int64_t>(work / kWorthAThread, 1, num_threads()));
  p.teams = c.directions == 2 && threads >= 2 ? 2 : 1;
  p.team_size = threads / p.teams;
  p.threads = p.teams * p.team_size;
  p.split_columns = p.team_size > 1 && c.batch < kRowsWorthATeam * p.team_size;
  p.groups = p.split_columns ? 1 : p.team_size;
}

// Two directions meet in the middle: an even number keeps them from ever holding the same chunk.
void cut_time(RnnPlan& p) {
  const auto& c = p.config;
  const int64_t steps = std::max<int64_t>(1, rnn::kChunkRows / c.batch);
  p.chunks = ceil_div(c.steps, steps);
  if (c.directions == 2) p.chunks = round_up(p.chunks, 2);
}

}  // namespace
}  // namespace rnn

bool rnn_multiplies_bf16() {
  return panels_bf16::kernels() && panels_bf16::kPanel == panels::kernels().panel;
}

RnnPlan plan_rnn(const RnnConfig& config) {
  using namespace rnn;
  check_sizes(config);
  RnnPlan p;
  p.config = config;
  p.panel = kernels().panel;
  p.padded_hidden = round_up(config.hidden, p.panel);
  p.padded_input = round_up(config.input, p.panel);
  split_work(p);
  cut_time(p);

  Carver reserve(nullptr), forward(nullptr), backward(nullptr);
  for (int d = 0; d < config.directions; ++d) Reserve(p, reserve);
  ForwardWorkspace(p, forward);
  BackwardWorkspace(p, backward);
  p.forward_bytes = forward.used();
  if (config.training) {
    p.reserve_bytes = reserve.used();
    p.backward_bytes = backward.used();
  }
  return p;
}

}  // namespace cairn::cpu
