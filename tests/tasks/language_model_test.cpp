// Language models: what a stopped run goes on to, what evaluation and generation promise.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/ops/context.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/text/train_tokenizer.h"
#include "cairn/train/samples.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::language_model {
namespace {

std::string verse() {
  std::string text;
  for (int i = 0; i < 60; ++i) text += fmt::format("{} green bottles hang on the wall.\n", i % 7);
  return text;
}

// A folder with a text; trainings of it are small.
class Text : public testing::Test {
 protected:
  Text() { std::ofstream(folder_ / "text.txt") << verse(); }

  Options options(const std::string& model, const std::string& out) const {
    Options o;
    o.data = folder_ / "text.txt";
    o.model = model;
    o.layers = 2, o.width = 16, o.heads = 2, o.context = 12, o.batch = 4;
    o.dropout = 0.2;
    o.steps = 60, o.eval_every = 25, o.lr = 0.01;
    o.seed = 3;
    o.quiet = true;
    o.out = folder_ / out;
    return o;
  }
  Json evaluated(const std::string& data = "", const std::string& split = "validation") const {
    return Writer(folder_ / "run").evaluate(data, split);
  }
  std::string written(const std::string& run, const GenerateOptions& options) const {
    std::string text;
    Writer(folder_ / run).generate(options, [&](std::string_view piece) { text += piece; });
    return text;
  }

  TemporaryFolder folder_;
};

class EveryModel : public Text, public testing::WithParamInterface<const char*> {};

TEST_P(EveryModel, StoppedAndResumedEndsWithTheSameBits) {
  const Json whole = train(options(GetParam(), "whole"));
  EXPECT_EQ(whole["steps"], 60);
  Options parts = options(GetParam(), "parts");
  for (int64_t stop : {17, 43}) {  // in the middle of a pass over the streams
    parts.stop_after_steps = stop;
    EXPECT_THROW(train(parts), train::Stopped);
    parts.resume = true;
  }
  parts.stop_after_steps = 0;
  const Json resumed = train(parts);
  EXPECT_EQ(resumed["loss"], whole["loss"]);
  const auto bytes = [&](const char* run) {
    return io::read_file(folder_ / run + "/model.safetensors");
  };
  EXPECT_TRUE(bytes("whole") == bytes("parts")) << "other weights";
  const auto losses = [&](const char* run) {  // without the lines that say how long it took
    std::ifstream file(folder_ / run + "/metrics.jsonl");
    std::string all, line;
    while (std::getline(file, line))
      if (line.find("seconds") == line.npos) all += line + "\n";
    return all;
  };
  EXPECT_EQ(losses("whole"), losses("parts"));
}

TEST_P(EveryModel, LearnsAndEvaluatesToTheSameLoss) {
  Options o = options(GetParam(), "run");
  o.dropout = 0;
  o.steps = 150;
  const Json trained = train(o);
  EXPECT_LT(trained["loss"].get<double>(), 1.5);  // 3.2 is the logarithm of the vocabulary
  const Json measured = evaluated();
  EXPECT_EQ(measured["loss"], trained["loss"]);
  EXPECT_EQ(measured["examples"], trained["examples"]);
  EXPECT_DOUBLE_EQ(measured["perplexity"], std::exp(measured["loss"].get<double>()));
  EXPECT_DOUBLE_EQ(measured["bits_per_char"], measured["loss"].get<double>() / std::log(2));
  const Json all = evaluated(folder_ / "text.txt", "all");
  EXPECT_EQ(all["examples"], static_cast<int64_t>(verse().size()) - 1);
  // Unless something else is said, of the run's own text the part that was held back, however it
  // is called, and all of another.
  Writer writer(folder_ / "run");
  TextEvalOptions how;
  EXPECT_EQ(writer.measured(how), measured);
  how.data = folder_ / "./text.txt";
  EXPECT_EQ(writer.measured(how), measured);
  std::filesystem::copy_file(folder_ / "text.txt", folder_ / "other.txt");
  how.data = folder_ / "other.txt";
  EXPECT_EQ(writer.measured(how), all);
  how.split = "validation";
  EXPECT_EQ(writer.measured(how)["examples"], measured["examples"]);
}

TEST_P(EveryModel, SameSeedSameText) {
  Options o = options(GetParam(), "run");
  o.steps = 20;
  train(o);
  GenerateOptions g;
  g.prompt = "3 green", g.max_tokens = 60, g.seed = 5;
  const std::string first = written("run", g);
  EXPECT_EQ(first.size(), 60u);
  EXPECT_EQ(written("run", g), first);
  g.seed = 6;
  EXPECT_NE(written("run", g), first);
  g.temperature = 0;
  const std::string greedy = written("run", g);
  g.seed = 7;
  EXPECT_EQ(written("run", g), greedy);
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModel, testing::Values("rnn", "lstm", "gru", "gpt"),
                         [](const auto& info) { return std::string(info.param); });

// Token by token over the carried state or the cache = the whole text at once.
TEST_F(Text, GenerationReadsAsEvaluationDoes) {
  for (const char* model : {"lstm", "gpt"}) {
    Options o = options(model, std::string("run-") + model);
    o.steps = 150;
    o.dropout = 0;
    train(o);
    GenerateOptions g;
    g.prompt = "2 green bott", g.max_tokens = 20, g.temperature = 0;
    EXPECT_EQ(written(std::string("run-") + model, g).substr(0, 3), "les") << model;
  }
}

// One beam is greedy; more find what is likely too, the same every time.
TEST_F(Text, BeamsWriteTheMostLikelyText) {
  for (const char* model : {"gru", "gpt"}) {
    Options o = options(model, std::string("run-") + model);
    o.steps = 150;
    o.dropout = 0;
    train(o);
    const std::string run = std::string("run-") + model;
    GenerateOptions greedy, beams;
    greedy.prompt = "2 gre", greedy.max_tokens = 40, greedy.temperature = 0;
    beams.prompt = "2 gre", beams.max_tokens = 40, beams.beams = 1;
    EXPECT_EQ(written(run, beams), written(run, greedy)) << model;  // past the context of 12
    beams.beams = 4;
    const std::string found = written(run, beams);
    EXPECT_EQ(found.size(), 40u);
    EXPECT_EQ(found.substr(0, 10), "en bottles") << model;
    EXPECT_EQ(written(run, beams), found);
  }
}

TEST_F(Text, BytesTakeAnyText) {
  std::ofstream(folder_ / "text.txt") << std::string(600, '\xff') + verse();
  Options o = options("gpt", "run");
  o.steps = 5;
  EXPECT_THROW(train(o), Error);  // characters: not UTF-8
  o.tokens = "byte";
  train(o);
  GenerateOptions g;
  g.prompt = "äöü", g.max_tokens = 30;
  EXPECT_FALSE(written("run", g).empty());
  // Bits a character, not a byte: the validation text is all ASCII, training has bytes of no
  // character.
  const Json m = evaluated();
  EXPECT_DOUBLE_EQ(m["bits_per_char"], m["loss"].get<double>() / std::log(2));
}

void expect_error(const Options& o, std::initializer_list<const char*> parts) {
  try {
    train(o);
    FAIL() << "trained";
  } catch (const Error& e) {
    for (const char* part : parts)
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos)
          << "'" << part << "' is not in: " << e.what();
  }
  EXPECT_FALSE(std::filesystem::exists(*o.out)) << "something was written";
}

