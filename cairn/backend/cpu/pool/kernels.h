// Pooling over planes: `lanes` channels side by side at every place (1: plain tensors; 8 or 16: a
// block). One spatial description serves 1 to 3 dimensions (missing ones have size 1).
#pragma once
#include <cstdint>

namespace cairn::cpu {

struct PoolShape {
  int64_t planes = 1;  // images times channels, or blocks of channels
  int64_t blocks = 1;  // planes of an image
  int64_t lanes = 1;
  int64_t last_lanes = 1;  // channels in an image's last block; the rest is padding
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0};
  int64_t dilation[3] = {1, 1, 1};
  bool count_padding = false;  // avg_pool: the divisor counts padded places
  bool cut = false;            // the last windows may reach beyond the padding (ceil_mode)
  int64_t divisor = 0;         // avg_pool: the divisor, where it is given

  int64_t in_places() const { return in[0] * in[1] * in[2]; }
  int64_t out_places() const { return out[0] * out[1] * out[2]; }
};

// All write planes [first, last). `index` holds flat spatial places of the input, where it is
// given; padded lanes get 0.
void max_pool(const PoolShape& s, const float* x, float* y, int32_t* index, int64_t first,
              int64_t last);
void max_pool_scatter(const PoolShape& s, const float* g, const int32_t* index, float* gx,
                      int64_t first, int64_t last);
void max_pool_pick(const PoolShape& s, const float* x, const int32_t* index, float* y,
                   int64_t first, int64_t last);
void avg_pool(const PoolShape& s, const float* x, float* y, int64_t first, int64_t last);
void avg_pool_spread(const PoolShape& s, const float* g, float* gx, int64_t first, int64_t last);

}  // namespace cairn::cpu
