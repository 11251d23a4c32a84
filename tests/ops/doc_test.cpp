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

}  // namespace cairn
