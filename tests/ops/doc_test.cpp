#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cairn/ops/doc.h"
#include "cairn/ops/op.h"

namespace cairn {

TEST(OpsPage, IsWhatTheTableSays) {
  const std::string path = CAIRN_SOURCE_DIR "/docs/ops.md", expected = ops_markdown();
  if (std::getenv("CAIRN_UPDATE_DOCS")) std::ofstream(path) << expected;
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == expected)
      << "docs/ops.md is out of date: run this test with CAIRN_UPDATE_DOCS=1";
}

TEST(OpsPage, NamesEveryOp) {
  const std::string page = ops_markdown();
  for (const OpDef* op : all_ops())
    EXPECT_NE(page.find("| `" + std::string(op->name) + "` |"), std::string::npos) << op->name;
}

namespace {

// Without white space, and without the comment behind a line: the formatter breaks lines where it
// likes.
std::string bare(const std::string& text) {
  std::string kept, line;
  for (std::istringstream lines(text); std::getline(lines, line);) {
    line = line.substr(0, line.find("  //"));
    for (char c : line)
      if (!std::isspace(static_cast<unsigned char>(c))) kept += c;
  }
  return kept;
}

std::string content_of(const std::string& path) {
  std::ifstream file(std::string(CAIRN_SOURCE_DIR "/") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

// Every line of code that docs/adding-an-op.md quotes stands in one of the files of its example.
TEST(OpsPage, TheGuideQuotesItsExample) {
  std::string sources;
  for (const char* path :
       {"cairn/ops/elementwise.cpp", "cairn/ops/elementwise.h",
        "cairn/backend/reference/elementwise.cpp", "cairn/backend/cpu/region/tile_functions.cpp",
        "tests/ops/elementwise_test.cpp", "tests/ops/edge_rows.cpp", "tests/region/region_oracle.h",
        "tests/region/tile_functions_test.cpp"})
    sources += bare(content_of(path));
  std::istringstream page(content_of("docs/adding-an-op.md"));
  int quoted = 0;
  bool code = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      code = line == "```cpp";
      continue;
    }
    if (!code) continue;
    EXPECT_NE(sources.find(bare(line)), std::string::npos) << line;
    ++quoted;
  }
  EXPECT_GE(quoted, 9);
}

}  // namespace cairn
