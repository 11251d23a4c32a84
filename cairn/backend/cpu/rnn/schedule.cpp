#include "cairn/backend/cpu/rnn/schedule.h"

#include <numeric>

namespace cairn::cpu::rnn {

void Schedule::build(const int32_t* lengths) {
  // `length` holds the order of the items until the lengths themselves go there.
  int32_t* order = length;
  std::iota(order, order + batch, 0);
  if (lengths)
    std::sort(order, order + batch, [&](int32_t a, int32_t b) {
      return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
    });
  for (int g = 0; g < groups; ++g)
    for (int64_t i = 0, first = first_slot(g); i < slots(g); ++i)
      item[first + i] = lengths ? order[i * groups + g] : static_cast<int32_t>(first + i);
  for (int64_t slot = 0; slot < batch; ++slot)
    length[slot] = lengths ? lengths[item[slot]] : static_cast<int32_t>(steps);

  for (int g = 0; g < groups; ++g) {
    int64_t* before = offset + g * (steps + 1);
    const int32_t* left = length + first_slot(g);
    int64_t alive = slots(g);
    before[0] = 0;
    for (int64_t t = 0; t < steps; ++t) {
      while (alive > 0 && left[alive - 1] <= t) --alive;
      before[t + 1] = before[t] + alive;
    }
  }
}

}  // namespace cairn::cpu::rnn
