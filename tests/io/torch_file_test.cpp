// PyTorch's files (tools/dump_torch_files.py), and what hostile ones are refused with.
#include "cairn/io/torch_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cairn/io/weight_files.h"
#include "cairn/io/zip.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

using namespace std::string_literals;

std::string golden(const std::string& name) {
  return std::string(CAIRN_SOURCE_DIR) + "/tests/io/golden/" + name;
}

void expect_same(const std::vector<NamedTensor>& got, const SafetensorsFile& want) {
  EXPECT_EQ(got.size(), want.tensors().size());
  for (const NamedTensor& t : got) {
    const NamedTensor& w = want.at(t.name);
    EXPECT_EQ(t.dtype, w.dtype) << t.name;
    EXPECT_EQ(t.shape, w.shape) << t.name;
    EXPECT_TRUE(std::ranges::equal(t.data, w.data)) << t.name;
  }
}

TEST(TorchFile, ReadsWhatTorchSaves) {
  expect_same(TorchFile(golden("torch.pt")).tensors(),
              SafetensorsFile(golden("torch.safetensors")));
}

TEST(TorchFile, OfATrainingTheWeightsAlone) {
  expect_same(TorchFile(golden("torch_training.pt")).tensors(),
              SafetensorsFile(golden("torch_training.safetensors")));
}

TEST(TorchFile, WritesWhatItReads) {
  const TemporaryFolder folder;
  const SafetensorsFile want(golden("torch.safetensors"));
  write_torch_file(folder / "again.pt", want.tensors());
  expect_same(TorchFile(folder / "again.pt").tensors(), want);
  const ByteVector bytes = read_file(folder / "again.pt");
  for (const ZipEntry& e : read_zip(bytes, "again"))
    EXPECT_EQ((e.data.data() - bytes.data()) % 64, 0) << e.name;
}

// An archive around a pickle and one storage of 8 bytes.
ByteVector archive_of(const std::string& pickle) {
  const std::string data(8, '\0');
  const auto pieces =
      zip_pieces({{"a/data.pkl", bytes_of(pickle)}, {"a/data/0", bytes_of(data)}}, "made");
  ByteVector all;
  for (const Bytes piece : pieces.pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}
std::string refusal(const std::string& pickle) {
  return error_of([&] { parse_torch_file(archive_of(pickle), "m.pt"); });
}
std::string text(const std::string& words) {
  return "X" + std::string(1, static_cast<char>(words.size())) + "\0\0\0"s + words;
}
std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string number(int value) { return "K" + std::string(1, static_cast<char>(value)); }

// {"w": a tensor of that storage}, of `numbers`: offset, size, stride.
std::string tensor(const std::string& storage, std::array<int, 3> numbers) {
  return "\x80\x02}" + text("w") + global("torch._utils", "_rebuild_tensor_v2") + "((" +
         text("storage") + storage + text("0") + text("cpu") + number(2) + "tQ" +
         number(numbers[0]) + number(numbers[1]) + "\x85" + number(numbers[2]) + "\x85\x89}tRs.";
}

#define EXPECT_SAYS(given, part) EXPECT_NE((given).find(part), std::string::npos) << (given)

TEST(TorchFile, NothingIsExecuted) {
  EXPECT_SAYS(refusal("\x80\x02" + global("os", "system") + "(" + text("true") + "tR."),
              "wants to call 'os.system'");
  EXPECT_SAYS(refusal("\x80\x02" + global("builtins", "eval") + "."), "call 'builtins.eval'");
  EXPECT_SAYS(refusal("\x80\x04\x93."), "protocol 4");
  EXPECT_SAYS(refusal("\x80\x02\x93."), "opcode 0x93");
  EXPECT_SAYS(refusal("\x80\x02ios\nsystem\n."), "opcode 0x69");
}

TEST(TorchFile, RefusesWhatIsNoStateDict) {
  EXPECT_SAYS(refusal("\x80\x02"), "truncated");
  EXPECT_SAYS(refusal("."), "empty stack");
  EXPECT_SAYS(refusal("\x80\x02h\x07."), "does not remember");
  EXPECT_SAYS(refusal("\x80\x02t."), "a mark that is not there");
  EXPECT_SAYS(refusal("\x80\x02NNs."), "a dict");
  const std::string floats = global("torch", "FloatStorage");
  EXPECT_EQ(refusal(tensor(floats, {0, 2, 1})), "");
  EXPECT_EQ(refusal(tensor(floats, {1, 1, 1})), "");
  for (const auto& beyond : {std::array{0, 3, 1}, {1, 2, 1}, {2, 1, 1}, {0, 2, 2}})
    EXPECT_SAYS(refusal(tensor(floats, beyond)), "'w': it reaches beyond its storage");
  EXPECT_SAYS(refusal(tensor(global("torch", "ShortStorage"), {0, 2, 1})),
              "elements of 'ShortStorage' are not read here");
  EXPECT_SAYS(refusal(tensor(global("torch", "DoubleStorage"), {0, 2, 1})), "beyond its storage");
}

// A list that holds itself, and one that holds a list twice, that holds a list twice, ...
TEST(TorchFile, EndlessValuesEnd) {
  EXPECT_SAYS(refusal("\x80\x02]q\x01h\x01"
                      "a."),
              "nested too deeply");
  std::string bomb = "\x80\x02]q" + std::string(1, '\0');
  for (int i = 1; i < 30; ++i) {
    const std::string last = "h" + std::string(1, static_cast<char>(i - 1));
    bomb += "](" + last + last +
            "e"
            "q" +
            std::string(1, static_cast<char>(i));
  }
  EXPECT_SAYS(refusal(bomb + "."), "nested too deeply");
}

TEST(TorchFile, OldCutAndOtherFiles) {
  const ByteVector whole = read_file(golden("torch.pt"));
  for (size_t keep = 0; keep < whole.size(); keep += 37) {
    const ByteVector part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(keep));
    EXPECT_NE(error_of([&] { parse_torch_file(part, "m.pt"); }), "") << keep;
  }
  const auto says = [](const std::string& bytes) {
    return error_of([&] { parse_torch_file(bytes_of(bytes), "m.pt"); });
  };
  EXPECT_SAYS(says(""), "'m.pt' is empty");
  EXPECT_SAYS(says("\x80\x02\x8a\x0a"), "before 1.6");
  EXPECT_SAYS(says("GIF89a"), "no file of torch.save()");
  EXPECT_SAYS(says("PK"), "too short for a zip archive");
  EXPECT_SAYS(error_of([] { TorchFile("/nowhere/m.pt"); }), "/nowhere/m.pt");
}

TEST(WeightFiles, OfManyKinds) {
  const TemporaryFolder folder;
  const SafetensorsFile want(golden("torch.safetensors"));
  write_torch_file(folder / "pytorch_model.bin", want.tensors());
  EXPECT_EQ(WeightFiles(folder.path()).tensors().size(), want.tensors().size());
  EXPECT_NE(WeightFiles(golden("torch.pt")).find("turned"), nullptr);
  EXPECT_EQ(WeightFiles(golden("torch.pt")).find("lost"), nullptr);
  EXPECT_TRUE(is_weights_name("a.pth") && is_weights_name("a.safetensors.index.json"));
  EXPECT_FALSE(is_weights_name("runs/a"));
}

}  // namespace
}  // namespace cairn::io
