// libcairn_sentencepiece.so: nothing of Cairn, sentencepiece alone.
#include "cairn/text/sentencepiece_module.h"

#include <sentencepiece_processor.h>

#include <cstring>
#include <exception>

namespace cairn::text {
namespace {

using sentencepiece::SentencePieceProcessor;
using Kind = SentencepieceModule::Kind;

const SentencePieceProcessor& of(const void* model) {
  return *static_cast<const SentencePieceProcessor*>(model);
}

void tell(char* error, const char* message) {
  std::strncpy(error, message, kSentencepieceError - 1);
  error[kSentencepieceError - 1] = '\0';
}

// Runs what gives a Status or throws.
template <class F>
bool done(char* error, F f) {
  try {
    const auto status = f();
    if (!status.ok()) tell(error, status.error_message());
    return status.ok();
  } catch (const std::exception& e) { tell(error, e.what()); }
  return false;
}

void* open(const char* bytes, size_t size, char* error) {
  auto model = std::make_unique<SentencePieceProcessor>();
  const bool read = done(error, [&] { return model->LoadFromSerializedProto({bytes, size}); });
  return read ? model.release() : nullptr;
}

Kind kind(const void* model, int32_t id) {
  if (of(model).IsUnknown(id)) return Kind::unknown;
  if (of(model).IsControl(id)) return Kind::control;
  if (of(model).IsByte(id)) return Kind::byte;
  return of(model).IsUnused(id) ? Kind::unused : Kind::normal;
}

bool encode(const void* model, const char* text, size_t size, void* to,
            void (*put)(void*, int32_t, uint32_t, uint32_t), char* error) {
  return done(error, [&]() -> sentencepiece::util::Status {
    const auto found = of(model).EncodeAsImmutableProto({text, size});
    for (const auto& piece : found.pieces())
      put(to, static_cast<int32_t>(piece.id()), piece.begin(), piece.end());
    return {};
  });
}

bool decode(const void* model, const char* const* pieces, size_t count, void* to,
            void (*put)(void*, const char*, size_t), char* error) {
  std::string text;
  const bool read = done(error, [&] {
    return of(model).Decode(std::vector<std::string>(pieces, pieces + count), &text);
  });
  if (read) put(to, text.data(), text.size());
  return read;
}

}  // namespace

extern "C" __attribute__((visibility("default")))
const SentencepieceModule cairn_sentencepiece_module = {
    open,
    [](void* model) { delete static_cast<SentencePieceProcessor*>(model); },
    [](const void* model) { return static_cast<int32_t>(of(model).GetPieceSize()); },
    [](const void* model, int32_t id) { return of(model).IdToPiece(id).c_str(); },
    kind,
    encode,
    decode};

}  // namespace cairn::text
