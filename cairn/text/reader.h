// Texts that a language model has read, and what it expects next: one face for the memory of
// recurrent networks and the caches of attention. Generation and beam search look at it.
#pragma once
#include <cstdint>
#include <span>

#include "cairn/tensor/tensor.h"

namespace cairn::text {

class Reader {
 public:
  virtual ~Reader() = default;
  virtual int64_t texts() const = 0;  // side by side, of one length
  // Appends tokens [texts, T], T > 0; returns the logits that follow them [texts, vocab].
  virtual Tensor read(std::span<const int64_t> tokens) = 0;
  // Text i goes on from what text rows[i] was; there may be more or fewer of them than before.
  virtual void select(std::span<const int64_t> rows) = 0;
  // A step costs more for a number of texts that is new (it is compiled for it).
  virtual bool keeps_shape() const { return true; }
  // Nothing is read yet, by as many texts as now; what was compiled is kept.
  virtual void restart() = 0;
};

}  // namespace cairn::text
