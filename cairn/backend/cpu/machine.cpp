#include "cairn/backend/cpu/machine.h"

#include <dnnl.hpp>

#include "cairn/backend/cpu/gemm/gemm_bf16.h"
#include "cairn/backend/cpu/onednn/compat.h"
#include "cairn/base/error.h"

namespace cairn::cpu {
namespace {

const char* name_of(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41: return "SSE4.1";
    case dnnl::cpu_isa::avx: return "AVX";
    case dnnl::cpu_isa::avx2: return "AVX2";
    case dnnl::cpu_isa::avx512_core: return "AVX-512";
    case dnnl::cpu_isa::avx512_core_bf16: return "AVX-512 BF16";
    default: return "more than AVX-512";
  }
}

}  // namespace

bool multiplies_bf16() { return onednn::has_bf16_products(); }

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
  note(__builtin_cpu_supports("avx512bf16"), "AVX-512-BF16");
  m.usable = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  m.targets = "AVX2, AVX-512 (chosen at run time)";
#else
  m.instructions = "generic", m.usable = true, m.targets = "this architecture";
#endif
  m.bf16 = multiplies_bf16();
  if (m.bf16)
    m.bf16_kernels = has_gemm_bf16() ? "Cairn's AVX-512 BF16 for products and 3x3 convolutions "
                                       "(Winograd), oneDNN for the rest"
                                     : "oneDNN";
  const dnnl_version_t* v = dnnl_version();
  m.onednn = fmt::format("{}.{}.{}, using {}", v->major, v->minor, v->patch,
                         name_of(dnnl::get_effective_cpu_isa()));
  return m;
}

}  // namespace cairn::cpu
