// What libcairn_sentencepiece.so gives: sentencepiece without its C++ types, so that the program
// does not link it. `error`: 256 bytes for a message; functions return false when they leave one.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::text {

struct SentencepieceModule {
  enum class Kind : int32_t { normal, unknown, control, byte, unused };

  void* (*open)(const char* bytes, size_t size, char* error);  // nullptr: an error
  void (*close)(void* model);
  int32_t (*size)(const void* model);
  const char* (*piece)(const void* model, int32_t id);
  Kind (*kind)(const void* model, int32_t id);
  // `put` once for each piece, in order, with its bytes [begin, end) of the text.
  bool (*encode)(const void* model, const char* text, size_t size, void* to,
                 void (*put)(void* to, int32_t id, uint32_t begin, uint32_t end), char* error);
  // The text of pieces [count].
  bool (*decode)(const void* model, const char* const* pieces, size_t count, void* to,
                 void (*put)(void* to, const char* text, size_t size), char* error);
};

inline constexpr size_t kSentencepieceError = 256;
inline constexpr const char* kSentencepieceModule = "cairn_sentencepiece_module";

}  // namespace cairn::text
