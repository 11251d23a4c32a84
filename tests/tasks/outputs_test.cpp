// What verbs write takes the place of nothing that was given, and of no file of a run.
#include "cairn/tasks/outputs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/base/invalid_option.h"
#include "cairn/io/image.h"
#include "cairn/tasks/files.h"
#include "tests/tasks/runs.h"

namespace cairn::tasks {
namespace {

namespace fs = std::filesystem;

class Outputs : public testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& text = "x") const {
    const std::string path = folder_ / name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  // The name that a file of `given` gets in `out`.
  std::string named(const std::string& out, const std::vector<std::string>& given,
                    const std::string& file, const char* ending = ".png") const {
    FolderOption o;
    o.out = out;
    return OutFolder(o.out, given, folder_ / "run").name(file, ending);
  }
  struct FolderOption : train::OptionSet {
    train::Option<std::string> out{this, "out", "", "Folder"};
  };
  TemporaryFolder folder_;
};

TEST_F(Outputs, NothingThatWasThereAmongTheInputsIsWrittenOver) {
  const std::string jpg = put("mix/a.jpg"), png = put("mix/a.png"), mix = folder_ / "mix";
  EXPECT_ERROR(named(mix, {mix}, jpg), "a.png', which was there before");
  EXPECT_ERROR(named(mix, {jpg}, jpg), "a.png', which was there before");
  EXPECT_ERROR(named(mix, {png}, png), "take its place");
  EXPECT_EQ(named(mix, {jpg}, jpg, ".mp4"), mix + "/a.mp4");
  // Frames of a video would be among those of the user's folder.
  const std::string clip = put("clips/walk.mp4");
  put("clips/walk/00000.png");
  EXPECT_ERROR(named(folder_ / "clips", {folder_ / "clips"}, clip, ""), "walk', which was there");
  // What an earlier call wrote elsewhere may be written anew.
  put("found/a.png");
  EXPECT_EQ(named(folder_ / "found", {mix}, jpg), folder_ / "found/a.png");
}

TEST_F(Outputs, NamesOfOneCallDiffer) {
  FolderOption o;
  o.out = folder_ / "out";
  OutFolder out(o.out, {}, "");
  EXPECT_EQ(out.name("x/a.jpg", ".png"), folder_ / "out/a.png");
  EXPECT_EQ(out.name("y/a.jpg", ".png"), folder_ / "out/a-2.png");
  o.out = "";
  EXPECT_EQ(OutFolder(o.out, {}, "").name("x/a.jpg", ".png"), "");
}

TEST_F(Outputs, AFolderIsNotCalledLikeAFile) {
  FolderOption o;
  for (const char* name : {"foo.png", "foo.TIF", "foo.Jpg", "foo.ppm", "foo.mp4"}) {
    o.out = folder_ / name;
    EXPECT_THROW(expect_folder(o.out), InvalidOption) << name;
  }
  for (const char* name : {"foo", "v1.0", "a/b"}) {
    o.out = folder_ / name;
    EXPECT_NO_THROW(expect_folder(o.out)) << name;
  }
  fs::create_directory(folder_ / "there.png");
  o.out = folder_ / "there.png";
  EXPECT_NO_THROW(expect_folder(o.out));
}

TEST_F(Outputs, EndingsSayWhatIsWritten) {
  for (const char* name : {"a.png", "a.PNG", "a", "/dev/null", "a/b.c/d", "epoch.12", ".hidden"})
    EXPECT_EQ(why_no_ending(name, {".png"}), "") << name;
  for (const char* name : {"a.safetensors", "a.xyz", "a.JPG"})
    EXPECT_NE(why_no_ending(name, {".png"}), "") << name;
  EXPECT_NE(why_no_ending("icc.pt", {".onnx"}).find("ONNX is written, no pt"), std::string::npos);
}

TEST_F(Outputs, OptionsThatWriteNameNothingThatOthersRead) {
  const std::string table = put("fruits.csv"), weights = put("run/model.safetensors");
  put("run/config.json"), put("run/report.html"), put("run/samples/step-00000002.png");
  TableOptions tables("Tables");
  tables.files = std::vector<std::string>{table};
  EXPECT_NO_THROW(keep_inputs(folder_ / "run", tables));
  tables.out = folder_ / "x/../fruits.csv";
  fs::create_directory(folder_ / "x");
  EXPECT_THROW(keep_inputs(folder_ / "run", tables), InvalidOption);
  FileOptions files;
  files.files = std::vector<std::string>{table};
  for (const char* own :
       {"run/model.safetensors", "run/config.json", "run/samples/step-00000002.png"}) {
    files.csv = folder_ / own;
    EXPECT_THROW(keep_inputs(folder_ / "run", files), InvalidOption) << own;
    EXPECT_THROW(keep_inputs(weights, files), InvalidOption) << own;
    EXPECT_ERROR(keep_run(folder_ / "run", folder_ / own), "is a file of the run");
  }
  for (const char* other : {"run/report.html", "run/said.csv", "said.csv"}) {
    files.csv = folder_ / other;
    EXPECT_NO_THROW(keep_inputs(folder_ / "run", files)) << other;
  }
}

// A folder with what cannot be read: each is named, the others are done, and the status says it.
TEST_F(Outputs, PicturesThatCannotBeReadAreFailures) {
  for (const char* task : {"image-to-image", "object-detection", "style-transfer"}) {
    const std::string from = folder_ / task, run = Runs::get().of(task);
    fs::create_directory(from);
    io::write_png(from + "/good.png", io::Image(40, 40, 3, 90));
    put(std::string(task) + "/empty.png", ""), put(std::string(task) + "/text.jpg", "no picture");
    const auto model = open_model(run);
    const Verb& verb = *find_verb(task_named(task), "predict");
    const auto options = verb.options();
    options->find("files")->read({from});
    options->find("out")->read(folder_ / "out-" + task);
    testing::internal::CaptureStdout(), testing::internal::CaptureStderr();
    const int status = verb.run(*model, *options);
    testing::internal::GetCapturedStdout();
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(status, 1) << task;
    for (const char* part : {"empty.png", "text.jpg", "2 failed"})
      EXPECT_NE(said.find(part), std::string::npos) << task << ": " << said;
    EXPECT_TRUE(fs::exists(folder_ / "out-" + task + "/good.png")) << task;
  }
}

}  // namespace
}  // namespace cairn::tasks
