// cairn stylize: one picture in the style of another.
#include <gtest/gtest.h>

#include <filesystem>

#include "cairn/io/image.h"
#include "tests/cli/program.h"
#include "tests/io/temporary_folder.h"

namespace cairn::cli_test {
namespace {

TEST(Stylize, PaintsAndRefusesWhatIsTooSmall) {
  const TemporaryFolder folder;
  io::Image content(60, 44, 3), style(40, 40, 3);
  for (size_t i = 0; i < content.pixels.size(); ++i)
    content.pixels[i] = static_cast<uint8_t>(i / 9 % 250);
  for (size_t i = 0; i < style.pixels.size(); ++i)
    style.pixels[i] = static_cast<uint8_t>(i * 31 % 240);
  const std::string a = folder / "a.png", b = folder / "b.png", out = folder / "out.png",
                    dot = folder / "dot.png";
  io::write_png(a, content), io::write_png(b, style), io::write_png(dot, io::Image(1, 1, 3));
  const auto run = [&](const std::string& shown, const std::string& in_style,
                       std::vector<std::string> more) {
    std::vector<std::string> all = {"stylize", "--content", shown,     "--style", in_style,
                                    "--out",   out,         "--steps", "6"};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  };
  const Outcome made = run(a, b, {"--size", "48", "--colours"});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_NE(made.out.find("48 x 35 pixels"), std::string::npos) << made.out;
  EXPECT_NE(made.err.find("--features"), std::string::npos) << made.err;
  EXPECT_EQ(io::read_image(out).width, 48);
  std::filesystem::remove(out);
  expect_failure(run(a, dot, {}), 1, {"dot.png", "1 x 1"});
  expect_failure(run(folder / "nowhere.png", b, {}), 1, {"nowhere.png"});
  expect_failure(run(a, b, {"--features", b}), 1, {"b.png", "SqueezeNet"});
  const std::string before = content_of(a);
  expect_failure(cairn({"stylize", "--content", a, "--style", b, "--out", a, "--steps", "6"}), 1,
                 {"a.png", "take its place"});
  EXPECT_TRUE(content_of(a) == before);
  expect_failure(cairn({"stylize", "--content", a, "--style", b, "--out", folder / "o.jpg"}), 2,
                 {"--out", ".png"});
  EXPECT_FALSE(std::filesystem::exists(out));
}

// What a message of the library calls an option is a flag here, as it is typed.
TEST(Stylize, OptionsAreSpokenOfAsFlags) {
  const TemporaryFolder folder;
  expect_failure(cairn({"train", "style-transfer", "--content-weight", "0", "--style-weight", "0",
                        "--steps", "1", "--out", folder / "run"}),
                 2, {"--style-weight: 0, and --content-weight too"});
}

TEST(Stylize, NothingToPaintByAndTheStylesOwnSize) {
  const TemporaryFolder folder;
  const std::string a = folder / "a.png";
  io::write_png(a, io::Image(40, 40, 3));
  const std::vector<std::string> all = {"stylize", "--content",     a, "--style", a,
                                        "--out",   folder / "o.png"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), all.begin(), all.end());
    return cairn(more);
  };
  expect_failure(with({"--content-weight", "0", "--style-weight", "0", "--smooth", "0"}), 2,
                 {"--content-weight: 0", "--smooth"});
  expect_failure(with({"--style-size", "1"}), 1, {"at --style-size 1"});
}

}  // namespace
}  // namespace cairn::cli_test
