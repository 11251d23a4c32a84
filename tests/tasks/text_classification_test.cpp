// Texts and their classes, from nothing and from a folder of Hugging Face's transformers.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/ops/context.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/task.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks {
namespace {

class TextClassification : public testing::Test {
 protected:
  Json train(const std::string& run, Json chosen) const {
    set_num_threads(1);
    const Task& task = task_named("text-classification");
    const auto options = task.options();
    options->read_file(chosen, "chosen");
    options->out = folder_ / run, options->quiet = true;
    return task.train(*options);
  }
  TemporaryFolder folder_;
};

TEST_F(TextClassification, TellsRequestsApart) {
  const Json result = train("run", {{"epochs", 3}});
  EXPECT_GT(result["accuracy"].get<double>(), 0.97);
  EXPECT_GT(result["f1"].get<double>(), 0.97);
  // Written as a folder of transformers and read from it, it computes the same.
  const auto model = open_model(folder_ / "run");
  pretrained::write_folder(folder_ / "hf", model->folder());
  const pretrained::Folder folder(folder_ / "hf");
  EXPECT_EQ(folder.spec().head, pretrained::Head::classes);
  EXPECT_EQ(folder.spec().labels, 4);
  pretrained::Transformer net(folder.spec());
  folder.load(net);
  net.eval();
  std::ofstream(folder_ / "texts") << "wake me at noon\nplay a waltz\n";
  const Tensors in = model->read(folder_ / "texts");
  {
    const NoGrad no_grad;
    EXPECT_EQ(model->forward(in)[0].to_vector<float>(),
              softmax(net({in[0], in[1], {}}), 1).to_vector<float>());
  }
  // The folder is a model as the run is: opened by what its head is for.
  EXPECT_EQ(task_of(folder_ / "hf"), "text-classification");
  const auto opened = open_model(folder_ / "hf");
  EXPECT_EQ(opened->labels(), model->labels());
  {
    const NoGrad no_grad;
    EXPECT_EQ(opened->forward(opened->read(folder_ / "texts"))[0].to_vector<float>(),
              model->forward(in)[0].to_vector<float>());
  }
  EXPECT_THROW(pretrained::write_folder(folder_.path(), model->folder()), Error);
  // And a training begins with it, tokenizer and sizes included.
  const Json more = train("more", {{"init", folder_ / "hf"}, {"steps", 2}, {"lr", 1e-6}});
  EXPECT_GT(more["accuracy"].get<double>(), 0.97);
}

TEST_F(TextClassification, SaysWhatDoesNotFit) {
  const std::string gpt = CAIRN_SOURCE_DIR "/tests/pretrained/data/gpt2";
  EXPECT_NE(error_of([&] {
              train("a", {{"init", gpt}});
            }).find("tell no classes"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              train("b", {{"heads", 3}});
            }).find("3 heads do not divide"),
            std::string::npos);
  EXPECT_THROW(train("b", {{"heads", 3}}), InvalidOption) << "a wrong use: exit status 2";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b"));
}

}  // namespace
}  // namespace cairn::tasks
