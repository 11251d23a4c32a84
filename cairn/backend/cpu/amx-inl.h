// AMX for kernels that Highway compiles (re-included per target): eight registers of 16 lines of 64
// bytes, and instructions that multiply two of them. Written by name inside Highway's AVX-512
// target; whoever calls such a kernel asks x86_extensions().amx first, which has the kernel of the
// operating system let this process use them.
#if defined(CAIRN_AMX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_AMX_INL_H_
#undef CAIRN_AMX_INL_H_
#else
#define CAIRN_AMX_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::amx::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

constexpr int64_t kTileLines = 16, kTileBytes = 64;  // lines of a tile, bytes of a line

// The tiles of this thread. Tiles 0 and 1, and 4, have `upper` lines, 2 and 3, and 5, `lower` ones
// (0: they are not to be touched), 6 and 7 sixteen; all lines are whole.
struct Tiles {
  static HWY_INLINE void configure(int64_t upper, int64_t lower) {
    struct Configuration {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {};
      uint8_t lines[16] = {};
    };
    alignas(64) Configuration c;
    const int64_t lines[] = {upper, upper, lower, lower, upper, lower, kTileLines, kTileLines};
    for (int i = 0; i < 8; ++i)
      if (lines[i] > 0) c.bytes[i] = kTileBytes, c.lines[i] = static_cast<uint8_t>(lines[i]);
    asm volatile("ldtilecfg %0" : : "m"(c));
  }
  // Tiles that hold nothing cost a switch between threads nothing.
  static HWY_INLINE void release() { asm volatile("tilerelease"); }

  template <int kTile>
  static HWY_INLINE void clear() {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <int kTile>
  static HWY_INLINE void load(const void* from, int64_t line_bytes) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0"
                 :
                 : "i"(kTile), "r"(from), "r"(line_bytes)
                 : "memory");
  }
  template <int kTile>
  static HWY_INLINE void store(void* to, int64_t line_bytes) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)"
                 :
                 : "i"(kTile), "r"(to), "r"(line_bytes)
                 : "memory");
  }
  // Sum += A B: A's lines are rows of 16 pairs of bf16; B's are pairs of 16 columns; f32 sums.
  template <int kSum, int kA, int kB>
  static HWY_INLINE void multiply_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
  // The same of u8 times s8, 64 of the depth a line of A, four of each column a line of B; i32
  // sums.
  template <int kSum, int kA, int kB>
  static HWY_INLINE void multiply_u8_s8() {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
};

// Word j of line i goes to word i of line j.
HWY_INLINE void transpose_words(__m512i (&lines)[16]) {
  __m512i pairs[16], fours[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    pairs[2 * i] = _mm512_unpacklo_epi32(lines[2 * i], lines[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi32(lines[2 * i], lines[2 * i + 1]);
  }
  // fours[4 * g + c]: columns c, 4 + c, 8 + c, 12 + c of lines 4 g to 4 g + 3.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  constexpr int kEven = 0x88, kOdd = 0xdd;
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i even = _mm512_shuffle_i32x4(fours[c], fours[4 + c], kEven);
    const __m512i odd = _mm512_shuffle_i32x4(fours[c], fours[4 + c], kOdd);
    const __m512i even2 = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], kEven);
    const __m512i odd2 = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], kOdd);
    lines[c] = _mm512_shuffle_i32x4(even, even2, kEven);
    lines[4 + c] = _mm512_shuffle_i32x4(odd, odd2, kEven);
    lines[8 + c] = _mm512_shuffle_i32x4(even, even2, kOdd);
    lines[12 + c] = _mm512_shuffle_i32x4(odd, odd2, kOdd);
  }
}

#endif

}  // namespace cairn::cpu::amx::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
