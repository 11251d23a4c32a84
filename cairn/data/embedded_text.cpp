#include "cairn/data/embedded_text.h"

// The assembler puts the file beside this source into the program as it is: CMake names it.
asm(R"(
.section .rodata
.globl cairn_embedded_text_begin
.globl cairn_embedded_text_end
.hidden cairn_embedded_text_begin
.hidden cairn_embedded_text_end
cairn_embedded_text_begin:
.incbin ")" CAIRN_EMBEDDED_TEXT R"("
cairn_embedded_text_end:
.byte 0
.text
)");

extern "C" const char cairn_embedded_text_begin[], cairn_embedded_text_end[];

namespace cairn::data {

std::string_view embedded_text() {
  return {cairn_embedded_text_begin,
          static_cast<size_t>(cairn_embedded_text_end - cairn_embedded_text_begin)};
}

}  // namespace cairn::data
