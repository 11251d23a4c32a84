// Recurrent layers and cells against PyTorch's, with its weights.
#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "tests/nn/like_pytorch.h"

namespace cairn::nn {
namespace {

void expect_near(const Tensor& got, const Tensor& wanted, const std::string& what) {
  ASSERT_EQ(got.shape(), wanted.shape()) << what;
  const auto a = got.to_vector<float>(), b = wanted.to_vector<float>();
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << what << " at " << i;
}

Tensor wanting(Tensor x) {
  x.set_requires_grad();
  return x;
}

}  // namespace

TEST(LikePyTorch, Recurrence) {
  const Case both("lstm");
  const LstmResult r =
      both(LSTM(3, 4, {.num_layers = 2, .batch_first = true, .bidirectional = true}))(
          both.in(0), {both.in(1), both.in(2)});
  both.expect(r.output, 0), both.expect(r.h, 1), both.expect(r.c, 2);

  const Case plain("lstm_zero");
  const LstmResult z = plain(LSTM(3, 4, {.bias = false}))(plain.in(0));
  plain.expect(z.output, 0), plain.expect(z.h, 1), plain.expect(z.c, 2);

  const Case gru("gru");
  const auto g = gru(GRU(3, 4, {.num_layers = 2, .bidirectional = true}))(gru.in(0), gru.in(1));
  gru.expect(g.output, 0), gru.expect(g.h, 1);

  const Case rnn("rnn");
  const auto n = rnn(RNN(3, 4, {}, Nonlinearity::relu))(rnn.in(0));
  rnn.expect(n.output, 0), rnn.expect(n.h, 1);
}

TEST(LikePyTorch, ProjectedLstm) {
  const Case deep("lstm_projected");
  const LSTM layer = deep(
      LSTM(3, 5, {.num_layers = 2, .batch_first = true, .bidirectional = true, .proj_size = 2}));
  const Tensor x = wanting(deep.in(0)), h = wanting(deep.in(1)), c = wanting(deep.in(2));
  const LstmResult r = layer(x, {h, c});
  deep.expect(r.output, 0), deep.expect(r.h, 1), deep.expect(r.c, 2);
  deep.expect_gradients(layer, {r.output, r.h, r.c}, {{0, x}, {1, h}, {2, c}});

  const Case plain("lstm_projected_zero");
  const LSTM one = plain(LSTM(3, 5, {.bias = false, .proj_size = 4}));
  const Tensor steps = wanting(plain.in(0));
  const LstmResult z = one(steps);
  plain.expect(z.output, 0), plain.expect(z.h, 1), plain.expect(z.c, 2);
  plain.expect_gradients(one, {z.output, z.h, z.c}, {{0, steps}});
}

TEST(LikePyTorch, ProjectedLstmOfDifferentLengths) {
  const Case packed("lstm_projected_packed");
  const LSTM layer = packed(LSTM(3, 5, {.num_layers = 2, .bidirectional = true, .proj_size = 2}));
  const Tensor x = wanting(packed.in(0)), h = wanting(packed.in(2)), c = wanting(packed.in(3));
  const LstmResult r = layer(x, {h, c}, packed.in(1));
  packed.expect(r.output, 0), packed.expect(r.h, 1), packed.expect(r.c, 2);
  packed.expect_gradients(layer, {r.output, r.h, r.c}, {{0, x}, {2, h}, {3, c}});
  auto compiled = compile([&](Tensor x, Tensor lengths) -> Tensors {
    const LstmResult r = layer(x, {h, c}, lengths);
    return {r.output, r.h, r.c};
  });
  const Tensors replayed = compiled(packed.in(0), packed.in(1));
  for (int i = 0; i < 3; ++i) packed.expect(replayed[static_cast<size_t>(i)], i);
}

TEST(ProjectedLstm, WrongSizes) {
  EXPECT_THROW(LSTM(3, 5, {.proj_size = 5}), Error);
  EXPECT_THROW(LSTM(3, 5, {.proj_size = -1}), Error);
  EXPECT_THROW(GRU(3, 5, {.proj_size = 2}), Error);
  const LSTM layer(3, 5, {.proj_size = 2});
  EXPECT_THROW(layer(zeros({4, 1, 3}), {zeros({1, 1, 5}), zeros({1, 1, 5})}), Error);
  EXPECT_THROW(layer(zeros({4, 1, 3}), {}, zeros({2}, DType::i64)), Error);
}

TEST(LikePyTorch, RecurrentCells) {
  const Case lstm("lstm_cell");
  const LstmState l = lstm(LSTMCell(3, 4))(lstm.in(0), {lstm.in(1), lstm.in(2)});
  lstm.expect(l.h, 0), lstm.expect(l.c, 1);
  const Case gru("gru_cell");
  gru.expect(gru(GRUCell(3, 4))(gru.in(0), gru.in(1)));
  const Case rnn("rnn_cell");
  rnn.expect(rnn(RNNCell(3, 4, {.nonlinearity = Nonlinearity::relu}))(rnn.in(0), rnn.in(1)));
  Case("rnn_cell_zero")
      .expect(Case("rnn_cell_zero")(RNNCell(3, 4, {.bias = false}))(Case("rnn_cell_zero").in(0)));
}

// Steps of a cell are the sequence of the layer, and so are the gradients.
TEST(RecurrentCell, StepsAreTheSequence) {
  manual_seed(3);
  const LSTM layer(3, 4);
  const LSTMCell cell(3, 4);
  NamedTensors weights;
  for (const auto& [name, t] : layer.state_dict())
    weights.emplace_back(name.substr(0, name.size() - 3), t);  // "weight_ih_l0"
  cell.load_state_dict(weights);
  const Tensor x = randn({5, 2, 3}), h = randn({1, 2, 4}), c = randn({1, 2, 4});
  const auto by_layer = [&] {
    const LstmResult r = layer(x, {h, c});
    return sum(square(r.output)) + sum(r.c);
  };
  const auto by_cell = [&] {
    LstmState s{select(h, 0, 0), select(c, 0, 0)};
    Tensor total = zeros({});
    for (int64_t t = 0; t < 5; ++t) {
      s = cell(select(x, 0, t), s);
      total = total + sum(square(s.h));
    }
    return total + sum(s.c);
  };
  const Tensors wanted = grad({by_layer()}, layer.parameters());
  auto compiled = compile([&]() -> Tensors { return grad({by_cell()}, cell.parameters()); });
  const Tensors eager = grad({by_cell()}, cell.parameters()), replayed = compiled();
  ASSERT_EQ(eager.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    expect_near(eager[i], wanted[i], "eager " + weights[i].first);
    expect_near(replayed[i], wanted[i], "compiled " + weights[i].first);
  }
}

TEST(RecurrentCell, WrongShapesAreNamed) {
  const auto message = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& e) { return e.what(); }
    return "none";
  };
  EXPECT_NE(message([] {
              RNNCell(3, 4)(zeros({2, 4}));
            }).find("RNNCell: wants [N, 3], not [2, 4]"),
            std::string::npos);
  EXPECT_NE(message([] {
              GRUCell(3, 4)(zeros({2, 3}), zeros({1, 4}));
            }).find("GRUCell: state [1, 4] is not [2, 4]"),
            std::string::npos);
  EXPECT_THROW(LSTMCell(3, 4)(zeros({2, 3}), {zeros({2, 4}), zeros({2, 3})}), Error);
  EXPECT_THROW(LSTMCell(0, 4), Error);
}

