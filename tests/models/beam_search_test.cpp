// Beam search against all sequences there are, over caches and over recurrent memory.
#include "cairn/models/reader.h"
#include "cairn/ops/functions.h"
#include "cairn/text/beam_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/ops/context.h"

namespace cairn::models {
using namespace text;
namespace {

constexpr int64_t kVocab = 4, kDepth = 4, kPrompt = 3;
const std::vector<int64_t> kPrompts = {0, 3, 1, 2, 2, 1};  // two texts

// Logits [N, T, vocab] of whole texts [N, T].
using Whole = std::function<Tensor(const Tensor&)>;

double log_probability(const float* logits, int64_t token) {
  double sum = 0;
  for (int64_t i = 0; i < kVocab; ++i) sum += std::exp(logits[i]);
  return logits[token] - std::log(sum);
}

// All ways on from one prompt: `depth` tokens, or fewer that end with the end token.
std::vector<Continuation> all_ways(const Whole& net, std::span<const int64_t> prompt,
                                   const BeamOptions& o, int64_t depth = kDepth) {
  const auto count = static_cast<int64_t>(std::pow(kVocab, depth));
  const int64_t length = kPrompt + depth;
  std::vector<int64_t> tokens(static_cast<size_t>(count * length));
  for (int64_t n = 0; n < count; ++n) {
    int64_t* row = tokens.data() + n * length;
    std::copy(prompt.begin(), prompt.end(), row);
    int64_t digits = n;
    for (int64_t t = 0; t < depth; ++t, digits /= kVocab) row[kPrompt + t] = digits % kVocab;
  }
  const auto logits = net(from_host(tokens.data(), {count, length}, DType::i64)).to_vector<float>();
  std::vector<Continuation> ways;
  for (int64_t n = 0; n < count; ++n) {
    Continuation c;
    const int64_t* row = tokens.data() + n * length;
    for (int64_t t = kPrompt; t < length; ++t) {
      c.log_probability += log_probability(logits.data() + (n * length + t - 1) * kVocab, row[t]);
      c.tokens.push_back(row[t]);
      if (row[t] == o.end_token) break;
    }
    c.score = c.log_probability /
              std::pow((5 + static_cast<double>(c.tokens.size())) / 6, o.length_penalty);
    const auto same = [&](const Continuation& other) { return other.tokens == c.tokens; };
    if (std::none_of(ways.begin(), ways.end(), same)) ways.push_back(c);
  }
  std::sort(ways.begin(), ways.end(),
            [](const Continuation& a, const Continuation& b) { return a.score > b.score; });
  return ways;
}

std::span<const int64_t> prompt_of(int64_t text) {
  return std::span(kPrompts).subspan(static_cast<size_t>(text * kPrompt), kPrompt);
}

struct Network {
  std::string name;
  Whole whole;
  std::function<std::unique_ptr<Reader>(int64_t texts)> reader;
};

// With weights large enough for the choices to differ.
template <class M>
M sharpened(M net) {
  for (const auto& [name, p] : net.named_parameters())
    if (p.rank() > 1) assign(p, p.detach() * 2.0);
  net.eval();
  return net;
}

std::vector<Network> networks() {
  manual_seed(11);
  const auto gpt = std::make_shared<Gpt>(sharpened(Gpt(kVocab, 8, 2, 2, 16, {.rotary = true})));
  std::vector<Network> all = {
      {"gpt", [gpt](const Tensor& x) { return (*gpt)(x); },
       [gpt](int64_t texts) { return std::make_unique<GptReader>(*gpt, texts); }}};
  for (const nn::Cell cell : {nn::Cell::lstm, nn::Cell::gru}) {
    const auto net = std::make_shared<RecurrentLm>(
        sharpened(RecurrentLm(cell, kVocab, {.layers = 2, .width = 8})));
    all.push_back(
        {cell == nn::Cell::lstm ? "lstm" : "gru",
         [net](const Tensor& x) { return (*net)(x, net->make_states(x.size(0))).output; },
         [net](int64_t texts) { return std::make_unique<RecurrentReader>(*net, texts); }});
  }
  return all;
}

// With room for all, the same as all ways without those in which a pair occurs twice.
TEST(BeamSearch, NoRunOfTokensTwice) {
  const NoGrad no_grad;
  const auto pair_twice = [](const Continuation& c) {
    for (size_t i = 1; i < c.tokens.size(); ++i)
      for (size_t j = i + 1; j < c.tokens.size(); ++j)
        if (c.tokens[i - 1] == c.tokens[j - 1] && c.tokens[i] == c.tokens[j]) return true;
    return false;
  };
  const Network net = networks()[0];
  const BeamOptions o{.beams = 256, .max_tokens = kDepth, .no_repeat = 2};
  auto wanted = all_ways(net.whole, prompt_of(0), o);
  EXPECT_GT(std::erase_if(wanted, pair_twice), 0u);
  const auto found = beam_search(*net.reader(1), prompt_of(0), o)[0];
  ASSERT_EQ(found.size(), wanted.size());
  EXPECT_EQ(found[0].tokens, wanted[0].tokens);
  EXPECT_TRUE(std::none_of(found.begin(), found.end(), pair_twice));
  BeamOptions never = o;
  never.no_repeat = -1;
  EXPECT_THROW(beam_search(*net.reader(1), prompt_of(0), never), Error);
}

TEST(BeamSearch, ATextWithALimitOfItsOwnIsFoundAsIfAlone) {
  const NoGrad no_grad;
  for (const Network& net : networks())
    for (const double patience : {0.0, 2.0}) {
      BeamOptions o{.beams = 3, .max_tokens = 10, .end_token = 2, .patience = patience};
      o.max_tokens_of = {3, 9};
      const auto found = beam_search(*net.reader(2), kPrompts, o);
      for (int64_t text = 0; text < 2; ++text) {
        BeamOptions alone = o;
        alone.max_tokens = o.max_tokens_of[static_cast<size_t>(text)], alone.max_tokens_of = {};
        const auto wanted = beam_search(*net.reader(1), prompt_of(text), alone)[0];
        const auto& got = found[static_cast<size_t>(text)];
        ASSERT_EQ(got.size(), wanted.size()) << net.name;
        for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].tokens, wanted[i].tokens);
      }
      o.max_tokens_of = {3};
      EXPECT_THROW(beam_search(*net.reader(2), kPrompts, o), Error);
      o.max_tokens_of = {3, 11};
      EXPECT_THROW(beam_search(*net.reader(2), kPrompts, o), Error);
    }
}

