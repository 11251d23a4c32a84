#include "cairn/ops/linalg.h"

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/fourier.h"
#include "cairn/ops/grid.h"
#include "cairn/ops/pick.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

const std::vector<Shape> kSquares = {{1, 1}, {2, 2}, {5, 5}, {2, 3, 3}, {2, 1, 4, 4}};
const std::vector<Shape> kMatrices = {{1, 1}, {3, 3}, {5, 2}, {2, 5}, {2, 4, 3}, {1, 3, 1}};

Row square_row(const char* name, Function f) {
  Row row{name, {}, {DType::f32, DType::f64}, 1e-4, false};
  for (const Shape& s : kSquares) row.cases.push_back({to_string(s), {numbers(s)}, f});
  return row;
}
Row matrix_row(const char* name, Function f) {
  Row row{name, {}, {DType::f32, DType::f64}, 1e-4, false};
  for (const Shape& s : kMatrices) row.cases.push_back({to_string(s), {numbers(s)}, f});
  return row;
}
// The diagonal is made larger, so that the matrices are far from singular ones.
Tensor steep(const Tensor& x) { return x + eye(x.size(-1), x.dtype()) * 7.0; }
Tensor positive_definite(const Tensor& x) {
  return matmul(x, transpose(x, -1, -2)) + eye(x.size(-1), x.dtype());
}

Row solve_row() {
  Row row{"solve", {}, {DType::f32, DType::f64}, 1e-4, false};
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{1, 1}, {1, 1}},
                                                                 {{3, 3}, {3, 2}},
                                                                 {{2, 3, 3}, {2, 3, 1}},
                                                                 {{3, 3}, {2, 3, 4}},
                                                                 {{2, 3, 3}, {3, 2}},
                                                                 {{3, 3}, {3, 0}}})
    row.cases.push_back(call(to_string(a) + " " + to_string(b), {numbers(a), numbers(b)},
                             [](const Tensors& in) { return solve(steep(in[0]), in[1]); }));
  return row;
}

Row fft_row() {
  Row row{"fft", {}, {DType::f32, DType::f64}, 1e-5};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1, 2}, 0},
                                                                          {{2, 2}, 0},
                                                                          {{7, 2}, 0},
                                                                          {{12, 2}, 0},
                                                                          {{3, 22, 2}, 1},
                                                                          {{15, 3, 2}, 0},
                                                                          {{2, 4, 3, 2}, 1},
                                                                          {{0, 4, 2}, 1}})
    for (const int64_t inverse : {0, 1})
      row.cases.push_back(of("fft", {numbers(shape)}, {{"axis", axis}, {"inverse", inverse}}));
  return row;
}
Row fft_functions_row() {
  Row row{"fft_functions", {}, {DType::f32, DType::f64}, 1e-5};
  const auto add = [&](const char* name, Shape shape, Function f) {
    row.cases.push_back({name, {numbers(shape)}, std::move(f)});
  };
  using T = const Tensors&;
  add("ifft, cut", {2, 7, 2}, [](T in) { return Tensors{ifft(in[0], 5)}; });
  add("fft, filled", {5, 2, 2}, [](T in) { return Tensors{fft(in[0], 8, 0, FftNorm::ortho)}; });
  add("rfft", {3, 7}, [](T in) { return Tensors{rfft(in[0])}; });
  add("rfft, even", {6, 2}, [](T in) { return Tensors{rfft(in[0], 0, 0, FftNorm::forward)}; });
  add("irfft, even", {3, 4, 2}, [](T in) { return Tensors{irfft(in[0])}; });
  add("irfft, odd", {4, 2, 2}, [](T in) { return Tensors{irfft(in[0], 7, 0)}; });
  add("hfft", {5, 2}, [](T in) { return Tensors{hfft(in[0])}; });
  add("ihfft", {2, 5}, [](T in) { return Tensors{ihfft(in[0])}; });
  add("fft2", {2, 3, 4, 2}, [](T in) { return Tensors{fft2(in[0])}; });
  add("rfftn", {3, 4, 5}, [](T in) { return Tensors{rfftn(in[0])}; });
  add("irfft2", {2, 3, 4, 2}, [](T in) { return Tensors{irfft2(in[0])}; });
  add("fftshift", {3, 4}, [](T in) { return Tensors{fftshift(in[0])}; });
  add("stft", {2, 21},
      [](T in) { return Tensors{stft(in[0], {.n_fft = 8, .hop = 3, .window = hann_window(8)})}; });
  add("stft of a short window", {19}, [](T in) {
    return Tensors{stft(in[0], {.n_fft = 9,
                                .hop = 4,
                                .win_length = 5,
                                .center = false,
                                .normalized = true,
                                .onesided = false})};
  });
  add("istft", {2, 5, 6, 2},
      [](T in) { return Tensors{istft(in[0], {.n_fft = 8, .hop = 2, .window = hann_window(8)})}; });
  return row;
}

