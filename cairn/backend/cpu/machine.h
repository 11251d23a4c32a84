// What the processor and the libraries offer.
#pragma once
#include <string>

namespace cairn::cpu {

struct Machine {
  std::string instructions;  // "AVX2 FMA F16C"
  std::string onednn;        // version and the instruction set that it uses
  std::string targets;       // instruction sets that Cairn's kernels are built for
  bool bf16 = false;         // multiplies bf16 in hardware
  std::string bf16_kernels;  // by which kernels; empty where it does not
  bool usable = false;       // AVX2 and FMA at least
};
Machine describe_machine();
bool multiplies_bf16();   // Machine::bf16 alone: whether the kernels of matmul and convolution do
bool has_wide_vectors();  // convolutions take channels in blocks of 16 (AVX-512), else of 8

}  // namespace cairn::cpu