TEST(BeamSearch, WithRoomForAllIsExhaustive) {
  const NoGrad no_grad;
  for (const Network& net : networks())
    for (const double penalty : {0.0, 0.8, 3.0, -1.0})
      for (const bool ends : {false, true}) {
        BeamOptions o{.beams = 256, .max_tokens = kDepth, .length_penalty = penalty};
        if (ends) o.end_token = 2;
        const auto found = beam_search(*net.reader(2), kPrompts, o);
        ASSERT_EQ(found.size(), 2u);
        for (int64_t text = 0; text < 2; ++text) {
          const auto wanted = all_ways(net.whole, prompt_of(text), o);
          const auto& got = found[static_cast<size_t>(text)];
          ASSERT_EQ(got.size(), wanted.size()) << net.name;
          EXPECT_EQ(got[0].tokens, wanted[0].tokens) << net.name << " " << penalty << " " << ends;
          for (size_t i = 0; i < got.size(); ++i) {
            EXPECT_NEAR(got[i].score, wanted[i].score, 2e-4) << net.name << " at " << i;
            EXPECT_NEAR(
                got[i].log_probability,
                got[i].score *
                    std::pow((5.0 + static_cast<double>(got[i].tokens.size())) / 6, penalty),
                1e-9);
          }
        }
      }
}

