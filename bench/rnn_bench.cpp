// Times of the recurrent kernels: forward + backward with all gradients, and one step of
// generation. Usage: bench_rnn [seconds a row]
#include <fmt/core.h>
#include <sys/mman.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "cairn/backend/cpu/rnn/rnn.h"
#include "cairn/base/parallel.h"

namespace {

using namespace cairn;
using namespace cairn::cpu;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Kept for the life of the program, in huge pages, as the engine's arena is.
float* buffer(size_t bytes) {
  constexpr size_t kHuge = 2 << 20;
  bytes = (bytes + kHuge) / kHuge * kHuge;
  void* memory = std::aligned_alloc(kHuge, bytes);
  madvise(memory, bytes, MADV_HUGEPAGE);
  memset(memory, 0, bytes);
  return static_cast<float*>(memory);
}

float* random_buffer(size_t count, float scale) {
  static std::mt19937 engine(1);
  std::uniform_real_distribution<float> draw(-scale, scale);
  float* out = buffer(count * sizeof(float));
  for (size_t i = 0; i < count; ++i) out[i] = draw(engine);
  return out;
}

struct Layer {
  RnnPlan plan;
  RnnForward forward{};
  RnnBackward backward{};

  explicit Layer(const RnnConfig& c) : plan(plan_rnn(c)) {
    const int64_t gates = c.cell == RnnCell::kLstm ? 4 : c.cell == RnnCell::kGru ? 3 : 1;
    const int64_t rows = c.steps * c.batch, width = c.directions * c.hidden;
    forward.x = backward.x = random_buffer(rows * c.input, 1);
    forward.x_strides = backward.x_strides = backward.dx_strides = {c.batch * c.input, c.input};
    forward.y = random_buffer(rows * width, 1), backward.y = forward.y;
    forward.y_strides = backward.y_strides = backward.dy_strides = {c.batch * width, width};
    backward.dy = random_buffer(rows * width, 1);
    backward.dx = random_buffer(rows * c.input, 1);
    for (int d = 0; d < c.directions; ++d) {
      const auto weights = [&](size_t columns) {
        return random_buffer(gates * c.hidden * columns, 1 / std::sqrt(float(c.hidden)));
      };
      forward.weights[d] =
          backward.weights[d] = {weights(c.input), weights(c.hidden), weights(1), weights(1)};
      backward.gradients[d] = {weights(c.input), weights(c.hidden), weights(1), weights(1)};
    }
    forward.reserve = buffer(plan.reserve_bytes), backward.reserve = forward.reserve;
    forward.workspace = buffer(plan.forward_bytes);
    backward.workspace = buffer(plan.backward_bytes);
  }
};

void sequence(const char* name, const RnnConfig& c, double seconds) {
  Layer layer(c);
  double best = 1e9, best_forward = 1e9;
  for (double start = now(); now() - start < seconds;) {
    const double begin = now();
    rnn_forward(layer.plan, layer.forward);
    const double middle = now();
    rnn_backward(layer.plan, layer.backward);
    best = std::min(best, now() - begin), best_forward = std::min(best_forward, middle - begin);
  }
  const double gates = c.cell == RnnCell::kLstm ? 4 : c.cell == RnnCell::kGru ? 3 : 1;
  const double flops =
      6.0 * c.steps * c.batch * c.directions * gates * c.hidden * (c.input + c.hidden);
  fmt::print(
      "{:<34} {:8.2f} ms  (forward {:7.2f})  {:5.0f} GFLOP/s  reserve {:.1f} MB, workspace "
      "{:.1f} MB\n",
      name, best * 1e3, best_forward * 1e3, flops / best / 1e9, layer.plan.reserve_bytes / 1e6,
      layer.plan.backward_bytes / 1e6);
}

void generation(const char* name, RnnCell cell, int64_t hidden, double seconds) {
  Layer layer({cell, 1, 1, hidden, hidden, 1, false, false, true});
  auto& f = layer.forward;
  const size_t bytes = rnn_packed_bytes(cell, hidden, hidden);  // of each of the two
  for (const float** weight : {&f.weights[0].weight_ih, &f.weights[0].weight_hh}) {
    auto* packed = static_cast<float*>(buffer(bytes));
    rnn_pack(cell, hidden, hidden, *weight, packed);
    *weight = packed;
  }
  float *h = random_buffer(hidden, 1), *c = random_buffer(hidden, 1);
  f.h0 = f.h_final = h, f.c0 = f.c_final = c;
  double best = 1e9;
  for (double start = now(); now() - start < seconds;) {
    const double begin = now();
    for (int i = 0; i < 100; ++i) rnn_forward(layer.plan, f);
    best = std::min(best, (now() - begin) / 100);
  }
  fmt::print("{:<34} {:8.4f} ms  {:5.0f} GB/s of weights\n", name, best * 1e3,
             2 * static_cast<double>(bytes) / best / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  fmt::print("{} threads\n", num_threads());
  sequence("LSTM 32 x 64, 512 to 512", {RnnCell::kLstm, 64, 32, 512, 512}, seconds);
  sequence("biLSTM 16 x 200, 80 to 256", {RnnCell::kLstm, 200, 16, 80, 256, 2}, seconds);
  sequence("biLSTM 16 x 200, 512 to 256", {RnnCell::kLstm, 200, 16, 512, 256, 2}, seconds);
  sequence("GRU 32 x 96, 7 to 128", {RnnCell::kGru, 96, 32, 7, 128}, seconds);
  sequence("GRU 32 x 64, 512 to 512", {RnnCell::kGru, 64, 32, 512, 512}, seconds);
  sequence("RNN 32 x 64, 512 to 512", {RnnCell::kTanh, 64, 32, 512, 512}, seconds);
  sequence("LSTM 1 x 64, 512 to 512", {RnnCell::kLstm, 64, 1, 512, 512}, seconds);
  sequence("LSTM 4 x 64, 512 to 512", {RnnCell::kLstm, 64, 4, 512, 512}, seconds);
  const int threads = num_threads();
  for (int count : {threads, 1}) {
    set_num_threads(count);
    const auto name = [&](const char* cell, int h) {
      return fmt::format("{} step, batch 1, {}, {} thread{}", cell, h, count, count > 1 ? "s" : "");
    };
    generation(name("LSTM", 512).c_str(), RnnCell::kLstm, 512, seconds / 4);
    generation(name("LSTM", 256).c_str(), RnnCell::kLstm, 256, seconds / 4);
    generation(name("GRU", 512).c_str(), RnnCell::kGru, 512, seconds / 4);
    generation(name("RNN", 512).c_str(), RnnCell::kTanh, 512, seconds / 4);
  }
}
