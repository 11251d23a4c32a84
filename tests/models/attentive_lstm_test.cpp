#include "cairn/models/attentive_lstm.h"

#include <gtest/gtest.h>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

AttentiveLstm small() {
  manual_seed(3);
  AttentiveLstm net({.vocab = 11, .width = 16, .layers = 2});
  net.eval();
  return net;
}
Tensor ids(const std::vector<int64_t>& values, const Shape& shape) {
  return from_host(values.data(), shape, DType::i64);
}

TEST(AttentiveLstm, WhatIsBehindALengthIsNotSeen) {
  const NoGrad no_grad;
  AttentiveLstm net = small();
  const Tensor target = ids({1, 5, 6}, {1, 3});
  const auto plain = net(ids({4, 3, 2}, {1, 3}), ids({3}, {1}), target).to_vector<float>();
  const auto padded = net(ids({4, 3, 2, 9, 9}, {1, 5}), ids({3}, {1}), target).to_vector<float>();
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(plain[i], padded[i], 1e-5) << i;
  const auto longer = net(ids({4, 3, 2, 9, 9}, {1, 5}), ids({5}, {1}), target).to_vector<float>();
  EXPECT_GT(std::abs(plain[0] - longer[0]), 1e-4);  // or it would see nothing at all
}

TEST(AttentiveLstm, ReadsTokenByTokenWhatItReadsAtOnce) {
  const NoGrad no_grad;
  AttentiveLstm net = small();
  const Tensor source = ids({4, 3, 2, 8, 7, 2}, {2, 3}), lengths = ids({2, 3}, {2});
  const std::vector<int64_t> a = {1, 5, 6, 7}, b = {1, 9, 3, 3};
  const Tensor at_once = net(source, lengths, ids({1, 5, 6, 7, 1, 9, 3, 3}, {2, 4}));
  const auto reader = net.reader(source, lengths);
  for (int turn = 0; turn < 2; ++turn) {
    const bool swapped = turn == 1;  // it begins anew with the rows as they are then
    for (int64_t t = 0; t < 4; ++t) {
      if (turn == 0 && t == 2) reader->select(std::vector<int64_t>{1, 0});
      const bool other = swapped || t >= 2;
      const auto got = reader->read(std::vector<int64_t>{(other ? b : a)[t], (other ? a : b)[t]})
                           .to_vector<float>();
      const auto wanted = contiguous(select(at_once, 1, t)).to_vector<float>();
      for (size_t i = 0; i < 11; ++i) {
        EXPECT_NEAR(got[i], wanted[other ? 11 + i : i], 1e-5) << t << " " << i;
        EXPECT_NEAR(got[11 + i], wanted[other ? i : 11 + i], 1e-5) << t << " " << i;
      }
    }
    reader->restart();
  }
}

TEST(AttentiveLstm, LooksAtTheSourceAlone) {
  const NoGrad no_grad;
  AttentiveLstm net = small();
  const Tensor looks = net.looks(ids({4, 3, 9}, {1, 3}), ids({2}, {1}), ids({1, 5}, {1, 2}));
  const auto w = looks.to_vector<float>();
  ASSERT_EQ(looks.shape(), (Shape{1, 2, 3}));
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_NEAR(w[3 * t] + w[3 * t + 1], 1, 1e-5);
    EXPECT_EQ(w[3 * t + 2], 0);
  }
}

}  // namespace
}  // namespace cairn::models
