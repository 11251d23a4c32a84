// Networks read from folders of Hugging Face's transformers, against what it computes
// (tools/dump_hf_references.py).
#include "cairn/pretrained/folder.h"

#include <fstream>

#include "cairn/io/json.h"
#include "cairn/io/tensors.h"
#include "cairn/ops/context.h"
#include "tests/io/temporary_folder.h"

namespace cairn::pretrained {
namespace {

namespace fs = std::filesystem;
std::string data(const std::string& name) {
  return std::string(CAIRN_SOURCE_DIR) + "/tests/pretrained/data/" + name;
}

Tensor named(const NamedTensors& all, const std::string& name) {
  for (const auto& [its, tensor] : all)
    if (its == name) return tensor;
  return {};
}

struct Expected {
  explicit Expected(const std::string& folder)
      : all(io::load_tensors(folder + "/expected.safetensors")),
        in{named(all, "tokens"), named(all, "lengths"), named(all, "types")},
        target(named(all, "target")),
        output(named(all, "output")) {}
  NamedTensors all;
  Input in;
  Tensor target, output;
};

// Of those positions that count, where a network gives something for every token of the input.
double largest_difference(const Expected& e, const Tensor& said) {
  EXPECT_EQ(said.shape(), e.output.shape());
  Tensor difference = abs(said - e.output);
  if (said.rank() == 3 && !e.target.defined()) {
    const Tensor place = unsqueeze(arange(0, said.size(1)), 0);
    const Tensor counts = lt(place, unsqueeze(e.in.lengths, 1));
    difference = where(unsqueeze(counts, 2), difference, zeros({}));
  }
  return amax(difference).item();
}

class EveryKind : public testing::TestWithParam<const char*> {};

TEST_P(EveryKind, ComputesWhatTransformersDoes) {
  const NoGrad no_grad;
  const Folder folder(data(GetParam()));
  Transformer net(folder.spec());
  folder.load(net);
  net.eval();
  const Expected e(data(GetParam()));
  EXPECT_GT(amax(abs(e.output)).item(), 0.1);
  EXPECT_LT(largest_difference(e, net(e.in, e.target)), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Folders, EveryKind,
                         testing::Values("bert", "bert_tokens_old", "bert_classes", "bert_span",
                                         "gpt2", "gpt2_bare", "gpt2_untied", "llama_parts",
                                         "llama_old", "neox", "neox_sequential", "marian"),
                         [](const auto& info) { return std::string(info.param); });

// CAIRN_PRETRAINED names a real folder, with expected.safetensors as `dump_hf_references.py --real`
// writes it.
TEST(Folder, RealOne) {
  const char* path = std::getenv("CAIRN_PRETRAINED");
  if (!path) GTEST_SKIP() << "CAIRN_PRETRAINED names no folder";
  const NoGrad no_grad;
  const Folder folder(path);
  Transformer net(folder.spec());
  folder.load(net);
  net.eval();
  const Expected e(path);
  EXPECT_LT(largest_difference(e, net(e.in, e.target)), 1e-4);
}

TEST(Folder, WritesTheNamesThatItReads) {
  for (const char* name : {"bert_span", "gpt2", "llama_old", "neox", "marian"}) {
    const Folder folder(data(name));
    Transformer net(folder.spec());
    folder.load(net);
    const TemporaryFolder out;
    write_folder(out / "again", content_of(net, folder.config(), ""));
    const Folder again(out / "again");
    Transformer other(again.spec());
    again.load(other);
    const auto want = net.state_dict(), got = other.state_dict();
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_EQ(want[i].second.to_vector<float>(), got[i].second.to_vector<float>())
          << name << " " << want[i].first;
    EXPECT_TRUE(again.unused(got).empty()) << name;
  }
}

TEST(Folder, HeadOfAnotherKindBeginsRandomly) {
  const Folder folder(data("bert_tokens_old"));
  Transformer net(folder.spec(Head::span));
  folder.load(net);
  const Expected e(data("bert_tokens_old"));
  EXPECT_EQ(net(e.in).shape(), (Shape{3, 7, 2}));
  const auto unused = folder.unused(net.state_dict());
  EXPECT_TRUE(std::ranges::count(unused, "cls.predictions.bias"))
      << fmt::format("{}", unused.size());
}

TEST(Folder, SaysWhichHeadDiffersFromTheEmbedding) {
  EXPECT_FALSE(Folder(data("gpt2_untied")).spec().tied);
  EXPECT_EQ(Folder(data("gpt2_untied")).config()["tie_word_embeddings"], false);
  EXPECT_TRUE(Folder(data("gpt2")).spec().tied);
}

// What a changed copy of a folder is refused with.
class Changed {
 public:
  explicit Changed(const char* name) {
    for (const auto& file : fs::directory_iterator(data(name)))
      fs::copy(file.path(), folder_ / file.path().filename().string());
  }
  Changed& config(const std::function<void(Json&)>& change) {
    Json json = Json::parse(io::read_text_file(folder_ / "config.json"));
    change(json);
    write("config.json", json.dump());
    return *this;
  }
  Changed& write(const std::string& file, const std::string& text) {
    std::ofstream(folder_ / file) << text;
    return *this;
  }
  Changed& remove(const std::string& file) {
    fs::remove(folder_ / file);
    return *this;
  }
  std::string path() const { return folder_.path(); }
  std::string refusal() const {
    return error_of([&] {
      const Folder folder(path());
      Transformer net(folder.spec());
      folder.load(net);
    });
  }

 private:
  TemporaryFolder folder_;
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Folder, RefusesWhatDoesNotFit) {
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c["num_attention_heads"] = 3; }).refusal(),
              "config.json': 3 heads do not divide a width of 8");
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c["hidden_size"] = "big"; }).refusal(),
              "\"hidden_size\": a whole number between 0 and 16777216 is wanted, not \"big\"");
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c.erase("hidden_size"); }).refusal(),
              "\"hidden_size\" is missing");
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c["model_type"] = "mamba"; }).refusal(),
              "model_type 'mamba' are not read; those that are: bert, gpt2");
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c["hidden_act"] = "xielu"; }).refusal(),
              "the activation 'xielu' is not implemented");
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c["vocab_size"] = 25; }).refusal(),
              "model.safetensors', 'embeddings.word_embeddings.weight' of shape [24, 8] does not "
              "fit its config.json: 'tokens.weight' is [25, 8]");
  EXPECT_SAYS(Changed("bert").config([](Json& c) { c["num_hidden_layers"] = 3; }).refusal(),
              "lacks tensors that its config.json asks for: encoder.layer.2.attention.self.query");
  EXPECT_SAYS(Changed("llama_old").config([](Json& c) { c["num_key_value_heads"] = 3; }).refusal(),
              "3 heads of keys do not divide 4 heads");
  EXPECT_SAYS(Changed("llama_old")
                  .config([](Json& c) {
                    c["rope_scaling"] = {{"type", "yarn"}, {"factor", 2}};
                  })
                  .refusal(),
              "rotary positions of type 'yarn' are not implemented");
  EXPECT_SAYS(Changed("marian").config([](Json& c) { c["decoder_ffn_dim"] = 13; }).refusal(),
              "\"decoder_ffn_dim\": 13 in the decoder and 12 in the encoder");
  EXPECT_SAYS(Changed("bert").write("config.json", "{\"model_type\": \"bert\",").refusal(),
              "config.json' is no JSON: it ends in the middle");
  EXPECT_SAYS(Changed("bert").write("config.json", "[]").refusal(), "an object {...} is wanted");
}

