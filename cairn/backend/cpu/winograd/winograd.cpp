#include "cairn/backend/cpu/winograd/winograd.h"

#include <cstdint>

#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/base/error.h"

namespace cairn::cpu {
namespace {

char* aligned(void* workspace) {
  check(reinterpret_cast<uintptr_t>(workspace) % 64 == 0,
        "winograd: the workspace is not 64-byte aligned");
  return static_cast<char*>(workspace);
}

void check_filter(const float* w, const float* u) {
  check((w == nullptr) != (u == nullptr),
        "winograd: give plain weights or transformed ones, not {}", w ? "both" : "none");
  check(reinterpret_cast<uintptr_t>(u) % 64 == 0,
        "winograd: transformed weights are not 64-byte aligned");
}

size_t filter_bytes(const ForwardPlan& plan) {
  return sizeof(float) * plan.phases * plan.panels * plan.filter_panel;
}

}  // namespace

WinogradForward::WinogradForward(const WinogradShape& shape, const WinogradOptions& options)
    : plan_(std::make_unique<ForwardPlan>(plan_forward(shape, options, false))) {}
WinogradForward::~WinogradForward() = default;
size_t WinogradForward::workspace_bytes() const { return plan_->workspace; }
size_t WinogradForward::weight_bytes() const { return filter_bytes(*plan_); }
void WinogradForward::transform_weights(const float* w, float* u) const {
  transform_filter(*plan_, w, u);
}
void WinogradForward::run(const float* x, const float* w, const float* u, float* y,
                          const ConvEpilogue& epilogue, void* workspace) const {
  check_filter(w, u);
  run_forward(*plan_, {x, w, u, y, epilogue, aligned(workspace)});
}

WinogradBackwardData::WinogradBackwardData(const WinogradShape& shape,
                                           const WinogradOptions& options)
    : plan_(std::make_unique<ForwardPlan>(plan_forward(shape, options, true))) {}
WinogradBackwardData::~WinogradBackwardData() = default;
size_t WinogradBackwardData::workspace_bytes() const { return plan_->workspace; }
size_t WinogradBackwardData::weight_bytes() const { return filter_bytes(*plan_); }
void WinogradBackwardData::transform_weights(const float* w, float* u) const {
  transform_filter(*plan_, w, u);
}
void WinogradBackwardData::run(const float* dy, const float* w, const float* u, float* dx,
                               void* workspace) const {
  check_filter(w, u);
  run_forward(*plan_, {dy, w, u, dx, {}, aligned(workspace)});
}

WinogradBackwardWeights::WinogradBackwardWeights(const WinogradShape& shape,
                                                 const WinogradOptions& options)
    : plan_(std::make_unique<BackwardWeightsPlan>(plan_backward_weights(shape, options))) {}
WinogradBackwardWeights::~WinogradBackwardWeights() = default;
size_t WinogradBackwardWeights::workspace_bytes() const { return plan_->workspace; }
void WinogradBackwardWeights::run(const float* x, const float* dy, float* dw,
                                  void* workspace) const {
  run_backward_weights(*plan_, {x, dy, dw, aligned(workspace)});
}

}  // namespace cairn::cpu