// Weights that overflow at the last step are told of as any others, and write no sample.
TEST_F(Text, OverflowAtTheLastStepIsADivergence) {
  Options o = options("lstm", "run");
  o.steps = 1, o.eval_every = 1, o.lr = 1e38, o.clip = 0, o.optimizer = "sgd";
  try {
    train(o);
    FAIL() << "trained";
  } catch (const train::Diverged& e) {
    EXPECT_NE(std::string(e.what()).find("the network has diverged"), std::string::npos)
        << e.what();
  }
  EXPECT_FALSE(std::filesystem::exists(train::sample_file(folder_ / "run", 1, "txt")));
}

TEST_F(Text, WrongSizes) {
  Options o = options("gpt", "run");
  o.heads = 3;
  expect_error(o, {"heads: ", "3 heads", "16"});
  o = options("gpt", "run"), o.width = 2;
  expect_error(o, {"width: ", "even"});
  o = options("lstm", "run"), o.layers = -1;
  expect_error(o, {"layers: ", "-1"});
  o = options("lstm", "run"), o.steps = -1;
  expect_error(o, {"steps: ", "-1"});
  o = options("lstm", "run"), o.batch = -4;
  expect_error(o, {"batch: ", "-4"});
  o = options("lstm", "run"), o.dropout = 1;
  expect_error(o, {"dropout: ", "1"});
  expect_error(options("lsmt", "run"), {"lsmt", "did you mean lstm?"});
  o = options("lstm", "run"), o.tokens = "syllable";
  expect_error(o,
               {"tokens: ", "syllable", "char, byte, bpe, wordpiece, word, notes and pianoroll"});
}

