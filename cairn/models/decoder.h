// Generation, token by token: a language model with caches of keys and values that grow with the
// text.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "cairn/models/transformer.h"

namespace cairn {
class CompiledFunction;
}

namespace cairn::models {

// Holds `batch` texts of one length. The caches start with room for `block` positions and double
// when a text outgrows them; one compiled step does for any position within a capacity.
class Decoder {
 public:
  explicit Decoder(const Gpt& net, int64_t batch = 1, int64_t block = 128);

  // Appends tokens [batch, T] i64; returns the logits that follow them, [batch, vocab]. Throws
  // Error when the text becomes longer than the network's context.
  Tensor operator()(const Tensor& tokens, Loc loc = Loc::current());
  // Text i goes on from what text rows[i] was; there may be more or fewer of them than before.
  void select(std::span<const int64_t> rows);
  int64_t position() const { return position_; }  // tokens so far
  int64_t capacity() const { return capacity_; }
  size_t compilations() const;  // of the step, for this capacity: one for each number of tokens
  void restart() { position_ = 0; }  // the next token begins a text

 private:
  void grow(int64_t capacity);
  void use(std::vector<LayerCache> caches);

  std::shared_ptr<Gpt> net_;
  int64_t batch_, block_, position_ = 0, capacity_ = 0;
  std::vector<LayerCache> caches_;
  std::shared_ptr<CompiledFunction> step_, reorder_;
};

}  // namespace cairn::models