TEST(Folder, SaysWhichPartIsMissing) {
  EXPECT_SAYS(
      Changed("bert").remove("model.safetensors").refusal(),
      "has no weights: model.safetensors or model.safetensors.index.json or pytorch_model.bin");
  Changed parts("llama_parts");
  std::string part;
  for (const auto& file : fs::directory_iterator(parts.path()))
    if (const auto name = file.path().filename().string(); name.starts_with("model-00002"))
      part = name;
  const std::string whole = io::read_text_file(data("llama_parts") + "/" + part);
  EXPECT_SAYS(parts.remove(part).refusal(), "names a part that is not there: '");
  EXPECT_SAYS(parts.refusal(), part);
  EXPECT_SAYS(parts.write(part, whole.substr(0, whole.size() / 2)).refusal(), part);
  EXPECT_SAYS(
      parts.write("model.safetensors.index.json", R"({"weight_map": {"a": "../x"}})").refusal(),
      "'../x' is no file beside the index");
  EXPECT_SAYS(
      Changed("llama_parts")
          .write("model.safetensors.index.json", R"({"weight_map": {"a": ")" + part + "\"}}")
          .refusal(),
      "has no tensor 'a', which '");
}

TEST(Folder, TextsHaveALongestLength) {
  const Folder folder(data("bert"));
  Transformer net(folder.spec());
  const auto too_long = [&] { net(Input{zeros({1, 17}, DType::i64)}); };
  EXPECT_THROW(too_long(), Error);
}

TEST(Spec, ConfigOfANetworkFromNothing) {
  const Spec s = spec_of(
      bert_config(
          {.vocab = 50, .width = 12, .layers = 2, .heads = 3, .feed_forward = 24, .positions = 32}),
      "made");
  EXPECT_EQ(s.head_width, 4);
  EXPECT_EQ(Transformer(s)(Input{zeros({2, 5}, DType::i64)}).shape(), (Shape{2, 5, 12}));
}

}  // namespace
}  // namespace cairn::pretrained
