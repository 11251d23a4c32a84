// An op call that owns its descriptions and attributes: what a plan keeps of the call it was made
// for.
#pragma once
#include <vector>

#include "cairn/base/round.h"
#include "cairn/ops/op.h"

namespace cairn::cpu {

class OwnedCall {
 public:
  explicit OwnedCall(const OpCall& source) : attrs_(*source.attrs) {
    descs_.reserve(source.inputs.size() + source.outputs.size());
    call_.op = source.op, call_.attrs = &attrs_;
    for (TensorDesc* d : source.inputs) call_.inputs.push_back(&descs_.emplace_back(*d));
    for (TensorDesc* d : source.outputs) call_.outputs.push_back(&descs_.emplace_back(*d));
  }
  OwnedCall(const OwnedCall&) = delete;
  OwnedCall& operator=(const OwnedCall&) = delete;

  OpCall& operator*() { return call_; }
  OpCall* operator->() { return &call_; }
  const OpCall& operator*() const { return call_; }
  const OpCall* operator->() const { return &call_; }

 private:
  Attrs attrs_;
  std::vector<TensorDesc> descs_;
  OpCall call_;
};

inline bool is_op(const OpCall& call, std::string_view name) { return name == call.op->name; }

// The part of a launch's workspace at `offset` bytes.
inline char* at(const Launch& args, size_t offset) {
  return static_cast<char*>(args.workspace) + offset;
}
inline size_t whole_lines(size_t bytes) { return round_up_bytes(bytes, 64); }

}  // namespace cairn::cpu
