// A model's forward() at a few sizes, each compiled once: batches of powers of two, and where it
// takes sequences lengths of powers of two and half as much again. What is missing of a size is
// filled up with zeros.
#pragma once
#include <cstdlib>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "cairn/compile/executable.h"
#include "cairn/graph/trace.h"

namespace cairn::serve {

// A row of each input, and of the first output.
struct Example {
  Tensors inputs;
  std::vector<float> output;
};

// Not for several threads at once.
class Plans {
 public:
  // `longest`: tokens of a sequence at most, where there is such an input.
  Plans(std::vector<Port> takes, TensorFunction forward, int64_t longest);

  // What the input's sequences are filled up to; 0: it has none. Examples of one length go
  // together. Throws Error for what the network does not take.
  int64_t length_for(const Tensors& inputs) const;
  // All sizes up to this many examples.
  void prepare(int64_t most);
  // How many of so many that wait are computed together: where more than a quarter of a batch would
  // be filled up, the next smaller size is, and the rest is left to what comes.
  static int64_t part_of(int64_t count);
  // Their outputs, computed as one batch.
  void run(std::span<Example* const> examples);

 private:
  struct Plan {
    std::unique_ptr<Executable> executable;
    std::vector<TensorDesc> inputs, outputs;
  };
  Plan& plan_for(int64_t batch, int64_t length);
  void make_room(const Plan& plan);
  void fill(const TensorDesc& to, size_t input, std::span<Example* const> examples, char* memory);

  std::vector<Port> takes_;
  TensorFunction forward_;
  int64_t longest_ = 0, least_ = 0;  // lengths
  std::shared_ptr<Arena> arena_;
  std::map<std::pair<int64_t, int64_t>, Plan> plans_;
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> room_;  // of inputs and outputs
  size_t room_bytes_ = 0;
  std::vector<char> values_;
};

}  // namespace cairn::serve
