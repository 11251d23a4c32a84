// Runs and data that moved, names of any bytes, pictures that are not like those of the training.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

namespace fs = std::filesystem;

// A folder of class folders with pictures like those of Trained.
void write_classes(const std::string& folder, const std::vector<std::string>& names,
                   int count = 12) {
  const std::string images = content_of(Trained::get().data() + "/train-images-idx3-ubyte");
  for (size_t c = 0; c < names.size(); ++c) {
    fs::create_directories(folder + "/" + names[c]);
    for (int i = 0; i < count; ++i)  // the bars of class c are every tenth picture
      write(
          folder + "/" + names[c] + "/" + std::to_string(i) + ".pgm",
          "P5 28 28 255\n" + images.substr(16 + (c + 10 * static_cast<size_t>(i % 9)) * 784, 784));
  }
}
Setting in(const std::string& folder) {
  return {.in_child = [folder] {
    if (chdir(folder.c_str()) != 0) _exit(9);
  }};
}
Arguments training(const std::string& data, const std::string& run) {
  return {"train",   "image-classification",
          "--data",  data,
          "--steps", "4",
          "--batch", "8",
          "--quiet", "--threads",
          "1",       "--out",
          run};
}

TEST(Places, ARelativePathInARunWorksFromElsewhere) {
  const TemporaryFolder folder;
  write_classes(folder / "data", {"a", "b"});
  ASSERT_EQ(cairn(training("data", "run"), in(folder.path())).status, 0);
  fs::create_directories(folder / "elsewhere/data");  // another folder of the same name
  const Setting elsewhere = in(folder / "elsewhere");
  EXPECT_EQ(cairn({"eval", "../run", "--json"}, elsewhere).json()["examples"], 2);
  const Outcome resumed =
      cairn({"train", "--resume", "../run", "--steps", "6", "--threads", "1", "--json"}, elsewhere);
  EXPECT_EQ(resumed.json()["steps"], 6) << resumed.err;
  // Both moved together: relative to where one stands.
  fs::create_directory(folder / "new");
  for (const char* name : {"data", "run"}) fs::rename(folder / name, folder / "new/" + name);
  EXPECT_EQ(cairn({"eval", "run", "--data", "data"}, in(folder / "new")).status, 0);
}

TEST(Places, MovedDataAreNamedWithTheWayOut) {
  const TemporaryFolder folder;
  write_classes(folder / "data", {"a", "b"});
  ASSERT_EQ(cairn(training(folder / "data", folder / "run")).status, 0);
  fs::rename(folder / "data", folder / "moved");
  expect_failure(cairn({"eval", folder / "run"}), 1, {folder / "data", "say where with --data"});
  expect_failure(cairn({"train", "--resume", folder / "run", "--steps", "6"}), 1,
                 {folder / "data", "say where with --data"});
  const Outcome resumed = cairn({"train", "--resume", folder / "run", "--steps", "6", "--data",
                                 folder / "moved", "--threads", "1", "--json"});
  EXPECT_EQ(resumed.json()["steps"], 6) << resumed.err;
  EXPECT_EQ(cairn({"eval", folder / "run"}).status, 0) << "it knows the new place";
  fs::rename(folder / "moved", folder / "again");
  expect_failure(cairn({"report", folder / "run"}), 1, {"say where with --data"});
  EXPECT_EQ(cairn({"report", folder / "run", "--data", "again"}, in(folder.path())).status, 0);
  fs::rename(folder / "again", folder / "moved");
  // What it learned needs no data.
  fs::remove_all(folder / "moved");
  EXPECT_EQ(cairn({"predict", folder / "run", Trained::get().picture()}).status, 0);
}

