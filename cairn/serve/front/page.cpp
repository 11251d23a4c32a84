#include "cairn/serve/front/page.h"

// As data/embedded_text.cpp does it.
asm(R"(
.section .rodata
.globl cairn_page_begin
.globl cairn_page_end
.hidden cairn_page_begin
.hidden cairn_page_end
cairn_page_begin:
.incbin ")" CAIRN_PAGE R"("
cairn_page_end:
.byte 0
.text
)");

extern "C" const char cairn_page_begin[], cairn_page_end[];

namespace cairn::serve {

std::string_view page_text() {
  return {cairn_page_begin, static_cast<size_t>(cairn_page_end - cairn_page_begin)};
}

}  // namespace cairn::serve