// Of [T, N, features]: at each step the same features, of each sequence others.
void expect_locked(const Tensor& y, int64_t steps, int64_t width) {
  const auto v = y.to_vector<float>();
  const auto row = static_cast<size_t>(width);
  int dropped = 0;
  for (size_t i = 0; i < row; ++i) {
    EXPECT_TRUE(v[i] == 0 || v[i] == 2) << v[i];
    dropped += v[i] == 0;
    for (size_t t = 1; t < static_cast<size_t>(steps); ++t) EXPECT_EQ(v[t * row + i], v[i]) << t;
  }
  EXPECT_NEAR(dropped, width / 2, width / 5);
}

TEST(Dropouts, AreProbabilities) {
  for (const double p : {1.5, -1.0, std::nan("")}) {
    EXPECT_THROW(Dropout{p}, Error);
    EXPECT_THROW(LockedDropout{p}, Error);
  }
  EXPECT_NO_THROW((Dropout(0), Dropout(1)));
}

TEST(LockedDropout, DropsTheSameFeaturesAtEveryStep) {
  manual_seed(1);
  const LockedDropout drop(0.5), batch_first(0.5, true);
  expect_locked(reshape(drop(ones({6, 3, 40})), {6, 120}), 6, 120);
  expect_locked(reshape(transpose(batch_first(ones({3, 6, 40})), 0, 1), {6, 120}), 6, 120);
  drop.eval();
  EXPECT_EQ(drop(ones({2, 1, 3})).to_vector<float>(), std::vector<float>(6, 1));
  EXPECT_THROW(drop(ones({2, 3})), Error);
}

TEST(LockedDropout, EveryReplayDropsOthers) {
  manual_seed(2);
  const LockedDropout drop(0.5);
  auto step = compile([&](Tensor x) -> Tensor { return drop(x); });
  const Tensor x = ones({3, 1, 100});
  const Tensor first = step(x), second = step(x);
  expect_locked(reshape(first, {3, 100}), 3, 100);
  EXPECT_NE(first.to_vector<float>(), second.to_vector<float>());
}

// Between the layers of a network whose first layer gives 1 for every feature and step.
TEST(LockedDropout, BetweenLayers) {
  manual_seed(4);
  RNN net(1, 64, {.num_layers = 2, .dropout = 0.5, .locked_dropout = true}, Nonlinearity::relu);
  const Tensor identity =
      cast(eq(unsqueeze(arange(0, 64), 0), unsqueeze(arange(0, 64), 1)), DType::f32);
  for (const auto& [name, p] : net.named_parameters()) {
    if (name == "bias_ih_l0") assign(p, ones({64}));
    else if (name == "weight_ih_l1") assign(p, identity);
    else assign(p, zeros(p.shape()));
  }
  expect_locked(reshape(net(ones({5, 1, 1})).output, {5, 64}), 5, 64);
  net.eval();
  EXPECT_EQ(net(ones({5, 1, 1})).output.to_vector<float>(), std::vector<float>(320, 1));
}

}  // namespace cairn::nn