TEST(Places, NamesOfAnyBytesStopNothing) {
  const TemporaryFolder folder;
  const std::string root = folder / "caf\xe9 \x1b[31m", run = root + "/run\xff";
  write_classes(root + "/data", {"a", "b\xe9\n"});
  const Outcome trained = cairn(training(root + "/data", run));
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_EQ(trained.out.find('\x1b'), std::string::npos);
  const Json config = Json::parse(content_of(run + "/config.json"));
  EXPECT_EQ(config["classes"][1], "b\\xe9\\n");
  EXPECT_EQ(cairn({"eval", run, "--json"}).json()["examples"], 2);
  const Outcome seen = cairn({"predict", run, root + "/data", "--csv", folder / "t.csv", "--json"});
  EXPECT_EQ(seen.status, 0) << seen.err;
  EXPECT_NE(seen.json()["file"].get<std::string>().find("caf\\xe9"), std::string::npos);
  const Outcome words = cairn({"predict", run, root + "/data"});
  EXPECT_EQ(words.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(words.out.begin(), words.out.end(), '\n'), 24) << "a line a file";
  EXPECT_EQ(cairn({"report", run, "--threads", "1"}).status, 0);
  const std::string page = content_of(run + "/report.html");
  for (char c : {'\0', '\x1b', '\xe9'})
    EXPECT_EQ(page.find(c == '\xe9' ? "caf\xe9" : std::string(1, c)), page.npos);
  const Outcome gone = cairn({"predict", run, root + "/none"});
  expect_failure(gone, 1, {"caf\\xe9"});
  EXPECT_FALSE(gone.says("\x1b"));
  const Outcome resumed = cairn({"train", "--resume", run, "--steps", "6", "--threads", "1"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
}

TEST(Places, ClassesThatChangedAreRefused) {
  const TemporaryFolder folder;
  write_classes(folder / "data", {"apple", "banana", "cherry"});
  ASSERT_EQ(cairn(training(folder / "data", folder / "run")).status, 0);
  fs::rename(folder / "data/apple", folder / "data/pear");
  expect_failure(cairn({"train", "--resume", folder / "run", "--steps", "6"}), 1,
                 {"it has 'pear'"});
  fs::remove_all(folder / "data/pear");
  expect_failure(cairn({"train", "--resume", folder / "run", "--steps", "6"}), 1,
                 {"no pictures of 'apple'"});
}

TEST(Places, WhatIsLeftOutIsSaidEvenQuietly) {
  const TemporaryFolder folder;
  write_classes(folder / "data", {"a", "b"});
  write(folder / "data/a/x.webp", "%PDF-1.7");
  write(folder / "data/a/.hidden.webp", "%PDF-1.7");
  const Outcome o = cairn(training(folder / "data", folder / "run"));
  EXPECT_EQ(o.err, "cairn: '" + (folder / "data") + "': left out: 1 PDF (" +
                       (folder / "data/a/x.webp") + ")\n");
}

TEST(Places, OtherPicturesUnderTheSameNamesAreSaid) {
  const TemporaryFolder folder;
  write_classes(folder / "data", {"a", "b"});
  ASSERT_EQ(cairn(training(folder / "data", folder / "run")).status, 0);
  for (const char* name : {"/data/a/w", "/data/b/w"})
    for (int i = 1; i < 12; ++i)  // all white
      write(folder.path() + name + std::to_string(i) + ".pgm",
            "P5 28 28 255\n" + std::string(784, '\xff'));
  const Outcome o = cairn({"train", "--resume", folder / "run", "--steps", "6", "--threads", "1"});
  expect_failure(o, 0, {"training pictures now, ", "the mean of channel 0 is "});
}

TEST(Places, APictureUnlikeThoseOfTheTrainingIsWarnedOf) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  std::string pixels = content_of(t.picture());
  for (size_t i = pixels.size() - 784; i < pixels.size(); ++i)
    pixels[i] = static_cast<char>(255 - static_cast<uint8_t>(pixels[i]));
  write(folder / "a.pgm", pixels), write(folder / "b.pgm", pixels);
  const Outcome plain = cairn({"predict", t.run(), t.picture(), "--json"});
  EXPECT_FALSE(plain.says("--invert"));
  const Outcome turned = cairn({"predict", t.run(), folder / "a.pgm", folder / "b.pgm", "--json"});
  EXPECT_TRUE(turned.says("a.pgm: its mean is ") && turned.says("try --invert")) << turned.err;
  EXPECT_TRUE(turned.says("1 more")) << turned.err;
  EXPECT_TRUE(turned.json().contains("warning"));
  const Outcome inverted = cairn({"predict", t.run(), folder / "a.pgm", "--json", "--invert"});
  EXPECT_FALSE(inverted.says("--invert"));
  EXPECT_EQ(inverted.json()["classes"], plain.json()["classes"]);
}

TEST(Places, InfoGoesOnAfterABadFile) {
  const Outcome o = cairn({"info", "/nowhere", Trained::get().picture()});
  EXPECT_EQ(o.status, 1);
  EXPECT_TRUE(o.says("/nowhere"));
  EXPECT_NE(o.out.find("28 x 28"), o.out.npos);
}

TEST(Places, AFolderThatWasRemovedUnderUs) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "gone");
  const Setting there{.in_child = [&] {
    if (chdir((folder / "gone").c_str()) != 0 || rmdir((folder / "gone").c_str()) != 0) _exit(9);
  }};
  const Outcome info = cairn({"info", "nofile"}, there);
  expect_failure(info, 1, {"no such file: 'nofile'"});
  EXPECT_FALSE(info.says("filesystem error"));
  fs::create_directory(folder / "gone");
  EXPECT_EQ(cairn(training(Trained::get().data(), folder / "run"), there).status, 0);
}

}  // namespace
}  // namespace cairn::cli_test
