// Matrix times a few vectors against loops in double: every number of rows, odd sizes, both weight
// types.
#include "cairn/backend/cpu/gemv/gemv.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"

namespace cairn::cpu {
namespace {

std::vector<float> random_floats(int64_t count, uint64_t seed) {
  PhiloxStream random(seed);
  std::vector<float> x(count);
  for (float& value : x) value = random.normal();
  return x;
}

constexpr float kCanary = 777;

struct Problem {
  int64_t outputs, depth, rows, x_stride, y_stride;
  std::vector<float> weight, x, bias, residual;

  Problem(int64_t n, int64_t k, int64_t m)
      : outputs(n),
        depth(k),
        rows(m),
        x_stride(k + 3),
        y_stride(n + 2),
        weight(random_floats(n * k, 1)),
        x(random_floats(m * (k + 3), 2)),
        bias(random_floats(n, 3)),
        residual(random_floats(m * (n + 2), 4)) {}

  // `weights` are the ones the kernel really has (dequantised for int8).
  void check(const std::vector<float>& y, const std::vector<double>& weights, bool extras) const {
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t n = 0; n < outputs; ++n) {
        double sum = 0, size = 1;
        for (int64_t k = 0; k < depth; ++k) {
          const double term = weights[n * depth + k] * x[m * x_stride + k];
          sum += term, size += std::abs(term);
        }
        if (extras) sum += bias[n];
        double want = sum;
        if (extras) want += residual[m * y_stride + n];
        ASSERT_NEAR(y[m * y_stride + n], want, 1e-6 * size)
            << outputs << " x " << depth << ", row " << m;
      }
      for (int64_t n = outputs; n < y_stride; ++n) ASSERT_EQ(y[m * y_stride + n], kCanary);
    }
  }
};

TEST(Gemv, F32AgreesWithLoops) {
  for (int threads : {1, 3})
    for (int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 11, 26, 96})
      for (auto [n, k] : {std::pair{1, 1}, {5, 7}, {16, 64}, {67, 131}, {130, 768}, {19, 1000}}) {
        set_num_threads(threads);
        const Problem p(n, k, m);
        std::vector<float> y(m * p.y_stride, kCanary);
        gemv_f32(p.weight.data(), n, k, p.x.data(), p.x_stride, m, {}, y.data(), p.y_stride);
        p.check(y, {p.weight.begin(), p.weight.end()}, false);
      }
}

TEST(Gemv, ARowIsTheSameBitsAmongAnyNumberOfRows) {
  constexpr int64_t n = 37, k = 150;
  const Problem p(n, k, 40);
  const auto rows_of = [&](int64_t first, int64_t count) {
    std::vector<float> y(count * n);
    gemv_f32(p.weight.data(), n, k, p.x.data() + first * p.x_stride, p.x_stride, count, {},
             y.data(), n);
    return y;
  };
  const std::vector<float> all = rows_of(0, 40);
  for (int64_t count : {1, 2, 3, 4, 5, 6, 7, 13})
    for (int64_t first : {0, 1, 9}) {
      const std::vector<float> some = rows_of(first, count);
      EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + first * n)) << count;
    }
}

// Memory whose end is the end of what may be read.
class ToTheEnd {
 public:
  explicit ToTheEnd(size_t bytes) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    bytes_ = (bytes + page_ - 1) / page_ * page_ + page_;
    memory_ = static_cast<char*>(
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory_ + bytes_ - page_, page_, PROT_NONE);
    start_ = memory_ + bytes_ - page_ - bytes;
  }
  ToTheEnd(const ToTheEnd&) = delete;
  ToTheEnd& operator=(const ToTheEnd&) = delete;
  ~ToTheEnd() { munmap(memory_, bytes_); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(start_);
  }

 private:
  size_t page_, bytes_;
  char *memory_, *start_;
};

TEST(Gemv, NothingBehindTheOperandsIsRead) {
  for (int64_t k : {1, 3, 15, 16, 17, 40})
    for (int64_t m : {1, 4, 9}) {
      constexpr int64_t n = 5;
      const ToTheEnd weight(sizeof(float) * n * k), narrow(n * k), x(sizeof(float) * m * k);
      std::fill_n(weight.as<float>(), n * k, 2.0f), std::fill_n(x.as<float>(), m * k, 3.0f);
      std::fill_n(narrow.as<int8_t>(), n * k, int8_t{2});
      const std::vector<float> scales(n, 1);
      for (const bool bytes : {false, true}) {
        std::vector<float> y(m * n);
        if (bytes)
          gemv_i8(narrow.as<int8_t>(), scales.data(), n, k, x.as<float>(), k, m, {}, y.data(), n);
        else gemv_f32(weight.as<float>(), n, k, x.as<float>(), k, m, {}, y.data(), n);
        for (const float value : y) ASSERT_EQ(value, 6.0f * static_cast<float>(k));
      }
    }
}

TEST(Gemv, EpilogueAndResidualInPlace) {
  set_num_threads(2);
  for (int64_t m : {1, 4, 9}) {
    const Problem p(83, 40, m);
    std::vector<float> y = p.residual;
    for (int64_t r = 0; r < m; ++r) y[r * p.y_stride + 83] = y[r * p.y_stride + 84] = kCanary;
    gemv_f32(p.weight.data(), 83, 40, p.x.data(), p.x_stride, m,
             {.bias = p.bias.data(), .residual = y.data(), .residual_stride = p.y_stride}, y.data(),
             p.y_stride);
    p.check(y, {p.weight.begin(), p.weight.end()}, true);
  }
}

TEST(Gemv, Int8AgreesWithLoops) {
  for (int threads : {1, 3})
    for (int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9})
      for (auto [n, k] : {std::pair{1, 1}, {5, 7}, {67, 131}, {130, 768}}) {
        set_num_threads(threads);
        const Problem p(n, k, m);
        std::vector<int8_t> quantized(n * k);
        std::vector<float> scales(n);
        std::vector<double> weights(n * k);
        for (int64_t i = 0; i < n; ++i) scales[i] = 0.01f * static_cast<float>(i % 7);  // also 0
        for (int64_t i = 0; i < n * k; ++i) {
          quantized[i] = static_cast<int8_t>(std::clamp(p.weight[i] * 50, -128.0f, 127.0f));
          weights[i] = double(scales[i / k]) * quantized[i];
        }
        std::vector<float> y(m * p.y_stride, kCanary);
        for (int64_t r = 0; r < m; ++r)
          std::copy_n(&p.residual[r * p.y_stride], n, &y[r * p.y_stride]);
        gemv_i8(quantized.data(), scales.data(), n, k, p.x.data(), p.x_stride, m,
                {.bias = p.bias.data(), .residual = y.data(), .residual_stride = p.y_stride},
                y.data(), p.y_stride);
        p.check(y, weights, true);
      }
}

}  // namespace
}  // namespace cairn::cpu