Row searchsorted_row() {
  Row row{"searchsorted", {}, {DType::f32, DType::f64, DType::i32, DType::i64}};
  const Arg sequence = fixed({5}, {-1, 0, 0, 1, 2}, DType::f32);
  for (const int64_t right : {0, 1}) {
    for (const auto& [values, given] : std::vector<std::pair<Shape, Shape>>{
             {{5}, {3, 2}}, {{5}, {}}, {{0}, {4}}, {{1}, {1}}, {{2, 4}, {2, 3}}, {{2, 4}, {2, 0}}})
      row.cases.push_back(call(to_string(values) + " " + to_string(given) + std::to_string(right),
                               {numbers(values), numbers(given)}, [right](const Tensors& in) {
                                 return searchsorted(sort(in[0]).values, in[1], right != 0);
                               }));
    row.cases.push_back(
        call("equals " + std::to_string(right),
             {sequence, fixed({6}, {0, -1, 2, 3, NAN, INFINITY}, DType::f32)},
             [right](const Tensors& in) { return searchsorted(in[0], in[1], right != 0); }));
  }
  return row;
}

Row bicubic_row() {
  Row row{"grid_sample_functions", {}, {DType::f32, DType::f64}, 1e-4};
  for (const GridPadding padding :
       {GridPadding::zeros, GridPadding::border, GridPadding::reflection})
    for (const bool corners : {false, true}) {
      const std::string end = fmt::format(", {}, {}", static_cast<int>(padding), corners);
      row.cases.push_back(call(
          "bicubic" + end, {numbers({2, 1, 4, 5}), numbers({2, 2, 3, 2})}, [=](const Tensors& in) {
            return grid_sample(
                in[0], in[1] * 0.61,
                {.mode = GridSample::bicubic, .padding = padding, .align_corners = corners});
          }));
      row.cases.push_back(call(
          "with depth" + end, {numbers({1, 2, 3, 2, 4}), numbers({1, 2, 1, 3, 3})},
          [=](const Tensors& in) {
            return grid_sample(in[0], in[1] * 0.61, {.padding = padding, .align_corners = corners});
          }));
    }
  return row;
}

}  // namespace

std::vector<Row> linalg_rows() {
  using T = const Tensors&;
  return {square_row("eigh",
                     [](T in) {
                       const Eigen e = eigh(in[0]);
                       return Tensors{e.values, e.vectors};
                     }),
          matrix_row("svd",
                     [](T in) {
                       const Svd d = svd(in[0]);
                       return Tensors{d.u, d.s, d.vh};
                     }),
          matrix_row("qr",
                     [](T in) {
                       const Qr d = qr(in[0]);
                       return Tensors{d.q, d.r};
                     }),
          square_row("cholesky", [](T in) { return Tensors{cholesky(positive_definite(in[0]))}; }),
          solve_row(),
          square_row("slogdet",
                     [](T in) {
                       const LogDet d = slogdet(in[0]);
                       return Tensors{d.sign, d.logabsdet};
                     }),
          square_row(
              "linalg_functions",
              [](T in) {
                const Tensor x = steep(in[0]);
                return Tensors{inverse(x), det(in[0]), pinv(slice(x, -1, 0, (x.size(-1) + 1) / 2))};
              }),
          fft_row(),
          fft_functions_row(),
          searchsorted_row(),
          bicubic_row()};
}

TEST(Linalg, PartsMakeTheMatrixAgain) {
  manual_seed(3);
  const Tensor x = randn({2, 40, 23}), s = matmul(transpose(x, -1, -2), x);
  const auto same = [](const Tensor& a, const Tensor& b) {
    EXPECT_LT(amax(abs(a - b)).item(), 2e-4 * amax(abs(b)).item());
  };
  const Svd d = svd(x);
  same(matmul(d.u * unsqueeze(d.s, -2), d.vh), x);
  const Eigen e = eigh(s);
  same(matmul(e.vectors * unsqueeze(e.values, -2), transpose(e.vectors, -1, -2)), s);
  same(flip(square(d.s), {-1}), e.values);
  const Qr f = qr(x);
  same(matmul(f.q, f.r), x);
  const Tensor l = cholesky(s);
  same(matmul(l, transpose(l, -1, -2)), s);
  same(matmul(s, inverse(s)), expand(eye(23), {2, 23, 23}));
  same(sum(log(e.values), {-1}), slogdet(s).logabsdet);
  same(matmul(x, matmul(pinv(x), x)), x);
}

