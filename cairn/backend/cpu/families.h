// The CPU back end's kernel families. Each answers for its ops; a new family is one row in
// families.cpp.
#pragma once
#include <memory>
#include <span>

#include "cairn/ops/op.h"

namespace cairn::cpu {

struct Family {
  const char* name;
  bool (*supports)(const OpCall& call);                      // in some layout
  std::unique_ptr<Plan> (*prepare)(const OpCall& call);      // nullptr: not mine
  bool (*strides)(const OpCall& call, int input) = nullptr;  // reads that input through strides
  bool (*layouts)(OpCall& call) = nullptr;                   // see Backend::preferred_layouts
  size_t (*reserve)(const OpCall& call) = nullptr;           // see Backend::reserve_bytes
};
std::span<const Family> families();

Family reorder_family();  // onednn/reorder.cpp: between layouts
Family conv_family();     // onednn/conv.cpp: and its gradients
Family pool_family();     // pool/
Family moves_family();    // loops/: copies, cat, flip, full, ...
Family whole_family();    // integers and f64, elementwise
Family fold_family();     // and their reductions
Family along_family();    // gather, scatter_add, argmax, cumsum, ...
Family argsort_family();
Family resample_family();  // resample, resample_back
Family random_family();
Family matmul_family();         // onednn/matmul.cpp
Family region_family();         // fused regions
Family attention_family();      // attention_family.cpp
Family ctc_family();            // ctc_family.cpp
Family embedding_family();      // embedding_family.cpp
Family rnn_family();            // rnn_family.cpp
Family blocked_slice_family();  // blocked_slice.cpp
Family pieces_family();         // pieces_family.cpp: cat, embed_slice
Family elementwise_family();    // elementwise_family.cpp: also reductions

}  // namespace cairn::cpu
