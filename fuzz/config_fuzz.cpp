#include "cairn/io/json.h"
#include "cairn/pretrained/activations.h"
#include "cairn/pretrained/spec.h"
#include "fuzz/fuzz.h"

using namespace cairn;

// The engine's functions are not here.
pretrained::Activation pretrained::activation_named(const std::string& name,
                                                    const std::string& where) {
  check(name.size() < 8, "{}: the activation '{}' is not implemented", where, name);
  return nullptr;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  io::fuzz([&] {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const pretrained::Spec s = pretrained::spec_of(io::parse_json(text, "input", 64), "input");
    io::promise(s.vocab > 0 && s.width > 0 && s.encoder_layers + s.decoder_layers > 0, "sizes");
    io::promise(s.heads % s.kv_heads == 0 && s.head_width > 0, "heads");
    io::promise(s.position_kind != pretrained::Positions::rotary ||
                    (s.rotated % 2 == 0 && s.rotated <= s.head_width),
                "rotary positions");
  });
  return 0;
}
