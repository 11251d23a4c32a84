#include <algorithm>
#include <cmath>

#include "cairn/models/gpt_folder.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/text/windows.h"

namespace cairn::tasks::language_model {
namespace {

Options with_checked_sizes(Options o) {
  check_sizes(o);
  o.val_split.fill(0.1);  // versions before the option val_split had this one
  return o;
}

}  // namespace

void check_sizes(const Options& o) {
  o.validate();
  if (!o.is_recurrent() && !o.heads.is_open() && !o.width.is_open())
    models::check_heads(o.width, o.heads);
}

Writer::Writer(const train::SavedModel& saved)
    : Learned(saved),
      options_(with_checked_sizes(options_of<Options>(saved, &Options::vocab, &Options::tokenizer,
                                                      &Options::width, &Options::layers,
                                                      &Options::heads, &Options::context))),
      tokenizer_(text::parse_tokenizer(options_.tokenizer->dump(), saved.config_file())),
      network_(options_.size()),
      meter_(network_, options_.is_recurrent(), options_.context) {
  check(tokenizer_->size() == options_.vocab, "'{}': the tokenizer has {} tokens, the network {}",
        saved.config_file(), tokenizer_->size(), *options_.vocab);
  train::load_weights(saved, network_.module());
  network_.module().eval();
}

data::TextTokens Writer::open(const std::string& source, double validation_part) const {
  const std::string& from = source.empty() ? *options_.data : source;
  return data::tokenize_text(data::read_text(from), from.empty() ? "the embedded text" : from,
                             tokenizer_->kind(), validation_part, tokenizer_);
}

std::vector<Tensor> Writer::inputs(int64_t examples) {
  const auto text = open_own();
  const int64_t rows = 8, context = options_.context;
  std::vector<Tensor> batches;
  for (int64_t step = 0; step * rows < examples; ++step)
    batches.push_back(from_host(
        text::random_windows(text.train, rows, context, options_.seed, step).inputs.data(),
        {rows, context}, DType::i64));
  return batches;
}

namespace {
const std::vector<std::string> kMemory = {"hidden", "cell"};
}

std::vector<Port> Writer::takes() {
  std::vector<Port> ports = {{"tokens", DType::i64, {kAnyBatch, kAnyLength}}};
  for (size_t i = 0; i < network_.make_memory(1).size(); ++i)
    ports.push_back({kMemory[i], DType::f32, {options_.layers, kAnyBatch, options_.width}});
  return ports;
}

std::vector<std::string> Writer::gives() const {
  std::vector<std::string> names = {"logits"};
  for (size_t i = 0; i < network_.make_memory(1).size(); ++i) names.push_back(kMemory[i] + "_next");
  return names;
}

Tensors Writer::read(const std::string& file) {
  const std::vector<int64_t> tokens = tokenizer_->encode(data::read_text(file), file);
  check(!tokens.empty(), "'{}': is empty", file);
  Tensors in = {from_host(tokens.data(), {1, static_cast<int64_t>(tokens.size())}, DType::i64)};
  for (const Tensor& memory : network_.make_memory(1)) in.push_back(memory);
  return in;
}

std::vector<std::string> Writer::names(const Tensors& in) const {
  std::vector<std::string> pieces;
  for (const int64_t token : in[0].to_vector<int64_t>())
    pieces.push_back(tokenizer_->decode({token}));
  return pieces;
}

Json Writer::evaluate(const std::string& source, const std::string& split) {
  const auto text = open(source, split == "all" ? 0 : *options_.val_split);
  const std::span<const int64_t> tokens = split == "validation" ? text.validation : text.train;
  const Measured m = meter_.measure(tokens);
  check(std::isfinite(m.loss), "'{}': the loss on '{}' is not finite: the weights overflow", path(),
        source.empty() ? options_.data_name() : source);
  Json result = {{"task", kTask}, {"split", split}, {"examples", m.tokens}};
  const auto size = split == "validation" ? text.validation_size : text.train_size;
  result.update(describe(m, size, *tokenizer_, tokens));
  return result;
}

std::optional<Writes> Writer::writes() {
  return Writes{*tokenizer_, [this] { return network_.reader(); },
                options_.is_recurrent() ? 0 : *options_.context, beginning(*tokenizer_)};
}

pretrained::FolderContent Writer::folder() {
  const models::Gpt* gpt = network_.gpt();
  return gpt ? models::folder_of(*gpt, options_.size(), *tokenizer_) : Model::folder();
}

}  // namespace cairn::tasks::language_model
