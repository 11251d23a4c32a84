#include "cairn/models/reader.h"

#include <algorithm>

#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

int64_t steps_of(std::span<const int64_t> tokens, int64_t texts) {
  const auto count = static_cast<int64_t>(tokens.size());
  check(count > 0 && count % texts == 0, "reader: {} tokens are not [{}, T]", count, texts);
  return count / texts;
}

Tensor ids(std::span<const int64_t> tokens, int64_t texts) {
  return from_host(tokens.data(), {texts, steps_of(tokens, texts)}, DType::i64);
}

}  // namespace

// ---- recurrent

RecurrentReader::RecurrentReader(const RecurrentLm& net, int64_t texts)
    : net_(std::make_shared<RecurrentLm>(net)) {
  check(texts > 0, "reader: {} texts; must be positive", texts);
  use(net.make_states(texts));
}

void RecurrentReader::use(Tensors memory) {
  memory_ = std::move(memory);
  step_ = std::make_shared<CompiledFunction>([net = net_, memory = memory_](auto in) -> Tensors {
    const NoGrad quiet;
    const RecurrentLm::Result r = (*net)(in[0], memory);
    for (size_t i = 0; i < memory.size(); ++i) assign(memory[i], r.states[i]);
    return {cairn::select(r.output, 1, 0)};
  });
}

Tensor RecurrentReader::read(std::span<const int64_t> tokens) {
  const int64_t count = texts(), steps = steps_of(tokens, count);
  Tensor logits;
  std::vector<int64_t> column(static_cast<size_t>(count));
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t n = 0; n < count; ++n) column[n] = tokens[n * steps + t];
    const Tensor x = ids(column, count);
    step_->call({&x, 1}, {&logits, 1});
  }
  return logits;
}

void RecurrentReader::select(std::span<const int64_t> rows) {
  const NoGrad no_grad;
  const Tensor index = from_host(rows.data(), {static_cast<int64_t>(rows.size())}, DType::i64);
  const bool same_count = static_cast<int64_t>(rows.size()) == texts();
  Tensors memory;
  for (const Tensor& m : memory_) {
    const Tensor chosen = index_select(m, 1, index);
    if (same_count) assign(m, chosen);
    else memory.push_back(state(chosen));
  }
  if (!same_count) use(std::move(memory));
}

void RecurrentReader::restart() {
  for (const Tensor& m : memory_) assign(m, zeros(m.shape(), m.dtype()));
}

// ---- attention

GptReader::GptReader(const Gpt& net, int64_t texts)
    : context_(net.context), decoder_(net, texts), held_(static_cast<size_t>(texts)) {}

Tensor GptReader::read(std::span<const int64_t> tokens) {
  const int64_t steps = steps_of(tokens, texts());
  for (int64_t n = 0; n < texts(); ++n) {
    const auto from = tokens.begin() + n * steps;
    held_[n].insert(held_[n].end(), from, from + steps);
  }
  if (static_cast<int64_t>(held_[0].size()) <= context_) return decoder_(ids(tokens, texts()));
  std::vector<int64_t> again;
  for (std::vector<int64_t>& text : held_) {
    text.erase(text.begin(), text.end() - std::max<int64_t>(context_ / 2, 1));
    again.insert(again.end(), text.begin(), text.end());
  }
  decoder_.restart();
  return decoder_(ids(again, texts()));
}

void GptReader::select(std::span<const int64_t> rows) {
  std::vector<std::vector<int64_t>> held;
  for (const int64_t row : rows) held.push_back(held_[row]);
  held_ = std::move(held);
  decoder_.select(rows);
}

void GptReader::restart() {
  for (std::vector<int64_t>& text : held_) text.clear();
  decoder_.restart();
}

}  // namespace cairn::models
