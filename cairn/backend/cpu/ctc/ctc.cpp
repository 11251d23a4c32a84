#include "cairn/backend/cpu/ctc/ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/backend/cpu/ctc/ctc_kernels.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace ctc {
namespace {

constexpr int64_t kScratchRows = 6;  // emission, skip, beta

int64_t row_pitch(const CtcConfig& c) { return kMargin + (c.target + 1 + 15) / 16 * 16; }

// Floats of an item. The reserve starts with the loss before zero_infinity, then alpha; the margin
// after the workspace's last row is what its states read beyond it.
constexpr int64_t kReserveHeader = 16;
int64_t reserve_floats(const CtcConfig& c) { return kReserveHeader + 2 * c.steps * row_pitch(c); }
int64_t workspace_floats(const CtcConfig& c) { return kScratchRows * row_pitch(c) + kMargin; }

float* item_reserve(const CtcConfig& c, const void* reserve, int64_t n) {
  return static_cast<float*>(const_cast<void*>(reserve)) + n * reserve_floats(c);
}

Item make_item(const CtcConfig& c, const CtcInput& input, int64_t n, const void* reserve,
               void* workspace) {
  const int64_t pitch = row_pitch(c);
  float* scratch = static_cast<float*>(workspace) + n * workspace_floats(c);
  std::fill_n(scratch + kScratchRows * pitch, kMargin, kImpossible);
  Item item{};
  item.log_probs = input.log_probs + n * input.item_stride;
  item.step_stride = input.step_stride;
  item.target = input.targets + n * c.target;
  item.steps = input.input_lengths ? input.input_lengths[n] : c.steps;
  item.labels = input.target_lengths ? input.target_lengths[n] : c.target;
  item.classes = c.classes;
  item.blank = c.blank;
  item.pitch = pitch;
  item.alpha = item_reserve(c, reserve, n) + kReserveHeader;
  item.emission = scratch;
  item.skip = scratch + pitch;
  item.beta = scratch + 2 * pitch;
  return item;
}

void check_input(const CtcConfig& c, const CtcInput& input) {
  for (int64_t n = 0; n < c.batch; ++n) {
    const int64_t steps = input.input_lengths ? input.input_lengths[n] : c.steps;
    const int64_t labels = input.target_lengths ? input.target_lengths[n] : c.target;
    check(steps >= 0 && steps <= c.steps,
          "ctc_loss: input length {} of item {} is outside 0..{}, the frames given", steps, n,
          c.steps);
    check(labels >= 0 && labels <= c.target,
          "ctc_loss: target length {} of item {} is outside 0..{}, the labels given", labels, n,
          c.target);
    for (int64_t i = 0; i < labels; ++i) {
      const int32_t label = input.targets[n * c.target + i];
      check(label >= 0 && label < c.classes,
            "ctc_loss: label {} of item {} is {}, but there are {} classes", i, n, label,
            c.classes);
      check(label != c.blank, "ctc_loss: label {} of item {} is {}, the blank", i, n, label);
    }
  }
}

// Fills rows [from, to) of an item's dx by one value.
void fill_rows(const CtcConfig& c, float* dx, int64_t stride, int64_t from, int64_t to,
               float value) {
  for (int64_t t = from; t < to; ++t) std::fill_n(dx + t * stride, c.classes, value);
}

}  // namespace
}  // namespace ctc

CtcSizes ctc_sizes(const CtcConfig& c) {
  check(c.steps > 0 && c.batch > 0 && c.classes > 0 && c.target >= 0,
        "ctc_loss: frames {}, batch {} and classes {} must be at least 1, targets {} at least 0",
        c.steps, c.batch, c.classes, c.target);
  check(c.blank >= 0 && c.blank < c.classes, "ctc_loss: blank {} is none of the {} classes",
        c.blank, c.classes);
  return {c.batch * ctc::reserve_floats(c) * sizeof(float),
          c.batch * ctc::workspace_floats(c) * sizeof(float)};
}

void ctc_forward(const CtcConfig& c, const CtcInput& input, float* losses, void* reserve,
                 void* workspace) {
  ctc::check_input(c, input);
  parallel_for(c.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float loss = ctc::kernels().forward(ctc::make_item(c, input, n, reserve, workspace));
      *ctc::item_reserve(c, reserve, n) = loss;
      losses[n] = c.zero_infinity && std::isinf(loss) ? 0.0f : loss;
    }
  });
}

void ctc_backward(const CtcConfig& c, const CtcInput& input, const void* reserve,
                  const float* dlosses, float* dx, int64_t dx_step_stride, int64_t dx_item_stride,
                  void* workspace) {
  parallel_for(c.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const auto item = ctc::make_item(c, input, n, reserve, workspace);
      float* to = dx + n * dx_item_stride;
      const float loss = *ctc::item_reserve(c, reserve, n);
      if (std::isfinite(loss)) {
        ctc::kernels().backward(item, {dlosses[n], c.through_softmax, to, dx_step_stride});
      } else {
        const bool zero = c.zero_infinity && std::isinf(loss);
        ctc::fill_rows(c, to, dx_step_stride, 0, item.steps,
                       zero ? 0.0f : std::numeric_limits<float>::quiet_NaN());
      }
      ctc::fill_rows(c, to, dx_step_stride, item.steps, c.steps, 0.0f);
    }
  });
}

}  // namespace cairn::cpu
