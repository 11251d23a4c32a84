// How near a picture is to the one that it should be.
#pragma once
#include "cairn/io/image.h"

namespace cairn::metrics {

// Both throw Error when the two differ in size or channels. Values are 8 bits: their range is 255.

// Peak signal-to-noise ratio in decibels: 10 log10(255^2 / mean squared error); infinite for equal
// pictures.
double psnr(const io::Image& truth, const io::Image& made);

// Structural similarity (Wang et al. 2004), mean over the places where the whole window fits and
// over the channels: a Gaussian window of 11 taps (sigma 1.5), population covariance, K1 = 0.01, K2
// = 0.03. As scikit-image's structural_similarity with gaussian_weights=True,
// use_sample_covariance=False, data_range=255; torchmetrics averages over a reflected border too.
// Throws Error for pictures of less than 11 pixels a side.
double ssim(const io::Image& truth, const io::Image& made);

}  // namespace cairn::metrics
