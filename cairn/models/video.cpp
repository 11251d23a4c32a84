#include "cairn/models/video.h"

#include "cairn/base/invalid_option.h"

namespace cairn::models {
namespace {

nn::Sequential shortcut_in_time(int64_t in, int64_t out, int64_t stride) {
  if (stride == 1 && in == out) return {};
  return nn::Sequential(nn::Conv3d(in, out, 1, {.stride = stride, .bias = false}),
                        nn::BatchNorm3d(out));
}

nn::Sequential eye_of(int64_t channels, int64_t width) {
  nn::Sequential eye;
  for (int64_t level = 0, in = channels; level < 4; ++level) {
    const int64_t out = width << level, kernel = level == 0 ? 5 : 3;
    eye.push_back(nn::Conv2d(in, out, kernel, {.stride = 2, .padding = kernel / 2, .bias = false}));
    eye.push_back(nn::BatchNorm2d(out));
    eye.push_back(nn::ReLU());
    in = out;
  }
  return eye;
}

}  // namespace

Tensor motion_of(const Tensor& x) {
  const Tensor before = cat({slice(x, 2, 0, 1), slice(x, 2, 0, x.size(2) - 1)}, 2);
  return cat({x - mean(x, {2}, true), clamp((x - before) * 3, -1, 1)}, 1);
}

SpaceTimeBlock::SpaceTimeBlock(int64_t in, int64_t out, int64_t stride)
    : space(
          child("space",
                nn::Conv3d(in, out, {1, 3, 3},
                           {.stride = {1, stride, stride}, .padding = {0, 1, 1}, .bias = false}))),
      time(child("time",
                 nn::Conv3d(out, out, {3, 1, 1},
                            {.stride = {stride, 1, 1}, .padding = {1, 0, 0}, .bias = false}))),
      norm1(child("norm1", nn::BatchNorm3d(out))),
      norm2(child("norm2", nn::BatchNorm3d(out))),
      shortcut(child("shortcut", shortcut_in_time(in, out, stride))) {}

Tensor SpaceTimeBlock::forward(Tensor x) {
  const Tensor y = relu(norm1(space(x)));
  return relu(norm2(time(y)) + shortcut(x));
}

R2Plus1D::R2Plus1D(int64_t channels, int64_t classes, int64_t width, double dropout)
    : stem(child("stem", nn::Sequential(
                             nn::Conv3d(2 * channels, width, {1, 5, 5},
                                        {.stride = {1, 2, 2}, .padding = {0, 2, 2}, .bias = false}),
                             nn::BatchNorm3d(width), nn::ReLU()))),
      body(child("body", nn::Sequential())),
      head(child("head", nn::Linear(8 * width, classes))),
      drop(dropout) {
  for (int64_t level = 0, in = width; level < 4; ++level) {
    body.push_back(SpaceTimeBlock(in, width << level, level == 0 ? 1 : 2));
    in = width << level;
  }
}
Tensor R2Plus1D::forward(Tensor x) {
  const Tensor seen = amax(mean(body(stem(motion_of(x))), {3, 4}), {2});
  return head(dropout(seen, drop, drop > 0 && training()));
}

CnnLstm::CnnLstm(int64_t channels, int64_t classes, int64_t width, double dropout)
    : eye(child("eye", eye_of(2 * channels, width))),
      memory(child("memory",
                   nn::LSTM(8 * width, 4 * width, {.batch_first = true, .bidirectional = true}))),
      head(child("head", nn::Linear(8 * width, classes))),
      drop(dropout) {}
Tensor CnnLstm::forward(Tensor x) {
  const int64_t clips = x.size(0), frames = x.size(2);
  const Tensor apart = transpose(motion_of(x), 1, 2);
  const Tensor seen = mean(eye(flatten(apart, 0, 1)), {2, 3});
  const Tensor said = memory(reshape(seen, {clips, frames, seen.size(1)})).output;
  return head(dropout(mean(said, {1}), drop, drop > 0 && training()));
}

std::vector<std::string> video_classifier_names() { return {"r2plus1d", "cnn-lstm"}; }

nn::AnyModule make_video_classifier(const std::string& name, int64_t channels, int64_t classes,
                                    int64_t width, double dropout) {
  if (name == "r2plus1d") return R2Plus1D(channels, classes, width, dropout);
  if (name == "cnn-lstm") return CnnLstm(channels, classes, width, dropout);
  throw InvalidOption("model", fmt::format("{}: there is no such network", name));
}

}  // namespace cairn::models
