// Texts that a model writes on: each by a reader of its own, step by step in turns.
#pragma once
#include <condition_variable>
#include <mutex>

#include "cairn/serve/engine.h"
#include "cairn/tasks/model.h"

namespace cairn::serve {

// Readers of one model, which are kept: what they compiled serves the next text.
class Readers {
 public:
  Readers(Engine& engine, tasks::Writes writes) : engine_(engine), writes_(std::move(writes)) {}

  // Throws Refused: a prompt that the model cannot read (400), no free reader in time (503).
  std::unique_ptr<Writing> begin(const WriteRequest& request, Deadline deadline);
  void prepare();  // compiles a step

 private:
  friend class TextWriting;
  static constexpr int kMost = 16;  // texts at once
  std::unique_ptr<text::Reader> take(Deadline deadline);
  void give_back(std::unique_ptr<text::Reader> reader);

  Engine& engine_;
  const tasks::Writes writes_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<text::Reader>> idle_;
  int used_ = 0;
};

}  // namespace cairn::serve
