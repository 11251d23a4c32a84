#include <algorithm>

#include "cairn/dist/share_out.h"
#include "cairn/base/philox.h"
#include "cairn/data/order.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/text_gan/task.h"

namespace cairn::tasks::text_gan {
namespace {

constexpr int64_t kEnd = text::WordTokenizer::kNewLine, kUnknown = text::WordTokenizer::kUnknown;
constexpr int64_t kRows = 100;
constexpr double kTestPart = 0.2;
constexpr uint64_t kTestStream = 0x74657374;

template <class T>
std::vector<T> some_of(const std::vector<T>& all, const std::vector<int64_t>& places) {
  std::vector<T> some;
  for (const int64_t i : places) some.push_back(all[static_cast<size_t>(i)]);
  return some;
}

}  // namespace

Numbers numbers_of(const std::vector<std::string>& sentences, const text::Tokenizer& tokenizer,
                   int64_t longest) {
  Numbers n{.longest = longest};
  for (const std::string& sentence : sentences) {
    std::vector<int64_t> words = tokenizer.encode(sentence, "a sentence");
    if (std::count(words.begin(), words.end(), kUnknown) > 0) {
      ++n.unknown;
      continue;
    }
    n.cut += std::ssize(words) > longest - 1;
    words.resize(static_cast<size_t>(std::min<int64_t>(std::ssize(words), longest - 1)));
    words.resize(static_cast<size_t>(longest), kEnd);
    n.words.insert(n.words.end(), words.begin(), words.end());
    ++n.count;
  }
  return n;
}

Tensors shifted(const Tensor& words) {
  const int64_t n = words.size(0), t = words.size(1);
  const Tensor before = slice(words, 1, 0, t - 1);
  const Tensor read = cat({full({n, 1}, static_cast<double>(kEnd), DType::i64), before}, 1);
  // What follows an end is nothing to learn.
  const Tensor ended =
      cat({full({n, 1}, 0, DType::boolean), eq(before, static_cast<double>(kEnd))}, 1);
  return {read, where(ended, full(words.shape(), -100, DType::i64), words)};
}

Splits open_splits(const Options& o, const std::string& source) {
  data::Sentences all = data::open_sentences(source);
  Splits s{std::move(all.train), {}, std::move(all.test), all.left_out};
  const auto hold_back = [&](double part, uint64_t seed) {
    const auto parts = data::split_off(std::ssize(s.train), part, seed);
    check(parts.first.size() > 1 && parts.second.size() > 1,
          "'{}' has {} sentences to learn from: too few to hold some back", source, s.train.size());
    auto second = some_of(s.train, parts.second);
    s.train = some_of(s.train, parts.first);
    return second;
  };
  if (s.test.empty()) s.test = hold_back(kTestPart, philox_derive(o.seed, kTestStream));
  if (o.val_split > 0) s.validation = hold_back(o.val_split, o.seed);
  return s;
}

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) (text += text.empty() ? "" : " ") += word;
  return text;
}

Author::Author(const models::SentenceWriter& writer, int64_t longest)
    : longest_(longest),
      write_(
          [writer](std::span<const Tensor> in) -> Tensors { return {writer.write(in[0], in[1])}; }),
      sums_([writer](std::span<const Tensor> in) -> Tensors {
        const Tensors words = shifted(in[0]);
        const Tensor logits = writer(words[0]);
        return {
            cross_entropy(flatten(logits, 0, 1), flatten(words[1]), {.reduction = Reduction::sum}),
            sum(cast(ge(words[1], 0), DType::f32))};
      }) {}

std::vector<Words> Author::write(const text::Tokenizer& tokenizer, int64_t count,
                                 double temperature, uint64_t seed) {
  const NoGrad no_grad;
  std::vector<Words> all;
  std::vector<float> uniform(static_cast<size_t>(kRows * longest_));
  for (int64_t first = 0; first < count; first += kRows) {
    PhiloxStream random(seed, static_cast<uint64_t>(first));
    for (float& u : uniform) u = random.uniform();
    const Tensor in[] = {tensor(uniform, {kRows, longest_}),
                         full({}, static_cast<float>(1 / temperature))};
    const auto words = write_.call(in)[0].to_vector<int64_t>();
    for (int64_t i = 0; i < std::min(kRows, count - first); ++i) {
      const auto begin = words.begin() + i * longest_;
      const auto end = std::find(begin, begin + longest_, kEnd);
      Words sentence;
      for (auto w = begin; w != end; ++w)
        sentence.push_back(data::words_of(tokenizer.decode({*w})).front());
      all.push_back(std::move(sentence));
    }
  }
  return all;
}

double Author::nats(const Numbers& sentences) {
  const NoGrad no_grad;
  std::vector<std::pair<double, double>> sums(
      static_cast<size_t>((sentences.count + kRows - 1) / kRows));
  const auto measure = [&](int64_t i) {
    const int64_t first = i * kRows, rows = std::min(kRows, sentences.count - first);
    const Tensor in[] = {from_host(sentences.sentence(first).data(), {rows, longest_}, DType::i64)};
    const Tensors r = sums_.call(in);
    sums[static_cast<size_t>(i)] = {r[0].item(), r[1].item()};
  };
  dist::share_out(std::ssize(sums), measure, [&](int64_t i, dist::Parcel& parcel) {
    auto& [nats, words] = sums[static_cast<size_t>(i)];
    parcel.pass(nats), parcel.pass(words);
  });
  double all_nats = 0, all_words = 0;
  for (const auto& [nats, words] : sums) all_nats += nats, all_words += words;
  return all_nats / all_words;
}

}  // namespace cairn::tasks::text_gan
