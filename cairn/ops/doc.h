// The op table as a page of documentation.
#pragma once
#include <string>

namespace cairn {

std::string ops_markdown();  // docs/ops.md, a table a family

}  // namespace cairn
