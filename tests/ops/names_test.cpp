// Ops are recognised by their names in passes and kernels; a name that no op has would never match,
// in silence. So every one that the sources ask for is looked up in the table.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "cairn/base/error.h"
#include "cairn/io/file.h"
#include "cairn/ops/op.h"

namespace cairn {
namespace {

TEST(OpNames, ThatTheSourcesAskForAreOps) {
  const std::string before =
      R"re((?:\b(?:is_op|is_named|op_named)\((?:[^();"]*, )?|op->name, |\bop == ))re";
  const std::regex asked(before + R"re("([a-z0-9_]+)")re");
  int names = 0;
  for (const char* folder : {"autograd", "backend", "compile", "graph", "ops", "quantize"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::string(CAIRN_SOURCE_DIR "/cairn/") + folder)) {
      const std::string path = entry.path().string();
      if (!path.ends_with(".h") && !path.ends_with(".cpp")) continue;
      const std::string text = io::read_text_file(path);
      for (std::sregex_iterator it(text.begin(), text.end(), asked), end; it != end;
           ++it, ++names) {
        const std::string name = (*it)[1];
        EXPECT_NO_THROW(op_named(name.c_str())) << path << " asks for '" << name << "'";
      }
    }
  EXPECT_GT(names, 150);
}

}  // namespace
}  // namespace cairn
