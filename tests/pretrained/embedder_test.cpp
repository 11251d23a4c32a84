// One vector a text: against the mean of the hidden states that transformers computes.
#include "cairn/pretrained/embedder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cairn/io/tensors.h"
#include "cairn/ops/context.h"
#include "tests/io/temporary_folder.h"

namespace cairn::pretrained {
namespace {

namespace fs = std::filesystem;
const std::string kData = std::string(CAIRN_SOURCE_DIR) + "/tests/pretrained/data/gpt2_bare";

// The small GPT-2 with a tokenizer whose token 7 is "w7", ...
class Embeds : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"config.json", "model.safetensors"})
      fs::copy(kData + "/" + name, folder_ / name);
    std::string vocabulary;
    for (int i = 0; i < 24; ++i) vocabulary += fmt::format("{}\"w{}\": {}", i ? ", " : "", i, i);
    write("tokenizer.json",
          R"({"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"},
              "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {)" +
              vocabulary + "}}}");
    for (const auto& [name, tensor] : io::load_tensors(kData + "/expected.safetensors")) {
      if (name == "tokens") tokens_ = tensor.to_vector<int64_t>();
      if (name == "lengths") lengths_ = tensor.to_vector<int64_t>();
      if (name == "output") hidden_ = tensor.to_vector<float>();
    }
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (size_t i = 0; i < lengths_.size(); ++i) {
      std::string text;
      for (int64_t t = 0; t < lengths_[i]; ++t)
        text += fmt::format("w{} ", tokens_[i * 7 + static_cast<size_t>(t)]);
      all.push_back(text);
    }
    return all;
  }
  std::vector<double> mean(size_t text) const {
    std::vector<double> sum(8, 0);
    for (size_t t = 0; t < static_cast<size_t>(lengths_[text]); ++t)
      for (size_t f = 0; f < 8; ++f)
        sum[f] += hidden_[(text * 7 + t) * 8 + f] / static_cast<double>(lengths_[text]);
    return sum;
  }
  TemporaryFolder folder_;
  std::vector<int64_t> tokens_, lengths_;
  std::vector<float> hidden_;
};

TEST_F(Embeds, MeanOfHiddenStatesOfLengthOne) {
  const auto said = Embedder(folder_.path()).embed(texts(), 2).to_vector<float>();
  for (size_t i = 0; i < 3; ++i) {
    double squares = 0;
    for (const double v : mean(i)) squares += v * v;
    for (size_t f = 0; f < 8; ++f)
      EXPECT_NEAR(said[i * 8 + f], mean(i)[f] / std::sqrt(squares), 1e-4) << i;
  }
}

TEST_F(Embeds, AsTheModulesSay) {
  write("modules.json", R"([{"type": "sentence_transformers.models.Transformer", "path": ""},
      {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}])");
  write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  const auto plain = Embedder(folder_.path()).embed(texts()).to_vector<float>();
  EXPECT_NEAR(plain[8], mean(1)[0], 1e-4);
  write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  EXPECT_NEAR(Embedder(folder_.path()).embed(texts()).to_vector<float>()[8], hidden_[56], 1e-4);
  write("1_Pooling/config.json", R"({"pooling_mode_lasttoken": true})");
  EXPECT_NEAR(Embedder(folder_.path()).embed(texts()).to_vector<float>()[8], hidden_[80], 1e-4);
  write("1_Pooling/config.json", R"({"pooling_mode_max_tokens": true})");
  EXPECT_NEAR(Embedder(folder_.path()).embed(texts()).to_vector<float>()[8],
              std::max({hidden_[56], hidden_[64], hidden_[72], hidden_[80]}), 1e-4);
}

TEST_F(Embeds, LongTextsAreCutAndCounted) {
  write("sentence_bert_config.json", R"({"max_seq_length": 4})");
  Embedder embedder(folder_.path());
  const auto cut = embedder.embed({"w1 w2 w3 w4 w5"}).to_vector<float>();
  EXPECT_EQ(embedder.coder().cut(), 1);
  EXPECT_EQ(cut, embedder.embed({"w1 w2 w3 w4"}).to_vector<float>());
}

TEST_F(Embeds, RefusesWhatItDoesNotKnow) {
  const auto refusal = [&] { return error_of([&] { Embedder{folder_.path()}; }); };
  write("modules.json", R"([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}])");
  EXPECT_NE(refusal().find("the module 'sentence_transformers.models.Dense' is not implemented"),
            std::string::npos)
      << refusal();
  write("modules.json", R"([{"type": "a.Pooling", "path": "../x"}])");
  EXPECT_NE(refusal().find("'../x' is no folder in it"), std::string::npos) << refusal();
  fs::remove(folder_ / "modules.json"), fs::remove(folder_ / "tokenizer.json");
  EXPECT_NE(refusal().find("tokenizer.json"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace cairn::pretrained
