// Instructions that Highway 1.0.3 has no target for. Its AVX-512 target ends before VNNI and BF16
// (AVX3_DL would ask for eight more extensions, which Cascade Lake and Cooper Lake lack), so a
// function that wants them sits in the AVX-512 target of a Highway source, carries the
// attribute below besides (GCC adds it to what the target has; Clang takes it instead, so there it
// names the target, too; both inline Highway's functions as before), and is chosen where
// x86_extensions() says so:
//
//   #if HWY_TARGET == HWY_AVX3
//   CAIRN_TARGET_VNNI void tile(...) { ... _mm512_dpbusd_epi32(...) ... }
//   #endif
//   Kernels table() { return HWY_TARGET == HWY_AVX3 && x86_extensions().vnni ? vnni_kernels :
//   plain_kernels; }
#pragma once

#if defined(__clang__)
#define CAIRN_TARGET_VNNI __attribute__((target(HWY_TARGET_STR ",avx512vnni")))
#else
#define CAIRN_TARGET_VNNI __attribute__((target("avx512vnni")))
#endif

namespace cairn::cpu {

// Whether the processor has AMX's tiles for bf16 and 8 bits, and Linux lets this process use them,
// which it wants to be asked for (arch_prctl, kernel 5.16 on).
bool ask_for_amx();

struct X86Extensions {
  bool vnni = false;  // AVX-512 VNNI: VPDPBUSD on zmm
  bool bf16 = false;  // AVX-512 BF16: VDPBF16PS on zmm
  bool amx = false;   // AMX: TDPBF16PS and TDPBUSD on tiles, which the operating system granted
};
// What this processor has. Tests switch parts off; plans that exist keep what they were made for.
inline X86Extensions& x86_extensions() {
  static X86Extensions found = [] {
    X86Extensions e;
#if defined(__x86_64__)
    __builtin_cpu_init();
    e.vnni = __builtin_cpu_supports("avx512vnni");
    e.bf16 = __builtin_cpu_supports("avx512bf16");
    e.amx = e.bf16 && e.vnni && ask_for_amx();
#endif
    return e;
  }();
  return found;
}

}  // namespace cairn::cpu
