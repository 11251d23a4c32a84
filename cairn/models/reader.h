// How the networks read a text token by token: with a memory, or with caches.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "cairn/models/decoder.h"
#include "cairn/models/recurrent.h"
#include "cairn/text/reader.h"

namespace cairn::models {

// One compiled step carries the memory on, token by token.
class RecurrentReader : public text::Reader {
 public:
  explicit RecurrentReader(const RecurrentLm& net, int64_t texts = 1);
  int64_t texts() const override { return memory_[0].size(1); }
  Tensor read(std::span<const int64_t> tokens) override;
  void select(std::span<const int64_t> rows) override;
  void restart() override;

 private:
  void use(Tensors memory);

  std::shared_ptr<RecurrentLm> net_;
  Tensors memory_;  // each [layers, texts, width]
  std::shared_ptr<CompiledFunction> step_;
};

// A Decoder for texts of any length: when the network's context is full, its second half is read
// anew from position 0.
class GptReader : public text::Reader {
 public:
  explicit GptReader(const Gpt& net, int64_t texts = 1);
  int64_t texts() const override { return static_cast<int64_t>(held_.size()); }
  Tensor read(std::span<const int64_t> tokens) override;
  void select(std::span<const int64_t> rows) override;
  void restart() override;

 private:
  int64_t context_;
  Decoder decoder_;
  std::vector<std::vector<int64_t>> held_;  // of each text: what the decoder's caches are of
};

}  // namespace cairn::models
