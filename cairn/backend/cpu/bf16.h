// Where Cairn's own bf16 kernels run.
#pragma once

namespace cairn::cpu {

// The processor has AVX-512 BF16. A kernel's table is null where Highway was left without AVX-512
// all the same.
inline bool has_bf16_instructions() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace cairn::cpu
