#include <algorithm>
#include <numeric>

#include "cairn/dist/share_out.h"
#include "cairn/io/lines.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/sequence_to_sequence/sequences.h"

namespace cairn::tasks::sequence_to_sequence {

SequenceModel::SequenceModel(const train::SavedModel& saved, const SequenceOptions& o)
    : Model(saved),
      coder_(std::make_shared<text::SubwordTokenizer>(*o.tokenizer, saved.config_file()),
             o.longest),
      net_(make_network(o, coder_.tokenizer().size())),
      meter_(net_) {
  train::load_weights(saved, network());
  network().eval();
}

std::vector<Tensor> SequenceModel::inputs(int64_t examples) {
  const auto all = coder_.examples(held_back());
  std::vector<Tensor> batches;
  for (size_t at = 0; at < all.size() && static_cast<int64_t>(at) < examples; at += 8) {
    std::vector<const Example*> some;
    for (size_t i = at; i < std::min(all.size(), at + 8); ++i) some.push_back(&all[i]);
    batches.push_back(batch_of(some)[0]);
  }
  return batches;
}

std::vector<Port> SequenceModel::takes() {
  return {{"source", DType::i64, {kAnyBatch, kAnyLength}},
          {"lengths", DType::i64, {kAnyBatch}},
          {"target", DType::i64, {kAnyBatch, kAnyLength}}};
}

// A text a line, and the beginnings of their translations.
Tensors SequenceModel::read(const std::string& file) {
  std::vector<Example> examples;
  for (const std::string& line : io::read_lines(file))
    examples.push_back({coder_.encode(line), {}});
  check(!examples.empty(), "'{}' is empty", file);
  std::vector<const Example*> all;
  for (const Example& e : examples) all.push_back(&e);
  const Tensors batch = batch_of(all);
  return {batch[0], batch[1], slice(batch[2], 1, 0, 1)};
}

std::vector<Written> SequenceModel::write(const std::vector<std::string>& texts,
                                          text::BeamOptions how, int64_t batch) {
  std::vector<Written> all(texts.size());
  std::vector<Example> examples;
  std::vector<size_t> order;  // of like length together, the longest first: no thread is left
                              // with them at the end
  for (size_t i = 0; i < texts.size(); ++i) {
    const int64_t cut = coder_.cut();
    examples.push_back({coder_.encode(texts[i]), {}});
    all[i].is_cut = coder_.cut() > cut;
    if (!texts[i].empty()) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return examples[a].source.size() > examples[b].source.size();
  });
  const auto step = static_cast<size_t>(batch);
  const auto write_some = [&](int64_t number) {
    const NoGrad no_grad;
    const size_t at = static_cast<size_t>(number) * step;
    const size_t count = std::min(step, order.size() - at);
    std::vector<const Example*> some;
    for (size_t i = 0; i < count; ++i) some.push_back(&examples[order[at + i]]);
    const Tensors in = batch_of(some);
    const auto reader = net_->reader(in[0], in[1]);
    text::BeamOptions options = how;
    options.end_token = kEnd;
    options.max_tokens = std::min(how.max_tokens, coder_.longest());
    for (const Example* e : some)  // not the batch's: a text does not depend on its neighbours
      options.max_tokens_of.push_back(std::min(options.max_tokens, 2 * std::ssize(e->source) + 10));
    const std::vector<int64_t> begin(count, kBegin);
    auto found = text::beam_search(*reader, begin, options);
    for (size_t i = 0; i < count; ++i) {
      text::Continuation& best = found[i].at(0);
      all[order[at + i]] = {coder_.decode(best.tokens), best.tokens, best.log_probability,
                            all[order[at + i]].is_cut};
    }
  };
  const auto pass = [&](int64_t number, dist::Parcel& parcel) {
    const size_t at = static_cast<size_t>(number) * step;
    for (size_t i = at; i < std::min(order.size(), at + step); ++i) {
      Written& one = all[order[i]];
      parcel.pass(one.text), parcel.pass(one.tokens), parcel.pass(one.log_probability);
    }
  };
  dist::share_out_to_threads(static_cast<int64_t>((order.size() + step - 1) / step), write_some,
                             pass);
  return all;
}

}  // namespace cairn::tasks::sequence_to_sequence
