#include "cairn/backend/cpu/machine.h"

#include "cairn/backend/cpu/gemm/gemm_bf16.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/x86_extensions.h"

namespace cairn::cpu {
bool multiplies_bf16() { return onednn::multiplies_bf16(); }
bool has_wide_vectors() { return onednn::has_wide_vectors(); }

Machine describe_machine() {
  Machine m;
#if defined(__x86_64__)
  __builtin_cpu_init();
  auto note = [&](bool present, const char* name) {
    if (present) m.instructions += (m.instructions.empty() ? "" : " ") + std::string(name);
  };
  note(__builtin_cpu_supports("avx2"), "AVX2");
  note(__builtin_cpu_supports("fma"), "FMA");
  note(__builtin_cpu_supports("avx512f"), "AVX-512");
  note(x86_extensions().bf16, "AVX-512-BF16");
  note(x86_extensions().amx, "AMX");
  m.usable = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  m.targets = "AVX2, AVX-512 (chosen at run time)";
#elif defined(__aarch64__)
  m.instructions = "NEON", m.usable = true, m.targets = "NEON";
#else
  m.instructions = "generic", m.usable = true, m.targets = "this architecture";
#endif
  m.bf16 = multiplies_bf16();
  if (m.bf16)
    m.bf16_kernels =
        !has_gemm_bf16()
            ? "oneDNN"
            : std::string(x86_extensions().amx
                              ? "Cairn's AMX for products, attention and convolutions, "
                              : "Cairn's AVX-512 BF16 for products and 3x3 convolutions "
                                "(Winograd), ") +
                  (onednn::present() ? "oneDNN" : "f32") + " for the rest";
  m.onednn = onednn::version();
  return m;
}

}  // namespace cairn::cpu
