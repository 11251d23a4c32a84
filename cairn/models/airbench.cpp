#include "cairn/models/airbench.h"

#include <algorithm>

#include "cairn/nn/init.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/linalg.h"
#include "cairn/ops/unfold.h"

namespace cairn::models {
namespace {

constexpr int64_t kPatch = 2;

// A 3x3 convolution whose first filters pass their channel on (Jordan's "dirac" start).
nn::Conv2d passing_conv(int64_t in, int64_t out) {
  nn::Conv2d conv(in, out, 3, {.padding = 1, .bias = false});
  const int64_t passed = std::min(in, out);
  std::vector<float> values(static_cast<size_t>(passed * in * 9));
  for (int64_t i = 0; i < passed; ++i) values[static_cast<size_t>((i * in + i) * 9 + 4)] = 1;
  const Tensor identity = from_host(values.data(), {passed, in, 3, 3}, DType::f32);
  assign(conv.weight, passed == out
                          ? identity
                          : cat({identity, slice(conv.weight, 0, passed, out - passed)}, 0));
  return conv;
}

}  // namespace

AirbenchStage::AirbenchStage(int64_t in, int64_t out)
    : c1(child("c1", passing_conv(in, out))),
      b1(child("b1", nn::BatchNorm2d(out))),
      c2(child("c2", passing_conv(out, out))),
      b2(child("b2", nn::BatchNorm2d(out))) {}

Tensor AirbenchStage::forward(Tensor x) {
  x = gelu(b1(max_pool2d(c1(x), 2)), Gelu::tanh);
  return gelu(b2(c2(x)), Gelu::tanh);
}

Airbench::Airbench(int64_t classes, int64_t channels, int64_t width)
    : patches(buffer("patches", nn::init::kaiming_normal(
                                    {2 * channels * kPatch * kPatch, channels, kPatch, kPatch}))),
      stages(child("stages", nn::ModuleList<AirbenchStage>())),
      head(child("head", nn::Linear(4 * width, classes, {.bias = false}))) {
  stages.push_back(AirbenchStage(2 * channels * kPatch * kPatch, width));
  stages.push_back(AirbenchStage(width, 4 * width));
  stages.push_back(AirbenchStage(4 * width, 4 * width));
}

Tensor Airbench::forward(Tensor x) {
  constexpr double kScale = 1.0 / 9;  // Jordan's: small logits at the start
  x = gelu(conv2d(x, patches), Gelu::tanh);
  for (AirbenchStage& stage : stages) x = stage(x);
  return head(amax(x, {2, 3})) * kScale;
}

void Airbench::whiten(const Tensor& pictures) {
  constexpr double kLeast = 5e-4;  // added to the eigenvalues: directions that hardly occur
  const NoGrad no_grad;
  const Tensor columns = unfold(pictures, {.kernel = {kPatch}});  // [N, values, places]
  const int64_t values = columns.size(1), count = columns.size(0) * columns.size(2);
  const Tensor rows = reshape(contiguous(transpose(columns, 1, 2)), {count, values});
  const Eigen e = eigh(matmul(transpose(rows, 0, 1), rows) * (1.0 / static_cast<double>(count)));
  const Tensor filters = transpose(e.vectors * rsqrt(e.values + kLeast), 0, 1);
  assign(patches, reshape(cat({filters, -filters}, 0), patches.shape()));
}

}  // namespace cairn::models
