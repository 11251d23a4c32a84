#include "cairn/data/parallel_text.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/io/file.h"
#include "cairn/io/gzip.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

class ParallelTextTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  std::string error_of(const std::string& data, const std::string& source = "en",
                       const std::string& target = "de") {
    try {
      open_parallel_text(data, source, target);
    } catch (const Error& e) { return e.what(); }
    return "";
  }
  TemporaryFolder folder_;
};

TEST_F(ParallelTextTest, LinesOfTwoFilesAlsoPacked) {
  write("train.en", "a dog\r\n\ntwo cats\n");
  const auto packed = io::gzip(io::bytes_of("ein Hund\nleer\nzwei Katzen\n"));
  io::write_file_atomically(folder_ / "train.de.gz", io::Bytes(packed));
  write("dev.en", "x\n"), write("dev.de", "y\n");
  write("test_2016.en", "\nlast"), write("test_2016.de", "\nletzte");
  ParallelText text = open_parallel_text(folder_.path(), "en", "de");
  ASSERT_EQ(text.train.size(), 3u);
  EXPECT_EQ(leave_out_empty(text.train), 1);  // an empty side teaches nothing
  ASSERT_EQ(text.train.size(), 2u);
  EXPECT_EQ(text.train[0].source, "a dog");
  EXPECT_EQ(text.train[1].target, "zwei Katzen");
  EXPECT_EQ(text.validation.size(), 1u);
  ASSERT_EQ(text.test.size(), 2u);  // but it is judged
  EXPECT_EQ(text.test[1].target, "letzte");
  EXPECT_EQ(open_parallel_text(folder_.path(), "de", "en").train[0].source, "ein Hund");
}

TEST_F(ParallelTextTest, TabsAndObjects) {
  const std::string tabs = write("pairs.tsv", "a\tb\tmore\nc\td\n");
  EXPECT_EQ(open_parallel_text(tabs, "", "").train[0].target, "b");
  const std::string marked = write("marked.tsv",
                                   "\xef\xbb\xbf"
                                   "a\tb\r\n");
  EXPECT_EQ(open_parallel_text(marked, "", "").train[0].source, "a") << "the mark is no letter";
  const std::string objects =
      write("pairs.jsonl",
            "{\"en\":\"a\",\"de\":\"b\"}\n{\"translation\":{\"de\":\"d\",\"en\":\"c\"}}\n");
  const ParallelText text = open_parallel_text(objects, "en", "de");
  ASSERT_EQ(text.train.size(), 2u);
  EXPECT_EQ(text.train[1].source, "c");
  EXPECT_EQ(text.train[1].target, "d");
}

// A first line that names both languages says where they are; any other is a pair.
TEST_F(ParallelTextTest, ColumnsMayHaveNames) {
  const std::string named = write("named.tsv", "id\tde\ten\n1\tein Hund\ta dog\n2\tzwei\ttwo\n");
  const ParallelText there = open_parallel_text(named, "en", "de"),
                     back = open_parallel_text(named, "de", "en");
  ASSERT_EQ(there.train.size(), 2u);
  EXPECT_EQ(there.train[0].source, "a dog");
  EXPECT_EQ(there.train[0].target, "ein Hund");
  EXPECT_EQ(back.train[1].source, "zwei");
  for (const auto& [source, target] : {std::pair("en", "fr"), std::pair("", "")}) {
    const ParallelText plain = open_parallel_text(named, source, target);
    ASSERT_EQ(plain.train.size(), 3u);
    EXPECT_EQ(plain.train[0].source, "id") << "source first";
  }
  write("short.tsv", "id\tde\ten\n1\tein Hund\n");
  EXPECT_NE(error_of(folder_ / "short.tsv").find("line 2: no column 'en', 3 of 2"),
            std::string::npos);
}

TEST_F(ParallelTextTest, WhatIsWrongIsNamed) {
  EXPECT_NE(error_of(write("a.tsv", "one\n")).find("a.tsv', line 1: no tab"), std::string::npos);
  EXPECT_NE(error_of(write("a.jsonl", "{\"en\":\"x\"}\n")).find("no text under \"de\""),
            std::string::npos);
  EXPECT_NE(error_of(write("d.jsonl", "{\"en\":\"x\",\"de\":\"y\"}\n"), "", "")
                .find("the option source and the option target"),
            std::string::npos);
  EXPECT_NE(error_of(write("b.jsonl", "{}\n[1]\n")).find("line 1"), std::string::npos);
  EXPECT_NE(error_of(write("c.jsonl", "{\"en\":\"x\",\"en\":\"y\",\"de\":\"z\"}\n"))
                .find("c.jsonl', line 1, has the key 'en' twice"),
            std::string::npos);
  EXPECT_NE(error_of(write("b.tsv", "a\tb\n\xff\tc\n")).find("line 2, byte 0: not UTF-8"),
            std::string::npos);
  EXPECT_NE(error_of(folder_.path()).find("neither train*.en"), std::string::npos);
  write("train.en", "a\nb\n");
  EXPECT_NE(error_of(folder_.path()).find("no such file that ends with .de"), std::string::npos);
  write("train.de", "a\n");
  const std::string unequal = error_of(folder_.path());
  EXPECT_NE(unequal.find("train.en' has 2 lines"), std::string::npos) << unequal;
  EXPECT_NE(unequal.find("train.de' 1"), std::string::npos) << unequal;
  write("train.2.de", "a\n");
  EXPECT_NE(error_of(folder_.path()).find("leave one of them"), std::string::npos);
  EXPECT_NE(error_of(folder_.path(), "", "").find("name the languages"), std::string::npos);
}

// Of one file it would learn to repeat what it reads; two columns may well be of one language.
TEST_F(ParallelTextTest, OneLanguageIsNotTranslatedIntoItself) {
  const std::string objects = write("pairs.jsonl", "{\"en\":\"a\",\"de\":\"b\"}\n");
  write("train.en", "a dog\n");
  for (const std::string& data : {std::string("dates"), folder_.path(), objects}) {
    try {
      open_parallel_text(data, "en", "en");
      ADD_FAILURE() << data;
    } catch (const InvalidOption& e) {
      EXPECT_EQ(e.option(), "target") << data;
      EXPECT_NE(e.reason().find("'en', as the source is"), std::string::npos) << e.reason();
    }
  }
  const std::string tabs = write("pairs.tsv", "a long text\ta text\n");
  EXPECT_EQ(open_parallel_text(tabs, "en", "en").train[0].target, "a text");
}

TEST_F(ParallelTextTest, DatesAreTheSameEachTimeAndRight) {
  const ParallelText a = open_parallel_text("dates", "", ""),
                     b = open_parallel_text("dates", "", "");
  EXPECT_EQ(a.train.size(), 4000u);
  EXPECT_EQ(a.train[7].source, b.train[7].source);
  std::set<std::string> forms;
  for (const TextPair& p : a.train) {
    ASSERT_EQ(p.target.size(), 10u) << p.target;
    EXPECT_NE(p.source.find(p.target.substr(0, 4)), std::string::npos) << p.source;
    forms.insert(p.source.substr(0, 4));
  }
  EXPECT_GT(forms.size(), 50u);
}

}  // namespace
}  // namespace cairn::data
