// Texts that a language model has read, and what it expects next: one face for the memory of
// recurrent networks and the caches of attention. Generation and beam search look at it.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "cairn/models/decoder.h"
#include "cairn/models/recurrent.h"

namespace cairn::models {

class Reader {
 public:
  virtual ~Reader() = default;
  virtual int64_t texts() const = 0;  // side by side, of one length
  // Appends tokens [texts, T], T > 0; returns the logits that follow them [texts, vocab].
  virtual Tensor read(std::span<const int64_t> tokens) = 0;
  // Text i goes on from what text rows[i] was; there may be more or fewer of them than before.
  virtual void select(std::span<const int64_t> rows) = 0;
};

// One compiled step carries the memory on, token by token.
class RecurrentReader : public Reader {
 public:
  explicit RecurrentReader(const RecurrentLm& net, int64_t texts = 1);
  int64_t texts() const override { return memory_[0].size(1); }
  Tensor read(std::span<const int64_t> tokens) override;
  void select(std::span<const int64_t> rows) override;

 private:
  void use(Tensors memory);

  std::shared_ptr<RecurrentLm> net_;
  Tensors memory_;  // each [layers, texts, width]
  std::shared_ptr<CompiledFunction> step_;
};

// A Decoder for texts of any length: when the network's context is full, its second half is read
// anew from position 0.
class GptReader : public Reader {
 public:
  explicit GptReader(const Gpt& net, int64_t texts = 1);
  int64_t texts() const override { return static_cast<int64_t>(held_.size()); }
  Tensor read(std::span<const int64_t> tokens) override;
  void select(std::span<const int64_t> rows) override;

 private:
  int64_t context_;
  Decoder decoder_;
  std::vector<std::vector<int64_t>> held_;  // of each text: what the decoder's caches are of
};

}  // namespace cairn::models
