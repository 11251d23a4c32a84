// What somebody tries who has read nothing but --help.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

size_t longest_line(const std::string& text) {
  size_t most = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) most = std::max(most, line.size());
  return most;
}

TEST(Newcomer, ResumingNeedsNoTask) {
  const Trained& t = Trained::get();
  for (const Arguments& arguments :
       {Arguments{"train", "--resume", t.run()}, Arguments{"train", "--quiet", "--resume", t.run()},
        Arguments{"train", "--threads", "1", "--resume=" + t.run()}}) {
    const Outcome o = cairn(arguments);
    EXPECT_EQ(o.status, 0) << o.err;
    EXPECT_TRUE(o.says("is finished")) << o.err;
  }
  expect_failure(cairn({"train", "--resume"}), 2, {"say which run", "cairn train --resume RUN"});
  expect_failure(cairn({"train", "--resume", "--quiet"}), 2, {"say which run"});
  expect_failure(cairn({"train", "--resume", t.run() + "/none"}), 1, {"no such folder"});
}

TEST(Newcomer, ADashIsNoFile) {
  expect_failure(cairn({"predict", Trained::get().run(), "-"}), 2,
                 {"'-' is no file", "standard input"});
}

TEST(Newcomer, FewerStepsThanWereTakenAreTold) {
  const TemporaryFolder folder;
  std::filesystem::copy(Trained::get().run(), folder / "run",
                        std::filesystem::copy_options::recursive);
  expect_failure(cairn({"train", "--resume", folder / "run", "--epochs", "1"}), 1,
                 {"not taken back", "--steps or --epochs"});
}

TEST(Newcomer, SamplesAreWrittenByTheirNameAndByTheTask) {
  const TemporaryFolder folder;
  for (const char* what : {"digits", "image-classification"}) {
    const Outcome o = cairn({"sample", what, "--out", folder / what});
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_TRUE(o.says("cairn predict RUN")) << o.err;
    EXPECT_TRUE(std::filesystem::exists(folder / what + "/7.png"));
  }
  EXPECT_EQ(content_of(folder / "digits/7.png"), content_of(folder / "image-classification/7.png"));
  EXPECT_EQ(cairn({"sample", "fruits", "--out", folder / "fruits"}).status, 0);
  expect_failure(cairn({"sample", "digist", "--out", folder / "x"}), 2, {"did you mean digits"});
  expect_failure(cairn({"sample", "language-model", "--out", folder / "x"}), 2,
                 {"needs no files", "cairn generate"});
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

// Read ahead and looked at together: as each alone, in the order of their names.
TEST(Newcomer, ManyPicturesAreNamedInTheirOrderAndOneThatIsDamagedIsTold) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "in");
  for (int i = 0; i < 37; ++i)
    std::filesystem::copy(t.picture(), folder / fmt::format("in/{:02}.pgm", i));
  write(folder / "in/20.pgm", "P5 9 9 255 x");
  const Outcome alone = cairn({"predict", t.run(), folder / "in/03.pgm"});
  const Outcome all =
      cairn({"predict", t.run(), folder / "in", "--csv", folder / "names.csv", "--threads", "2"});
  EXPECT_EQ(alone.status, 0);
  EXPECT_EQ(all.status, 1);
  EXPECT_TRUE(all.says("20.pgm")) << all.err;
  EXPECT_TRUE(all.says("36 pictures named, 1 failed")) << all.err;
  const std::string words = alone.out.substr(alone.out.find(".pgm:"));
  size_t at = 0;
  for (int i = 0; i < 37; ++i) {
    if (i == 20) continue;
    const std::string line = fmt::format("in/{:02}{}", i, words);
    at = all.out.find(line, at);
    ASSERT_NE(at, all.out.npos) << line << all.out;
  }
}

TEST(Newcomer, PredictGoesOnAfterABadFileAndCountsAtTheEnd) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "in/deep");
  write(folder / "in/a.png", "no picture");
  write(folder / "in/b.pgm", content_of(t.picture()));
  write(folder / "in/deep/c.pgm", content_of(t.picture()));
  const Outcome o = cairn({"predict", t.run(), folder / "in", "--csv", folder / "names.csv"});
  expect_failure(o, 1, {"a.png", "2 pictures named, 1 failed"});
  EXPECT_NE(o.out.find("in/b.pgm"), o.out.npos);
  EXPECT_NE(o.out.find("in/deep/c.pgm"), o.out.npos);
  std::istringstream csv(content_of(folder / "names.csv"));
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "file,class,probability");
  int rows = 0;
  while (std::getline(csv, line)) ++rows;
  EXPECT_EQ(rows, 2);
}