// What the search of a few beams must find, said once more in the plainest way: whole texts, no
// caches, one at a time.
std::vector<Continuation> plain_search(const Whole& net, std::span<const int64_t> prompt,
                                       int64_t beams, int64_t steps) {
  std::vector<Continuation> view(1);
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<Continuation> next;
    for (const Continuation& c : view) {
      std::vector<int64_t> text(prompt.begin(), prompt.end());
      text.insert(text.end(), c.tokens.begin(), c.tokens.end());
      const auto length = static_cast<int64_t>(text.size());
      const auto logits = net(from_host(text.data(), {1, length}, DType::i64)).to_vector<float>();
      for (int64_t token = 0; token < kVocab; ++token) {
        Continuation longer = c;
        longer.tokens.push_back(token);
        longer.log_probability += log_probability(&logits[(length - 1) * kVocab], token);
        next.push_back(longer);
      }
    }
    std::sort(next.begin(), next.end(), [](const Continuation& a, const Continuation& b) {
      return a.log_probability > b.log_probability;
    });
    next.resize(std::min(next.size(), static_cast<size_t>(beams)));
    view = next;
  }
  return view;
}

TEST(BeamSearch, KeepsTheBestInView) {
  const NoGrad no_grad;
  bool other_than_greedy = false;
  for (const Network& net : networks()) {
    for (const int64_t beams : {1, 2, 3, 7}) {
      const auto found = beam_search(*net.reader(2), kPrompts, {.beams = beams, .max_tokens = 10});
      for (int64_t text = 0; text < 2; ++text) {
        const auto wanted = plain_search(net.whole, prompt_of(text), beams, 10);
        const auto& got = found[static_cast<size_t>(text)];
        ASSERT_EQ(got.size(), static_cast<size_t>(beams)) << net.name;
        for (size_t i = 0; i < got.size(); ++i) {
          EXPECT_EQ(got[i].tokens, wanted[i].tokens) << net.name << " beams " << beams;
          EXPECT_NEAR(got[i].log_probability, wanted[i].log_probability, 5e-4);
        }
        const auto greedy = plain_search(net.whole, prompt_of(text), 1, 10);
        other_than_greedy = other_than_greedy || got[0].tokens != greedy[0].tokens;
      }
    }
  }
  EXPECT_TRUE(other_than_greedy) << "the networks are too easy to test the search with";
}

// A reader that begins anew says what a fresh one says, whatever it read before.
TEST(Readers, ARestartedOneIsAsNew) {
  const NoGrad no_grad;
  for (const Network& net : networks()) {
    const auto fresh = net.reader(1), used = net.reader(1);
    const std::vector<int64_t> before = {1, 2, 1, 0}, text = {2, 0, 1};
    used->read(before);
    used->restart();
    EXPECT_EQ(used->texts(), 1);
    const auto a = fresh->read(text).to_vector<float>(), b = used->read(text).to_vector<float>();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
  }
}

