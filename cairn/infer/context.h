// What the C interface of cairn::infer stands on.
#pragma once
#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "cairn/compile/executable.h"
#include "cairn/tasks/model.h"

namespace cairn::infer {

// An opened model that threads share. Its weights, as kernels want them, are kept once for each
// size that contexts compute.
struct Opened {
  explicit Opened(const std::string& path);

  std::unique_ptr<tasks::Model> model;
  std::string task;
  std::vector<Port> takes;
  std::vector<std::string> gives, labels;

  std::mutex turn;  // reading files and tracing take turns
  std::map<std::array<int64_t, 3>, Ref<Buffer>> packed;
};

// Computes in memory that is lent.
class Context {
 public:
  // threads: 1, or 0 for all. Throws Error for sizes that the model cannot take.
  Context(std::shared_ptr<Opened> opened, int64_t batch, int64_t length, int threads);

  const Opened& opened() const { return *opened_; }
  const TensorDesc& input(size_t index) const { return inputs_.at(index); }
  const TensorDesc& output(size_t index) const { return outputs_.at(index); }

  size_t memory() const;  // how much has to be lent
  // Throws Error when it is less.
  void lend(void* memory, size_t bytes);
  // Throws Error when nothing was lent, and where the values make an op fail (naming it).
  void run(const void* const* inputs, void* const* outputs);

 private:
  std::shared_ptr<Opened> opened_;
  std::array<int64_t, 3> key_;
  bool alone_;
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<Executable> executable_;
  std::vector<TensorDesc> inputs_, outputs_;
  char* staging_ = nullptr;  // for inputs and outputs that are not aligned
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

}  // namespace cairn::infer
