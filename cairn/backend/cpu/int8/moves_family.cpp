// quantize_linear, dequantize_linear, requantize_linear, qlinear_add and the poolings as plans.
#include <array>
#include <atomic>

#include "cairn/backend/cpu/int8/family.h"
#include "cairn/backend/cpu/int8/moves.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kGrain = 16 << 10;  // bytes that are worth a thread

using qlinear::Line;

Line between(const Attrs& a, const char* scale, const char* zero, int64_t to_zero) {
  return qlinear::line_between(a.number(scale), a.integer(zero), a.number("y_scale"), to_zero);
}
int64_t grain_of(int64_t bytes) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, bytes));
}

class QuantizePlan : public Plan {
 public:
  explicit QuantizePlan(const OpCall& c)
      : images_(c.shape()[0]),
        channels_(c.shape()[1]),
        pixels_(numel(c.shape()) / (images_ * channels_)),
        line_(qlinear::line_to(c.attrs->number("scale"), c.attrs->integer("zero"))) {}
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<uint8_t*>(args.outputs[0]);
    std::atomic<int64_t> bad = -1;
    for (int64_t n = 0; n < images_; ++n)
      parallel_for(pixels_, grain_of(channels_), [&](int64_t begin, int64_t end) {
        const int64_t image = n * channels_ * pixels_;
        const int64_t at =
            int8::quantize(x + image, channels_, pixels_, begin, end, line_, y + image);
        if (at >= 0) bad = image + at;
      });
    if (bad >= 0 && args.fault && args.fault->kind == Fault::none)
      *args.fault = {Fault::not_finite, bad, 0};
  }

 private:
  int64_t images_, channels_, pixels_;
  Line line_;
};

class DequantizePlan : public Plan {  // there are only 256 numbers
 public:
  explicit DequantizePlan(const OpCall& c)
      : images_(c.shape()[0]),
        channels_(c.shape().back()),
        pixels_(numel(c.shape()) / (images_ * channels_)) {
    const Line line = qlinear::line_from(c.attrs->number("scale"), c.attrs->integer("zero"));
    for (int q = 0; q < 256; ++q) value_[q] = line(static_cast<float>(q));
  }
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const uint8_t*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    parallel_for(images_ * channels_, grain_of(pixels_), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        const uint8_t* from = x + plane / channels_ * channels_ * pixels_ + plane % channels_;
        for (int64_t p = 0; p < pixels_; ++p) y[plane * pixels_ + p] = value_[from[p * channels_]];
      }
    });
  }

 private:
  int64_t images_, channels_, pixels_;
  std::array<float, 256> value_;
};

class RequantizePlan : public Plan {
 public:
  explicit RequantizePlan(const OpCall& c) : count_(numel(c.shape())) {
    const Line line = between(*c.attrs, "x_scale", "x_zero", c.attrs->integer("y_zero"));
    for (int q = 0; q < 256; ++q) value_[q] = qlinear::to_u8(line(static_cast<float>(q)), 0);
  }
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const uint8_t*>(args.inputs[0]);
    auto* y = static_cast<uint8_t*>(args.outputs[0]);
    parallel_for(count_, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = value_[x[i]];
    });
  }

 private:
  int64_t count_;
  std::array<uint8_t, 256> value_;
};

class AddPlan : public Plan {
 public:
  explicit AddPlan(const OpCall& c)
      : count_(numel(c.shape())),
        first_(between(*c.attrs, "a_scale", "a_zero", c.attrs->integer("y_zero"))),
        second_(between(*c.attrs, "b_scale", "b_zero", 0)),
        low_(c.attrs->integer("relu") ? static_cast<float>(c.attrs->integer("y_zero")) : 0) {}
  void launch(const Launch& args) const override {
    const auto *a = static_cast<const uint8_t*>(args.inputs[0]),
               *b = static_cast<const uint8_t*>(args.inputs[1]);
    auto* y = static_cast<uint8_t*>(args.outputs[0]);
    parallel_for(count_, kGrain, [&](int64_t begin, int64_t end) {
      int8::add(a + begin, b + begin, end - begin, first_, second_, low_, y + begin);
    });
  }

 private:
  int64_t count_;
  Line first_, second_;
  float low_;
};

class PoolPlan : public Plan {
 public:
  explicit PoolPlan(const OpCall& c)
      : mean_(is_op(c, "qlinear_average_pool")), rows_(c.shape()[0] * c.out().shape[1]) {
    const Shape &x = c.shape(), &y = c.out().shape;
    const Ints &kernel = c.attrs->ints("kernel"), &stride = c.attrs->ints("stride"),
               &pads = c.attrs->ints("pads");
    shape_ = {x[1],
              x[2],
              x[3],
              y[1],
              y[2],
              {kernel[0], kernel[1]},
              {stride[0], stride[1]},
              {pads[0], pads[1]}};
    if (mean_)
      params_ = {c.attrs->number("x_scale"), c.attrs->number("y_scale"), c.attrs->integer("x_zero"),
                 c.attrs->integer("y_zero"), c.attrs->integer("count_padding") != 0};
  }
  void launch(const Launch& args) const override {
    const auto* x = static_cast<const uint8_t*>(args.inputs[0]);
    auto* y = static_cast<uint8_t*>(args.outputs[0]);
    const int64_t work = shape_.out_width * shape_.channels * shape_.kernel[0] * shape_.kernel[1];
    parallel_for(rows_, grain_of(work / 4), [&](int64_t begin, int64_t end) {
      if (mean_) int8::average_pool(shape_, params_, x, begin, end, y);
      else int8::max_pool(shape_, x, begin, end, y);
    });
  }

 private:
  bool mean_;
  int64_t rows_;
  int8::PoolShape shape_;
  int8::MeanParams params_{};
};

struct Row {
  const char* op;
  std::unique_ptr<Plan> (*make)(const OpCall& call);
};
template <class P>
std::unique_ptr<Plan> make(const OpCall& call) {
  return std::make_unique<P>(call);
}
constexpr Row kRows[] = {
    {"quantize_linear", make<QuantizePlan>},     {"dequantize_linear", make<DequantizePlan>},
    {"requantize_linear", make<RequantizePlan>}, {"qlinear_add", make<AddPlan>},
    {"qlinear_max_pool", make<PoolPlan>},        {"qlinear_average_pool", make<PoolPlan>}};

const Row* row_of(const OpCall& call) {
  for (const Row& row : kRows)
    if (is_op(call, row.op)) return &row;
  return nullptr;
}
bool supports(const OpCall& call) { return row_of(call) != nullptr; }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || numel(call.shape()) == 0) return nullptr;
  for (const TensorDesc* d : call.inputs)
    if (!d->contiguous()) return nullptr;
  return row_of(call)->make(call);
}

}  // namespace

Family qlinear_family() { return {"8-bit inference", supports, prepare}; }

}  // namespace cairn::cpu
