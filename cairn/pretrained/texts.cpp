#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/pretrained/texts.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cairn/ops/context.h"
#include "cairn/text/train_tokenizer.h"

namespace cairn::pretrained {

constexpr int64_t kLengthStep = 8;

Tokens Coder::encode(const std::string& text, const std::string& name, bool* is_cut) const {
  text::Encoding e = tokenizer_->encode(text, name, {});
  const int64_t count = std::ssize(e.ids);
  if (is_cut) *is_cut = count > longest_;
  if (count <= longest_) return std::move(e.ids);
  ++cut_;
  int64_t behind = 0;  // special tokens that stay
  while (behind < longest_ && e.special[static_cast<size_t>(count - behind - 1)]) ++behind;
  Tokens ids(e.ids.begin(), e.ids.begin() + (longest_ - behind));
  ids.insert(ids.end(), e.ids.end() - behind, e.ids.end());
  return ids;
}

std::vector<Tokens> Coder::encode(const std::vector<std::string>& texts,
                                  const std::string& source) const {
  std::vector<Tokens> all;
  for (const std::string& text : texts)
    all.push_back(encode(text, fmt::format("'{}', text {}", source, all.size() + 1)));
  return all;
}

Tensors batch_of(const std::vector<Tokens>& texts, const std::vector<int64_t>& rows,
                 int64_t longest) {
  size_t most = 1;
  const auto text = [&](size_t i) -> const Tokens& { return texts[static_cast<size_t>(rows[i])]; };
  for (size_t i = 0; i < rows.size(); ++i) most = std::max(most, text(i).size());
  const int64_t whole = (static_cast<int64_t>(most) + kLengthStep - 1) / kLengthStep * kLengthStep;
  const int64_t count = std::ssize(rows), length = std::min(whole, longest);
  Tokens tokens(static_cast<size_t>(count * length), 0), lengths;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(text(i), tokens.begin() + std::ssize(lengths) * length);
    lengths.push_back(std::max<int64_t>(std::ssize(text(i)), 1));
  }
  return {from_host(tokens.data(), {count, length}, DType::i64),
          from_host(lengths.data(), {count}, DType::i64)};
}

Tensors batch_of(const std::vector<Tokens>& texts, int64_t longest) {
  std::vector<int64_t> all(texts.size());
  std::iota(all.begin(), all.end(), 0);
  return batch_of(texts, all, longest);
}

std::vector<std::vector<float>> rows_of(CompiledFunction& function,
                                        const std::vector<Tokens>& texts, int64_t batch,
                                        int64_t longest) {
  const NoGrad no_grad;
  std::vector<int64_t> order(texts.size());  // the longest first: no arena has to grow
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(),
                           [&](int64_t i) { return texts[static_cast<size_t>(i)].size(); });
  std::vector<std::vector<float>> all(texts.size());
  const int64_t count = std::ssize(order);
  const auto of_batch = [&](int64_t number) {
    return std::vector<int64_t>(order.begin() + number * batch,
                                order.begin() + std::min(count, (number + 1) * batch));
  };
  dist::share_out(
      ceil_div(count, batch),
      [&](int64_t number) {
        const auto some = of_batch(number);
        const auto values = function.call(batch_of(texts, some, longest))[0].to_vector<float>();
        check(std::ranges::all_of(values, [](float x) { return std::isfinite(x); }),
              "the network says NaN or infinity: its weights are damaged, or the "
              "training diverged; begin anew with a lower learning rate (lr)");
        const size_t each = values.size() / some.size();
        for (size_t i = 0; i < some.size(); ++i)
          all[static_cast<size_t>(some[i])].assign(values.data() + i * each,
                                                   values.data() + (i + 1) * each);
      },
      [&](int64_t number, dist::Parcel& parcel) {
        for (const int64_t i : of_batch(number)) parcel.pass(all[static_cast<size_t>(i)]);
      });
  return all;
}

std::string learn_bert_tokenizer(const std::vector<std::string>& texts, int64_t vocab) {
  size_t at = 0;
  const auto next = [&](std::string& text) {
    if (at == texts.size()) return false;
    text = texts[at++];
    return true;
  };
  const auto learned =
      text::train_tokenizer(next, {.kind = "wordpiece",
                                   .vocab = vocab,
                                   .special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"},
                                   .lowercase = true});
  auto file = nlohmann::json::parse(learned.to_json());
  file["post_processor"] = {
      {"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  return file.dump();
}

}  // namespace cairn::pretrained
