// cairn convert, embed and export --format hf.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

const std::string kGolden = std::string(CAIRN_SOURCE_DIR) + "/tests/io/golden/";
const std::string kFolders = std::string(CAIRN_SOURCE_DIR) + "/tests/pretrained/data/";

TEST(Convert, BetweenAllKinds) {
  const TemporaryFolder folder;
  const Outcome o = cairn({"convert", kGolden + "torch.pt", folder / "a.safetensors"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("18 tensors"), std::string::npos) << o.out;
  ASSERT_EQ(cairn({"convert", folder / "a.safetensors", folder / "b.pth"}).status, 0);
  ASSERT_EQ(cairn({"convert", folder / "b.pth", folder / "c.safetensors"}).status, 0);
  EXPECT_EQ(content_of(folder / "a.safetensors"), content_of(folder / "c.safetensors"));
  ASSERT_EQ(cairn({"convert", kFolders + "llama_parts", folder / "l.safetensors", "--dtype", "f32"})
                .status,
            0);
  ASSERT_EQ(
      cairn({"convert", folder / "l.safetensors", folder / "m.safetensors.index.json"}).status, 0);
  ASSERT_EQ(
      cairn({"convert", folder / "m.safetensors.index.json", folder / "n.safetensors"}).status, 0);
  EXPECT_EQ(content_of(folder / "l.safetensors"), content_of(folder / "n.safetensors"));
}

TEST(Convert, WhatIsGivenIsKept) {
  const TemporaryFolder folder;
  const std::string a = folder / "a.safetensors", parts = folder / "m.safetensors.index.json",
                    part = folder / "m-00001-of-00001.safetensors";
  ASSERT_EQ(cairn({"convert", kGolden + "torch.pt", a}).status, 0);
  ASSERT_EQ(cairn({"convert", a, parts}).status, 0);
  const std::string before = content_of(a), before_part = content_of(part);
  expect_failure(cairn({"convert", a, a, "--dtype", "f16"}), 1, {a, "take its place"});
  expect_failure(cairn({"convert", parts, part, "--dtype", "f16"}), 1, {part, "take its place"});
  expect_failure(cairn({"convert", part, parts, "--dtype", "f16"}), 1, {part, "take its place"});
  EXPECT_EQ(content_of(a), before);
  EXPECT_EQ(content_of(part), before_part);
}

TEST(Convert, SaysWhatItCannot) {
  const TemporaryFolder folder;
  expect_failure(cairn({"convert", folder / "no.pt", folder / "a.safetensors"}), 1, {"no.pt"});
  expect_failure(cairn({"convert", kGolden + "torch.pt", folder / "a.npz"}), 2,
                 {"a.npz", "ends in .safetensors"});
  write(folder / "cut.pt", content_of(kGolden + "torch.pt").substr(0, 3000));
  expect_failure(cairn({"convert", folder / "cut.pt", folder / "a.safetensors"}), 1,
                 {"cut.pt", "cut"});
  EXPECT_FALSE(std::filesystem::exists(folder / "a.safetensors"));
}

TEST(Embed, VectorsAndNeighbours) {
  const TemporaryFolder folder;
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy(kFolders + "gpt2_bare/" + name, folder / name);
  write(folder / "tokenizer.json",
        R"({"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "unk_token": "x", "vocab": {"x": 0, "a": 3, "b": 4}}})");
  write(folder / "lines", "a b\nb b b\na a\n");
  const Json one = cairn({"embed", folder.path(), "--text", "a b"}).json();
  EXPECT_EQ(one["embedding"].size(), 8U);
  const Json near =
      cairn({"embed", folder.path(), "--text", "a a", "--file", folder / "lines", "--nearest", "2"})
          .json();
  ASSERT_EQ(near["nearest"].size(), 2U);
  EXPECT_EQ(near["nearest"][0]["line"], 3);
  EXPECT_NEAR(near["nearest"][0]["cosine"].get<double>(), 1, 1e-5);
  const Outcome o =
      cairn({"embed", folder.path(), "--file", folder / "lines", "--out", folder / "v.npy"});
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("3 texts of 8 numbers"), std::string::npos) << o.out;
  expect_failure(cairn({"embed", folder.path(), "--nearest", "2"}), 2, {"--nearest", "--file"});
  expect_failure(cairn({"embed", folder.path(), "--text", "a", "--out", folder / "v.csv"}), 2,
                 {"--out", "v.csv", ".npy"});
  expect_failure(cairn({"embed", folder / "none", "--text", "a"}), 1, {"config.json"});
}

TEST(ExportHuggingFace, ALanguageModelButNoRecurrentOne) {
  const TemporaryFolder folder;
  for (const char* model : {"gpt", "lstm"})
    ASSERT_EQ(cairn({"train", "language-model", "--model", model, "--width", "16", "--layers", "1",
                     "--context", "16", "--steps", "2", "--quiet", "--out", folder / model})
                  .status,
              0);
  const Outcome o = cairn({"export", folder / "gpt", "--format", "hf", "--out", folder / "hf"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("GPTNeoXForCausalLM"), std::string::npos) << o.out;
  const Json about = cairn({"info", folder / "hf", "--json"}).json();
  EXPECT_EQ(about["facts"]["model_type"], "gpt_neox") << about;
  EXPECT_EQ(about["facts"]["decoder layers"], "1");
  EXPECT_EQ(about["facts"]["width"], "16");
  EXPECT_TRUE(about["facts"].contains("tensors") && about["facts"].contains("elements"));
  EXPECT_FALSE(about["table"].empty());
  const Outcome info = cairn({"tokenizer", "info", folder / "hf/tokenizer.json"});
  EXPECT_EQ(info.status, 0) << info.err;
  expect_failure(cairn({"export", folder / "lstm", "--format", "hf", "--out", folder / "x"}), 1,
                 {"no form in Hugging Face's transformers"});
}

}  // namespace
}  // namespace cairn::cli_test
