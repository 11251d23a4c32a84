// CAIRN_TUNE=1: what is measured once is remembered, also by the next process; a damaged file costs
// nothing but the measurement.
#include "cairn/backend/cpu/tuning.h"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "compare.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;
using cpu::TunedChoices;

struct Folder {
  // ctest runs each test in a process of its own, several at a time.
  fs::path path = fs::path(testing::TempDir()) / fmt::format("cairn_tuning_test_{}", getpid());
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
  std::string file() const { return (path / "sub" / "kernels.txt").string(); }
};

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

// What is said on standard error meanwhile.
template <class F>
std::string said(const F& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

TEST(Tuning, IsRememberedByProcessorAndVersion) {
  const Folder folder;
  TunedChoices first(folder.file(), " one");
  EXPECT_EQ(first.find("conv:a"), "");
  first.remember("conv:a", "f4"), first.remember("product:b", "packed");
  TunedChoices again(folder.file(), " one"), other(folder.file(), " two");
  EXPECT_EQ(again.find("conv:a"), "f4");
  EXPECT_EQ(again.find("product:b"), "packed");
  EXPECT_EQ(other.find("conv:a"), "");
  other.remember("conv:a", "gemm");  // replaces the file
  EXPECT_EQ(TunedChoices(folder.file(), " two").find("conv:a"), "gemm");
  EXPECT_EQ(TunedChoices(folder.file(), " one").find("conv:a"), "");
  for (const auto& entry : fs::directory_iterator(folder.path / "sub"))
    EXPECT_EQ(entry.path().filename(), "kernels.txt");  // no temporary file is left
}

TEST(Tuning, TwoWritersKeepEachOthersChoices) {
  const Folder folder;
  TunedChoices one(folder.file(), " p"), two(folder.file(), " p");
  one.remember("conv:a", "f4"), two.remember("conv:b", "f2"), one.remember("conv:c", "gemm");
  const TunedChoices all(folder.file(), " p");
  EXPECT_EQ(all.find("conv:a") + all.find("conv:b") + all.find("conv:c"), "f4f2gemm");
}

TEST(Tuning, ADamagedFileIsIgnoredWithAWord) {
  const Folder folder;
  TunedChoices(folder.file(), " p").remember("conv:a", "f4");
  const std::string whole = text_of(folder.file());
  for (size_t cut = 1; cut + 1 < whole.size(); ++cut) {
    put(folder.file(), whole.substr(0, cut));
    const std::string words = said([&] {
      const TunedChoices cut_off(folder.file(), " p");
      EXPECT_EQ(cut_off.find("conv:a"), "") << cut;
    });
    const bool other_version = cut > whole.find('\n') && cut < whole.find("conv") - 1;
    EXPECT_TRUE(other_version || words.find(folder.file()) != std::string::npos) << cut << words;
  }
  for (const std::string& text :
       {std::string("\x7f\x45\x4c\x46"), whole + "more\n", "x" + whole, whole + whole}) {
    put(folder.file(), text);
    EXPECT_NE(said([&] {
                TunedChoices damaged(folder.file(), " p");
                EXPECT_EQ(damaged.find("conv:a"), "");
                damaged.remember("conv:b", "f2");
              }).find("measured anew"),
              std::string::npos);
    EXPECT_EQ(TunedChoices(folder.file(), " p").find("conv:b"), "f2");
  }
}

TEST(Tuning, AFileThatCannotBeWrittenIsToldOfOnce) {
  TunedChoices nowhere("/proc/cairn/kernels.txt", " p");
  const std::string words =
      said([&] { nowhere.remember("conv:a", "f4"), nowhere.remember("conv:b", "f2"); });
  EXPECT_NE(words.find("'/proc/cairn/kernels.txt' cannot be written"), std::string::npos) << words;
  EXPECT_EQ(words.find("cannot"), words.rfind("cannot"));
  EXPECT_EQ(nowhere.find("conv:b"), "f2");
}

TEST(Tuning, RunsWhatIsUnknownOnly) {
  TunedChoices choices("", " p");
  int runs[2] = {};
  const auto run = [&](size_t i) { ++runs[i]; };
  const size_t chosen = cpu::quickest(choices, "key", {"a", "b"}, run);
  EXPECT_GT(runs[0], 1);
  EXPECT_EQ(runs[0], runs[1]);
  const int before = runs[0];
  EXPECT_EQ(cpu::quickest(choices, "key", {"a", "b"}, run), chosen);
  EXPECT_EQ(runs[0], before);
  choices.remember("key", "b");
  EXPECT_EQ(cpu::quickest(choices, "key", {"a", "b"}, run), 1u);
  choices.remember("key", "of another version");
  cpu::quickest(choices, "key", {"a", "b"}, run);
  EXPECT_GT(runs[0], before);
}

// Kernels chosen so compute what the others do, and the choice is kept.
TEST(Tuning, ConvolutionsAndProducts) {
  const Folder folder;
  setenv("XDG_CACHE_HOME", folder.path.c_str(), 1);
  setenv("CAIRN_TUNE", "1", 1);
  const Attrs attrs = {{"stride", Ints{1, 1}},
                       {"pads", Ints{1, 1, 1, 1}},
                       {"dilation", Ints{1, 1}},
                       {"groups", int64_t{1}}};
  compare({"conv", attrs, {f32({2, 16, 12, 12}), f32({16, 16, 3, 3})}, 5e-5});
  compare(
      {"conv", attrs, {of(DType::bf16, {2, 16, 12, 12}), of(DType::bf16, {16, 16, 3, 3})}, 3e-2});
  compare({"matmul", {}, {f32({24, 40}), f32({40, 56})}, 1e-5});
  compare({"matmul", {}, {f32({1, 40}), f32({40, 56})}, 1e-5});
  setenv("CAIRN_TUNE", "yes", 1);
  EXPECT_THROW(cpu::tuning(), Error);
  unsetenv("CAIRN_TUNE");
  EXPECT_FALSE(cpu::tuning());

  std::string kept;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path))
    if (entry.is_regular_file()) kept += text_of(entry.path().string());
  unsetenv("XDG_CACHE_HOME");
  for (const char* key :
       {"conv:forward:x2,16,12,12:w16,16,3,3:", "product:24x56x40:", "product:1x56x40:"})
    EXPECT_NE(kept.find(key), std::string::npos) << kept;
}

}  // namespace
}  // namespace cairn::test
