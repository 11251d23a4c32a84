// The CPU back end's kernel families. A new one is declared here and is a row in families.cpp,
// whose order decides: an op runs by the first family that prepares a plan for it.
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

Family reorder_family();  // between layouts
Family conv_family();     // conv/: and its gradients
Family pool_family();     // pool/
Family moves_family();    // loops/: copies, cat, flip, full, ...
Family whole_family();    // integers and f64, elementwise
Family fold_family();     // and their reductions
Family along_family();    // scatter_add, argmax, cumsum, ...
Family gather_family();
Family argsort_family();
Family fft_family();       // loops/fft.cpp
Family linalg_family();    // linalg/: matrix decompositions, by LAPACK
Family resample_family();  // resample, resample_back
Family random_family();
Family matmul_family();          // products: gemm/, gemv/
Family region_family();          // fused regions
Family attention_family();       // attention_family.cpp
Family step_attention_family();  // step_attention_family.cpp: to the steps of texts that branch
Family ctc_family();             // ctc_family.cpp
Family embedding_family();       // embedding_family.cpp
Family rnn_family();             // rnn_family.cpp
Family rows_family();            // rows_family.cpp: softmax and its kin, normalisation
Family blocked_slice_family();   // blocked_slice.cpp
Family pieces_family();          // pieces_family.cpp: cat, embed_slice
Family elementwise_family();     // elementwise_family.cpp: also reductions
Family dynamic_slice_family();   // dynamic_slice_family.cpp: ranges whose start is a tensor
Family linear_int8_family();     // linear_int8_family.cpp: 8-bit weights
Family linear_xent_family();     // linear_xent_family.cpp: a linear layer and its cross-entropy

}  // namespace cairn::cpu
