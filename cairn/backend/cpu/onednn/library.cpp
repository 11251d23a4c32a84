#include "cairn/backend/cpu/onednn/library.h"

#include "cairn/backend/cpu/onednn/compat.h"
#include "cairn/backend/cpu/onednn/openmp.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu::onednn {
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

bool present() { return num_threads() == 1 || regions_run_on_pool(); }
std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("{}.{}.{}, using {}", v->major, v->minor, v->patch,
                     name_of(dnnl::get_effective_cpu_isa()));
}
bool has_wide_vectors() { return has_isa(dnnl::cpu_isa::avx512_core); }
bool multiplies_bf16() { return has_isa(dnnl::cpu_isa::avx512_core_bf16); }

}  // namespace cairn::cpu::onednn
