// What reads a row of numbers as a whole: softmax, its logarithm, log-sum-exp, normalisation. f32,
// rows [rows, count] dense one after another; threads share the rows. For eager execution: compiled
// steps fuse the basic ops with what stands around them. NaN in a row shows in what is made of it.
#pragma once
#include <cstdint>

namespace cairn::cpu::rows {

void softmax(const float* x, int64_t rows, int64_t count, float* y);
void log_softmax(const float* x, int64_t rows, int64_t count, float* y);
// y [rows]: the logarithm of the sum of exponentials.
void logsumexp(const float* x, int64_t rows, int64_t count, float* y);
// y = (x - mean) * rstd with rstd = 1 / sqrt(variance + eps); mean and rstd [rows]; count > 0.
void normalize(const float* x, int64_t rows, int64_t count, float eps, float* y, float* mean,
               float* rstd);
// Of each of kGroups groups, whose numbers take turns, the largest; the last numbers that do not
// fill a turn are in none, NaN may be left out, and where there are none it is -infinity. Of one
// row, by one thread.
inline constexpr int64_t kGroups = 64;
void largest_of_groups(const float* x, int64_t count, float* largest);
// The first place from `from` on whose number is above the bound, or NaN; or below it; `count`:
// none is. Of one row, by one thread.
int64_t first_above(const float* x, int64_t from, int64_t count, float bound);
int64_t first_below(const float* x, int64_t from, int64_t count, float bound);

}  // namespace cairn::cpu::rows
