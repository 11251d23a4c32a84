// One table of rows a family; ops/table.cpp joins them.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

std::span<const OpDef> elementwise_ops();
std::span<const OpDef> reduce_ops();
std::span<const OpDef> view_ops();
std::span<const OpDef> matmul_ops();
std::span<const OpDef> conv_ops();
std::span<const OpDef> pool_ops();
std::span<const OpDef> index_ops();
std::span<const OpDef> norm_ops();
std::span<const OpDef> random_ops();
std::span<const OpDef> attention_ops();
std::span<const OpDef> rnn_ops();
std::span<const OpDef> ctc_ops();
std::span<const OpDef> sort_ops();
std::span<const OpDef> interpolate_ops();

}  // namespace cairn
