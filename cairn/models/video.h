// Networks that name what happens in short videos: x [N, channels, frames, height, width], values
// from 0 to 1.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

// What moves, instead of what is there (few clips show every place and person): each channel less
// its mean over time, then its change from the frame before, times 3, within -1 and 1. Twice the
// channels.
Tensor motion_of(const Tensor& x);

// A convolution over places, then one over time, each normalised (Tran et al. 2018, "A Closer Look
// at Spatiotemporal Convolutions for Action Recognition"), with a shortcut around both.
struct SpaceTimeBlock : nn::Module {
  SpaceTimeBlock(int64_t in, int64_t out, int64_t stride);
  Tensor forward(Tensor x) override;

  nn::Conv3d space, time;
  nn::BatchNorm3d norm1, norm2;
  nn::Sequential shortcut;
};

// R(2+1)D, small: a stem of 5x5 at every second place, four blocks of width, 2, 4 and 8 times it,
// the mean over places, the largest over time.
struct R2Plus1D : nn::Module {
  R2Plus1D(int64_t channels, int64_t classes, int64_t width, double dropout);
  Tensor forward(Tensor x) override;

  nn::Sequential stem, body;
  nn::Linear head;
  double drop;
};

// Every frame by itself through four convolutions, then an LSTM over the frames in both directions
// and the mean of what it says (Donahue et al. 2015).
struct CnnLstm : nn::Module {
  CnnLstm(int64_t channels, int64_t classes, int64_t width, double dropout);
  Tensor forward(Tensor x) override;

  nn::Sequential eye;
  nn::LSTM memory;
  nn::Linear head;
  double drop;
};

std::vector<std::string> video_classifier_names();  // r2plus1d, cnn-lstm
nn::AnyModule make_video_classifier(const std::string& name, int64_t channels, int64_t classes,
                                    int64_t width, double dropout);

}  // namespace cairn::models