TEST(Linalg, WhatHasNoResultIsAnErrorOnEachBackEnd) {
  for (const char* backend : {"cpu", "reference"}) {
    BackendScope scope(backend_named(backend));
    const auto says = [&](auto f, const char* what) {
      try {
        f();
        ADD_FAILURE() << backend << ": no error: " << what;
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find(what), std::string::npos) << e.what();
      }
    };
    const Tensor singular = reshape(tensor({1, 2, 2, 4}), {2, 2});
    says([&] { inverse(singular); }, "singular");
    EXPECT_EQ(det(singular).item(), 0);
    says([&] { cholesky(-eye(3)); }, "positive definite");
    says([&] { svd(full({2, 2}, NAN)); }, "NaN");
    says([&] { eigh(zeros({2, 3})); }, "square");
    says([&] { svd(zeros({0, 3})); }, "empty");
    says([&] { solve(eye(2), zeros({3, 1})); }, "[..., n, k]");
    says([&] { eigh(zeros({2, 2}, DType::bf16)); }, "cast()");
    auto step = compile([](Tensor a) { return inverse(a); });
    EXPECT_EQ(step(eye(2)).to_vector<float>(), (std::vector<float>{1, 0, 0, 1}));
    says([&] { step(singular); }, "singular");
  }
}

// There is none by way of the vectors, as in PyTorch; NaN says so.
TEST(Linalg, EqualValuesHaveTheGradientOfTheValuesAlone) {
  Tensor x = eye(3, DType::f64).set_requires_grad();
  const Eigen e = eigh(x);
  const Tensor weights = tensor({1, 2, 3});
  const auto slope = [&](const Tensor& loss) { return grad({loss}, {x})[0].to_vector<double>(); };
  EXPECT_EQ(slope(sum(eigh(x).values)), (std::vector<double>{1, 0, 0, 0, 1, 0, 0, 0, 1}));
  EXPECT_TRUE(std::isnan(slope(sum(e.vectors * cast(weights, DType::f64)))[1]));
  EXPECT_TRUE(std::isnan(slope(sum(svd(x).u * cast(weights, DType::f64)))[1]));
}

TEST(Fourier, TransformsOfLongLengthsAreExact) {
  for (const int64_t n : {997, 4096, 30030}) {
    manual_seed(1);
    const Tensor z = randn({n, 2});
    const Tensor again = ifft(fft(z));
    EXPECT_LT(amax(abs(again - z)).item(), 1e-6);
    // Parseval
    EXPECT_NEAR(sum(square(fft(z, 0, -1, FftNorm::ortho))).item() / sum(square(z)).item(), 1, 1e-5);
  }
}

// What no real signal has is left out, as PyTorch does: only the first half is read.
TEST(Fourier, AWholeSpectrumIsReadByHalf) {
  manual_seed(3);
  const Tensor z = randn({10, 3, 2});
  const Tensor whole = istft(z, {.n_fft = 10, .onesided = false}),
               half = istft(slice(z, 0, 0, 6), {.n_fft = 10});
  EXPECT_EQ(whole.to_vector<float>(), half.to_vector<float>());
}
TEST(Fourier, ComplexNumbersBroadcast) {
  EXPECT_EQ(complex(tensor({1, 2}), full({1}, 3)).to_vector<float>(),
            (std::vector<float>{1, 3, 2, 3}));
  EXPECT_THROW(complex(zeros({2}), zeros({3})), Error);
}

TEST(Fourier, FramesAddUpToTheSignal) {
  manual_seed(2);
  const Tensor x = randn({2, 1000});
  const StftOptions o{.n_fft = 64, .hop = 16, .window = hann_window(64)};
  const Tensor z = stft(x, o);
  EXPECT_EQ(z.shape(), (Shape{2, 33, 63, 2}));
  EXPECT_LT(amax(abs(istft(z, o, 1000) - x)).item(), 1e-5);
  EXPECT_THROW(istft(z, {.n_fft = 64, .hop = 16, .window = zeros({64})}), Error);
  EXPECT_THROW(stft(x, {.n_fft = 4096, .center = false}), Error);
  EXPECT_THROW(fft(x), Error);  // not pairs
}

}  // namespace cairn::cases