TEST_F(Text, WrongTexts) {
  Options o = options("gpt", "run");
  const auto with = [&](const std::string& text) { std::ofstream(*o.data) << text; };
  with("");
  expect_error(o, {"text.txt", "is empty"});
  with("good \xe4\xf6 bad");
  expect_error(o, {"text.txt", "UTF-8", "5"});
  with("too short");
  expect_error(o, {"tokens", "13", "more text or a shorter window"});
  o.model = "lstm";
  expect_error(o, {"tokens", "more text or a shorter window"});
  with(std::string(100, 'a') + "bc");
  o.batch = 40;
  expect_error(o, {"40 streams", "smaller batch"});
  o.data = folder_ / "nowhere.txt";
  expect_error(o, {"nowhere.txt"});
}

TEST_F(Text, WrongPrompts) {
  Options o = options("gpt", "run");
  o.steps = 2;
  train(o);
  const auto expect_refused = [&](const std::function<void(GenerateOptions&)>& choose,
                                  std::initializer_list<const char*> parts) {
    GenerateOptions g;
    choose(g);
    try {
      written("run", g);
      FAIL() << "generated";
    } catch (const Error& e) {
      for (const char* part : parts)
        EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  expect_refused([](auto& g) { g.prompt = "gré"; }, {"the prompt", "é"});
  expect_refused([](auto& g) { g.prompt = "gr\xe9"; }, {"the prompt", "UTF-8"});
  expect_refused([](auto& g) { g.prompt = "3 green bottles"; },
                 {"15 tokens", "context 12", "shorter prompt"});
  expect_refused([](auto& g) { g.prompt = ""; }, {"prompt: ", "empty"});
  expect_refused([](auto& g) { g.temperature = -1; }, {"temperature: ", "-1"});
  expect_refused([](auto& g) { g.top_k = -1; }, {"top_k: ", "-1"});
  expect_refused([](auto& g) { g.top_p = 0; }, {"top_p: ", "0"});
  expect_refused([](auto& g) { g.beams = -1; }, {"beams: ", "-1"});
}

TEST_F(Text, CheckpointOfAnotherTraining) {
  Options o = options("lstm", "run");
  o.steps = 2;
  train(o);
  Options other = options("gpt", "other");
  other.steps = 2;
  train(other);
  std::filesystem::copy_file(*o.out + "/checkpoint.safetensors",
                             *other.out + "/checkpoint.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  other.resume = true;
  try {
    train(other);
    FAIL() << "resumed";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(*other.out + "/checkpoint.safetensors"),
              std::string::npos);
    EXPECT_NE(std::string(e.what()).find("another model"), std::string::npos) << e.what();
  }
}

// Other tokens of one text are compared by its characters and words.
TEST_F(Text, IsLearnedInPiecesAndWords) {
  for (const char* tokens : {"bpe", "wordpiece", "word"}) {
    const std::string run = std::string("run-") + tokens;
    Options o = options("gru", run);
    o.tokens = tokens, o.vocab_size = 300, o.steps = 20;
    const Json trained = train(o);
    const Json measured = Writer(folder_ / run).evaluate("", "validation");
    EXPECT_EQ(measured["loss"], trained["loss"]) << tokens;
    const auto text = Writer(folder_ / run).open_own();
    const double nats = measured["loss"].get<double>() * measured["examples"].get<double>();
    EXPECT_NEAR(std::log(measured["perplexity_per_word"].get<double>()),
                nats / static_cast<double>(text.validation_size.words), 1e-9);
    EXPECT_GT(measured["perplexity"], measured["perplexity_per_char"]) << tokens;
    EXPECT_EQ(measured.contains("unknown_part"), tokens == std::string("word"));
    EXPECT_EQ(text.train_size.words + text.validation_size.words,
              Writer(folder_ / run).open("", 0).train_size.words);
    GenerateOptions g;
    g.prompt = "2 green", g.max_tokens = 5;
    EXPECT_FALSE(written(run, g).empty()) << tokens;
    g.prompt.leave_open();
    EXPECT_FALSE(written(run, g).empty()) << tokens;
  }
  Options o = options("gru", "never");
  o.vocab_size = 300;
  EXPECT_THROW(train(o), InvalidOption);
  o.tokens = "bpe", o.vocab_size = 20;
  try {
    train(o);
    FAIL() << "20 tokens for 256 bytes";
  } catch (const InvalidOption& e) { EXPECT_EQ(e.option(), "vocab_size"); }
}

// A GPT-2 of random weights with a tokenizer of the text, as Hugging Face's transformers writes it.
void write_gpt2(const std::string& folder, const std::string& text, int64_t inner, int64_t more) {
  bool first = true;
  const auto next = [&](std::string& line) { return line = text, std::exchange(first, false); };
  const auto tokenizer = text::train_tokenizer(next, {.kind = "byte-bpe", .vocab = 270});
  const Json config = {{"model_type", "gpt2"}, {"vocab_size", tokenizer.size() + more},
                       {"n_embd", 16},         {"n_layer", 2},
                       {"n_head", 2},          {"n_inner", inner},
                       {"n_positions", 24},    {"activation_function", "gelu_new"}};
  pretrained::Spec spec = pretrained::spec_of(config, "config.json");
  spec.head = pretrained::Head::tokens, spec.spread = 0.5;
  manual_seed(5);
  const pretrained::Transformer net(spec);
  pretrained::write_folder(folder, pretrained::content_of(net, config, tokenizer.to_json()));
}

// The same numbers as the folder's network, and as the folder that is written of it.
TEST_F(Text, BeginsWithAFolder) {
  write_gpt2(folder_ / "gpt2", verse(), 64, 0);
  const auto fresh = [&](const std::string& out) {
    Options o;
    o.data = folder_ / "text.txt", o.init = folder_ / "gpt2", o.quiet = true;
    o.steps = 1, o.batch = 2, o.lr = 1e-30, o.out = folder_ / out;
    return o;
  };
  train(fresh("run"));
  Writer writer(folder_ / "run");
  EXPECT_EQ(writer.options().context, 24);
  const std::vector<int64_t> tokens = {1, 40, 7, 200, 3, 3};
  const Tensor x = from_host(tokens.data(), {2, 3}, DType::i64);
  const auto close = [&](const std::string& folder) {
    const pretrained::Folder read(folder);
    pretrained::Transformer net(read.spec(pretrained::Head::tokens));
    read.load(net), net.eval();
    const NoGrad no_grad;
    const auto theirs = net(pretrained::Input{x, {}, {}}).to_vector<float>();
    const auto ours = writer.forward({{x}})[0].to_vector<float>();
    ASSERT_EQ(theirs.size(), ours.size());
    for (size_t i = 0; i < ours.size(); ++i) ASSERT_NEAR(ours[i], theirs[i], 1e-4);
  };
  close(folder_ / "gpt2");
  pretrained::write_folder(folder_ / "again", writer.folder());
  close(folder_ / "again");
  // A folder is opened as the run that it would be, where its head writes.
  EXPECT_EQ(task_of(folder_ / "again"), kTask);
  const auto opened = open_model(folder_ / "again");
  const Json by_folder =
      dynamic_cast<Writer&>(*opened).evaluate(folder_ / "text.txt", "validation");
  EXPECT_NEAR(by_folder["loss"].get<double>(),
              writer.evaluate(folder_ / "text.txt", "validation")["loss"].get<double>(), 1e-5);
  // One without a head is none, and says what it is good for.
  Json config = Json::parse(io::read_text_file(folder_ / "again/config.json"));
  config.erase("architectures");
  std::ofstream(folder_ / "again/config.json") << config;
  try {
    open_model(folder_ / "again");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("without a head"), std::string::npos) << e.what();
  }
  GenerateOptions g;
  g.prompt = "2 green", g.max_tokens = 30;  // beyond the context
  EXPECT_FALSE(written("run", g).empty());

  Options other = fresh("never");
  other.width = 32;
  expect_error(other, {"width: ", "16 in '"});
  other = fresh("never"), other.context = 25;
  expect_error(other, {"context: ", "24 positions"});
  other = fresh("never"), other.model = "lstm";
  expect_error(other, {"model: ", "gpt2"});
  other = fresh("never"), other.tokens = "char";
  expect_error(other, {"tokens: ", "has a tokenizer of its own"});
  other = fresh("never"), other.vocab_size = 300;
  expect_error(other, {"vocab_size: ", "has a tokenizer of its own"});
  other = fresh("never"), other.init = folder_ / "narrow";
  write_gpt2(folder_ / "narrow", verse(), 20, 0);
  expect_error(other, {"narrow", "feed-forward part"});
  other.init = folder_ / "more";
  write_gpt2(folder_ / "more", verse(), 64, 3);
  expect_error(other, {"more", "its tokenizer has"});
}

// Every token but the first is measured once, from at least half a context.
TEST(Measure, CountsEachTokenOnce) {
  set_num_threads(1);
  for (const char* model : {"gpt", "gru"}) {
    Options o;
    o.model = model, o.vocab = 5, o.layers = 1, o.width = 8, o.heads = 2, o.context = 7;
    models::LanguageModel network(o.size());
    Meter meter(network, o.is_recurrent(), 7);
    for (const Tensor& p : network.module().parameters()) assign(p, zeros(p.shape()));
    for (int64_t count : {2, 7, 8, 9, 100, 700}) {
      const std::vector<int64_t> tokens(static_cast<size_t>(count), 3);
      const Measured m = meter.measure(tokens);
      EXPECT_EQ(m.tokens, count - 1);
      EXPECT_NEAR(m.loss, std::log(5.0), 1e-6) << model << " " << count;
    }
  }
}

}  // namespace
}  // namespace cairn::tasks::language_model
