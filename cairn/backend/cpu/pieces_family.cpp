// cat and embed_slice of any dtype: ranges of memory, copied side by side. Also of channel-blocked
// tensors: whole blocks of channels, or along any other axis.
#include <cstring>
#include <vector>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;

bool supports(const OpCall& call) {
  if (is_op(call, "embed_slice")) return call.attrs->integer("step") == 1;
  return is_op(call, "cat");
}
bool all_plain(const OpCall& call) {
  for (const auto* list : {&call.inputs, &call.outputs})
    for (const TensorDesc* d : *list)
      if (!d->contiguous()) return false;
  return true;
}
// Parts in the same blocks, of which those along the channels fill theirs.
bool all_in_blocks(const OpCall& call) {
  const Layout& layout = call.in(0).layout;
  if (layout.kind != LayoutKind::channel_block) return false;
  if (is_op(call, "embed_slice")) return call.attrs->integer("axis") != 1;
  for (const TensorDesc* d : call.inputs)
    if (!(d->layout == layout) ||
        (call.attrs->integer("axis") == 1 && d->shape[1] % layout.block != 0))
      return false;
  return true;
}

// Each input is `bytes` of every output row, at `offset`; what no input covers is zero.
class PiecesPlan : public Plan {
 public:
  explicit PiecesPlan(const OpCall& call) {
    const int64_t axis = call.attrs->integer("axis");
    int64_t inner = static_cast<int64_t>(size_of(call.dtype()));
    const Shape dims = physical_of(call.in(0)).dims;
    for (int d = 0; d < dims.ssize(); ++d) {
      if (d < axis) rows_ *= dims[d];
      if (d > axis) inner *= dims[d];
    }
    row_bytes_ = physical_of(call.out()).dims[axis] * inner;
    int64_t offset = call.attrs->integer_or("start", 0) * inner;
    for (const TensorDesc* d : call.inputs) {
      const int64_t bytes = physical_of(*d).dims[axis] * inner;
      pieces_.push_back({offset, bytes});
      offset += bytes;
    }
  }
  void launch(const Launch& args) const override {
    if (row_bytes_ == 0) return;
    parallel_for(rows_, kGrainBytes / row_bytes_ + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) write_row(args, row);
    });
  }

 private:
  struct Piece {
    int64_t offset, bytes;
  };
  void write_row(const Launch& args, int64_t row) const {
    char* out = static_cast<char*>(args.outputs[0]) + row * row_bytes_;
    const int64_t first = pieces_.front().offset,
                  last = pieces_.back().offset + pieces_.back().bytes;
    std::memset(out, 0, static_cast<size_t>(first));
    for (size_t p = 0; p < pieces_.size(); ++p)
      if (pieces_[p].bytes)
        std::memcpy(out + pieces_[p].offset,
                    static_cast<const char*>(args.inputs[p]) + row * pieces_[p].bytes,
                    static_cast<size_t>(pieces_[p].bytes));
    std::memset(out + last, 0, static_cast<size_t>(row_bytes_ - last));
  }

  int64_t rows_ = 1, row_bytes_ = 0;
  std::vector<Piece> pieces_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  const bool in_blocks = all_in_blocks(call) && call.out().layout == call.in(0).layout;
  if (!in_blocks && !all_plain(call)) return nullptr;
  return std::make_unique<PiecesPlan>(call);
}

// The blocks of the parts, or those to which the others are better brought: what is made of them is
// read by who made the blocks (a U-Net's convolutions beside what was enlarged; pictures whose
// edges are reflected). Plain: none.
Layout blocks_of(const OpCall& call) {
  const bool channels = call.attrs->integer("axis") == 1;
  Layout blocks;
  int64_t blocked = 0, plain = 0;
  for (const TensorDesc* d : call.inputs) {
    (d->layout.blocked() ? blocked : plain) += numel(d->shape);
    if (!d->layout.blocked()) continue;
    const bool differs = blocks.blocked() && !(d->layout == blocks);
    if (d->layout.kind != LayoutKind::channel_block || differs) return {};
    blocks = d->layout;
  }
  for (const TensorDesc* d : call.inputs)
    if (channels && blocks.blocked() && d->shape[1] % blocks.block != 0) return {};
  return channels || blocked >= plain ? blocks : Layout();
}

bool layouts(OpCall& call) {
  if (!supports(call)) return false;
  const Layout blocks = is_op(call, "cat")    ? blocks_of(call)
                        : all_in_blocks(call) ? call.in(0).layout
                                              : Layout();
  if (!blocks.blocked()) return false;
  for (TensorDesc* d : call.inputs) d->layout = blocks;
  call.outputs[0]->layout = blocks;
  return true;
}

}  // namespace

Family pieces_family() { return {"pieces", supports, prepare, nullptr, layouts}; }

}  // namespace cairn::cpu
