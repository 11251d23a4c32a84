#include "cairn/data/labelled_text.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

class Labelled : public testing::Test {
 protected:
  LabelledText open(const std::string& content, const std::string& name = "t.tsv",
                    const std::string& text = "", const std::string& label = "") {
    std::ofstream(folder_ / name) << content;
    return open_labelled_text(folder_ / name, text, label);
  }
  std::string refusal(const std::string& content, const std::string& label = "") {
    return error_of([&] { open(content, "t.tsv", "", label); });
  }
  TemporaryFolder folder_;
};
#define EXPECT_SAYS(given, part) EXPECT_NE((given).find(part), std::string::npos) << (given)

TEST_F(Labelled, ColumnsByNamePlaceAndNumber) {
  LabelledText t = open("label\ttext\tid\npos\tgood, really\t1\nneg\tbad\t2\n");
  EXPECT_EQ(t.texts, (std::vector<std::string>{"good, really", "bad"}));
  EXPECT_EQ(t.classes, (std::vector<std::string>{"neg", "pos"}));
  EXPECT_EQ(t.labels, (std::vector<int64_t>{1, 0}));
  t = open("sentence,sentiment\n\"a, b\",1\nc,0\n", "t.csv");
  EXPECT_EQ(t.texts[0], "a, b");
  EXPECT_EQ(t.text_column, "sentence");
  t = open("text\tlabel\n\"so\" he said\t1\nc\t0\n");
  EXPECT_EQ(t.texts[0], "\"so\" he said");
  t = open("x\ty\tz\na\tb\tc\nd\te\tf\n", "t.tsv", "3", "y");
  EXPECT_EQ(t.texts, (std::vector<std::string>{"c", "f"}));
}

TEST_F(Labelled, APipeIsReadOnce) {
  const std::string pipe = folder_ / "pipe.tsv";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << "text\tlabel\ngood\t1\nbad\t0\n"; });
  const LabelledText t = open_labelled_text(pipe, "", "");
  writer.join();
  EXPECT_EQ(t.texts, (std::vector<std::string>{"good", "bad"}));
}

TEST_F(Labelled, AFirstRowOfAKnownClassIsNoHeader) {
  const LabelledText t = open("good\tpos\nbad\tneg\nfine\tpos\n");
  EXPECT_EQ(t.texts.size(), 3U);
  EXPECT_EQ(t.text_column, "1");
  EXPECT_EQ(open("a\tb\nbad\tneg\nfine\tpos\n").texts.size(), 2U);
}

TEST_F(Labelled, OtherNumbersForItsClasses) {
  const LabelledText t = open("good\tpos\nbad\tneg\nfine\tpos\n");
  EXPECT_EQ(t.with_classes({"pos", "so-so", "neg"}).labels, (std::vector<int64_t>{0, 2, 0}));
  EXPECT_SAYS(error_of([&] { t.with_classes({"pos"}); }), "class 'neg' was not in what");
  EXPECT_EQ(t.some({2, 1}).texts, (std::vector<std::string>{"fine", "bad"}));
}

TEST_F(Labelled, SaysWhatIsWrong) {
  EXPECT_SAYS(refusal("a\tb\nc\n"), "line 2: 1 cells, and 2 in the first line");
  EXPECT_SAYS(refusal("a\tb\nc\t\n"), "line 2: the class is empty");
  EXPECT_SAYS(refusal("t\tl\na\tb\nc\tb\n"), "has one class alone");
  EXPECT_SAYS(refusal("text\tlabel\na\tb\nc\td\n", "lable"), "did you mean 'label'?");
  EXPECT_SAYS(refusal("text\tlabel\na\tb\nc\td\n", "text"), "text and class are the same column");
  EXPECT_SAYS(refusal("text\tlabel\ttext\na\tb\tc\nc\td\te\n"), "two columns are called 'text'");
  EXPECT_SAYS(refusal("text\tlabel\tlabel\na\tb\tc\nc\td\te\n"), "two columns are called 'label'");
  EXPECT_EQ(refusal("same\tsame\tpos\na\tb\tpos\nc\td\tneg\n"), "") << "no header";
  EXPECT_SAYS(refusal("one\ntwo\n"), "a text and a class in each row are wanted");
  EXPECT_SAYS(refusal("a\tb\n\xff\tc\n"), "UTF-8");
  EXPECT_SAYS(refusal(""), "a text and a class");
  EXPECT_SAYS(error_of([&] { open_labelled_text(folder_.path(), "", ""); }), "is a folder");
}

TEST_F(Labelled, RequestsAreTheSameEveryTime) {
  const LabelledText a = open_labelled_text("requests", "", "");
  EXPECT_EQ(a.classes, (std::vector<std::string>{"alarm", "lights", "music", "weather"}));
  EXPECT_EQ(a.texts, open_labelled_text("requests", "", "").texts);
}

}  // namespace
}  // namespace cairn::data
