#include "cairn/backend/reference/kernels.h"
#include "cairn/base/philox.h"

namespace cairn::reference {
namespace {

// Element i comes from word i % 4 of the block with index i / 4.
template <class F>
void each_block(const Call& c, F values_of) {
  const View gen = c.in(0), y = c.out();
  const uint64_t seed = static_cast<uint64_t>(gen.get_integer(0));
  const uint64_t offset = static_cast<uint64_t>(gen.get_integer(1) + c.attrs().integer("number"));
  const float scale = static_cast<float>(c.attrs().number_or("scale", 1)),
              shift = static_cast<float>(c.attrs().number_or("shift", 0));
  for (int64_t i = 0; i < y.count(); i += 4) {
    const auto values = values_of(philox(seed, offset, static_cast<uint64_t>(i / 4)));
    for (int64_t k = 0; k < 4 && i + k < y.count(); ++k)
      y.set(i + k, scaled_and_shifted(values[k], scale, shift));
  }
}

void random_uniform(const Call& c) {
  each_block(c, [](const PhiloxBlock& b) {
    return std::array<float, 4>{uniform_from(b[0]), uniform_from(b[1]), uniform_from(b[2]),
                                uniform_from(b[3])};
  });
}
void random_normal(const Call& c) {
  each_block(c, [](const PhiloxBlock& b) {
    const auto first = normals_from(b[0], b[1]), second = normals_from(b[2], b[3]);
    return std::array<float, 4>{first[0], first[1], second[0], second[1]};
  });
}

const Row kRows[] = {{"random_uniform", random_uniform}, {"random_normal", random_normal}};

}  // namespace

std::span<const Row> random_kernels() { return kRows; }

}  // namespace cairn::reference
