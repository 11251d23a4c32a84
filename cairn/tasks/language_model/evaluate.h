#pragma once
#include <span>

#include "cairn/io/tokenizer.h"
#include "cairn/tasks/language_model/network.h"

namespace cairn::tasks::language_model {

struct Measured {
  double loss = 0;  // nats a token
  int64_t tokens = 0;
};
// The mean loss over all tokens but the first, in evaluation mode. A recurrent network reads the
// text in up to 16 streams side by side, each from its beginning to its end with the memory carried
// on. A GPT sees windows of its context that overlap by half: each token is predicted from at least
// half a context (the first ones from what there is).
Measured measure(Network& network, const Architecture& a, std::span<const int64_t> tokens);

// {loss, perplexity, bits_per_char} in this order.
Json describe(const Measured& m, int64_t characters);

// How many characters (code points) the tokens are: bytes are fewer.
int64_t count_characters(const io::Tokenizer& tokenizer, std::span<const int64_t> tokens);

}  // namespace cairn::tasks::language_model