TEST(Newcomer, PredictOfTablesTakesFoldersToo) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  ASSERT_EQ(cairn({"train", "tabular", "--steps", "4", "--eval-every", "4", "--out", run}).status,
            0);
  const Outcome sampled = cairn({"sample", "fruits", "--out", folder / "in"});
  EXPECT_TRUE(sampled.says("cairn predict RUN " + (folder / "in/fruits.csv"))) << sampled.err;
  write(folder / "in/a.csv", "a,b\n1,2\n");                          // not of this kind
  write(folder / "in/z.csv", content_of(folder / "in/fruits.csv"));  // once more
  write(folder / "in/notes.txt", "no table");
  const Outcome o = cairn({"predict", run, folder / "in", "--out", folder / "said.csv"});
  expect_failure(o, 1, {"a.csv", "2 tables filled in, 1 failed"});
  const std::string said = content_of(folder / "said.csv");
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1 + 2 * 10);
  EXPECT_EQ(said.find("predicted_kind"), said.rfind("predicted_kind"));
  const std::string in = folder / "in";
  for (const char* name : {"/fruits.csv", "/z.csv"}) std::filesystem::remove(in + name);
  EXPECT_EQ(cairn({"predict", run, in, "--out", folder / "none.csv"}).status, 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.csv"));
}

TEST(Newcomer, InfoOnARunIsThatOfItsWeights) {
  const Trained& t = Trained::get();
  const Outcome run = cairn({"info", t.run()}),
                file = cairn({"info", t.run() + "/model.safetensors"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, file.out);
}

TEST(Newcomer, HelpFitsEightyColumns) {
  const std::vector<Arguments> all = {{"--help"},
                                      {"help"},
                                      {"help", "train"},
                                      {"train", "image-classification", "--help"},
                                      {"train", "language-model", "--help"},
                                      {"train", "image-gan", "--help"},
                                      {"train", "tabular", "--help"},
                                      {"predict", Trained::get().run(), "--help"},
                                      {"eval", "--help"},
                                      {"tour", "--help"}};
  for (const Arguments& arguments : all) {
    const Outcome o = cairn(arguments);
    EXPECT_EQ(o.status, 0) << o.err;
    std::string without_examples = o.out.substr(0, o.out.find("Examples:"));
    EXPECT_LE(longest_line(without_examples), 80u) << without_examples;
    EXPECT_EQ(o.out.find("{false}"), o.out.npos);
  }
  const Outcome predict = cairn({"predict", Trained::get().run(), "--help"});
  EXPECT_NE(predict.out.find("Say what pictures show (runs of task 'image-classification')"),
            predict.out.npos)
      << predict.out;
  expect_failure(cairn({"predict", Trained::get().run(), "x.png", "--beams", "3"}), 2,
                 {"it is no option of runs of task 'image-classification'"});
}

// What a training says while it runs; its first line, of the data, may break.
TEST(Newcomer, ProgressFitsEightyColumns) {
  const TemporaryFolder folder;
  const Outcome gan = cairn({"train", "image-gan", "--conditional", "--steps", "4", "--width", "4",
                             "--batch", "8", "--sample-every", "2", "--out", folder / "gan"});
  ASSERT_EQ(gan.status, 0) << gan.err;
  const Outcome table =
      cairn({"train", "tabular", "--steps", "6", "--eval-every", "2", "--out", folder / "table"});
  ASSERT_EQ(table.status, 0) << table.err;
  for (const Outcome* o : {&gan, &table}) {
    const std::string after_first = o->err.substr(o->err.find('\n') + 1);
    EXPECT_NE(after_first.find("step "), after_first.npos) << o->err;
    EXPECT_LE(longest_line(after_first), 80u) << o->err;
  }
}

}  // namespace
}  // namespace cairn::cli_test
