// Every ```sh block of the README runs as written, in an empty folder with `cairn` on the path.
#include <cstdlib>

#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

std::vector<std::string> shell_blocks(const std::string& markdown) {
  std::vector<std::string> blocks;
  const std::string begin = "\n```sh\n", end = "\n```";
  for (size_t at = markdown.find(begin); at != markdown.npos; at = markdown.find(begin, at)) {
    at += begin.size();
    blocks.push_back(markdown.substr(at, markdown.find(end, at) - at));
  }
  return blocks;
}

TEST(Readme, ExamplesRunAsWritten) {
  const auto blocks = shell_blocks(content_of(CAIRN_SOURCE_DIR "/README.md"));
  ASSERT_GE(blocks.size(), 3u);
  const TemporaryFolder folder;
  const std::string programs = std::filesystem::path(CAIRN_PROGRAM).parent_path();
  setenv("OMP_WAIT_POLICY", "passive", 0);
  for (const std::string& block : blocks) {  // in order: later ones use what earlier ones made
    write(folder / "block.sh", block);
    const std::string command = "cd " + folder.path() + " && PATH=" + programs +
                                ":$PATH bash -euo pipefail block.sh > out 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << block << "\n" << content_of(folder / "out");
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "runs/first/model.safetensors"));
}

// The program that the README shows is the one that is built and run as a test of its own.
TEST(Readme, ShowsTheExampleAsItIs) {
  const std::string readme = content_of(CAIRN_SOURCE_DIR "/README.md");
  const std::string example = content_of(CAIRN_SOURCE_DIR "/examples/train/digits.cpp");
  EXPECT_NE(readme.find("```cpp\n" + example + "```"), readme.npos);
}

}  // namespace
}  // namespace cairn::cli_test