// Counts what it is asked.
class Counted : public Reader {
 public:
  explicit Counted(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
  int64_t texts() const override { return reader_->texts(); }
  Tensor read(std::span<const int64_t> tokens) override {
    ++reads;
    return reader_->read(tokens);
  }
  void restart() override { reader_->restart(); }
  void select(std::span<const int64_t> rows) override { reader_->select(rows); }
  int reads = 0;

 private:
  std::unique_ptr<Reader> reader_;
};

TEST(BeamSearch, StopsWhenNothingBetterCanCome) {
  const NoGrad no_grad;
  for (const Network& net : networks())
    for (int64_t end = 0; end < kVocab; ++end) {
      BeamOptions o{.beams = 2, .max_tokens = 500, .end_token = end};
      Counted reader(net.reader(1));
      const auto found = beam_search(reader, prompt_of(0), o)[0];
      ASSERT_EQ(found.size(), 2u);
      EXPECT_GE(found[0].score, found[1].score);
      if (reader.reads < 500) {
        EXPECT_EQ(found[0].tokens.back(), end);
        EXPECT_EQ(found[1].tokens.back(), end);
      }
    }
  // A network that ends at once: the second token could only be worse.
  manual_seed(1);
  Gpt net(kVocab, 8, 2, 1, 600);
  assign(net.head.weight, zeros(net.head.weight.shape()));
  Counted even(std::make_unique<GptReader>(net, 1));
  const auto found =
      beam_search(even, prompt_of(0), {.beams = 1, .max_tokens = 500, .end_token = 0})[0];
  EXPECT_EQ(found[0].tokens, (std::vector<int64_t>{0}));
  EXPECT_EQ(even.reads, 1);
}

// An end that is only second best ends nothing: one beam is what greedy reading finds, with the end
// where it is the likeliest token.
TEST(BeamSearch, OneBeamWithAnEndIsGreedy) {
  const NoGrad no_grad;
  int ended = 0;
  for (const Network& net : networks())
    for (int64_t end = 0; end < kVocab; ++end) {
      const BeamOptions o{.beams = 1, .max_tokens = 10, .end_token = end, .patience = 1};
      const auto found = beam_search(*net.reader(1), prompt_of(0), o)[0][0];
      std::vector<int64_t> greedy;
      const auto reader = net.reader(1);
      Tensor logits = reader->read(prompt_of(0));
      do {
        greedy.push_back(argmax(logits, 1).to_vector<int64_t>()[0]);
        if (greedy.size() < 10) logits = reader->read(std::span(greedy).last(1));
      } while (greedy.back() != end && greedy.size() < 10);
      EXPECT_EQ(found.tokens, greedy) << net.name << ", end " << end;
      ended += greedy.back() == end;
    }
  EXPECT_GT(ended, 0) << "the networks never end: the test says nothing";
}

// Past the network's context: one beam is what greedy reading finds.
TEST(BeamSearch, GoesOnWhenTheContextIsFull) {
  const NoGrad no_grad;
  const Network net = networks()[0];
  const auto reader = net.reader(1);
  const std::span<const int64_t> prompt = prompt_of(1);
  std::vector<int64_t> next(prompt.begin(), prompt.end()), greedy;
  for (int i = 0; i < 40; ++i) {
    const auto logits = reader->read(next).to_vector<float>();
    next = {std::max_element(logits.begin(), logits.end()) - logits.begin()};
    greedy.push_back(next[0]);
  }
  const auto found = beam_search(*net.reader(1), prompt, {.beams = 1, .max_tokens = 40})[0];
  EXPECT_EQ(found[0].tokens, greedy);
  const auto three = beam_search(*net.reader(1), prompt, {.beams = 3, .max_tokens = 40})[0];
  EXPECT_EQ(three.size(), 3u);
  EXPECT_EQ(three[0].tokens.size(), 40u);
}

TEST(BeamSearch, RefusesWhatMakesNoSense) {
  const NoGrad no_grad;
  const auto all = networks();
  EXPECT_THROW(beam_search(*all[0].reader(1), prompt_of(0), {.beams = 0}), Error);
  EXPECT_THROW(beam_search(*all[0].reader(1), prompt_of(0), {.max_tokens = 0}), Error);
  EXPECT_THROW(beam_search(*all[0].reader(1), prompt_of(0), {.length_penalty = NAN}), Error);
  EXPECT_THROW(beam_search(*all[0].reader(2), prompt_of(0), {}), Error);  // 3 tokens of 2 texts
  EXPECT_THROW(beam_search(*all[1].reader(1), {}, {}), Error);
  manual_seed(2);
  Gpt broken(kVocab, 8, 2, 1, 16);
  assign(broken.head.weight, full(broken.head.weight.shape(), NAN));
  GptReader reader(broken);
  EXPECT_THROW(beam_search(reader, prompt_of(0), {}), Error);
}

}  // namespace
}  // namespace cairn::models
