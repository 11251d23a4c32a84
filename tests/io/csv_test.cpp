#include "cairn/io/csv.h"

#include <gtest/gtest.h>

#include "cairn/io/gzip.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

using Rows = std::vector<std::vector<std::string>>;

TEST(Csv, ReadsPlainAndQuotedCells) {
  const Csv t = parse_csv(
      "\xef\xbb\xbf"
      "a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\n,\"\"\nlast,",
      "t");
  EXPECT_EQ(t.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(t.rows, (Rows{{"1", "x, \"y\"\nz"}, {"", ""}, {"last", ""}}));
  EXPECT_EQ(parse_csv(to_csv(t), "again").rows, t.rows);
  EXPECT_EQ(parse_csv("one", "t").rows.size(), 0u);
}

TEST(Csv, SaysWhichLineIsWrong) {
  EXPECT_ERROR(parse_csv("", "t.csv"), "'t.csv' is empty");
  EXPECT_ERROR(parse_csv("a,b\n1,2\n3\n", "t.csv"), "'t.csv', line 3: 1 cells, but there are 2");
  EXPECT_ERROR(parse_csv("a,b\n\"x\ny\",1\n1,2,3\n", "t.csv"), "line 4: 3 cells");
  EXPECT_ERROR(parse_csv("a\n\"x", "t.csv"), "line 2: a quote is opened and never closed");
  EXPECT_ERROR(parse_csv("a\n\"x\"y\n", "t.csv"), "line 2: text after a closing quote");
  EXPECT_ERROR(parse_csv("a,a\n", "t.csv"), "two columns are called 'a'");
  EXPECT_ERROR(parse_csv("a,\n", "t.csv"), "a column has no name");
  EXPECT_ERROR(parse_csv("a\n\xff\n", "t.csv"), "byte 2: not UTF-8");
}

TEST(Csv, FilesMayBePacked) {
  TemporaryFolder folder;
  write_file_atomically(folder / "t.csv.gz", Bytes(gzip(bytes_of("a\n5\n"))));
  EXPECT_EQ(read_csv(folder / "t.csv.gz").rows, (Rows{{"5"}}));
  EXPECT_ERROR(read_csv(folder / "none.csv"), "no such file");
}

TEST(Csv, FilesOfTabsAreToldByTheirName) {
  const TemporaryFolder folder;
  for (const auto& [name, text] :
       {std::pair{"a.tsv", "x\ty\n1,5\t2\n"}, {"a.csv", "x,y\n\"1,5\",2\n"}}) {
    write_file_atomically(folder / name, std::string_view(text));
    const Csv table = read_csv(folder / name);
    EXPECT_EQ(table.names, (std::vector<std::string>{"x", "y"})) << name;
    EXPECT_EQ(table.rows, (std::vector<std::vector<std::string>>{{"1,5", "2"}})) << name;
  }
}

}  // namespace
}  // namespace cairn::io
